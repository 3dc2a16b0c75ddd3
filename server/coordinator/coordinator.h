// The core of the service: jobs, workers and the leases between them, as a deterministic state machine. Events go in
// as method calls, actions come out of TakeActions; time is an argument, nothing here waits, sends or stores. The same
// core runs in hone-server, in embedded mode and in simulations of a whole farm.
//
// A slot (job, task, round, slot) is built and run under leases. A lease ends by its outcome, by being returned, or
// when its worker is lost: silent for lease_timeout, restarted, or no longer naming it in heartbeats. A late outcome
// (unknown lease) is dropped, so work may run more than once and a result counts once. A slot that lost
// max_attempts leases is quarantined: it ends as a record with failure device-lost and the last cause.
//
// A lease that takes much longer than others of its job, while a worker has nothing to do, is given out a second time;
// the first outcome counts. Among tenants the one that has had the least worker time goes first (tenant_shares.h),
// among its jobs the one of the highest priority, then the one with the fewest leases. Devices time a canary kernel
// when they connect and now and then; those that drift or fail get no work (device_health.h).
//
// Times given are wall clock; leases and silence are counted on a steady clock made from it (steady_time.h).
//
// Not thread-safe. Unknown jobs and bad states are errors; late or repeated events of workers are no errors.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/coordinator/actions.h"
#include "server/coordinator/job_run.h"
#include "server/coordinator/steady_time.h"
#include "server/coordinator/tenant_shares.h"
#include "server/coordinator/workers.h"

namespace hone {

struct CoordinatorOptions {
  uint64_t leader_epoch = 1;
  absl::Duration heartbeat = absl::Seconds(5);
  absl::Duration lease_timeout = absl::Seconds(15);  // Silence after which a worker is lost.
  absl::Duration forget_worker = absl::Minutes(10);  // A lost worker is shown that long.
  absl::Duration lease_slack = absl::Seconds(60);    // A lease ends at the latest its time-out + slack after grant.
  absl::Duration search_deadline = absl::Minutes(30);
  int max_attempts = 3;
  int max_search_losses = 10;  // A search runs long: its worker may be restarted for reasons of its own.
  int max_returns = 20;        // Leases given back without fault, per slot.
  HealthOptions health;
  // A lease is a straggler beyond straggler_ratio times what its job's leases of the role take, and straggler_min.
  double straggler_ratio = 4;
  absl::Duration straggler_min = absl::Seconds(5);
};

class Coordinator {
 public:
  explicit Coordinator(CoordinatorOptions options)
      : options_(options),
        time_(std::max(options.lease_timeout, absl::Seconds(5))),
        workers_(options.health),
        next_lease_((options.leader_epoch << 32) + 1) {}
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  // Twice the weight, twice the share; 1 unless set. Positive.
  void SetTenantWeight(std::string_view tenant, double weight) { shares_.SetWeight(tenant, weight); }

  // --- Jobs. `id` and all fields of the definition are checked by ValidateJob before.
  void SubmitJob(JobDefinition definition, absl::Time now);
  // A job from the store, with its rounds by sequence and its outcomes in any order.
  void RestoreJob(JobDefinition definition, JobState state, std::string reason, absl::Time ended,
                  const std::vector<RoundPlan>& rounds, const std::vector<std::pair<Slot, Outcome>>& outcomes,
                  absl::Time now);
  absl::Status PauseJob(std::string_view id, absl::Time now);
  absl::Status ResumeJob(std::string_view id, absl::Time now);
  absl::Status CancelJob(std::string_view id, std::string reason, absl::Time now);

  // --- Workers.
  void WorkerConnected(WorkerInfo info, absl::Time now);
  // The stream broke. Its leases go on until lease_timeout, in case it comes back.
  void WorkerDisconnected(std::string_view name, absl::Time now);
  // The worker said goodbye: everything is finished or returned.
  void WorkerGone(std::string_view name, absl::Time now);
  void Heartbeat(std::string_view name, const std::vector<uint64_t>& leases, absl::Time now);
  absl::Status DrainWorker(std::string_view name, bool undrain, absl::Time now);

  // --- Outcomes.
  void SearchDone(std::string_view worker, const LeaseToken& token, SearchRound round, absl::Time now);
  // `retry`: the worker's own trouble, another attempt may do.
  void SearchFailed(std::string_view worker, const LeaseToken& token, std::string error, bool retry, absl::Time now);
  void BuildDone(std::string_view worker, const LeaseToken& token, const Digest& artifact_key,
                 absl::Duration build_time, absl::Time now);
  void BuildFailed(std::string_view worker, const LeaseToken& token, Failure failure, absl::Duration build_time,
                   absl::Time now);
  void RunDone(std::string_view worker, const LeaseToken& token, RunResult run, std::vector<TensorInfo> args,
               absl::Time now);
  struct Return {
    std::string reason;
    bool worker_fault = false;
    bool artifact_missing = false;  // Build it again.
  };
  void LeaseReturned(std::string_view worker, const LeaseToken& token, const Return& why, absl::Time now);
  // The canary kernel took so many seconds a call (run.median), or failed.
  void CanaryDone(std::string_view worker, const LeaseToken& token, const RunResult& run, absl::Time now);
  // The SaveOutcome of this slot is durable.
  void OutcomeSaved(const Slot& slot, absl::Time now);

  // --- Time. Call about once a second: expires, dispatches.
  void Tick(absl::Time now);

  // Actions since the last call, in order.
  std::vector<Action> TakeActions() { return std::exchange(actions_, {}); }

  // --- Views.
  const JobRun* FindJob(std::string_view id) const;
  absl::StatusOr<JobReport> Report(std::string_view id, absl::Time now) const;
  std::vector<std::string> JobIds() const;
  const Workers& workers() const { return workers_; }
  absl::Time now() const { return now_; }  // Of the last event, on the steady clock.
  struct Activity {
    std::string job_id;  // Empty: of the worker itself.
    std::string text;    // "run JOB task 0 round 2 slot 7"
  };
  std::vector<Activity> Doing(const WorkerState& worker) const;
  // Why the job gets on with nothing now ("no worker with the role run is connected"); empty when it does.
  std::string WhyWaiting(const JobRun& job) const;
  struct Queues {
    size_t searches = 0, builds = 0, runs = 0;
  };
  Queues queues() const;
  // What waits and who could do it, by role and target; targets with nothing to do are left out.
  struct TargetQueue {
    WorkerRole role = WorkerRole::kBuild;
    std::string target_json;
    size_t waiting = 0;
    int workers = 0, busy = 0;  // Connected ones that serve it.
  };
  std::vector<TargetQueue> TargetQueues() const;
  struct Counts {
    int64_t stragglers = 0;  // Leases given out a second time.
    int64_t late = 0;        // Outcomes that did not count.
    int64_t lost = 0;        // Leases that ended without an outcome.
    int64_t quarantined_slots = 0;
    int64_t canaries = 0, canary_failures = 0;
  };
  const Counts& counts() const { return counts_; }
  // A tenant's jobs that have not ended, and their trials that are not done (for quotas).
  struct TenantLoad {
    int jobs = 0;
    int64_t open_trials = 0;
  };
  TenantLoad LoadOf(std::string_view tenant) const;
  size_t num_leases() const { return leases_.size(); }
  // Drops an ended job from memory.
  void ForgetJob(std::string_view id);

 private:
  struct JobEntry {
    std::unique_ptr<JobRun> run;
    std::optional<JobRun::SearchOrder> searching;
    int search_attempts = 0;    // Of the current round: searches that ended with trouble,
    int search_losses = 0;      // and searches whose worker was lost.
    std::string search_worker;  // Of the last search: it has the session.
    int leases = 0;
    TenantShares::Share* share = nullptr;
    // How long a lease of the role takes, averaged over the last ones; zero = not known.
    std::array<absl::Duration, kNumRoles> typical{};
    std::map<SlotRef, std::vector<uint64_t>> holders;  // Leases of a slot: one, or two when it straggles.
    struct Ack {
      std::string worker;
      uint64_t lease = 0;
    };
    std::map<SlotRef, Ack> saving;  // Whom to tell when the slot is durable.
  };
  struct Lease {
    WorkerRole role = WorkerRole::kBuild;
    std::string worker;
    std::string job_id;
    SlotRef ref;  // Not for searches.
    LeaseToken token;
    absl::Time granted;
    absl::Time deadline;
    double charged_secs = 0;  // To the tenant, in advance.
    bool doubled = false;     // A second lease for the slot was given out, or this is it.
  };
  struct Canary {
    LeaseToken token;
    absl::Time deadline;
  };

  void Advance(absl::Time wall);
  static absl::Status NoJob(std::string_view id);
  JobEntry* Entry(std::string_view id);
  Lease* FindLease(std::string_view worker, const LeaseToken& token);
  // Removes the lease, frees its worker, and returns what it was.
  Lease EndLease(uint64_t id);
  void DropLate(std::string_view worker, const LeaseToken& token);
  // The lease ended without an outcome.
  void LoseLease(uint64_t id, const std::string& cause, bool charge, bool rebuild);
  void LoseAll(WorkerState& worker, const std::string& cause);
  void FinishSlot(const Lease& lease, Outcome outcome);
  void FailSearch(JobEntry& job, int task, const std::string& cause);
  void Quarantine(JobEntry& job, const Lease& lease);
  void EndJob(JobEntry& job, JobState state, std::string reason);
  void CheckComplete(JobEntry& job);
  Lease& Grant(WorkerRole role, WorkerState& worker, JobEntry& job, absl::Duration limit);
  void Dispatch();
  bool DispatchSearch();
  bool DispatchSlot(WorkerRole role);
  void StartSearch(JobEntry& job, JobRun::SearchOrder order, WorkerState& worker);
  void StartSlot(WorkerRole role, JobEntry& job, SlotRef ref, WorkerState& worker);
  // Ends the other leases of the slot: its outcome came.
  void EndCopies(const Lease& lease);
  void LearnDuration(const Lease& lease);
  void Relend(WorkerRole role);
  void StartCanary(WorkerState& worker);
  void CountIdle();
  void CloseTasks(const JobEntry& job);

  const CoordinatorOptions options_;
  SteadyTime time_;
  absl::Time wall_ = absl::InfinitePast();  // Of the event at hand.
  absl::Time now_ = absl::InfinitePast();   // The same on the steady clock.
  TenantShares shares_;
  std::map<std::string, JobEntry, std::less<>> jobs_;
  // Jobs that have not ended, by falling priority, then id.
  std::map<std::pair<int, std::string>, JobEntry*> active_;
  Workers workers_;
  std::map<uint64_t, Lease> leases_;
  std::map<std::string, Canary, std::less<>> canaries_;  // By worker.
  std::set<uint64_t> saving_leases_;                     // Whose outcome is being stored.
  Counts counts_;
  uint64_t next_lease_;  // Starts apart from those of other leaders.
  absl::Time idle_counted_ = absl::InfinitePast();
  std::vector<Action> actions_;
};

// InvalidArgument naming the field and its value, or OK.
absl::Status ValidateJob(const JobDefinition& job);

}  // namespace hone
