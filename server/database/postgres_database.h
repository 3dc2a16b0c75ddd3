// The database in PostgreSQL. Equal workloads are kept side by side, each under its own id; look-ups go by their key.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/database/database.h"
#include "server/database/postgres_best.h"
#include "server/database/postgres_pool.h"
#include "server/database/postgres_shared.h"

namespace hone {

class PostgresDatabase final : public Database {
 public:
  // The schema must be there (MigratePostgres). `check_write` runs first in every writing transaction.
  PostgresDatabase(const std::string& url, ModuleEquality equality,
                   std::function<absl::Status(pqxx::transaction_base&)> check_write = nullptr);

  ModuleEquality module_equality() const override { return equality_; }
  absl::StatusOr<bool> HasWorkload(const Workload& workload) override;
  absl::StatusOr<Workload> CommitWorkload(const Workload& workload) override;
  absl::StatusOr<std::optional<Workload>> FindWorkload(const Digest& id) override;
  absl::StatusOr<std::optional<Workload>> FindWorkloadByKey(ModuleEquality equality, const Digest& key,
                                                            const std::vector<std::string>& pools) override;
  absl::StatusOr<std::vector<Workload>> GetAllWorkloads() override;
  absl::StatusOr<int64_t> CommitRecords(absl::Span<const TuningRecord> records) override;
  absl::StatusOr<std::vector<TuningRecord>> GetTopK(const Workload& workload, int k) override;
  absl::StatusOr<std::vector<TuningRecord>> GetAllRecords() override;
  absl::StatusOr<int64_t> Size() override;
  absl::StatusOr<std::vector<TuningRecord>> Best(const RecordQuery& query) override;
  std::vector<absl::StatusOr<std::vector<EncodedRecord>>> BestEncoded(absl::Span<const RecordQuery> queries) override;
  absl::StatusOr<TuningRecord> FindRecord(std::string_view id_prefix) override;
  absl::StatusOr<RecordPage> ListRecords(const RecordPageRequest& request) override;
  absl::StatusOr<DatabaseStats> Stats(const std::vector<std::string>& pools) override;
  absl::StatusOr<std::vector<DeviceTarget>> DevicesOf(const RecordQuery& query) override;
  absl::Status AddToPool(const Digest& workload_id, const std::string& pool) override;
  absl::StatusOr<bool> WorkloadInPools(const Digest& workload_id, const std::vector<std::string>& pools) override;
  absl::StatusOr<int64_t> TrimFailures(const FailureRetention& retention, absl::Time now) override;

 private:
  const ModuleEquality equality_;
  const std::function<absl::Status(pqxx::transaction_base&)> check_write_;
  PostgresPool pool_;

  SharedRows shared_;
  PostgresBest best_;
  // Workloads never change: those used last are kept, and dropped all at once when they are too many.
  std::mutex mutex_;
  std::unordered_map<std::string, Workload> workloads_;  // By raw id.
  size_t workload_bytes_ = 0;
};

}  // namespace hone
