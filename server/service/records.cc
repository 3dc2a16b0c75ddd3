#include "server/service/records.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "common/record/storable.h"
#include "common/support/clock.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"
#include "server/service/pools.h"

namespace hone {
namespace {

constexpr int kMaxTop = 1000;
constexpr size_t kExportChunkBytes = 1u << 20;

// A batch was refused for what stands in it, not because the database is away.
bool IsRecordsFault(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsNotFound(status) || absl::IsFailedPrecondition(status);
}

}  // namespace

absl::StatusOr<v1::Match> Records::MatchOf(const TuningRecord& record, bool with_script) {
  v1::Match match;
  *match.mutable_record() = ToProto(record);
  HONE_ASSIGN_OR_RETURN(std::optional<Workload> workload, database_.FindWorkload(record.workload_id));
  if (workload) {
    *match.mutable_workload() = ToProto(*workload);
    if (!with_script) match.mutable_workload()->clear_script();
  }
  return match;
}

std::vector<absl::StatusOr<std::string>> Records::Query(absl::Span<const LookupQuestion> questions) {
  return lookup_.Answer(questions);
}

absl::StatusOr<v1::QueryResponse> Records::Query(const Identity& who, const v1::QueryRequest& request) {
  const LookupQuestion question{&who, &request};
  std::vector<absl::StatusOr<std::string>> answers = lookup_.Answer(absl::MakeConstSpan(&question, 1));
  HONE_RETURN_IF_ERROR(answers[0].status());
  v1::QueryResponse response;
  if (!response.ParseFromString(*answers[0])) return absl::DataLossError("a stored record cannot be parsed");
  return response;
}

absl::StatusOr<v1::Match> Records::GetRecord(const Identity& who, const v1::GetRecordRequest& request) {
  HONE_ASSIGN_OR_RETURN(TuningRecord record, database_.FindRecord(request.id_prefix()));
  if (!MayRead(who, record.pool)) return absl::NotFoundError(StrCat("no record ", request.id_prefix()));
  return MatchOf(record, /*with_script=*/true);
}

absl::StatusOr<v1::ListRecordsResponse> Records::ListRecords(const Identity& who,
                                                             const v1::ListRecordsRequest& request) {
  RecordPageRequest page;
  page.job_id = request.job_id();
  HONE_ASSIGN_OR_RETURN(page.workload_id, DigestFromBytes(request.workload_id(), "workload_id"));
  HONE_ASSIGN_OR_RETURN(page.pools, ReadablePools(who, {}));
  page.include_failed = request.include_failed();
  page.after = request.after();
  page.limit = request.limit() == 0 ? 100 : static_cast<int>(std::min<uint32_t>(request.limit(), kMaxTop));
  HONE_ASSIGN_OR_RETURN(RecordPage found, database_.ListRecords(page));
  v1::ListRecordsResponse response;
  for (const TuningRecord& record : found.records) *response.add_records() = ToProto(record);
  response.set_cursor(found.cursor);
  return response;
}

absl::StatusOr<v1::Workload> Records::GetWorkload(const Identity& who, const v1::GetWorkloadRequest& request) {
  HONE_ASSIGN_OR_RETURN(const std::vector<std::string> pools, ReadablePools(who, {}));
  std::optional<Workload> found;
  if (!request.id().empty()) {
    HONE_ASSIGN_OR_RETURN(Digest id, DigestFromBytes(request.id(), "id"));
    HONE_ASSIGN_OR_RETURN(found, database_.FindWorkload(id));
    if (found && !pools.empty()) {
      HONE_ASSIGN_OR_RETURN(bool seen, database_.WorkloadInPools(id, pools));
      if (!seen) found.reset();  // What only others have is to this tenant as if it were not there.
    }
  } else {
    HONE_ASSIGN_OR_RETURN(Digest key, DigestFromBytes(request.key(), "key"));
    HONE_ASSIGN_OR_RETURN(found, database_.FindWorkloadByKey(FromProto(request.equality()), key, pools));
  }
  if (!found) return absl::NotFoundError("no such workload");
  return ToProto(*found);
}

absl::Status Records::ImportChunk(const Identity& who, const std::string& asked_pool, const v1::ImportChunk& chunk,
                                  v1::ImportResponse& total) {
  return AddChunk(who, asked_pool, chunk, /*pass_over=*/true, total);
}

absl::Status Records::AddChunk(const Identity& who, const std::string& asked_pool, const v1::ImportChunk& chunk,
                               bool pass_over, v1::ImportResponse& total) {
  constexpr int kMaxBad = 100;
  HONE_ASSIGN_OR_RETURN(std::string pool, WritablePool(who, asked_pool));
  auto bad = [&](std::string what) {
    if (total.bad_size() < kMaxBad) total.add_bad(std::move(what));
  };
  for (const v1::Workload& proto : chunk.workloads()) {
    absl::StatusOr<Workload> workload = FromProto(proto);
    if (workload.ok()) {
      const absl::Status storable = CheckStorable(*workload);
      workload = storable.ok() ? database_.CommitWorkload(*workload) : storable;
    }
    if (workload.ok()) {
      absl::Status added = database_.AddToPool(workload->id, pool);
      if (!added.ok()) workload = added;
    }
    if (absl::IsUnavailable(workload.status())) return workload.status();
    total.set_workloads(total.workloads() + 1);
    if (!workload.ok()) bad(StrCat("workload ", total.workloads(), ": ", ToStd(workload.status().message())));
  }
  std::vector<TuningRecord> records;
  for (const v1::TuningRecord& proto : chunk.records()) {
    total.set_records(total.records() + 1);
    absl::StatusOr<TuningRecord> record = FromProto(proto);
    if (record.ok()) {
      absl::Status storable = CheckStorable(*record);
      if (storable.ok()) storable = CheckTraceInstructions("trace", record->trace_json, max_trace_instructions_);
      if (!storable.ok()) record = storable;
    }
    if (!record.ok()) {
      bad(StrCat("record ", total.records(), ": ", ToStd(record.status().message())));
      continue;
    }
    // What a client says it measured is imported; only our own workers verify.
    if (record->trust == Trust::kVerified) record->trust = Trust::kImported;
    record->slot = Slot{};
    record->pool = pool;
    record->tenant = who.tenant;
    record->created_by = who.name;
    if (record->created == absl::UnixEpoch()) record->created = Clock::Real().Now();
    record->id = RecordId(*record);
    records.push_back(*std::move(record));
  }
  absl::StatusOr<int64_t> inserted = database_.CommitRecords(records);
  if (inserted.ok()) {
    total.set_duplicates(total.duplicates() + records.size() - *inserted);
    return absl::OkStatus();
  }
  if (!pass_over || !IsRecordsFault(inserted.status())) return inserted.status();
  for (const TuningRecord& record : records) {  // Some of them cannot be stored: the others can.
    inserted = database_.CommitRecords(absl::MakeConstSpan(&record, 1));
    if (inserted.ok()) {
      total.set_duplicates(total.duplicates() + 1 - *inserted);
    } else if (IsRecordsFault(inserted.status())) {
      bad(StrCat("record ", record.id.Hex().substr(0, 12), ": ", ToStd(inserted.status().message())));
    } else {
      return inserted.status();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::CommitResponse> Records::Commit(const Identity& who, const v1::CommitRequest& request) {
  v1::ImportChunk chunk;
  *chunk.mutable_workloads() = request.workloads();
  *chunk.mutable_records() = request.records();
  v1::ImportResponse total;
  HONE_RETURN_IF_ERROR(AddChunk(who, request.pool(), chunk, /*pass_over=*/false, total));
  if (total.bad_size() > 0) return absl::InvalidArgumentError(total.bad(0));
  v1::CommitResponse response;
  response.set_inserted(total.records() - total.duplicates());
  response.set_duplicates(total.duplicates());
  return response;
}

absl::StatusOr<v1::StatsResponse> Records::Stats(const Identity& who) {
  std::vector<std::string> pools;  // An operator watches over all of them.
  if (!who.roles.contains(Role::kOperator)) {
    HONE_ASSIGN_OR_RETURN(pools, ReadablePools(who, {}));
  }
  HONE_ASSIGN_OR_RETURN(DatabaseStats stats, database_.Stats(pools));
  v1::StatsResponse response;
  response.set_workloads(stats.workloads);
  response.set_records(stats.records);
  for (const auto& [name, count] : stats.by_trust) (*response.mutable_by_trust())[name] = count;
  for (const auto& [name, count] : stats.by_failure) (*response.mutable_by_failure())[name] = count;
  for (const auto& [name, count] : stats.by_device_class) (*response.mutable_by_device_class())[name] = count;
  return response;
}

absl::StatusOr<v1::PromoteResponse> Records::Promote(const Identity& who, const v1::PromoteRequest& request) {
  HONE_ASSIGN_OR_RETURN(Digest id, DigestFromBytes(request.record_id(), "record_id"));
  HONE_ASSIGN_OR_RETURN(TuningRecord record, database_.FindRecord(id.Hex()));
  if (!MayRead(who, record.pool)) return absl::NotFoundError(StrCat("no record ", id.Hex()));
  if (record.trust != Trust::kVerified) {
    return absl::FailedPreconditionError(
        StrCat("record ", id.Hex(), " is ", TrustName(record.trust), ", not verified"));
  }
  std::string pool = request.to_pool().empty() ? kSharedPool : request.to_pool();
  if (!MayRead(who, pool)) return absl::PermissionDeniedError(StrCat("pool \"", pool, "\" is not yours to write"));
  record.pool = std::move(pool);
  record.created_by = who.name;
  record.id = RecordId(record);
  HONE_RETURN_IF_ERROR(database_.CommitRecords(absl::MakeConstSpan(&record, 1)).status());
  v1::PromoteResponse response;
  response.set_record_id(record.id.Raw());
  return response;
}

absl::Status Records::ExportWorkloads(const std::vector<std::string>& pools,
                                      const std::function<bool(v1::ExportChunk)>& send) {
  HONE_ASSIGN_OR_RETURN(const std::vector<Workload> workloads, database_.GetAllWorkloads());
  v1::ExportChunk chunk;
  size_t bytes = 0;
  for (const Workload& workload : workloads) {
    bool seen = pools.empty();
    if (!seen) {
      HONE_ASSIGN_OR_RETURN(seen, database_.WorkloadInPools(workload.id, pools));
    }
    if (!seen) continue;
    *chunk.add_workloads() = ToProto(workload);
    bytes += chunk.workloads().rbegin()->ByteSizeLong();
    if (bytes < kExportChunkBytes) continue;
    bytes = 0;
    if (!send(std::exchange(chunk, {}))) return absl::CancelledError("the reader is gone");
  }
  if (chunk.workloads_size() > 0 && !send(std::move(chunk))) return absl::CancelledError("the reader is gone");
  return absl::OkStatus();
}

absl::Status Records::Export(const Identity& who, const v1::ExportRequest& request,
                             const std::function<bool(v1::ExportChunk)>& send) {
  RecordPageRequest page;
  HONE_ASSIGN_OR_RETURN(page.pools, ReadablePools(who, {request.pools().begin(), request.pools().end()}));
  if (request.only_workloads()) return ExportWorkloads(page.pools, send);
  page.job_id = request.job_id();
  HONE_ASSIGN_OR_RETURN(page.workload_id, DigestFromBytes(request.workload_id(), "workload_id"));
  page.include_failed = request.include_failed();
  page.limit = 500;
  std::set<Digest> sent;
  std::map<Digest, TuningRecord> best;
  v1::ExportChunk chunk;
  size_t bytes = 0;
  auto flush = [&]() -> absl::Status {
    bytes = 0;
    if (chunk.records_size() == 0 || send(std::exchange(chunk, {}))) return absl::OkStatus();
    return absl::CancelledError("the reader is gone");
  };
  auto add = [&](const TuningRecord& record) -> absl::Status {
    if (sent.insert(record.workload_id).second) {
      HONE_ASSIGN_OR_RETURN(std::optional<Workload> workload, database_.FindWorkload(record.workload_id));
      if (workload) {
        *chunk.add_workloads() = ToProto(*workload);
        bytes += chunk.workloads().rbegin()->ByteSizeLong();
      }
    }
    *chunk.add_records() = ToProto(record);
    bytes += chunk.records().rbegin()->ByteSizeLong();
    return bytes < kExportChunkBytes ? absl::OkStatus() : flush();
  };
  do {
    HONE_ASSIGN_OR_RETURN(RecordPage found, database_.ListRecords(page));
    page.after = found.cursor;
    for (const TuningRecord& record : found.records) {
      if (!request.pruned()) {
        HONE_RETURN_IF_ERROR(add(record));
      } else if (IsValid(record)) {
        auto [it, added] = best.try_emplace(record.workload_id, record);
        if (!added && SortKey(record) < SortKey(it->second)) it->second = record;
      }
    }
    HONE_RETURN_IF_ERROR(flush());
  } while (page.after != 0);
  for (const auto& [id, record] : best) {
    HONE_RETURN_IF_ERROR(add(record));
  }
  return flush();
}

}  // namespace hone
