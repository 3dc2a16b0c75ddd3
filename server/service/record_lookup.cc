#include "server/service/record_lookup.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/record/storable.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/proto_bytes.h"
#include "common/wire/records_wire.h"
#include "server/service/fit.h"
#include "server/service/pools.h"

namespace hone {
namespace {

constexpr uint32_t kMaxTop = 1000;
constexpr size_t kMatchBytes = 300;                     // Of a match besides its record, without script; about.
constexpr size_t kMaxWorkloadBytes = size_t{64} << 20;  // Of the workloads that are kept in memory.

absl::Status CheckText(std::string_view field, const std::string& text) {
  if (IsStorableText(text)) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat(field, " is not text in UTF-8 without zero bytes"));
}

// A key of zero: there is no such workload.
absl::StatusOr<Digest> KeyOf(const v1::QueryRequest& request, ModuleEquality equality, Database& database) {
  HONE_ASSIGN_OR_RETURN(Digest key, DigestFromBytes(request.key(), "key"));
  if (request.workload_id().empty()) {
    if (key == Digest{}) return absl::InvalidArgumentError("workload_id or key is needed");
    return key;
  }
  HONE_ASSIGN_OR_RETURN(const Digest id, DigestFromBytes(request.workload_id(), "workload_id"));
  HONE_ASSIGN_OR_RETURN(const std::optional<Workload> workload, database.FindWorkload(id));
  return workload ? workload->key(equality) : Digest{};
}

absl::StatusOr<RecordQuery> QueryOf(const Identity& who, const v1::QueryRequest& request, Database& database) {
  RecordQuery query;
  query.equality = FromProto(request.equality());
  HONE_ASSIGN_OR_RETURN(query.key, KeyOf(request, query.equality, database));
  query.metric = FromProto(request.metric());
  if (request.trust_size() > 0) query.trust.clear();
  for (int trust : request.trust()) {
    HONE_ASSIGN_OR_RETURN(Trust one, FromProto(static_cast<v1::Trust>(trust)));
    query.trust.push_back(one);
  }
  HONE_ASSIGN_OR_RETURN(query.pools, ReadablePools(who, {request.pools().begin(), request.pools().end()}));
  query.limit = request.top_k() == 0 ? 1 : static_cast<int>(std::min(request.top_k(), kMaxTop));
  HONE_RETURN_IF_ERROR(CheckText("device_class", request.device_class()));
  HONE_RETURN_IF_ERROR(CheckText("target_json", request.target_json()));
  query.device_class = request.device_class();
  query.target_json = request.target_json();
  return query;
}

}  // namespace

std::vector<absl::StatusOr<std::string>> RecordLookup::Answer(absl::Span<const LookupQuestion> questions) {
  std::vector<absl::StatusOr<std::string>> answers(questions.size(), std::string());
  std::vector<RecordQuery> queries;
  std::vector<size_t> of;  // The question of each query.
  for (size_t i = 0; i < questions.size(); ++i) {
    absl::StatusOr<RecordQuery> query = QueryOf(*questions[i].who, *questions[i].request, database_);
    if (!query.ok()) {
      answers[i] = query.status();
    } else if (query->key != Digest{}) {
      queries.push_back(*std::move(query));
      of.push_back(i);
    }
  }
  auto best = database_.BestEncoded(queries);
  for (size_t i = 0; i < queries.size(); ++i) {
    answers[of[i]] = AnswerOf(questions[of[i]], std::move(queries[i]), std::move(best[i]));
  }
  return answers;
}

absl::StatusOr<std::string> RecordLookup::AnswerOf(const LookupQuestion& question, RecordQuery query,
                                                   absl::StatusOr<std::vector<EncodedRecord>> best) {
  HONE_RETURN_IF_ERROR(best.status());
  const bool narrow = !query.device_class.empty() || !query.target_json.empty();
  if (narrow && static_cast<int>(best->size()) < query.limit) return ByFit(*question.request, std::move(query));
  std::string response;
  size_t bytes = 0;
  for (const EncodedRecord& record : *best) bytes += record.bytes.size() + kMatchBytes;
  response.reserve(bytes);
  for (const EncodedRecord& record : *best) {  // All of just the device that asks.
    HONE_RETURN_IF_ERROR(AppendMatch(record, !question.request->without_scripts(), v1::FIT_EXACT, "", &response));
  }
  return response;
}

// What does not fit exactly fits by its device and target, the same for all records of both.
absl::StatusOr<std::string> RecordLookup::ByFit(const v1::QueryRequest& request, RecordQuery query) {
  query.device_class.clear();
  query.target_json.clear();
  HONE_ASSIGN_OR_RETURN(std::vector<DeviceTarget> devices, database_.DevicesOf(query));
  const DeviceTarget asked{request.device_class(), request.target_json()};
  std::map<v1::Fit, std::vector<DeviceTarget>> by_fit;  // Targets may be equal in another spelling: exact ones, too.
  for (DeviceTarget& device : devices) by_fit[FitOf(device, asked).fit].push_back(std::move(device));
  std::string response;
  for (auto& [fit, same] : by_fit) {
    if (query.limit <= 0 || (fit == v1::FIT_REFUSED && !request.include_refused())) break;
    query.devices = std::move(same);
    HONE_ASSIGN_OR_RETURN(const std::vector<TuningRecord> best, database_.Best(query));
    for (const TuningRecord& record : best) {
      const FitVerdict verdict = FitOf({record.device.device_class, record.target_json}, asked);
      const EncodedRecord encoded{record.workload_id, ToProto(record).SerializeAsString()};
      HONE_RETURN_IF_ERROR(
          AppendMatch(encoded, !request.without_scripts(), verdict.fit, verdict.deciding_field, &response));
    }
    query.limit -= static_cast<int>(best.size());
  }
  return response;
}

absl::StatusOr<RecordLookup::SharedBytes> RecordLookup::BytesOfWorkload(const Digest& id) {
  const std::string key = id.Raw();
  {
    std::lock_guard lock(mutex_);
    if (auto it = workloads_.find(key); it != workloads_.end()) return it->second;
  }
  HONE_ASSIGN_OR_RETURN(const std::optional<Workload> workload, database_.FindWorkload(id));
  if (!workload) return SharedBytes();
  v1::Match match;
  *match.mutable_workload() = ToProto(*workload);
  auto bytes = std::make_shared<WorkloadBytes>();
  bytes->with_script = match.SerializeAsString();
  match.mutable_workload()->clear_script();
  bytes->without_script = match.SerializeAsString();
  std::lock_guard lock(mutex_);
  if (workload_bytes_ > kMaxWorkloadBytes) {
    workloads_.clear();
    workload_bytes_ = 0;
  }
  if (workloads_.emplace(key, bytes).second) {
    workload_bytes_ += bytes->with_script.size() + bytes->without_script.size() + 200;
  }
  return SharedBytes(std::move(bytes));
}

absl::Status RecordLookup::AppendMatch(const EncodedRecord& record, bool with_script, v1::Fit fit,
                                       const std::string& deciding_field, std::string* response) {
  HONE_ASSIGN_OR_RETURN(const SharedBytes workload, BytesOfWorkload(record.workload_id));
  std::string_view workload_field;
  if (workload != nullptr) workload_field = with_script ? workload->with_script : workload->without_script;
  std::string start, end;  // Short.
  AppendFieldOfBytes(v1::Match::kRecordFieldNumber, record.bytes.size(), &start);
  AppendVarintField(v1::Match::kFitFieldNumber, fit, &end);
  if (!deciding_field.empty()) AppendBytesField(v1::Match::kDecidingFieldFieldNumber, deciding_field, &end);
  const size_t size = start.size() + record.bytes.size() + workload_field.size() + end.size();
  AppendFieldOfBytes(v1::QueryResponse::kMatchesFieldNumber, size, response);
  response->append(start).append(record.bytes).append(workload_field).append(end);
  return absl::OkStatus();
}

}  // namespace hone
