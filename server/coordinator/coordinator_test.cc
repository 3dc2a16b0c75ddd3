// Behaviours of the core that the simulation does not ask for by name: shares, priorities, stragglers, reasons.
#include "server/coordinator/coordinator.h"

#include <gtest/gtest.h>

#include "common/support/strings.h"

namespace hone {
namespace {

constexpr char kTarget[] = R"({"kind":"llvm","mcpu":"znver4"})";

JobDefinition Job(const std::string& id, const std::string& tenant, int priority = 0) {
  JobDefinition job;
  job.id = id;
  job.tenant = tenant;
  job.priority = priority;
  job.max_trials = 10'000;
  job.max_trials_per_task = 10'000;
  job.trials_per_round = 100;
  job.measure_baseline = false;
  TaskDefinition& task = job.tasks.emplace_back();
  task.name = "t";
  task.workload = WorkloadFromScript("s");
  task.target_json = kTarget;
  return job;
}

// A farm whose searches, builds and commits take no time; runs end when the test says so.
class Farm {
 public:
  Farm() : core_(CoordinatorOptions()) {}

  void AddWorker(const std::string& name, const std::string& roles, int run_slots = 1,
                 std::set<std::string> build_kinds = {}) {
    WorkerInfo info;
    info.name = name;
    info.target_json = kTarget;
    info.build_kinds = std::move(build_kinds);
    info.incarnation = 1;
    if (roles.find('s') != std::string::npos) info.slots[0] = 1;
    if (roles.find('b') != std::string::npos) info.slots[1] = 8;
    if (roles.find('r') != std::string::npos) info.slots[2] = run_slots;
    core_.WorkerConnected(info, now_);
    names_.push_back(name);
    Act();
  }
  void Submit(JobDefinition job) {
    core_.SubmitJob(std::move(job), now_);
    Act();
  }
  // Time goes by, with heartbeats and ticks.
  void Pass(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      now_ += absl::Seconds(1);
      for (const std::string& name : names_) {
        std::vector<uint64_t> leases;
        for (const SendRun& run : runs_) {
          if (run.worker == name) leases.push_back(run.token.lease);
        }
        core_.Heartbeat(name, leases, now_);
      }
      core_.Tick(now_);
      Act();
    }
  }
  // Ends the oldest run of `worker`; the job that it was for.
  std::string FinishRun(const std::string& worker) {
    for (auto it = runs_.begin(); it != runs_.end(); ++it) {
      if (it->worker != worker) continue;
      SendRun run = *it;
      runs_.erase(it);
      RunResult result;
      result.median = 1e-3;
      result.samples = {1e-3};
      core_.RunDone(worker, run.token, result, {}, now_);
      Act();
      return run.slot.job_id;
    }
    return "";
  }
  int RunsOf(const std::string& worker) const {
    return static_cast<int>(
        std::count_if(runs_.begin(), runs_.end(), [&](const SendRun& run) { return run.worker == worker; }));
  }
  // Of the searches from now on.
  void set_search_log(std::string log) { log_ = std::move(log); }
  const std::vector<std::string>& logs() const { return logs_; }
  Coordinator& core() { return core_; }
  absl::Time now() const { return now_; }

 private:
  void Act() {
    for (std::vector<Action> actions = core_.TakeActions(); !actions.empty(); actions = core_.TakeActions()) {
      for (Action& action : actions) std::visit([this](auto& a) { Do(a); }, action);
    }
  }
  void Do(SendSearch& a) {
    SearchRound round;
    for (int i = 0; i < 100; ++i) {
      round.candidates.push_back({Sha256("s"), StrCat("[[0,[", a.round, ",", i, "]]]"), 0});
    }
    round.log = log_;
    core_.SearchDone(a.worker, a.token, round, now_);
  }
  void Do(SendBuild& a) {
    core_.BuildDone(a.worker, a.token, Sha256(a.candidate.decisions_json), absl::ZeroDuration(), now_);
  }
  void Do(SendRun& a) { runs_.push_back(a); }
  void Do(SaveOutcome& a) { core_.OutcomeSaved(a.slot, now_); }
  void Do(SendCancel& a) {
    std::erase_if(runs_, [&](const SendRun& run) { return run.token.lease == a.token.lease; });
  }
  void Do(NotifyLog& a) { logs_.push_back(a.text); }
  template <typename Other>
  void Do(Other&) {}

  std::string log_;
  std::vector<std::string> logs_;
  Coordinator core_;
  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  std::vector<std::string> names_;
  std::vector<SendRun> runs_;
};

TEST(CoordinatorTest, TenantsShareADeviceByTheirWeights) {
  Farm farm;
  farm.core().SetTenantWeight("heavy", 2);
  farm.Submit(Job("a", "light"));
  farm.Submit(Job("b", "heavy"));
  farm.Submit(Job("c", "heavy"));  // More jobs are no larger share.
  farm.AddWorker("w", "sbr");
  std::map<std::string, int> ran;
  for (int i = 0; i < 90; ++i) {
    farm.Pass(1);
    ++ran[farm.FinishRun("w")];
  }
  EXPECT_NEAR(ran["a"], 30, 3);
  EXPECT_NEAR(ran["b"] + ran["c"], 60, 3);
}

TEST(CoordinatorTest, TheLastRankingOfTheModelIsInTheReport) {
  Farm farm;
  farm.set_search_log(
      "sampled 3\nmodel on round 1: rank correlation 0.25\nmodel on round 2: rank correlation 0.5\ntree\n");
  farm.Submit(Job("a", "t"));
  farm.AddWorker("w", "sbr");
  EXPECT_EQ(farm.core().FindJob("a")->Report(farm.now()).tasks[0].ranking, "model on round 2: rank correlation 0.5");
  ASSERT_FALSE(farm.logs().empty());
  EXPECT_EQ(farm.logs()[0].substr(0, 31), "t: sampled 3\nt: model on round ");
}

TEST(CoordinatorTest, ATenantThatComesLateGetsNoCreditForItsAbsence) {
  Farm farm;
  farm.Submit(Job("a", "early"));
  farm.AddWorker("w", "sbr");
  for (int i = 0; i < 50; ++i) {
    farm.Pass(1);
    farm.FinishRun("w");
  }
  farm.Submit(Job("b", "late"));
  std::map<std::string, int> ran;
  for (int i = 0; i < 40; ++i) {
    farm.Pass(1);
    ++ran[farm.FinishRun("w")];
  }
  EXPECT_NEAR(ran["a"], 20, 3);
  EXPECT_NEAR(ran["b"], 20, 3);
}

TEST(CoordinatorTest, PrioritiesOrderTheJobsOfOneTenant) {
  Farm farm;
  farm.Submit(Job("low", "t", 0));
  farm.Submit(Job("high", "t", 5));
  farm.AddWorker("w", "sbr");
  for (int i = 0; i < 20; ++i) {
    farm.Pass(1);
    EXPECT_EQ(farm.FinishRun("w"), "high");
  }
}

// A run worker holds one lease more than it has devices; a device is idle when there is none for it.
TEST(CoordinatorTest, DevicesAreIdleWhenTheyHaveNoRunNotWhenASlotIsToSpare) {
  Farm farm;
  JobDefinition job = Job("j", "t");
  job.max_trials = 3;
  farm.Submit(job);
  farm.AddWorker("other", "sb");
  farm.AddWorker("one", "r", /*run_slots=*/2);
  farm.Pass(10);
  EXPECT_EQ(farm.RunsOf("one"), 2);
  const auto idle = [&] { return farm.core().Report("j", farm.now())->time.run_idle; };
  EXPECT_DOUBLE_EQ(idle(), 0);
  farm.FinishRun("one");
  farm.FinishRun("one");
  EXPECT_EQ(farm.RunsOf("one"), 1);  // The last candidate: a slot to spare, the device at work.
  farm.Pass(10);
  EXPECT_DOUBLE_EQ(idle(), 0);
  farm.AddWorker("two", "r", /*run_slots=*/3);
  farm.Pass(2);
  EXPECT_NEAR(idle(), 4, 1e-6);  // Two devices for two seconds.
}

TEST(CoordinatorTest, AStragglerIsGivenToAnIdleWorkerOnceMore) {
  Farm farm;
  JobDefinition job = Job("j", "t");
  job.max_trials = 4;
  farm.Submit(job);
  farm.AddWorker("slow", "sbr");
  for (int i = 0; i < 3; ++i) {
    farm.Pass(1);
    farm.FinishRun("slow");
  }
  farm.AddWorker("idle", "r");
  EXPECT_EQ(farm.RunsOf("slow"), 1);  // The last one.
  farm.Pass(4);
  EXPECT_EQ(farm.RunsOf("idle"), 0);
  farm.Pass(3);
  EXPECT_EQ(farm.RunsOf("idle"), 1);
  farm.FinishRun("idle");
  EXPECT_EQ(farm.RunsOf("slow"), 0);  // Cancelled.
  EXPECT_EQ(farm.core().FindJob("j")->state(), JobState::kDone);
  EXPECT_EQ(farm.core().counts().stragglers, 1);
  EXPECT_EQ(farm.core().num_leases(), 0u);
}

TEST(CoordinatorTest, AJobSaysWhatItWaitsFor) {
  Farm farm;
  farm.Submit(Job("a", "t"));
  farm.Submit(Job("b", "t"));
  auto reason = [&](const std::string& id) { return farm.core().Report(id, farm.now())->reason; };
  EXPECT_NE(reason("a").find("no worker with the role search is connected"), std::string::npos) << reason("a");
  farm.AddWorker("w", "sbr");
  std::string waiting = reason("a") + reason("b");
  EXPECT_NE(waiting.find("waits for its turn: 1 of 1 workers with the role run are busy"), std::string::npos)
      << waiting;
}

TEST(CoordinatorTest, OnlyABuilderWithTheCompilerBuilds) {
  Farm farm;
  farm.Submit(Job("a", "t"));
  farm.AddWorker("s", "sr");
  farm.AddWorker("a-gpu-builder", "b", 1, {"cuda"});
  auto reason = [&] { return farm.core().Report("a", farm.now())->reason; };
  EXPECT_NE(reason().find("no worker can build it; a-gpu-builder: it builds for cuda, the task wants llvm"),
            std::string::npos)
      << reason();
  EXPECT_EQ(farm.RunsOf("s"), 0);
  farm.AddWorker("builder", "b", 1, {"cuda", "llvm"});
  EXPECT_EQ(farm.RunsOf("s"), 1);
  EXPECT_EQ(farm.core().workers().all().at("a-gpu-builder").finished, 0);
  EXPECT_GT(farm.core().workers().all().at("builder").finished, 0);
  // It comes back without its compiler.
  farm.AddWorker("builder", "b", 1, {"cuda"});
  EXPECT_NE(reason().find("no worker can build it"), std::string::npos) << reason();
}

TEST(CoordinatorTest, QueuesAreCountedByRoleAndTarget) {
  Farm farm;
  farm.Submit(Job("a", "t"));
  farm.AddWorker("w", "sbr");
  std::vector<Coordinator::TargetQueue> queues = farm.core().TargetQueues();
  ASSERT_EQ(queues.size(), 1u);
  EXPECT_EQ(queues[0].role, WorkerRole::kRun);
  EXPECT_EQ(queues[0].target_json, kTarget);
  EXPECT_EQ(queues[0].waiting, 199u);  // Two rounds are searched ahead; one candidate runs.
  EXPECT_EQ(queues[0].workers, 1);
  EXPECT_EQ(queues[0].busy, 1);
}

}  // namespace
}  // namespace hone
