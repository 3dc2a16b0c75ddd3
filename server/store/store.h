// What the coordinator must remember: jobs, rounds, skeletons and, in the same transaction, tuning records. Kinds:
// memory and postgres; one suite (store_suite.h) runs on both.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/coordinator/job.h"
#include "server/database/database.h"

namespace hone {

// Payload of the status of Store::Lead when another server leads.
constexpr std::string_view kStandbyPayload = "hone/standby";

struct JobChange {
  std::string job_id;
  JobState state = JobState::kRunning;
  std::string reason;
  std::string report;  // Serialized v1::JobReport of that moment.
  absl::Time ended = absl::InfiniteFuture();
};

struct AuditEntry {
  absl::Time time;
  std::string identity;
  std::string action;   // The RPC's name.
  std::string subject;  // What it was about.
  std::string outcome;  // "ok" or a status code.
};

// Stored all or not at all, in this order.
struct WriteBatch {
  std::vector<std::pair<Digest, std::string>> skeletons;
  std::vector<std::pair<std::string, RoundPlan>> rounds;  // By job id.
  std::vector<TuningRecord> records;
  std::vector<JobChange> jobs;
  std::vector<AuditEntry> audit;
  bool empty() const { return skeletons.empty() && rounds.empty() && records.empty() && jobs.empty() && audit.empty(); }
};

struct StoredJob {
  JobDefinition definition;
  JobState state = JobState::kRunning;
  std::string reason;
  absl::Time ended = absl::InfiniteFuture();
  std::vector<RoundPlan> rounds;  // By sequence.
  std::vector<std::pair<Slot, Outcome>> outcomes;
  std::vector<std::pair<Digest, std::string>> skeletons;  // Of the rounds' candidates.
};

struct JobSummary {
  JobDefinition definition;
  JobState state = JobState::kRunning;
  std::string report;  // Serialized v1::JobReport; may be old while the job has not ended.
};

struct JobListRequest {
  std::string before = {};  // Only jobs created before this one; empty = all.
  int limit = 100;
  bool ended = true;                                 // Also those that have ended.
  std::optional<std::string> tenant = std::nullopt;  // Only this one's.
};

struct Inserted {
  std::string job_id;
  bool existed = false;
};

// Thread-safe. Unavailable: the store is away, the same call may be repeated. Aborted: another server leads; this one
// must exit.
class Store {
 public:
  virtual ~Store() = default;
  // "memory", "json", "postgresql".
  virtual std::string kind() const = 0;
  virtual Database& records() = 0;

  // Makes this process the leader and returns the new epoch; every later write is bound to it. Unavailable with
  // kStandbyPayload while another process leads.
  virtual absl::StatusOr<uint64_t> Lead() = 0;

  // OK while this process leads. Aborted: another one does.
  virtual absl::Status StillLeading() = 0;

  // Stores the job and its tasks' workloads. A tenant's request_id (not empty) that is known gives that job's id.
  virtual absl::StatusOr<Inserted> InsertJob(const JobDefinition& job) = 0;
  // Idempotent: what is known already (rounds by job and sequence, records by id) is passed over.
  virtual absl::Status Commit(const WriteBatch& batch) = 0;

  // Jobs that have not ended, by time of creation, with all that is needed to go on.
  virtual absl::StatusOr<std::vector<StoredJob>> LoadActiveJobs() = 0;
  virtual absl::StatusOr<std::optional<JobSummary>> FindJob(const std::string& id) = 0;
  // Newest first. Fewer than the limit: there are no older ones.
  virtual absl::StatusOr<std::vector<JobSummary>> ListJobs(const JobListRequest& request) = 0;
};

}  // namespace hone
