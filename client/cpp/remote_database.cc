#include "client/cpp/remote_database.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"

namespace hone {
namespace {

absl::StatusOr<std::optional<Workload>> OrNothing(absl::StatusOr<v1::Workload> found) {
  if (absl::IsNotFound(found.status())) return std::nullopt;
  HONE_RETURN_IF_ERROR(found.status());
  HONE_ASSIGN_OR_RETURN(Workload workload, FromProto(*found));
  return workload;
}

}  // namespace

absl::StatusOr<bool> RemoteDatabase::HasWorkload(const Workload& workload) {
  HONE_ASSIGN_OR_RETURN(const auto found, FindWorkloadByKey(equality_, workload.key(equality_), {}));
  return found.has_value();
}

absl::StatusOr<Workload> RemoteDatabase::CommitWorkload(const Workload& workload) {
  HONE_ASSIGN_OR_RETURN(const auto found, FindWorkloadByKey(equality_, workload.key(equality_), {}));
  if (found.has_value()) return *found;
  v1::CommitRequest request;
  *request.add_workloads() = ToProto(workload);
  HONE_RETURN_IF_ERROR(client_.Commit(request).status());
  return workload;
}

absl::StatusOr<std::optional<Workload>> RemoteDatabase::FindWorkload(const Digest& id) {
  v1::GetWorkloadRequest request;
  request.set_id(id.Raw());
  return OrNothing(client_.GetWorkload(request));
}

absl::StatusOr<std::optional<Workload>> RemoteDatabase::FindWorkloadByKey(ModuleEquality equality, const Digest& key,
                                                                          const std::vector<std::string>& pools) {
  if (!pools.empty()) return absl::UnimplementedError("the server chooses the pools of a remote database");
  v1::GetWorkloadRequest request;
  request.set_key(key.Raw());
  request.set_equality(ToProto(equality));
  return OrNothing(client_.GetWorkload(request));
}

absl::StatusOr<std::vector<Workload>> RemoteDatabase::GetAllWorkloads() {
  std::vector<Workload> out;
  absl::Status bad;
  v1::ExportRequest request;
  request.set_only_workloads(true);
  HONE_RETURN_IF_ERROR(client_.Export(request, [&](const v1::ExportChunk& chunk) {
    for (const v1::Workload& proto : chunk.workloads()) {
      absl::StatusOr<Workload> workload = FromProto(proto);
      bad.Update(workload.status());
      if (workload.ok()) out.push_back(*std::move(workload));
    }
  }));
  HONE_RETURN_IF_ERROR(bad);
  return out;
}

absl::StatusOr<int64_t> RemoteDatabase::CommitRecords(absl::Span<const TuningRecord> records) {
  if (records.empty()) return 0;
  v1::CommitRequest request;
  for (const TuningRecord& record : records) *request.add_records() = ToProto(record);
  HONE_ASSIGN_OR_RETURN(const v1::CommitResponse response, client_.Commit(request));
  return static_cast<int64_t>(response.inserted());
}

absl::StatusOr<std::vector<TuningRecord>> RemoteDatabase::AllPages(RecordPageRequest request) {
  std::vector<TuningRecord> out;
  request.limit = 1000;
  do {
    HONE_ASSIGN_OR_RETURN(RecordPage page, ListRecords(request));
    std::move(page.records.begin(), page.records.end(), std::back_inserter(out));
    request.after = page.cursor;
  } while (request.after != 0);
  return out;
}

absl::StatusOr<std::vector<TuningRecord>> RemoteDatabase::GetTopK(const Workload& workload, int k) {
  if (k < 0) return absl::InvalidArgumentError(StrCat("top_k must be non-negative, got ", k));
  HONE_ASSIGN_OR_RETURN(const auto stored, FindWorkloadByKey(equality_, workload.key(equality_), {}));
  if (!stored.has_value() || k == 0) return std::vector<TuningRecord>();
  RecordPageRequest request;
  request.workload_id = stored->id;
  request.include_failed = false;
  HONE_ASSIGN_OR_RETURN(std::vector<TuningRecord> records, AllPages(request));
  std::erase_if(records, [](const TuningRecord& record) { return !IsValid(record); });
  std::stable_sort(records.begin(), records.end(),
                   [](const TuningRecord& a, const TuningRecord& b) { return SortKey(a) < SortKey(b); });
  if (records.size() > static_cast<size_t>(k)) records.resize(k);
  return records;
}

absl::StatusOr<std::vector<TuningRecord>> RemoteDatabase::GetAllRecords() { return AllPages({}); }

absl::StatusOr<int64_t> RemoteDatabase::Size() {
  HONE_ASSIGN_OR_RETURN(const v1::StatsResponse stats, client_.Stats());
  return static_cast<int64_t>(stats.records());
}

// The server also answers with what fits less well, after all that fits exactly; as a database, only these count.
absl::StatusOr<std::vector<TuningRecord>> RemoteDatabase::Best(const RecordQuery& query) {
  if (!query.devices.empty()) return BestOfDevices(query);
  v1::QueryRequest request;
  request.set_key(query.key.Raw());
  request.set_equality(ToProto(query.equality));
  request.set_target_json(query.target_json);
  request.set_device_class(query.device_class);
  request.set_metric(ToProto(query.metric));
  for (const Trust trust : query.trust) request.add_trust(ToProto(trust));
  for (const std::string& pool : query.pools) request.add_pools(pool);
  request.set_top_k(static_cast<uint32_t>(query.limit));
  request.set_without_scripts(true);
  HONE_ASSIGN_OR_RETURN(const v1::QueryResponse response, client_.Query(request));
  std::vector<TuningRecord> out;
  for (const v1::Match& match : response.matches()) {
    if (match.fit() > v1::FIT_EXACT) break;
    HONE_ASSIGN_OR_RETURN(out.emplace_back(), FromProto(match.record()));
  }
  return out;
}

// One question for each device.
absl::StatusOr<std::vector<TuningRecord>> RemoteDatabase::BestOfDevices(const RecordQuery& query) {
  std::vector<TuningRecord> best;
  for (const DeviceTarget& device : query.devices) {
    if (!query.device_class.empty() && device.device_class != query.device_class) continue;
    if (!query.target_json.empty() && device.target_json != query.target_json) continue;
    RecordQuery one = query;
    one.devices.clear();
    one.device_class = device.device_class;
    one.target_json = device.target_json;
    HONE_ASSIGN_OR_RETURN(std::vector<TuningRecord> records, Best(one));
    std::move(records.begin(), records.end(), std::back_inserter(best));
  }
  std::stable_sort(best.begin(), best.end(),
                   [](const TuningRecord& a, const TuningRecord& b) { return a.run.median < b.run.median; });
  if (best.size() > static_cast<size_t>(query.limit)) best.resize(query.limit);
  return best;
}

absl::StatusOr<TuningRecord> RemoteDatabase::FindRecord(std::string_view id_prefix) {
  HONE_ASSIGN_OR_RETURN(const v1::Match match, client_.GetRecord(std::string(id_prefix)));
  return FromProto(match.record());
}

absl::StatusOr<RecordPage> RemoteDatabase::ListRecords(const RecordPageRequest& request) {
  if (!request.pools.empty()) return absl::UnimplementedError("the server chooses the pools of a remote database");
  v1::ListRecordsRequest proto;
  proto.set_job_id(request.job_id);
  if (request.workload_id != Digest{}) proto.set_workload_id(request.workload_id.Raw());
  proto.set_include_failed(request.include_failed);
  proto.set_after(request.after);
  proto.set_limit(static_cast<uint32_t>(request.limit));
  HONE_ASSIGN_OR_RETURN(const v1::ListRecordsResponse response, client_.ListRecords(proto));
  RecordPage page;
  page.cursor = response.cursor();
  for (const v1::TuningRecord& record : response.records()) {
    HONE_ASSIGN_OR_RETURN(page.records.emplace_back(), FromProto(record));
  }
  return page;
}

absl::StatusOr<DatabaseStats> RemoteDatabase::Stats(const std::vector<std::string>& pools) {
  if (!pools.empty()) return absl::UnimplementedError("the server chooses the pools of a remote database");
  HONE_ASSIGN_OR_RETURN(const v1::StatsResponse stats, client_.Stats());
  DatabaseStats out;
  out.workloads = static_cast<int64_t>(stats.workloads());
  out.records = static_cast<int64_t>(stats.records());
  for (const auto& [name, count] : stats.by_trust()) out.by_trust[name] = static_cast<int64_t>(count);
  for (const auto& [name, count] : stats.by_failure()) out.by_failure[name] = static_cast<int64_t>(count);
  for (const auto& [name, count] : stats.by_device_class()) out.by_device_class[name] = static_cast<int64_t>(count);
  return out;
}

}  // namespace hone
