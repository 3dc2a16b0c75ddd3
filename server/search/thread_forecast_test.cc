// What is forecast before the replay comes true after it.
#include "server/search/thread_forecast.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "common/intrin/intrin.h"
#include "common/support/random.h"
#include "common/support/status_matchers.h"
#include "common/workload/standard.h"
#include "server/search/candidate_factory.h"

namespace hone {
namespace {

struct Case {
  const char* workload;
  int index;
  const char* target;
  bool half;
  bool forecasts;  // Some are known to be refused for their threads.
};

std::string NameOf(const ::testing::TestParamInfo<Case>& info) {
  return std::string(info.param.workload) + (info.param.half ? "_half" : "");
}

class ThreadForecastTest : public ::testing::TestWithParam<Case> {};

// HONE_CANDIDATES: how many mutants a case (60 unless told), HONE_CANDIDATE_SEED: where they start.
TEST_P(ThreadForecastTest, WhatIsSureToMisfitIsRefusedByTheFullPath) {
  const char* count_text = std::getenv("HONE_CANDIDATES");
  const char* seed_text = std::getenv("HONE_CANDIDATE_SEED");
  const int count = count_text != nullptr ? std::atoi(count_text) : 60;
  const uint64_t seed = seed_text != nullptr ? static_cast<uint64_t>(std::atoll(seed_text)) : 1;
  workload::StandardOptions standard;
  standard.for_gpu = true;
  if (GetParam().half) standard.in_dtype = ir::DataType::Float(16);
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, workload::Standard(GetParam().workload, GetParam().index, standard));
  ASSERT_OK_AND_ASSIGN(const Target target, Target::Parse(GetParam().target));
  PostOrderApply generator;
  ASSERT_OK(generator.Initialize(SpaceContext{target, FindTensorIntrin}, module));
  ASSERT_OK_AND_ASSIGN(const std::vector<schedule::Schedule> spaces, generator.Generate(module, 1));
  schedule::ScheduleOptions options;
  options.seed = 1;
  options.intrinsics = FindTensorIntrin;
  ASSERT_OK_AND_ASSIGN(const schedule::Schedule start, schedule::Schedule::Create(module, options));
  const CandidateFactory factory(start.CopyWithSeed(1), target, generator, /*with_features=*/false);
  lower::GpuLimits limits;
  limits.threads = *target.GetInt("max_threads_per_block");
  limits.warp_size = *target.GetInt("thread_warp_size");
  CounterRandom random({seed});
  int refused = 0;
  int forecast = 0;
  for (int i = 0; i < count; ++i) {
    const schedule::Trace space = spaces[random.Below(spaces.size())].trace().Simplified(/*remove_postproc=*/true);
    schedule::Schedule drawn = start.CopyWithSeed(static_cast<int64_t>(1 + random.Below(1 << 30)));
    const auto draw = [](size_t, const schedule::Instruction&) { return schedule::Value::None(); };
    if (!space.ApplyTo(drawn, /*remove_postproc=*/true, draw).ok()) continue;
    const schedule::Trace trace = space.WithDecisionsOf(drawn.trace());
    size_t first = 0;
    while (first < trace.size() && !trace.instructions()[first].row->name.starts_with("Sample")) ++first;
    schedule::Schedule begun = start.CopyWithSeed(1);
    schedule::RvMap map;
    ASSERT_OK(schedule::ReplayPart(trace, 0, first, begun, map));
    const bool misfits = AreThreadsSureToMisfit(trace, begun, map, limits);
    const bool made = factory.MakeByFullPath(trace) != nullptr;
    refused += !made;
    forecast += misfits;
    ASSERT_FALSE(misfits && made) << "candidate " << i << ", HONE_CANDIDATE_SEED=" << seed << "\n" << trace.ToString();
  }
  std::printf("%s: %d of %d refused, %d forecast\n", NameOf({GetParam(), 0}).c_str(), refused, count, forecast);
  EXPECT_TRUE(forecast > 0 || !GetParam().forecasts);
}

constexpr char kPlain[] = "nvidia/nvidia-v100";
constexpr char kTensorCores[] = "nvidia/nvidia-a100";

INSTANTIATE_TEST_SUITE_P(StandardWorkloads, ThreadForecastTest,
                         ::testing::Values(Case{"GMM", 2, kPlain, false, true}, Case{"C2D", 2, kPlain, false, true},
                                           Case{"GMM", 2, kTensorCores, true, true},
                                           Case{"C2D", 2, kTensorCores, true, true},
                                           Case{"TBG", 0, kPlain, false, true}, Case{"CBR", 1, kPlain, false, true},
                                           Case{"SFM", 0, kPlain, false, false}, Case{"T2D", 0, kPlain, false, true}),
                         NameOf);

}  // namespace
}  // namespace hone
