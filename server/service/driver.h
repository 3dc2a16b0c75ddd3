// Runs the coordinator's core in a server: one thread owns the core and takes events from a queue; one thread commits
// what the core wants stored, everything that has gathered in one transaction; streams get their messages from here.
// An outcome counts, and is acknowledged, only after its commit.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hone/v1/tuning.pb.h"
#include "hone/v1/worker.pb.h"
#include "server/coordinator/coordinator.h"
#include "server/service/blob_store.h"
#include "server/service/limits.h"
#include "server/store/store.h"

namespace hone {

// The server's end of one worker's stream. Thread-safe.
class WorkerLink {
 public:
  virtual ~WorkerLink() = default;
  virtual void Send(v1::ServerMessage message) = 0;
  // Ends the stream with this status; nothing is sent afterwards.
  virtual void Close(absl::Status status) = 0;
};

// The receiver of one job's events. Thread-safe.
class JobWatcher {
 public:
  virtual ~JobWatcher() = default;
  virtual void Send(const v1::JobEvent& event) = 0;
  virtual void Close(absl::Status status) = 0;
};

struct DriverOptions {
  CoordinatorOptions coordinator;  // leader_epoch is set from the store.
  Revisions revisions;             // Of this server.
  bool allow_synthetic = false;    // Accept test devices.
  Limits limits;                   // Quotas and shares of tenants.
  int max_trace_instructions = kMaxTraceInstructions;
  absl::Duration keep_ended = absl::Minutes(5);  // An ended job's details stay in memory that long.
};

// Whose jobs a caller may see: all, or one tenant's. A job outside of it is NotFound.
struct JobScope {
  bool all = true;
  std::string tenant;
  bool Covers(const JobDefinition& job) const { return all || job.tenant == tenant; }
};

// Counters for /metrics.
struct DriverStats {
  int64_t commits = 0, committed_records = 0, commit_failures = 0;
  int64_t build_leases = 0, run_leases = 0, search_leases = 0;
  double commit_secs = 0;
  bool store_away = false;
  size_t workers = 0, quarantined_workers = 0, leases = 0, jobs = 0, pending_writes = 0;
  uint64_t leader_epoch = 0;
  Coordinator::Queues queues;
  Coordinator::Counts counts;
};

class Driver {
 public:
  // `store` and `blobs` must outlive it. `fatal` is called once when this server must exit (it was deposed).
  Driver(Store& store, BlobStore& blobs, DriverOptions options, std::function<void(absl::Status)> fatal);
  ~Driver();  // Stops.

  // Takes the lead, loads the jobs that have not ended, starts the threads.
  absl::Status Start();
  // Closes all streams, commits what is pending, joins the threads.
  void Stop();
  uint64_t leader_epoch() const;

  // All thread-safe; `done` is called from a thread of the driver and must not block.
  template <typename T>
  using Done = std::function<void(absl::StatusOr<T>)>;

  // Its search starts from records of these pools (empty = all).
  void SubmitJob(JobDefinition job, std::vector<std::string> pools, Done<v1::SubmitJobResponse> done);
  void GetJob(JobScope scope, std::string id, bool with_spec, Done<v1::JobReport> done);
  void ListJobs(JobScope scope, v1::ListJobsRequest request, Done<v1::ListJobsResponse> done);
  void PauseJob(JobScope scope, std::string id, Done<v1::JobReport> done);
  void ResumeJob(JobScope scope, std::string id, Done<v1::JobReport> done);
  void CancelJob(JobScope scope, std::string id, std::string reason, Done<v1::JobReport> done);
  // What workers do for jobs out of scope is told as "other work".
  void ListWorkers(JobScope scope, Done<v1::ListWorkersResponse> done);
  void DrainWorker(std::string name, bool undrain, Done<v1::WorkerReport> done);
  void WatchJob(JobScope scope, std::string id, uint64_t cursor, std::shared_ptr<JobWatcher> watcher);
  void Unwatch(const std::shared_ptr<JobWatcher>& watcher);
  void Audit(AuditEntry entry);
  void Stats(Done<DriverStats> done);

  // A worker's stream: its first message, then the others, then the end.
  void WorkerOpened(std::shared_ptr<WorkerLink> link, v1::Register registration);
  void WorkerSaid(const std::shared_ptr<WorkerLink>& link, v1::WorkerMessage message);
  void WorkerClosed(const std::shared_ptr<WorkerLink>& link);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hone
