#include "server/coordinator/testing/farm_simulation.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "common/support/random.h"
#include "common/support/strings.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/testing/simulated_store.h"

namespace hone::testing {
namespace {

constexpr char kTarget[] = R"({"kind":"llvm","mcpu":"znver4"})";
constexpr double kStart = 1e6;
constexpr int64_t kMaxEvents = 200'000;
constexpr double kMaxSecs = 50'000;
constexpr double kQuietAfter = 200;  // Faults stop then, so that "every job ends" can be asked for.
constexpr char kArtifactUnknown[] = "artifact unknown";
constexpr char kPoison[] = "poison";

// Facts of a candidate follow from its decisions.
bool Poisonous(const std::string& decisions) { return Sha256(decisions).bytes[3] < 4; }  // Kills every device.

RunResult Measure(const std::string& decisions) {
  Digest digest = Sha256(decisions);
  RunResult run;
  run.run_time = absl::Milliseconds(100);
  if (Poisonous(decisions)) {
    run.failure = Failure{FailureKind::kDeviceLost, kPoison};
  } else if (digest.bytes[0] < 20) {
    run.failure = Failure{FailureKind::kCrash, "SIGSEGV"};
  } else {
    run.median = 1e-3 * (1 + digest.bytes[1]);
    run.samples = {run.median};
  }
  return run;
}

std::string Candidate(int task, uint32_t round, uint32_t slot, const std::vector<std::vector<SearchResult>>& results) {
  std::string history;
  for (const auto& r : results) {
    for (const SearchResult& x : r) StrAppend(&history, x.failure ? "f" : StrCat(x.median_secs), ",");
  }
  return StrCat("[[", task, ",", round, ",", slot, ",\"", Sha256(history).Hex().substr(0, 8), "\"]]");
}

class Farm {
 public:
  explicit Farm(const SimulationOptions& options)
      : options_(options),
        random_({options.seed, 1}),
        shape_({options.seed, 2}),
        store_([this](std::string text) { Violation(std::move(text)); }) {}

  SimulationResult Run() {
    uint64_t jobs = 1 + shape_.Below(3);
    for (uint64_t i = 0; i < jobs; ++i) store_.Insert(MakeJob(i));
    StartServer();
    StartWorkers();
    Drain();
    ScheduleTick();
    if (options_.faults) ScheduleFaults();
    while (!queue_.empty() && result_.violations.empty() && !(store_.AllEnded() && Settled())) {
      auto next = queue_.begin();
      now_ = std::max(now_, next->first.first);
      std::function<void()> run = std::move(next->second);
      queue_.erase(next);
      run();
      Drain();
      if (++result_.events > kMaxEvents) Violation(StrCat("no end after ", kMaxEvents, " events"));
      if (now_ > kStart + kMaxSecs) Violation(StrCat("no end after ", kMaxSecs, " simulated seconds", Where()));
    }
    if (result_.violations.empty()) CheckEnd();
    result_.simulated_secs = now_ - kStart;
    return std::move(result_);
  }

 private:
  struct Server {
    uint64_t epoch = 0;
    std::unique_ptr<Coordinator> core;  // Null: dead.
    double clock_error = 0;
    std::vector<SimWrite> pending;  // Not in a transaction yet.
    bool committing = false;
    std::map<uint64_t, Slot> saving;                       // By lease: its outcome is on the way to the store.
    std::map<std::pair<std::string, SlotRef>, int> given;  // Leases of a slot.
    std::set<std::string> drained;
    std::set<std::string> in_canary;
  };
  struct Worker {
    std::string name;
    WorkerRole role;
    uint64_t incarnation = 0;
    bool up = false;
    bool partitioned = false;
    double unreachable_since = 0;  // Down or partitioned since; 0 = reachable.
    double slow_until = 0;
    double sick_until = 0;  // Its canary is slow.
    uint64_t server = 0;    // Epoch of the server that has its stream; 0 = none.
    uint64_t seen_epoch = 0;
    std::map<uint64_t, std::function<void()>> unacked;  // Outcomes to send again, by lease.
    std::map<uint64_t, int> delivered;
    std::set<uint64_t> working;
  };

  void Violation(std::string text) { result_.violations.push_back(StrCat("seed ", options_.seed, ": ", text)); }
  void At(double delay, std::function<void()> run) { queue_[{now_ + delay, next_event_++}] = std::move(run); }
  bool FaultsNow() const { return options_.faults && now_ < kStart + kQuietAfter; }
  bool Chance(double p) { return FaultsNow() && random_.Unit() < p; }
  absl::Time Clock(const Server& server) const {
    return absl::FromUnixMicros(static_cast<int64_t>((now_ + server.clock_error) * 1e6));
  }

  JobDefinition MakeJob(uint64_t index) {
    JobDefinition job;
    job.id = StrCat("job", index);
    job.tenant = index == 2 ? "b" : "a";
    job.priority = static_cast<int>(shape_.Below(3));
    job.max_trials = 10 + static_cast<int64_t>(shape_.Below(70));
    job.trials_per_round = 4 + static_cast<int>(shape_.Below(12));
    job.scheduler = shape_.Below(2) ? "gradient" : "round-robin";
    job.seed = options_.seed;
    job.created = absl::FromUnixSeconds(static_cast<int64_t>(kStart));
    job.measure_baseline = shape_.Below(2) == 1;
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

  // --- Servers. The last one leads; an older one may go on until it notices.
  Server& Leader() { return servers_.rbegin()->second; }
  Server* Alive(uint64_t epoch) {
    auto it = servers_.find(epoch);
    return it == servers_.end() || !it->second.core ? nullptr : &it->second;
  }

  void StartServer() {
    uint64_t epoch = store_.Lead();
    Server& server = servers_[epoch];
    server.epoch = epoch;
    CoordinatorOptions options;
    options.leader_epoch = epoch;
    server.core = std::make_unique<Coordinator>(options);
    for (const auto& [id, job] : store_.jobs()) {
      if (Ended(job.state)) continue;
      std::vector<std::pair<Slot, Outcome>> outcomes;
      for (const auto& [slot, stored] : job.outcomes) outcomes.emplace_back(slot, stored.outcome);
      server.core->RestoreJob(job.definition, job.state, "", Clock(server), job.rounds, outcomes, Clock(server));
    }
    for (auto& [name, worker] : workers_) {
      if (worker.up && !worker.partitioned && Alive(worker.server) == nullptr) Connect(worker);
    }
  }

  void KillServer(Server& server) {
    result_.stragglers += server.core->counts().stragglers;
    server.core = nullptr;
    server.pending.clear();
    if (Alive(Leader().epoch) == nullptr) return At(2, [this] { StartServer(); });
    for (auto& [name, worker] : workers_) {
      if (worker.up && !worker.partitioned && worker.server == server.epoch) Connect(worker);
    }
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
    if (!worker.partitioned) worker.unreachable_since = 0;
    worker.seen_epoch = 0;
    worker.unacked.clear();
    worker.delivered.clear();
    worker.working.clear();
    if (!worker.partitioned) Connect(worker);
  }

  // To the leader, when it is there.
  void Connect(Worker& worker) {
    Server& server = Leader();
    worker.server = 0;
    if (!server.core || server.epoch < worker.seen_epoch) return;
    worker.server = server.epoch;
    if (server.epoch != worker.seen_epoch) {  // Leases of an earlier leader are void.
      if (Chance(0.5)) worker.unacked.clear();
      worker.working.clear();
    }
    worker.seen_epoch = server.epoch;
    WorkerInfo info;
    info.name = worker.name;
    info.slots[static_cast<int>(worker.role)] = worker.role == WorkerRole::kSearch ? 1 : 2;
    info.target_json = kTarget;
    info.incarnation = worker.incarnation;
    info.canary = worker.role == WorkerRole::kRun;
    info.device.json = "{}";
    server.in_canary.erase(worker.name);
    server.core->WorkerConnected(info, Clock(server));
    auto again = worker.unacked;
    for (auto& [lease, send] : again) send();
  }

  void CrashWorker(Worker& worker) {
    if (!worker.up) return;
    worker.up = false;
    if (worker.unreachable_since == 0) worker.unreachable_since = now_;
    worker.working.clear();
    worker.unacked.clear();
    if (Server* server = Alive(worker.server)) server->core->WorkerDisconnected(worker.name, Clock(*server));
    worker.server = 0;
    At(1 + random_.Unit() * 20, [this, name = worker.name] { StartWorker(name); });
  }

  void Partition(Worker& worker) {
    worker.partitioned = true;
    if (worker.unreachable_since == 0) worker.unreachable_since = now_;
    bool noticed = random_.Below(2) == 1;
    At(random_.Unit() * 40, [this, name = worker.name, noticed] {
      Worker& w = workers_[name];
      w.partitioned = false;
      if (!w.up) return;
      w.unreachable_since = 0;
      if (noticed || Alive(w.server) == nullptr) Connect(w);  // Else the stream has held.
    });
  }

  void ScheduleHeartbeat(const std::string& name) {
    At(5, [this, name] {
      Worker& worker = workers_[name];
      Server* server = Alive(worker.server);
      if (server != nullptr && worker.up && !worker.partitioned) {
        std::vector<uint64_t> leases(worker.working.begin(), worker.working.end());
        for (auto& [lease, send] : worker.unacked) leases.push_back(lease);
        server->core->Heartbeat(name, leases, Clock(*server));
      } else if (worker.up && !worker.partitioned && server == nullptr) {
        Connect(worker);
      }
      ScheduleHeartbeat(name);
    });
  }

  void ScheduleTick() {
    At(1, [this] {
      ++ticks_;
      for (auto& [epoch, server] : servers_) {
        if (!server.core) continue;
        server.core->Tick(Clock(server));
        CheckLeases(server);
        // It asks the store now and then whether it still leads.
        if (ticks_ % 3 == 0 && now_ >= store_away_until_ && &server != &Leader()) KillServer(server);
      }
      ScheduleTick();
    });
  }

  // --- Faults.
  void ScheduleFaults() {
    double at = random_.Unit() * 10;
    for (; at < kQuietAfter - 60; at += 0.5 + random_.Unit() * 8) At(at, [this] { Strike(); });
  }

  void Strike() {
    auto it = workers_.begin();
    std::advance(it, random_.Below(workers_.size()));
    Worker& worker = it->second;
    static constexpr std::array<const char*, 10> kFaults = {"worker crash", "server crash", "partition",  "drain",
                                                            "slow worker",  "clock jump",   "store away", "takeover",
                                                            "sick device",  "job control"};
    size_t kind = random_.Below(kFaults.size() + 1) % kFaults.size();  // Worker crashes twice as often.
    ++result_.faults[kFaults[kind]];
    switch (kind) {
      case 0:
        return CrashWorker(worker);
      case 1:
        if (Leader().core) KillServer(Leader());
        return;
      case 2:
        return Partition(worker);
      case 3:
        return Drain(worker.name, false), At(10, [this, name = worker.name] { Drain(name, true); });
      case 4:
        worker.slow_until = now_ + 40 * random_.Unit();
        return;
      case 5:
        return JumpClock();
      case 6:
        store_away_until_ = now_ + 30 * random_.Unit();
        return;
      case 7:  // The leader lost its session; it does not know yet.
        if (Leader().core) StartServer();
        artifacts_.clear();  // Each server has a cache of its own.
        return;
      case 8:
        worker.sick_until = now_ + 60 * random_.Unit();
        return;
      default:
        return ControlJob();
    }
  }

  void Drain(const std::string& name, bool undrain) {
    for (auto& [epoch, server] : servers_) {
      if (!server.core || !server.core->DrainWorker(name, undrain, Clock(server)).ok()) continue;
      undrain ? (void)server.drained.erase(name) : (void)server.drained.insert(name);
    }
  }

  // No worker that is well may be lost to a clock.
  void JumpClock() {
    Server& server = Leader();
    if (!server.core) return;
    server.core->Tick(Clock(server));
    Drain();
    std::vector<std::string> well;
    for (auto& [name, worker] : workers_) {
      const WorkerState* state = StateOf(server, name);
      bool heard = state != nullptr && state->connected && server.core->now() - state->last_seen < absl::Seconds(10);
      if (heard && worker.unreachable_since == 0) well.push_back(name);
    }
    double jump = (random_.Unit() - 0.5) * 7200;
    if (jump > 0) jump += 20;  // A smaller one cannot be told from time that passed.
    server.clock_error += jump;
    server.core->Tick(Clock(server));
    for (const std::string& name : well) {
      const WorkerState* state = StateOf(server, name);
      if (state == nullptr || !state->connected) Violation("a worker was lost to a jump of the clock");
    }
  }

  void ControlJob() {
    Server& server = Leader();
    if (!server.core) return;
    auto it = store_.jobs().begin();
    std::advance(it, random_.Below(store_.jobs().size()));
    const std::string& id = it->first;
    if (random_.Below(4) == 0 && id != "job0") {
      (void)server.core->CancelJob(id, "cancelled", Clock(server));
      return;
    }
    (void)server.core->PauseJob(id, Clock(server));
    At(20 * random_.Unit(), [this, id] { ResumeAll(id); });
    At(kQuietAfter, [this, id] { ResumeAll(id); });
  }
  void ResumeAll(const std::string& id) {
    Server& server = Leader();
    if (server.core) (void)server.core->ResumeJob(id, Clock(server));
  }

  // --- Outcomes: maybe lost, late, twice; sent again until acknowledged.
  void Report(const std::string& name, const LeaseToken& token, std::function<void(Server&)> deliver) {
    Worker& worker = workers_[name];
    worker.working.erase(token.lease);
    uint64_t incarnation = worker.incarnation;
    auto send = [this, name, incarnation, lease = token.lease, deliver] {
      int copies = Chance(0.05) ? 2 : 1;
      for (int i = 0; i < copies; ++i) {
        At(0.001 + (Chance(0.05) ? random_.Unit() * 20 : 0), [this, name, incarnation, lease, deliver] {
          Worker& w = workers_[name];
          Server* server = Alive(w.server);
          if (!server || !w.up || w.partitioned || w.incarnation != incarnation) return;
          if (++w.delivered[lease] > 20) return Violation("an outcome is never acknowledged");
          deliver(*server);
        });
      }
    };
    worker.unacked[token.lease] = send;
    send();
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

  // Runs `finish` later on this incarnation of the worker, unless it crashed or the lease was cancelled meanwhile.
  void Work(const std::string& name, const LeaseToken& token, double secs, std::function<void()> finish) {
    Worker& worker = workers_[name];
    if (Chance(0.003)) return;  // Stuck: it still names the lease, and never ends.
    if (now_ < worker.slow_until && FaultsNow()) secs *= 60;
    uint64_t incarnation = worker.incarnation;
    At(secs, [this, name, token, incarnation, finish] {
      Worker& w = workers_[name];
      if (w.up && w.incarnation == incarnation && w.working.contains(token.lease)) finish();
    });
  }

  // --- Actions.
  void Drain() {
    for (auto& [epoch, server] : servers_) {
      while (server.core && result_.violations.empty()) {
        std::vector<Action> actions = server.core->TakeActions();
        if (actions.empty()) break;
        SimWrite write;
        for (Action& action : actions) std::visit([&](auto& a) { Do(server, a, write); }, action);
        if (write.rounds.empty() && write.outcomes.empty() && write.jobs.empty()) continue;
        server.pending.push_back(std::move(write));
        StartCommit(server);
      }
    }
  }

  // One transaction at a time, with all that has gathered.
  void StartCommit(Server& server) {
    if (server.committing || server.pending.empty()) return;
    server.committing = true;
    double takes = 0.005 + (Chance(0.02) ? 10 * random_.Unit() : 0);
    At(takes, [this, epoch = server.epoch] { Commit(epoch); });
  }

  void Commit(uint64_t epoch) {
    Server* server = Alive(epoch);
    if (server == nullptr) return;
    if (now_ < store_away_until_) {
      At(0.5, [this, epoch] { Commit(epoch); });
      return;
    }
    server->committing = false;
    std::vector<SimWrite> writes = std::exchange(server->pending, {});
    if (!store_.Commit(epoch, writes)) return KillServer(*server);  // Deposed.
    if (Chance(0.003)) return KillServer(*server);                  // Stored, but it never heard of it.
    for (const SimWrite& write : writes) {
      for (const SaveOutcome& save : write.outcomes) {
        server->saving.erase(save.token.lease);
        server->core->OutcomeSaved(save.slot, Clock(*server));
      }
    }
    StartCommit(*server);
  }

  const WorkerState* StateOf(const Server& server, const std::string& name) const {
    auto it = server.core->workers().all().find(name);
    return it == server.core->workers().all().end() ? nullptr : &it->second;
  }

  // The lease is on its way; false: it is lost.
  template <typename T>
  bool Accept(Server& server, const T& send, WorkerRole role) {
    if (server.drained.contains(send.worker)) Violation("a draining worker got a lease");
    const WorkerState* state = StateOf(server, send.worker);
    if (state == nullptr || state->busy[static_cast<int>(role)] > state->info.slots[static_cast<int>(role)]) {
      Violation("a worker got more leases than it has slots");
    }
    auto it = workers_.find(send.worker);
    if (it == workers_.end() || !it->second.up || it->second.partitioned || it->second.server != server.epoch) {
      return false;
    }
    if (send.token.leader_epoch < it->second.seen_epoch) Violation("a worker got a lease of an older leader");
    it->second.working.insert(send.token.lease);
    return true;
  }

  void CheckGiven(Server& server, const Slot& slot) {
    const JobRun* job = server.core->FindJob(slot.job_id);
    if (job == nullptr || job->state() != JobState::kRunning) Violation("a lease of a job that does not run was given");
    // Three attempts of each stage, doubled as stragglers, and what was given back.
    if (++server.given[{slot.job_id, *job->Find(slot)}] > 60) Violation("a slot is tried for ever");
  }

  void Do(Server& server, SendSearch& a, SimWrite&) {
    const JobRun* job = server.core->FindJob(a.job_id);
    if (job->state() != JobState::kRunning) Violation("a search of a job that does not run was started");
    if (a.round >= 1 && a.results.size() != a.round - 1) Violation("a search did not get the rounds up to r - 2");
    CheckSearchable(a);
    if (!Accept(server, a, WorkerRole::kSearch)) return;
    int trials = job->definition().trials_per_round;
    Work(a.worker, a.token, 0.5 + random_.Unit(), [this, a, trials] {
      SearchRound round;
      round.search_secs = 1;
      for (int i = 0; i < trials; ++i) {
        SearchCandidate candidate;
        candidate.skeleton_id = Sha256("skeleton");
        candidate.decisions_json = Candidate(a.task, a.round, i, a.results);
        round.candidates.push_back(candidate);
      }
      if (a.round > 30) round.candidates.clear();
      Report(a.worker, a.token,
             [this, a, round](Server& s) { s.core->SearchDone(a.worker, a.token, round, Clock(s)); });
    });
  }

  // Rounds before the last are complete, and stored.
  void CheckSearchable(const SendSearch& a) {
    const StoredSimJob& job = store_.jobs().at(a.job_id);
    if (job.rounds.empty()) return;
    std::map<uint32_t, size_t> done;
    for (const auto& [slot, outcome] : job.outcomes) {
      if (slot.round == kBaselineRound) continue;
      for (const RoundPlan& plan : job.rounds)
        done[plan.sequence] += plan.task == slot.task && plan.round == slot.round;
    }
    size_t open = 0;
    for (const RoundPlan& plan : job.rounds) open += done[plan.sequence] < plan.candidates.size();
    if (open > 1) Violation("a search started before the rounds before the last were stored");
  }

  void Do(Server& server, SendBuild& a, SimWrite&) {
    CheckGiven(server, a.slot);
    if (!Accept(server, a, WorkerRole::kBuild)) return;
    Work(a.worker, a.token, 0.2 + random_.Unit() * 0.3, [this, a] {
      Digest key = Sha256(a.candidate.decisions_json);
      bool fails = key.bytes[2] < 10;
      Report(a.worker, a.token, [this, a, key, fails](Server& s) {
        absl::Duration took = absl::Milliseconds(200);
        if (fails) return s.core->BuildFailed(a.worker, a.token, {FailureKind::kBuild, "no"}, took, Clock(s));
        artifacts_[key] = a.candidate.decisions_json;
        s.core->BuildDone(a.worker, a.token, key, took, Clock(s));
      });
    });
  }

  void Do(Server& server, SendRun& a, SimWrite&) {
    CheckGiven(server, a.slot);
    if (server.in_canary.contains(a.worker)) Violation("a device got a run while its canary was owed");
    if (!Accept(server, a, WorkerRole::kRun)) return;
    if (Chance(0.02)) artifacts_.erase(a.artifact_key);
    if (!artifacts_.contains(a.artifact_key)) {
      return Report(a.worker, a.token, [this, a](Server& s) {
        s.core->LeaseReturned(a.worker, a.token, {kArtifactUnknown, false, true}, Clock(s));
      });
    }
    std::string decisions = artifacts_[a.artifact_key];
    Work(a.worker, a.token, 0.05 + random_.Unit() * 0.2, [this, a, decisions] {
      Report(a.worker, a.token,
             [this, a, decisions](Server& s) { s.core->RunDone(a.worker, a.token, Measure(decisions), {}, Clock(s)); });
      LeaseToken other = a.token;
      ++other.lease;
      if (Chance(0.01)) {  // A confused worker: an outcome of a lease that it does not have.
        Report(a.worker, other, [this, a, other, decisions](Server& s) {
          const WorkerState* state = StateOf(s, a.worker);
          if (state == nullptr || state->leases.contains(other.lease)) return;
          s.core->RunDone(a.worker, other, Measure(decisions + "?"), {}, Clock(s));
        });
      }
    });
  }

  void Do(Server& server, SendCanary& a, SimWrite&) {
    const WorkerState* state = StateOf(server, a.worker);
    if (state->busy[static_cast<int>(WorkerRole::kRun)] > 0) Violation("a canary was sent to a device at work");
    auto it = workers_.find(a.worker);
    if (!it->second.up || it->second.partitioned || it->second.server != server.epoch) return;
    server.in_canary.insert(a.worker);
    it->second.working.insert(a.token.lease);
    Work(a.worker, a.token, 0.1, [this, a] {
      RunResult run;
      run.median = now_ < workers_[a.worker].sick_until && FaultsNow() ? 2e-3 : 1e-3;
      Report(a.worker, a.token, [this, a, run](Server& s) {
        s.in_canary.erase(a.worker);
        s.core->CanaryDone(a.worker, a.token, run, Clock(s));
      });
    });
  }

  void Do(Server&, SendCancel& a, SimWrite&) {
    workers_[a.worker].working.erase(a.token.lease);
    workers_[a.worker].unacked.erase(a.token.lease);
  }
  void Do(Server& server, SendAck& a, SimWrite&) {
    Worker& worker = workers_[a.worker];
    for (uint64_t lease : a.leases) {
      auto it = server.saving.find(lease);
      if (it != server.saving.end() && !store_.Has(it->second)) Violation("acknowledged before it was stored");
      if (worker.server == server.epoch) worker.unacked.erase(lease);
    }
  }
  void Do(Server&, SendCloseTask&, SimWrite&) {}
  void Do(Server&, SendDrain&, SimWrite&) {}

  void Do(Server&, SaveRound& a, SimWrite& write) { write.rounds.push_back(a); }
  void Do(Server& server, SaveOutcome& a, SimWrite& write) {
    if (a.token.leader_epoch != server.epoch) Violation("an outcome of another leader's lease was accepted");
    const RunResult& run = a.outcome.run;
    if (run.failure && run.failure->kind == FailureKind::kDeviceLost) {
      CheckQuarantine(a);  // No worker's outcome: nobody keeps it for us.
    } else {
      if (!run.failure && run.median != Measure(a.candidate.decisions_json).median) {
        Violation("a slot got the result of another candidate");
      }
      server.saving[a.token.lease] = a.slot;
    }
    write.outcomes.push_back(a);
  }
  void Do(Server&, SaveJobState& a, SimWrite& write) { write.jobs.push_back(a); }
  void Do(Server&, NotifyTrial& a, SimWrite&) {
    if (!store_.Has(a.slot)) Violation("a trial was shown before it was stored");
  }
  void Do(Server&, NotifyLog&, SimWrite&) {}
  void Do(Server&, NotifyLost&, SimWrite&) {}
  void Do(Server&, NotifyState&, SimWrite&) {}

  void CheckQuarantine(const SaveOutcome& a) {
    const std::string& message = a.outcome.run.failure->message;
    bool poison = message.find(kPoison) != std::string::npos;
    if (message.find("the last: ") == std::string::npos) Violation("a quarantined slot does not say why");
    if (message.find(kArtifactUnknown) != std::string::npos) Violation("a slot was given up for a dropped artifact");
    if (!poison && !options_.faults) Violation("a slot lost its leases on a quiet farm: " + message);
    if (!Poisonous(a.candidate.decisions_json)) ++result_.lost_slots;
  }

  // A worker that nobody hears holds nothing for long.
  void CheckLeases(const Server& server) {
    if (&server != &Leader()) return;
    for (const auto& [name, worker] : workers_) {
      if (worker.unreachable_since == 0 || now_ < worker.unreachable_since + 25) continue;
      const WorkerState* state = StateOf(server, name);
      if (state != nullptr && !state->leases.empty() && now_ > server_quiet_ + 25) {
        Violation("a worker that fell silent still holds leases");
      }
    }
  }

  // What everybody does, for the reader of a violation.
  std::string Where() {
    Server& server = Leader();
    if (!server.core) return "; no server";
    std::string text;
    for (const std::string& id : server.core->JobIds()) {
      JobReport report = *server.core->Report(id, Clock(server));
      StrAppend(&text, "; ", id, " is ", JobStateName(report.state), " with ", report.trials, " of ", report.max_trials,
                " trials ", report.reason);
    }
    for (const auto& [name, worker] : server.core->workers().all()) {
      StrAppend(&text, "; ", name, worker.connected ? " connected" : " lost", worker.draining ? " draining" : "",
                worker.health.Quarantined(server.core->now()) ? " quarantined" : "", " doing");
      for (const auto& activity : server.core->Doing(worker)) StrAppend(&text, " [", activity.text, "]");
      StrAppend(&text, workers_[name].up ? "" : " (down)", " stream to ", workers_[name].server);
    }
    return text;
  }

  // The leader is alive, and nobody waits for an answer.
  bool Settled() {
    if (Leader().core == nullptr || !Leader().pending.empty() || Leader().committing) return false;
    for (const auto& [name, worker] : workers_) {
      if (worker.up && !worker.unacked.empty()) return false;
    }
    return true;
  }

  void CheckEnd() {
    const Coordinator& core = *Leader().core;
    result_.stragglers += core.counts().stragglers;
    if (!options_.faults && core.counts().lost > 3 * static_cast<int64_t>(store_.jobs().size()) * 60) {
      Violation("leases were lost on a quiet farm");
    }
    if (core.num_leases() != 0) Violation("leases are left after the end");
    for (const auto& [id, job] : store_.jobs()) CheckJob(core, id, job);
  }

  void CheckJob(const Coordinator& core, const std::string& id, const StoredSimJob& job) {
    if (job.state == JobState::kCancelled && options_.faults) return;
    if (job.state != JobState::kDone) return Violation(StrCat(id, " ended as ", JobStateName(job.state)));
    int64_t trials = 0;
    for (const auto& [slot, saved] : job.outcomes) {
      if (slot.round == kBaselineRound) continue;
      ++trials;
      const RunResult& run = saved.outcome.run;
      result_.results[id].push_back(
          StrCat(slot.task, "/", slot.round, "/", slot.slot, " ", saved.decisions, " -> ",
                 run.failure ? std::string(FailureKindName(run.failure->kind)) : StrCat(run.median)));
    }
    if (trials > job.definition.max_trials) Violation("more trials than asked for");
    if (core.FindJob(id) == nullptr) return;  // It ended under an earlier leader.
    JobReport report = *core.Report(id, Clock(Leader()));
    for (const TaskReport& task : report.tasks) result_.lost_slots += !task.error.empty();
    if (report.trials != trials) Violation("the report does not agree with the store");
  }

  const SimulationOptions options_;
  CounterRandom random_;
  CounterRandom shape_;
  double now_ = kStart;
  double server_quiet_ = kStart;
  double store_away_until_ = 0;
  std::map<std::pair<double, uint64_t>, std::function<void()>> queue_;
  uint64_t next_event_ = 0;
  uint64_t next_incarnation_ = 0;
  int64_t ticks_ = 0;
  std::map<uint64_t, Server> servers_;  // By epoch.
  std::map<std::string, Worker> workers_;
  std::map<Digest, std::string> artifacts_;
  SimulationResult result_;
  SimulatedStore store_;
};

}  // namespace

SimulationResult SimulateFarm(const SimulationOptions& options) { return Farm(options).Run(); }

}  // namespace hone::testing
