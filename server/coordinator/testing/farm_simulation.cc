#include "server/coordinator/testing/farm_simulation.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "common/support/random.h"
#include "common/support/strings.h"
#include "server/coordinator/coordinator.h"

namespace hone::testing {
namespace {

constexpr char kTarget[] = R"({"kind":"llvm","mcpu":"znver4"})";

struct SavedSlot {
  LeaseToken token;
  Outcome outcome;
  std::string decisions;
};

// What survives the death of the coordinator.
struct Store {
  std::vector<RoundPlan> rounds;
  std::map<Slot, SavedSlot> outcomes;
  JobState state = JobState::kRunning;
};

class Farm {
 public:
  explicit Farm(const SimulationOptions& options) : options_(options), random_({options.seed, 1}) {
    shape_ = CounterRandom({options.seed, 2});
    job_ = MakeJob();
  }

  SimulationResult Run() {
    StartCoordinator();
    core_->SubmitJob(job_, Now());
    StartWorkers();
    ScheduleTick();
    ScheduleFaults();
    while (!queue_.empty() && !Ended(store_.state) && result_.violations.empty()) {
      auto next = queue_.begin();
      now_ = std::max(now_, next->first.first);
      std::function<void()> run = std::move(next->second);
      queue_.erase(next);
      run();
      Drain();
      if (++result_.events > 500'000) Violation("no end after 500,000 events");
      if (now_ > 1e6 + 100'000) Violation("no end after 100,000 simulated seconds");
    }
    if (result_.violations.empty()) CheckEnd();
    result_.simulated_secs = now_ - 1e6;
    return std::move(result_);
  }

 private:
  struct Worker {
    std::string name;
    WorkerRole role;
    uint64_t incarnation = 0;
    bool up = false;
    bool partitioned = false;
    std::map<uint64_t, std::function<void()>> unacked;  // Outcomes to send again on a new stream.
    std::set<uint64_t> working;
    uint64_t seen_epoch = 0;
  };

  absl::Time Now() const { return absl::FromUnixMicros(static_cast<int64_t>(now_ * 1e6)); }
  void Violation(std::string text) { result_.violations.push_back(StrCat("seed ", options_.seed, ": ", text)); }
  void At(double delay, std::function<void()> run) { queue_[{now_ + delay, next_event_++}] = std::move(run); }
  bool Chance(double p) { return options_.faults && random_.Unit() < p; }

  JobDefinition MakeJob() {
    JobDefinition job;
    job.id = "job";
    job.max_trials = 20 + static_cast<int64_t>(shape_.Below(60));
    job.trials_per_round = 4 + static_cast<int>(shape_.Below(12));
    job.scheduler = shape_.Below(2) ? "gradient" : "round-robin";
    job.seed = options_.seed;
    job.created = Now();
    uint64_t tasks = 1 + shape_.Below(3);
    for (uint64_t i = 0; i < tasks; ++i) {
      TaskDefinition task;
      task.name = StrCat("task", i);
      task.workload = WorkloadFromScript(StrCat("script ", i));
      task.target_json = kTarget;
      task.weight = 1 + static_cast<double>(i);
      job.tasks.push_back(task);
    }
    job.max_trials_per_task = shape_.Below(2) ? job.max_trials : 20;
    return job;
  }

  void StartCoordinator() {
    CoordinatorOptions options;
    options.leader_epoch = ++epoch_;
    core_ = std::make_unique<Coordinator>(options);
    ++generation_;
  }

  void CrashCoordinator() {
    ++result_.coordinator_crashes;
    core_ = nullptr;
    for (auto& [name, worker] : workers_) worker.partitioned = false;
    At(2, [this] {
      StartCoordinator();
      std::vector<std::pair<Slot, Outcome>> outcomes;
      for (const auto& [slot, saved] : store_.outcomes) outcomes.emplace_back(slot, saved.outcome);
      core_->RestoreJob(job_, store_.state, "", Now(), store_.rounds, outcomes, Now());
      for (auto& [name, worker] : workers_) {
        if (worker.up) Connect(worker);
      }
    });
  }

  // --- Workers.
  void StartWorkers() {
    int builders = 1 + static_cast<int>(shape_.Below(3)), runners = 1 + static_cast<int>(shape_.Below(3));
    Add("search0", WorkerRole::kSearch);
    for (int i = 0; i < builders; ++i) Add(StrCat("build", i), WorkerRole::kBuild);
    for (int i = 0; i < runners; ++i) Add(StrCat("run", i), WorkerRole::kRun);
  }

  void Add(const std::string& name, WorkerRole role) {
    workers_[name].name = name;
    workers_[name].role = role;
    StartWorker(name);
    ScheduleHeartbeat(name);
  }

  void StartWorker(const std::string& name) {
    Worker& worker = workers_[name];
    worker.incarnation = ++next_incarnation_;
    worker.up = true;
    worker.unacked.clear();
    worker.working.clear();
    if (core_) Connect(worker);
  }

  void Connect(Worker& worker) {
    WorkerInfo info;
    info.name = worker.name;
    info.slots[static_cast<int>(worker.role)] = worker.role == WorkerRole::kSearch ? 1 : 2;
    info.target_json = kTarget;
    info.incarnation = worker.incarnation;
    core_->WorkerConnected(info, Now());
    auto again = worker.unacked;
    for (auto& [lease, send] : again) send();
  }

  void CrashWorker(const std::string& name) {
    Worker& worker = workers_[name];
    if (!worker.up) return;
    ++result_.worker_crashes;
    worker.up = false;
    worker.working.clear();
    worker.unacked.clear();
    if (core_) core_->WorkerDisconnected(name, Now());
    At(1 + random_.Unit() * 20, [this, name] { StartWorker(name); });
  }

  void ScheduleHeartbeat(const std::string& name) {
    At(5, [this, name] {
      Worker& worker = workers_[name];
      if (core_ && worker.up && !worker.partitioned) {
        std::vector<uint64_t> leases(worker.working.begin(), worker.working.end());
        for (auto& [lease, send] : worker.unacked) leases.push_back(lease);
        core_->Heartbeat(name, leases, Now());
      }
      ScheduleHeartbeat(name);
    });
  }

  void ScheduleTick() {
    At(1, [this] {
      if (core_) core_->Tick(Now());
      ScheduleTick();
    });
  }

  // Faults stop after a while, so that "every job ends" can be asked for.
  void ScheduleFaults() {
    if (!options_.faults) return;
    double at = random_.Unit() * 10;
    for (int i = 0; i < 12; ++i, at += random_.Unit() * 15) {
      At(at, [this] {
        auto it = workers_.begin();
        std::advance(it, random_.Below(workers_.size()));
        std::string name = it->first;
        switch (random_.Below(4)) {
          case 0:
            return CrashWorker(name);
          case 1:
            if (core_) CrashCoordinator();
            return;
          case 2:
            workers_[name].partitioned = true;
            At(random_.Unit() * 40, [this, name] {
              Worker& worker = workers_[name];
              worker.partitioned = false;
              if (core_ && worker.up) Connect(worker);
            });
            return;
          default:
            if (core_) (void)core_->DrainWorker(name, random_.Below(2) == 1, Now());
            At(10, [this, name] {
              if (core_) (void)core_->DrainWorker(name, /*undrain=*/true, Now());
            });
        }
      });
    }
  }

  // Sends an outcome: maybe lost, late, twice; kept until acknowledged.
  void Outcome_(const std::string& name, const LeaseToken& token, std::function<void()> deliver) {
    Worker& worker = workers_[name];
    worker.working.erase(token.lease);
    uint64_t incarnation = worker.incarnation;
    auto send = [this, name, incarnation, deliver] {
      int copies = Chance(0.05) ? 2 : 1;
      for (int i = 0; i < copies; ++i) {
        At(0.001 + (Chance(0.05) ? random_.Unit() * 20 : 0), [this, name, incarnation, deliver] {
          Worker& w = workers_[name];
          if (core_ && w.up && !w.partitioned && w.incarnation == incarnation) deliver();
        });
      }
    };
    worker.unacked[token.lease] = send;
    send();
    // The stream repeats what is not acknowledged; in the real agent on reconnect.
    RepeatUntilAcked(name, incarnation, token.lease);
  }

  void RepeatUntilAcked(const std::string& name, uint64_t incarnation, uint64_t lease) {
    At(10, [this, name, incarnation, lease] {
      Worker& worker = workers_[name];
      auto it = worker.unacked.find(lease);
      if (it == worker.unacked.end() || worker.incarnation != incarnation) return;
      it->second();
      RepeatUntilAcked(name, incarnation, lease);
    });
  }

  // --- Actions.
  void Drain() {
    while (core_ && result_.violations.empty()) {
      std::vector<Action> actions = core_->TakeActions();
      if (actions.empty()) return;
      for (Action& action : actions) std::visit([this](auto& a) { Do(a); }, action);
    }
  }

  template <typename T>
  bool Accept(const T& send) {
    auto it = workers_.find(send.worker);
    if (it == workers_.end() || !it->second.up || it->second.partitioned) return false;
    if (send.token.leader_epoch < it->second.seen_epoch) Violation("a worker got a lease of an older leader");
    it->second.seen_epoch = send.token.leader_epoch;
    it->second.working.insert(send.token.lease);
    return true;
  }

  // Runs `finish` later on this incarnation of the worker, unless it crashed meanwhile.
  void Work(const std::string& name, double secs, std::function<void()> finish) {
    uint64_t incarnation = workers_[name].incarnation;
    At(secs, [this, name, incarnation, finish] {
      if (workers_[name].up && workers_[name].incarnation == incarnation) finish();
    });
  }

  static std::string Candidate(int task, uint32_t round, uint32_t slot,
                               const std::vector<std::vector<SearchResult>>& results) {
    std::string history;
    for (const auto& r : results) {
      for (const SearchResult& x : r) StrAppend(&history, x.failure ? "f" : StrCat(x.median_secs), ",");
    }
    return StrCat("[[", task, ",", round, ",", slot, ",\"", Sha256(history).Hex().substr(0, 8), "\"]]");
  }

  static RunResult Measure(const std::string& decisions) {
    Digest digest = Sha256(decisions);
    RunResult run;
    run.run_time = absl::Milliseconds(100);
    if (digest.bytes[0] < 20) {
      run.failure = Failure{FailureKind::kCrash, "SIGSEGV"};
    } else {
      run.median = 1e-3 * (1 + digest.bytes[1]);
      run.samples = {run.median};
    }
    return run;
  }

  void Do(SendSearch& a) {
    if (!Accept(a)) return;
    if (a.round >= 1 && a.results.size() != a.round - 1) Violation("a search did not get the rounds up to r - 2");
    Work(a.worker, 0.5 + random_.Unit(), [this, a] {
      SearchRound round;
      round.search_secs = 1;
      for (int i = 0; i < job_.trials_per_round; ++i) {
        SearchCandidate candidate;
        candidate.skeleton_id = Sha256("skeleton");
        candidate.decisions_json = Candidate(a.task, a.round, i, a.results);
        round.candidates.push_back(candidate);
      }
      if (a.round > 30) round.candidates.clear();
      Outcome_(a.worker, a.token, [this, a, round] { core_->SearchDone(a.worker, a.token, round, Now()); });
    });
  }

  void Do(SendBuild& a) {
    if (!Accept(a)) return;
    Work(a.worker, 0.2 + random_.Unit() * 0.3, [this, a] {
      Digest key = Sha256(a.candidate.decisions_json);
      bool fails = key.bytes[2] < 10;
      Outcome_(a.worker, a.token, [this, a, key, fails] {
        absl::Duration took = absl::Milliseconds(200);
        if (fails) return core_->BuildFailed(a.worker, a.token, {FailureKind::kBuild, "no"}, took, Now());
        artifacts_[key] = a.candidate.decisions_json;
        core_->BuildDone(a.worker, a.token, key, took, Now());
      });
    });
  }

  void Do(SendRun& a) {
    if (!Accept(a)) return;
    if (Chance(0.03)) {  // The artifact was dropped from the cache.
      return Outcome_(a.worker, a.token, [this, a] {
        core_->LeaseReturned(a.worker, a.token, {"artifact unknown", false, true}, Now());
      });
    }
    if (!artifacts_.contains(a.artifact_key)) return Violation("a run was sent before its artifact existed");
    std::string decisions = artifacts_[a.artifact_key];
    Work(a.worker, 0.05 + random_.Unit() * 0.2, [this, a, decisions] {
      Outcome_(a.worker, a.token,
               [this, a, decisions] { core_->RunDone(a.worker, a.token, Measure(decisions), {}, Now()); });
    });
  }

  void Do(SendCancel& a) { workers_[a.worker].working.erase(a.token.lease); }
  void Do(SendAck& a) {
    for (uint64_t lease : a.leases) workers_[a.worker].unacked.erase(lease);
  }
  void Do(SendCloseTask&) {}
  void Do(SendDrain&) {}

  void Do(SaveRound& a) {
    if (a.plan.sequence != store_.rounds.size()) Violation("rounds are not stored in sequence");
    store_.rounds.push_back(a.plan);
  }

  // Commits after a while; the coordinator may die before it hears of it.
  void Do(SaveOutcome& a) {
    uint64_t generation = generation_;
    uint64_t epoch = epoch_;
    if (a.token.leader_epoch != epoch) Violation("an outcome of an older leader was accepted");
    At(0.005 + (Chance(0.02) ? 30 : 0), [this, a, generation] {
      if (generation != generation_ || !core_) return;  // The transaction died with its server.
      SavedSlot saved{a.token, a.outcome, a.candidate.decisions_json};
      if (!store_.outcomes.emplace(a.slot, saved).second) Violation("a slot was counted twice");
      core_->OutcomeSaved(a.slot, Now());
    });
  }
  void Do(SaveJobState& a) { store_.state = a.state; }
  void Do(NotifyTrial&) {}
  void Do(NotifyLog&) {}
  void Do(NotifyState&) {}

  void CheckEnd() {
    if (store_.state != JobState::kDone) return Violation(StrCat("the job ended as ", JobStateName(store_.state)));
    int64_t trials = 0;
    size_t planned = 0;
    for (const RoundPlan& plan : store_.rounds) planned += plan.candidates.size();
    for (const auto& [slot, saved] : store_.outcomes) {
      const RunResult& run = saved.outcome.run;
      result_.quarantined += run.failure && run.failure->kind == FailureKind::kDeviceLost;
      if (slot.round == kBaselineRound) continue;
      ++trials;
      result_.results.push_back(
          StrCat(slot.task, "/", slot.round, "/", slot.slot, " ", saved.decisions, " -> ",
                 run.failure ? std::string(FailureKindName(run.failure->kind)) : StrCat(run.median)));
    }
    if (trials != static_cast<int64_t>(planned)) Violation("the job ended with trials that are not done");
    if (trials > job_.max_trials) Violation("more trials than asked for");
    if (core_) {
      JobReport report = *core_->Report("job", Now());
      for (const TaskReport& task : report.tasks) result_.quarantined += !task.error.empty();
    }
    if (core_ && core_->num_leases() != 0) Violation("leases are left after the end");
    if (core_ && core_->Report("job", Now())->trials != trials) Violation("the report does not agree with the store");
  }

  SimulationOptions options_;
  CounterRandom random_;
  CounterRandom shape_{0};
  JobDefinition job_;
  double now_ = 1e6;
  std::map<std::pair<double, uint64_t>, std::function<void()>> queue_;
  uint64_t next_event_ = 0;
  uint64_t next_incarnation_ = 0;
  uint64_t epoch_ = 0;
  uint64_t generation_ = 0;
  std::unique_ptr<Coordinator> core_;
  std::map<std::string, Worker> workers_;
  std::map<Digest, std::string> artifacts_;
  Store store_;
  SimulationResult result_;
};

}  // namespace

SimulationResult SimulateFarm(const SimulationOptions& options) { return Farm(options).Run(); }

}  // namespace hone::testing
