// The store in PostgreSQL. The session that holds the advisory lock of the leader also writes; each writing transaction
// checks leader_epoch, so a server that lost the lead cannot commit.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "server/database/postgres_database.h"
#include "server/store/store.h"

namespace hone {

class PostgresStore final : public Store {
 public:
  // Connects and migrates the schema. Unavailable when PostgreSQL does not answer; FailedPrecondition when the schema
  // is newer than this program.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& url);

  std::string kind() const override { return "postgresql"; }
  Database& records() override { return database_; }
  absl::StatusOr<uint64_t> Lead() override;
  absl::Status StillLeading() override;
  absl::StatusOr<Inserted> InsertJob(const JobDefinition& job) override;
  absl::Status Commit(const WriteBatch& batch) override;
  absl::StatusOr<std::vector<StoredJob>> LoadActiveJobs() override;
  absl::StatusOr<std::optional<JobSummary>> FindJob(const std::string& id) override;
  absl::StatusOr<std::vector<JobSummary>> ListJobs(const JobListRequest& request) override;

 private:
  explicit PostgresStore(const std::string& url);

  // Aborted when another server has led since; before Lead there is nothing to check.
  absl::Status CheckEpoch(pqxx::transaction_base& work) const;
  absl::Status HoldLead(pqxx::transaction_base& work) const;
  absl::StatusOr<StoredJob> LoadJob(pqxx::transaction_base& work, const std::string& id);

  std::atomic<uint64_t> epoch_{0};  // 0 = not leading.
  std::mutex mutex_;                // For writer_.
  PostgresConnection writer_;
  PostgresPool readers_;
  PostgresDatabase database_;
};

}  // namespace hone
