// The database in PostgreSQL. Equal workloads are kept side by side, each under its own id; look-ups go by their key.
#pragma once

#include <functional>
#include <memory>

#include "server/database/database.h"
#include "server/database/postgres_pool.h"

namespace hone {

class PostgresDatabase final : public Database {
 public:
  // The schema must be there (MigratePostgres). `check_write` runs first in every writing transaction.
  PostgresDatabase(const std::string& url, ModuleEquality equality,
                   std::function<absl::Status(pqxx::transaction_base&)> check_write = nullptr)
      : equality_(equality), check_write_(std::move(check_write)), pool_(url) {}

  ModuleEquality module_equality() const override { return equality_; }
  absl::StatusOr<bool> HasWorkload(const Workload& workload) override;
  absl::StatusOr<Workload> CommitWorkload(const Workload& workload) override;
  absl::StatusOr<std::optional<Workload>> FindWorkload(const Digest& id) override;
  absl::StatusOr<std::optional<Workload>> FindWorkloadByKey(ModuleEquality equality, const Digest& key) override;
  absl::StatusOr<std::vector<Workload>> GetAllWorkloads() override;
  absl::StatusOr<int64_t> CommitRecords(absl::Span<const TuningRecord> records) override;
  absl::StatusOr<std::vector<TuningRecord>> GetTopK(const Workload& workload, int k) override;
  absl::StatusOr<std::vector<TuningRecord>> GetAllRecords() override;
  absl::StatusOr<int64_t> Size() override;
  absl::StatusOr<std::vector<TuningRecord>> Best(const RecordQuery& query) override;
  absl::StatusOr<TuningRecord> FindRecord(std::string_view id_prefix) override;
  absl::StatusOr<RecordPage> ListRecords(const RecordPageRequest& request) override;
  absl::StatusOr<DatabaseStats> Stats() override;

 private:
  const ModuleEquality equality_;
  const std::function<absl::Status(pqxx::transaction_base&)> check_write_;
  PostgresPool pool_;
};

}  // namespace hone
