// What is read straight from scheduled programs, features and the limits of a GPU, against the generic passes: for
// random candidates of the standard workloads of every kind for GPUs.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "common/intrin/intrin.h"
#include "common/lower/gpu/verify_gpu.h"
#include "common/support/random.h"
#include "common/support/status_matchers.h"
#include "common/workload/standard.h"
#include "server/cost_model/feature/direct/direct_features.h"
#include "server/cost_model/feature/direct/gpu_limits.h"
#include "server/cost_model/feature/extract.h"
#include "server/space/space_generator.h"

namespace hone {
namespace {

struct Case {
  const char* workload;
  const char* target;
};

std::string NameOf(const ::testing::TestParamInfo<Case>& info) {
  std::string name = std::string(info.param.workload) + "_" + info.param.target;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

const ir::PrimFuncNode* OnlyFunction(const ir::IRModule& module) {
  const ir::PrimFuncNode* out = nullptr;
  for (const ir::ModuleEntry& entry : module->functions) out = ir::As<ir::PrimFuncNode>(entry.function);
  return out;
}

struct Tally {
  int candidates = 0;
  int direct_features = 0;
  int verdicts = 0;
  int direct_verdicts = 0;
  int fitting = 0;
};

class DirectPathTest : public ::testing::TestWithParam<Case> {
 protected:
  void CheckFeatures(const schedule::Schedule& sch) {
    const ir::IRModule module = sch.module();
    bool direct = false;
    const auto fast = ExtractFeaturesFast(module, /*is_gpu=*/true, &direct);
    const auto full = ExtractFeatures(module, /*is_gpu=*/true);
    ++tally_.candidates;
    tally_.direct_features += direct;
    ASSERT_EQ(fast.ok(), full.ok());
    if (!full.ok()) return;
    ASSERT_EQ(fast->rows, full->rows) << where_ << sch.trace().ToString();
    for (size_t i = 0; i < full->values.size(); ++i) {
      ASSERT_EQ(fast->values[i], full->values[i])
          << "row " << i / full->columns << ", column " << i % full->columns << where_ << sch.trace().ToString();
    }
  }

  void CheckVerdict(const schedule::Schedule& sch, const lower::GpuLimits& limits) {
    const ir::IRModule module = sch.module();
    ir::Arena arena;
    const ir::ArenaScope scope(arena);
    bool direct = false;
    const bool fast = direct::FitsGpuFast(OnlyFunction(module), limits, &direct);
    const bool full = lower::FitsGpu(OnlyFunction(module), limits);
    direct::ProgramReading reading;
    EXPECT_EQ(direct::FitsGpuFast(OnlyFunction(module), limits, reading), full)
        << "by the features' reading" << where_ << sch.trace().ToString();
    ++tally_.verdicts;
    tally_.direct_verdicts += direct;
    tally_.fitting += full;
    ASSERT_EQ(fast, full) << where_ << sch.trace().ToString();
  }

  Tally tally_;
  std::string where_;
};

// HONE_CANDIDATES: how many random candidates a configuration (3 unless told), HONE_CANDIDATE_SEED: where they start.
TEST_P(DirectPathTest, AgreesWithTheGenericPasses) {
  const char* count_text = std::getenv("HONE_CANDIDATES");
  const char* seed_text = std::getenv("HONE_CANDIDATE_SEED");
  const int count = count_text != nullptr ? std::atoi(count_text) : 3;
  const uint64_t seed = seed_text != nullptr ? static_cast<uint64_t>(std::atoll(seed_text)) : 1;
  ASSERT_OK_AND_ASSIGN(const Target target, Target::Parse(GetParam().target));
  lower::GpuLimits limits;
  limits.shared_memory_bytes = *target.GetInt("max_shared_memory_per_block");
  limits.threads = *target.GetInt("max_threads_per_block");
  workload::StandardOptions standard;
  standard.for_gpu = true;
  if (std::string_view(GetParam().target).ends_with("a100")) standard.in_dtype = ir::DataType::Float(16);
  for (int index = 0; index < 4; ++index) {
    const auto module = workload::Standard(GetParam().workload, index, standard);
    if (!module.ok()) break;
    PostOrderApply generator;
    ASSERT_OK(generator.Initialize(SpaceContext{target, FindTensorIntrin}, *module));
    ASSERT_OK_AND_ASSIGN(const std::vector<schedule::Schedule> spaces, generator.Generate(*module, 1));
    schedule::ScheduleOptions options;
    options.seed = 1;
    options.intrinsics = FindTensorIntrin;
    ASSERT_OK_AND_ASSIGN(const schedule::Schedule start, schedule::Schedule::Create(*module, options));
    CounterRandom random({seed});
    for (int i = 0; i < count; ++i) {
      schedule::Schedule sch = start.CopyWithSeed(static_cast<int64_t>(1 + random.Below(1 << 30)));
      const auto fresh = [](size_t, const schedule::Instruction&) { return schedule::Value::None(); };
      const auto& space = spaces[random.Below(spaces.size())].trace();
      if (!space.ApplyTo(sch, /*remove_postproc=*/true, fresh).ok()) continue;
      where_ = "\nconfiguration " + std::to_string(index) + ", candidate " + std::to_string(i) +
               ", HONE_CANDIDATE_SEED=" + std::to_string(seed) + "\n";
      ASSERT_OK(sch.EnterPostproc());
      bool passed = true;
      for (const auto& postproc : generator.postprocs()) {
        if (postproc->name() == "VerifyGPUCode") {
          for (const int64_t registers : {INT64_MAX, int64_t{208 * 4}, int64_t{48 * 4}}) {
            limits.register_bytes = registers;
            CheckVerdict(sch, limits);
            if (HasFatalFailure()) return;
          }
          continue;
        }
        const auto ok = postproc->Apply(sch);
        passed = passed && ok.ok() && *ok;
        if (!passed) break;
      }
      if (!passed) continue;
      CheckFeatures(sch);
      if (HasFatalFailure()) return;
    }
  }
  std::printf("%s %s: %d candidates, features direct %d, verdicts direct %d of %d (%d fit)\n", GetParam().workload,
              GetParam().target, tally_.candidates, tally_.direct_features, tally_.direct_verdicts, tally_.verdicts,
              tally_.fitting);
}

std::vector<Case> Cases() {
  std::vector<Case> out;
  for (const char* name : {"GMM", "C1D", "C2D", "C3D", "DEP", "DIL", "GRP", "T2D", "CAP", "NRM", "SFM", "CBR", "TBG",
                           "C2D_WIN_NHWC", "C2D_WIN_NCHW"}) {
    for (const char* target : {"nvidia/nvidia-v100", "nvidia/nvidia-a100"}) out.push_back({name, target});
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(StandardWorkloads, DirectPathTest, ::testing::ValuesIn(Cases()), NameOf);

}  // namespace
}  // namespace hone
