// A database that lives as long as its process.
#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/database/database.h"
#include "server/database/record_index.h"

namespace hone {

class MemoryDatabase final : public Database {
 public:
  explicit MemoryDatabase(ModuleEquality equality = ModuleEquality::kStructural)
      : equality_(equality), index_(equality) {}

  ModuleEquality module_equality() const override { return equality_; }
  absl::StatusOr<bool> HasWorkload(const Workload& workload) override;
  absl::StatusOr<Workload> CommitWorkload(const Workload& workload) override;
  absl::StatusOr<std::optional<Workload>> FindWorkload(const Digest& id) override;
  absl::StatusOr<std::vector<Workload>> GetAllWorkloads() override;
  absl::StatusOr<int64_t> CommitRecords(absl::Span<const TuningRecord> records) override;
  absl::StatusOr<std::vector<TuningRecord>> GetTopK(const Workload& workload, int k) override;
  absl::StatusOr<std::vector<TuningRecord>> GetAllRecords() override;
  absl::StatusOr<int64_t> Size() override;
  absl::StatusOr<std::vector<TuningRecord>> Best(const RecordQuery& query) override;
  absl::StatusOr<TuningRecord> FindRecord(std::string_view id_prefix) override;
  absl::StatusOr<std::optional<Workload>> FindWorkloadByKey(ModuleEquality equality, const Digest& key,
                                                            const std::vector<std::string>& pools) override;
  absl::StatusOr<RecordPage> ListRecords(const RecordPageRequest& request) override;
  absl::StatusOr<DatabaseStats> Stats(const std::vector<std::string>& pools) override;
  absl::StatusOr<std::vector<DeviceTarget>> DevicesOf(const RecordQuery& query) override;
  absl::Status AddToPool(const Digest& workload_id, const std::string& pool) override;
  absl::StatusOr<bool> WorkloadInPools(const Digest& workload_id, const std::vector<std::string>& pools) override;
  absl::StatusOr<int64_t> TrimFailures(const FailureRetention& retention, absl::Time now) override;

 private:
  const ModuleEquality equality_;
  absl::Mutex mutex_;
  RecordIndex index_ ABSL_GUARDED_BY(mutex_);
};

// FailedPrecondition for the first record whose workload is not in `index`; fills in missing ids; drops those known.
absl::StatusOr<std::vector<TuningRecord>> NewRecords(const RecordIndex& index, absl::Span<const TuningRecord> records);

}  // namespace hone
