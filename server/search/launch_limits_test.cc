// Random candidates of the standard workloads, of every kind of design space for GPUs, that the search accepts: built
// whole, no kernel asks its device for more shared memory than there is.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "common/intrin/intrin.h"
#include "common/lower/gpu/shared_layout.h"
#include "common/lower/lower.h"
#include "common/support/long_tests.h"
#include "common/support/random.h"
#include "common/support/status_matchers.h"
#include "common/target/cuda_limits.h"
#include "common/workload/standard.h"
#include "server/search/candidate_factory.h"
#include "server/space/space_factory.h"

namespace hone {
namespace {

struct Device {
  const char* target;
  const char* space;
  bool half;
};

// A device with 64 KiB is the one whose limit random candidates meet most often.
constexpr Device kDevices[] = {
    {"nvidia/nvidia-t4", "hone", false},
    {"nvidia/nvidia-t4", "hone", true},
    {"nvidia/nvidia-t4", "post-order-apply", false},
    {"nvidia/nvidia-h200", "hone", false},
    {"nvidia/nvidia-h200", "hone", true},
};

class LaunchLimitsTest : public ::testing::TestWithParam<const char*> {
 protected:
  void Check(const ir::IRModule& workload, const Device& device, int count, uint64_t seed) {
    ASSERT_OK_AND_ASSIGN(const Target target, Target::Parse(device.target));
    const lower::MachineTraits machine = lower::TraitsOf(target);
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<SpaceGenerator> space,
                         MakeSpaceGenerator(device.space, {target, FindTensorIntrin}, workload, {}));
    ASSERT_OK_AND_ASSIGN(const std::vector<schedule::Schedule> spaces, space->Generate(workload, 1));
    schedule::ScheduleOptions options;
    options.seed = 1;
    options.intrinsics = FindTensorIntrin;
    ASSERT_OK_AND_ASSIGN(schedule::Schedule start, schedule::Schedule::Create(workload, options));
    const CandidateFactory factory(std::move(start), target, *space, /*with_features=*/false);
    CounterRandom random({seed});
    // Most random candidates are rejected.
    for (int i = 0, accepted = 0; i < 50 * count && accepted < count; ++i) {
      const schedule::Trace& skeleton = spaces[random.Below(spaces.size())].trace();
      const auto candidate = factory.Make(skeleton, static_cast<int64_t>(1 + random.Below(1 << 30)), /*resample=*/true);
      if (candidate == nullptr) continue;
      ++accepted;
      ASSERT_OK_AND_ASSIGN(const schedule::Schedule schedule, factory.FinalSchedule(candidate->trace));
      const auto lowered = lower::Lower(schedule.module(), target);
      ASSERT_OK(lowered) << schedule.trace().ToString();
      const auto* func = ir::As<ir::PrimFuncNode>(lowered->Entry()->function);
      const int64_t bytes = lower::LaunchSharedBytes(func->body);
      ++candidates_;
      large_ += 4 * bytes > 3 * CudaSharedMemoryPerBlock(machine.sm);
      EXPECT_LE(bytes, CudaSharedMemoryPerBlock(machine.sm))
          << device.target << " " << device.space << ", candidate " << i << ", HONE_CANDIDATE_SEED=" << seed << "\n"
          << schedule.trace().ToString();
    }
  }

  int candidates_ = 0;
  int large_ = 0;  // That ask for more than three quarters of what there is.
};

// HONE_CANDIDATES: how many accepted candidates of each device and configuration, HONE_CANDIDATE_SEED: where they
// start.
TEST_P(LaunchLimitsTest, WhatTheSearchAcceptsAsksForNoMoreSharedMemoryThanThereIs) {
  const char* count_text = std::getenv("HONE_CANDIDATES");
  const char* seed_text = std::getenv("HONE_CANDIDATE_SEED");
  const int count = count_text != nullptr ? std::atoi(count_text) : LongTests() ? 200 : 4;
  const uint64_t seed = seed_text != nullptr ? static_cast<uint64_t>(std::atoll(seed_text)) : 1;
  for (const Device& device : kDevices) {
    workload::StandardOptions standard;
    standard.for_gpu = true;
    if (device.half) standard.in_dtype = ir::DataType::Float(16);
    for (int index = 0; index < (LongTests() ? 4 : 1); ++index) {
      const auto module = workload::Standard(GetParam(), index, standard);
      if (!module.ok()) break;
      Check(*module, device, count, seed);
      if (HasFatalFailure()) return;
    }
  }
  std::printf("%s: %d candidates, %d near the limit\n", GetParam(), candidates_, large_);
  EXPECT_GT(candidates_, 0);
}

INSTANTIATE_TEST_SUITE_P(StandardWorkloads, LaunchLimitsTest,
                         ::testing::Values("GMM", "C1D", "C2D", "C3D", "DEP", "DIL", "GRP", "T2D", "CAP", "NRM", "SFM",
                                           "CBR", "TBG", "C2D_WIN_NHWC", "C2D_WIN_NCHW"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace hone
