// A replay that starts from the cache is the replay from the beginning.
#include "server/search/prefix_cache.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/intrin/intrin.h"
#include "common/ir/structural_hash.h"
#include "common/support/random.h"
#include "common/support/status_matchers.h"
#include "common/workload/standard.h"
#include "server/space/space_generator.h"

namespace hone {
namespace {

using schedule::Schedule;
using schedule::Trace;

struct Case {
  const char* workload;
  int index;
  const char* target;
};

constexpr char kLlvm[] = "llvm -mcpu=znver2 -num-cores=4";
constexpr char kCuda[] = "nvidia/nvidia-v100";
constexpr char kTensorCore[] = "nvidia/nvidia-a100";

schedule::Value Draw(size_t, const schedule::Instruction&) { return schedule::Value::None(); }

// The schedule of a workload that nothing was done to, and the traces of its spaces.
struct Workload {
  std::optional<Schedule> start;
  std::vector<Trace> spaces;

  void Make(const Case& c) {
    workload::StandardOptions options;
    options.for_gpu = c.target != kLlvm;
    if (c.target == kTensorCore) options.in_dtype = ir::DataType::Float(16);
    ASSERT_OK_AND_ASSIGN(const ir::IRModule module, workload::Standard(c.workload, c.index, options));
    ASSERT_OK_AND_ASSIGN(const Target target, Target::Parse(c.target));
    PostOrderApply generator;
    ASSERT_OK(generator.Initialize(SpaceContext{target, FindTensorIntrin}, module));
    ASSERT_OK_AND_ASSIGN(const std::vector<Schedule> schedules, generator.Generate(module, 1));
    for (const Schedule& sch : schedules) spaces.push_back(sch.trace().Simplified(/*remove_postproc=*/true));
    schedule::ScheduleOptions of_start;
    of_start.seed = 1;
    of_start.intrinsics = FindTensorIntrin;
    ASSERT_OK_AND_ASSIGN(Schedule made, Schedule::Create(module, of_start));
    start = std::move(made);
  }
};

// What a replay came to: whether it was accepted, the program, the decisions.
struct Outcome {
  bool ok = false;
  uint64_t hash = 0;
  std::string trace;
  bool operator==(const Outcome& other) const = default;
};

Outcome OutcomeOf(const absl::Status& status, const Schedule& sch) {
  return {status.ok(), ir::StructuralHash(sch.module()), sch.trace().ToString()};
}

Outcome FromTheBeginning(const Workload& workload, const Trace& trace, int64_t seed, bool draw) {
  Schedule sch = workload.start->CopyWithSeed(seed);
  const absl::Status status =
      draw ? trace.ApplyTo(sch, /*remove_postproc=*/true, Draw) : trace.ApplyTo(sch, /*remove_postproc=*/true);
  return OutcomeOf(status, sch);
}

Outcome FromTheCache(PrefixCache& cache, const Workload& workload, const Trace& trace, int64_t seed, bool draw) {
  auto started = cache.Start(*workload.start, trace, seed);
  if (!started.has_value()) return {};
  const Trace::DecisionProvider fresh = Draw;
  const absl::Status status = schedule::ReplayPart(trace, started->next, trace.SizeWithoutPostproc(), started->schedule,
                                                   started->map, draw ? &fresh : nullptr);
  return OutcomeOf(status, started->schedule);
}

class PrefixCacheTest : public ::testing::TestWithParam<Case> {};

// HONE_CANDIDATES: how many random traces a case (12 unless told), HONE_CANDIDATE_SEED: where they start.
TEST_P(PrefixCacheTest, ReplayFromTheCacheIsTheFullReplay) {
  const char* count_text = std::getenv("HONE_CANDIDATES");
  const char* seed_text = std::getenv("HONE_CANDIDATE_SEED");
  const int count = count_text != nullptr ? std::atoi(count_text) : 12;
  const uint64_t first_seed = seed_text != nullptr ? static_cast<uint64_t>(std::atoll(seed_text)) : 1;
  Workload workload;
  ASSERT_NO_FATAL_FAILURE(workload.Make(GetParam()));
  PrefixCache cache;
  CounterRandom random({first_seed});
  for (int i = 0; i < count; ++i) {
    const Trace& space = workload.spaces[random.Below(workload.spaces.size())];
    const auto seed = static_cast<int64_t>(1 + random.Below(1 << 30));
    const Outcome drawn = FromTheBeginning(workload, space, seed, /*draw=*/true);
    ASSERT_EQ(FromTheCache(cache, workload, space, seed, /*draw=*/true), drawn)
        << "trace " << i << ", HONE_CANDIDATE_SEED=" << first_seed << "\n"
        << drawn.trace;
    // The same with the decisions that were drawn, in memory of their own.
    Schedule sch = workload.start->CopyWithSeed(seed);
    if (!space.ApplyTo(sch, /*remove_postproc=*/true, Draw).ok()) continue;
    const Trace decided = space.WithDecisionsOf(sch.trace());
    const Outcome full = FromTheBeginning(workload, decided, 1, /*draw=*/false);
    EXPECT_EQ(full.hash, drawn.hash);
    ASSERT_EQ(FromTheCache(cache, workload, decided, 1, /*draw=*/false), full)
        << "trace " << i << ", HONE_CANDIDATE_SEED=" << first_seed << "\n"
        << full.trace;
  }
}

INSTANTIATE_TEST_SUITE_P(Workloads, PrefixCacheTest,
                         ::testing::Values(Case{"GMM", 0, kLlvm}, Case{"GMM", 0, kCuda}, Case{"GMM", 2, kTensorCore},
                                           Case{"C2D", 1, kLlvm}, Case{"C2D", 1, kCuda}, Case{"C2D", 1, kTensorCore},
                                           Case{"SFM", 0, kLlvm}, Case{"SFM", 0, kCuda}, Case{"CBR", 1, kCuda},
                                           Case{"TBG", 0, kLlvm}));

TEST(PrefixCacheUseTest, TracesOfOneSpaceShareWhatIsKept) {
  Workload workload;
  ASSERT_NO_FATAL_FAILURE(workload.Make({"GMM", 0, kCuda}));
  PrefixCache cache;
  const Trace& trace = workload.spaces[0];
  const auto first = cache.Start(*workload.start, trace, 1);
  const auto second = cache.Start(*workload.start, trace.WithDecisionsOf(trace), 2);
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_GT(first->next, 0u);
  EXPECT_EQ(trace.instructions()[first->next].row->name, "SamplePerfectTile");
  EXPECT_NE(first->kept, nullptr);
  EXPECT_EQ(second->kept, first->kept);
}

TEST(PrefixCacheUseTest, ABeginningThatDoesNotReplayGivesNothing) {
  Workload matmul, softmax;
  ASSERT_NO_FATAL_FAILURE(matmul.Make({"GMM", 0, kCuda}));
  ASSERT_NO_FATAL_FAILURE(softmax.Make({"SFM", 0, kCuda}));
  PrefixCache cache;
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(cache.Start(*softmax.start, matmul.spaces[0], 1).has_value());
  }
}

TEST(PrefixCacheUseTest, ThreadsMayStartFromItAtOnce) {
  Workload workload;
  ASSERT_NO_FATAL_FAILURE(workload.Make({"GMM", 0, kCuda}));
  const Outcome full = FromTheBeginning(workload, workload.spaces[0], 7, /*draw=*/true);
  PrefixCache cache;
  std::vector<Outcome> outcomes(8);
  std::vector<std::thread> threads;
  for (Outcome& outcome : outcomes) {
    threads.emplace_back([&] { outcome = FromTheCache(cache, workload, workload.spaces[0], 7, /*draw=*/true); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Outcome& outcome : outcomes) EXPECT_EQ(outcome, full);
}

}  // namespace
}  // namespace hone
