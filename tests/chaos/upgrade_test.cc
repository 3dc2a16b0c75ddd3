// A rolling upgrade under load: a standby of this revision takes over from a server of the previous one, then its
// workers are replaced one after another while a job runs. Nothing is lost, nothing counts twice, no candidate pays for
// it.
//   HONE_PREVIOUS_FOLDER  holds hone-server and hone-worker of the previous revision; unset: this build stands for it
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/chaos/chaos_farm.h"

namespace hone::testing {
namespace {

using UpgradeTest = ChaosFarm;

std::string Previous(const std::string& folder, const std::string& name) {
  const char* previous = std::getenv("HONE_PREVIOUS_FOLDER");
  return previous == nullptr ? BuiltBinary(folder + "/" + name) : std::string(previous) + "/" + name;
}

TEST_F(UpgradeTest, ServerThenWorkersAreReplacedUnderLoad) {
  const std::vector<std::string> flags = {"--synthetic-run-secs", "0.01"};
  const std::vector<std::string> names = {"search", "build", "run1", "run2"};
  Add("server", Previous("server", "hone-server"), ServerArgs());
  for (const std::string& name : names) Add(name, Previous("worker", "hone-worker"), WorkerArgs(name, flags));
  WaitUntilServing();
  const int64_t trials = std::getenv("HONE_LONG_TESTS") != nullptr ? 2000 : 600;
  std::string id = Submit({"synthetic 0", "synthetic 1"}, trials, 64);
  auto reach = [&](int64_t count) {
    Until("more trials", 60, [&] { return Report(id, &report_) && report_.trials() >= count; });
  };
  reach(trials / 6);
  Add("standby", BuiltBinary("server/hone-server"), ServerArgs());
  std::this_thread::sleep_for(milliseconds(700));
  EXPECT_TRUE(processes_["standby"]->running()) << "it does not wait";
  auto start = steady_clock::now();
  EXPECT_EQ(processes_["server"]->Terminate(), 0);
  WaitUntilServing();
  printf("serving by the standby %.2f s after the old server was told to stop\n", SecondsSince(start));
  EXPECT_LT(SecondsSince(start), 5);
  reach(trials / 3);  // The old workers serve the new server.
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(processes_[names[i]]->Terminate(), 0);
    Add(names[i], BuiltBinary("worker/hone-worker"), WorkerArgs(names[i], flags));
    reach(trials / 3 + trials / 8 * static_cast<int64_t>(i + 1));
  }
  CheckJob(id, trials, 2, 120);
  for (const v1::FailureCount& failure : report_.failures()) {
    EXPECT_NE(failure.kind(), v1::FAILURE_KIND_DEVICE_LOST) << failure.example();
  }
}

TEST_F(UpgradeTest, AStandbyTakesOverFromAKilledLeader) {
  AddServer();
  AddWorkers({"search", "build", "run1"}, {"--synthetic-run-secs", "0.01"});
  WaitUntilServing();
  std::string id = Submit({"synthetic 0"}, 300, 64);
  Until("the first trials", 30, [&] { return Report(id, &report_) && report_.trials() > 20; });
  Add("standby", BuiltBinary("server/hone-server"), ServerArgs());
  std::this_thread::sleep_for(milliseconds(700));
  auto start = steady_clock::now();
  processes_["server"]->Kill();
  WaitUntilServing();
  printf("serving by the standby %.2f s after the leader was killed\n", SecondsSince(start));
  EXPECT_LT(SecondsSince(start), 5);
  CheckJob(id, 300, 1, 60);
}

}  // namespace
}  // namespace hone::testing
