// A store that lives as long as its process, over any Database for the records. For tests and for trying things out:
// acknowledged jobs do not survive a restart (records do, when the database is a durable one).
#pragma once

#include <map>
#include <memory>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/store/store.h"

namespace hone {

class MemoryStore final : public Store {
 public:
  MemoryStore(std::string kind, std::unique_ptr<Database> database)
      : kind_(std::move(kind)), database_(std::move(database)) {}

  std::string kind() const override { return kind_; }
  Database& records() override { return *database_; }
  absl::StatusOr<uint64_t> Lead() override;
  absl::Status StillLeading() override { return absl::OkStatus(); }
  absl::StatusOr<Inserted> InsertJob(const JobDefinition& job) override;
  absl::Status Commit(const WriteBatch& batch) override;
  absl::StatusOr<std::vector<StoredJob>> LoadActiveJobs() override;
  absl::StatusOr<std::optional<JobSummary>> FindJob(const std::string& id) override;
  absl::StatusOr<std::vector<JobSummary>> ListJobs(const JobListRequest& request) override;

 private:
  struct Job {
    StoredJob stored;
    std::string report;
    std::set<Slot> slots;
    std::map<Digest, Digest> stored_id;  // Of an equal workload that the database had already.
  };

  absl::StatusOr<std::vector<TuningRecord>> Renamed(const std::vector<TuningRecord>& records) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string kind_;
  const std::unique_ptr<Database> database_;
  mutable absl::Mutex mutex_;
  uint64_t epoch_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Job> jobs_ ABSL_GUARDED_BY(mutex_);  // Ids grow with time.
  std::map<Digest, std::string> skeletons_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hone
