// kill -9 of everything at random points: nothing acknowledged is lost, nothing counts twice, every job ends.
//   HONE_CHAOS_KILLS   how many kills (default 12; 60 in the long form), over as many jobs as that takes
//   HONE_CHAOS_TRIALS  trials of a job (default 600; 2,000 in the long form), 20 ms each on two made-up devices
//   HONE_CHAOS_SEED    of the choice of victims and moments
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/support/random.h"
#include "tests/chaos/chaos_farm.h"

namespace hone::testing {
namespace {

uint64_t FromEnv(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

bool Long() { return std::getenv("HONE_LONG_TESTS") != nullptr; }

constexpr char kMatmul[] = R"(# from tvm.script import ir as I
# from tvm.script import tir as T

@I.ir_module
class Module:
    @T.prim_func
    def main(A: T.Buffer((64, 64), "float32"), B: T.Buffer((64, 64), "float32"), C: T.Buffer((64, 64), "float32")):
        T.func_attr({"tir.noalias": T.bool(True)})
        # with T.block("root"):
        for i, j, k in T.grid(64, 64, 64):
            with T.block("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                T.reads(A[vi, vk], B[vk, vj])
                T.writes(C[vi, vj])
                with T.init():
                    C[vi, vj] = T.float32(0)
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
)";

using KillTest = ChaosFarm;

TEST_F(KillTest, NothingIsLostAndNothingCountsTwice) {
  AddServer();
  AddWorkers({"search", "build", "run1", "run2"}, {"--synthetic-run-secs", "0.02"});
  WaitUntilServing();
  int kills = static_cast<int>(FromEnv("HONE_CHAOS_KILLS", Long() ? 60 : 12));
  auto trials = static_cast<int64_t>(FromEnv("HONE_CHAOS_TRIALS", Long() ? 2000 : 600));
  CounterRandom random({FromEnv("HONE_CHAOS_SEED", 1)});
  std::vector<std::string> victims = {"server", "search", "build", "run1", "run2", "postgres"};
  while (kills_ < kills && !HasFailure()) {
    report_.Clear();
    std::string id = Submit({"synthetic 0", "synthetic 1"}, trials, 64);
    while (kills_ < kills && !EndedNow() && !HasFailure()) {
      std::this_thread::sleep_for(milliseconds(200 + random.Below(800)));
      KillDuring(id, kills_ % 3 == 0 ? "server" : victims[random.Below(victims.size())]);
    }
    CheckJob(id, trials, 2, 120);
  }
  CheckTimes();
  EXPECT_EQ(processes_["run1"]->Terminate(), 0);  // Drains and leaves.
}

// The same with kernels that are searched, compiled and timed: three kills each of server, workers and PostgreSQL.
TEST_F(KillTest, RealKernelsSurviveToo) {
  if (!Long()) GTEST_SKIP() << "long form only";
  AddServer();
  AddWorkers({"search", "build", "run"}, {});
  WaitUntilServing();
  std::string id = Submit({kMatmul}, 96, 8);
  for (const char* victim :
       {"server", "run", "postgres", "server", "build", "postgres", "server", "search", "postgres"}) {
    int64_t before = report_.trials();
    Until("two more trials", 120,
          [&] { return EndedNow() || (Report(id, &report_) && report_.trials() >= before + 2); });
    if (EndedNow()) break;
    KillDuring(id, victim);
  }
  EXPECT_EQ(kills_, 9);
  CheckJob(id, 96, 1, 300);
  CheckTimes();
}

}  // namespace
}  // namespace hone::testing
