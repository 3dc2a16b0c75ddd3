#include "server/database/memory_database.h"

#include <set>
#include <utility>

#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {

absl::StatusOr<std::vector<TuningRecord>> NewRecords(const RecordIndex& index, absl::Span<const TuningRecord> records) {
  std::vector<TuningRecord> fresh;
  std::set<Digest> ids;
  for (const TuningRecord& record : records) {
    if (index.FindWorkload(record.workload_id) == nullptr) {
      return absl::FailedPreconditionError(
          StrCat("the record's workload ", record.workload_id.Hex(), " was not committed to this database"));
    }
    TuningRecord copy = record;
    if (copy.id == Digest{}) copy.id = RecordId(copy);
    if (!index.HasRecord(copy.id) && ids.insert(copy.id).second) fresh.push_back(std::move(copy));
  }
  return fresh;
}

absl::StatusOr<bool> MemoryDatabase::HasWorkload(const Workload& workload) {
  absl::MutexLock lock(&mutex_);
  return index_.FindEqual(workload) != nullptr;
}

absl::StatusOr<Workload> MemoryDatabase::CommitWorkload(const Workload& workload) {
  absl::MutexLock lock(&mutex_);
  if (const Workload* equal = index_.FindEqual(workload)) return *equal;
  index_.AddWorkload(workload);
  return workload;
}

absl::StatusOr<std::optional<Workload>> MemoryDatabase::FindWorkload(const Digest& id) {
  absl::MutexLock lock(&mutex_);
  const Workload* found = index_.FindWorkload(id);
  return found == nullptr ? std::nullopt : std::optional<Workload>(*found);
}

absl::StatusOr<std::vector<Workload>> MemoryDatabase::GetAllWorkloads() {
  absl::MutexLock lock(&mutex_);
  return std::vector<Workload>(index_.workloads().begin(), index_.workloads().end());
}

absl::StatusOr<int64_t> MemoryDatabase::CommitRecords(absl::Span<const TuningRecord> records) {
  absl::MutexLock lock(&mutex_);
  HONE_ASSIGN_OR_RETURN(std::vector<TuningRecord> fresh, NewRecords(index_, records));
  for (const TuningRecord& record : fresh) index_.AddRecord(record);
  return static_cast<int64_t>(fresh.size());
}

absl::StatusOr<std::vector<TuningRecord>> MemoryDatabase::GetTopK(const Workload& workload, int k) {
  if (k < 0) return absl::InvalidArgumentError("top_k must be non-negative");
  absl::MutexLock lock(&mutex_);
  return index_.TopK(workload, k);
}

absl::StatusOr<std::vector<TuningRecord>> MemoryDatabase::GetAllRecords() {
  absl::MutexLock lock(&mutex_);
  return index_.All();
}

absl::StatusOr<int64_t> MemoryDatabase::Size() {
  absl::MutexLock lock(&mutex_);
  return index_.size();
}

absl::StatusOr<std::vector<TuningRecord>> MemoryDatabase::Best(const RecordQuery& query) {
  absl::MutexLock lock(&mutex_);
  return index_.Best(query);
}

absl::StatusOr<TuningRecord> MemoryDatabase::FindRecord(std::string_view id_prefix) {
  absl::MutexLock lock(&mutex_);
  return index_.FindRecord(id_prefix);
}

absl::StatusOr<std::optional<Workload>> MemoryDatabase::FindWorkloadByKey(ModuleEquality equality, const Digest& key,
                                                                          const std::vector<std::string>& pools) {
  absl::MutexLock lock(&mutex_);
  const Workload* found = index_.FindByKey(equality, key, pools);
  return found == nullptr ? std::nullopt : std::optional<Workload>(*found);
}

absl::StatusOr<RecordPage> MemoryDatabase::ListRecords(const RecordPageRequest& request) {
  absl::MutexLock lock(&mutex_);
  return index_.Page(request);
}

absl::StatusOr<DatabaseStats> MemoryDatabase::Stats(const std::vector<std::string>& pools) {
  absl::MutexLock lock(&mutex_);
  return index_.Stats(pools);
}

absl::StatusOr<std::vector<DeviceTarget>> MemoryDatabase::DevicesOf(const RecordQuery& query) {
  absl::MutexLock lock(&mutex_);
  return index_.DevicesOf(query);
}

absl::Status MemoryDatabase::AddToPool(const Digest& workload_id, const std::string& pool) {
  absl::MutexLock lock(&mutex_);
  if (index_.FindWorkload(workload_id) == nullptr) {
    return absl::FailedPreconditionError(StrCat("workload ", workload_id.Hex(), " was not committed to this database"));
  }
  index_.AddToPool(workload_id, pool);
  return absl::OkStatus();
}

absl::StatusOr<bool> MemoryDatabase::WorkloadInPools(const Digest& workload_id, const std::vector<std::string>& pools) {
  absl::MutexLock lock(&mutex_);
  return index_.InPools(workload_id, pools);
}

absl::StatusOr<int64_t> MemoryDatabase::TrimFailures(const FailureRetention& retention, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  return index_.TrimFailures(retention, now);
}

}  // namespace hone
