// The fast way to make candidates gives what full replay and the generic passes give, bit for bit.
#include "server/search/candidate_factory.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "common/intrin/intrin.h"
#include "common/support/status_matchers.h"
#include "common/workload/standard.h"

namespace hone {
namespace {

struct Case {
  const char* workload;
  int index;
  const char* target;
};

std::string NameOf(const ::testing::TestParamInfo<Case>& info) {
  std::string name = std::string(info.param.workload) + std::to_string(info.param.index) + "_" + info.param.target;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

class CandidateFactoryTest : public ::testing::TestWithParam<Case> {};

// HONE_CANDIDATES: how many random candidates a case (4 unless told), HONE_CANDIDATE_SEED: where they start.
TEST_P(CandidateFactoryTest, FastAndFullPathAgree) {
  const char* count_text = std::getenv("HONE_CANDIDATES");
  const char* seed_text = std::getenv("HONE_CANDIDATE_SEED");
  const int count = count_text != nullptr ? std::atoi(count_text) : 4;
  const uint64_t seed = seed_text != nullptr ? static_cast<uint64_t>(std::atoll(seed_text)) : 1;
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, workload::Standard(GetParam().workload, GetParam().index));
  ASSERT_OK_AND_ASSIGN(const Target target, Target::Parse(GetParam().target));
  PostOrderApply generator;
  ASSERT_OK(generator.Initialize(SpaceContext{target, FindTensorIntrin}, module));
  ASSERT_OK_AND_ASSIGN(const std::vector<schedule::Schedule> spaces, generator.Generate(module, 1));
  schedule::ScheduleOptions options;
  options.seed = 1;
  options.intrinsics = FindTensorIntrin;
  ASSERT_OK_AND_ASSIGN(schedule::Schedule start, schedule::Schedule::Create(module, options));
  const CandidateFactory factory(std::move(start), target, generator, /*with_features=*/true);
  CounterRandom random({seed});
  for (int i = 0; i < count; ++i) {
    const schedule::Trace space = spaces[random.Below(spaces.size())].trace().Simplified(/*remove_postproc=*/true);
    const auto fresh = factory.Make(space, static_cast<int64_t>(1 + random.Below(1 << 30)), /*resample=*/true);
    if (fresh == nullptr) continue;
    schedule::Trace trace = fresh->trace;
    for (int step = 0; step < 2; ++step) {  // As it is, then mutated.
      const auto fast = factory.Make(trace, 1, /*resample=*/false);
      const auto full = factory.MakeByFullPath(trace);
      ASSERT_EQ(fast == nullptr, full == nullptr) << "candidate " << i << ", HONE_CANDIDATE_SEED=" << seed;
      if (fast != nullptr) {
        EXPECT_EQ(fast->hash, full->hash);
        EXPECT_EQ(fast->features.rows, full->features.rows);
        EXPECT_EQ(fast->features.values, full->features.values)
            << "candidate " << i << ", HONE_CANDIDATE_SEED=" << seed << "\n"
            << trace.ToString();
      }
      const auto changed = generator.mutators()[0].mutator->Apply(trace, random);
      if (!changed.has_value()) break;
      trace = *changed;
    }
  }
}

constexpr char kLlvm[] = "llvm -mcpu=znver2 -num-cores=4";
constexpr char kVnni[] = "llvm -mcpu=cascadelake -num-cores=4";
constexpr char kCuda[] = "nvidia/nvidia-v100";
constexpr char kTensorCore[] = "nvidia/nvidia-a100";

std::vector<Case> Cases() {
  std::vector<Case> out;
  for (const auto& [name, index] : {std::pair{"GMM", 0},
                                    {"C2D", 1},
                                    {"C2D", 2},
                                    {"DEP", 1},
                                    {"SFM", 0},
                                    {"CBR", 1},
                                    {"C1D", 0},
                                    {"T2D", 0},
                                    {"TBG", 0},
                                    {"NRM", 0},
                                    {"C2D_WIN_NHWC", 0}}) {
    for (const char* target : {kLlvm, kVnni, kCuda, kTensorCore}) out.push_back({name, index, target});
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(StandardWorkloads, CandidateFactoryTest, ::testing::ValuesIn(Cases()), NameOf);

TEST(ReplayKeyTest, TellsDecisionsApart) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, workload::Standard("GMM", 0));
  ASSERT_OK_AND_ASSIGN(const Target target, Target::Parse(kLlvm));
  PostOrderApply generator;
  ASSERT_OK(generator.Initialize(SpaceContext{target, FindTensorIntrin}, module));
  ASSERT_OK_AND_ASSIGN(const std::vector<schedule::Schedule> spaces, generator.Generate(module, 1));
  const schedule::Trace trace = spaces[0].trace().Simplified(/*remove_postproc=*/true);
  CounterRandom random({1});
  const auto changed = generator.mutators()[0].mutator->Apply(trace, random);
  ASSERT_TRUE(changed.has_value());
  EXPECT_EQ(ReplayKey(trace), ReplayKey(schedule::Trace(trace)));
  EXPECT_NE(ReplayKey(trace), ReplayKey(*changed));
}

// Of two choices of lanes, those with the same key end in the same program, and no others do.
TEST(ReplayKeyTest, LanesThatDoNotDivideTheirLoopAreNoNewCandidate) {
  for (const auto& [name, index] : {std::pair{"GMM", 2}, {"C2D", 2}}) {
    ASSERT_OK_AND_ASSIGN(const ir::IRModule module, workload::Standard(name, index));
    ASSERT_OK_AND_ASSIGN(const Target target, Target::Parse(kCuda));
    PostOrderApply generator;
    ASSERT_OK(generator.Initialize(SpaceContext{target, FindTensorIntrin}, module));
    ASSERT_OK_AND_ASSIGN(const std::vector<schedule::Schedule> spaces, generator.Generate(module, 1));
    const schedule::Trace space = spaces[0].trace().Simplified(/*remove_postproc=*/true);
    ASSERT_OK_AND_ASSIGN(schedule::Schedule start, schedule::Schedule::Create(module, {}));
    const CandidateFactory factory(std::move(start), target, generator, /*with_features=*/false);
    int same = 0;
    int different = 0;
    for (int seed = 1; seed < 300; ++seed) {
      const auto parent = factory.Make(space, seed, /*resample=*/true);
      if (parent == nullptr) continue;
      ASSERT_EQ(parent->lanes.size(), 2u) << name << ": two operands are fetched";
      for (const LaneChoice& choice : parent->lanes) {
        for (size_t other = 0; other < choice.same_as.size(); ++other) {
          const schedule::Trace mutant = parent->trace.WithDecision(
              choice.instruction, schedule::Value::Int(static_cast<int64_t>(other)), /*remove_postproc=*/true);
          const auto child = factory.Make(mutant, 1, /*resample=*/false);
          if (child == nullptr) continue;  // Too wide a vector.
          const bool known = parent->KeyOfMutant(mutant) == parent->key();
          EXPECT_EQ(known, child->hash == parent->hash) << name << ", seed " << seed << ", choice " << other;
          EXPECT_EQ(child->key(), parent->KeyOfMutant(mutant)) << name << ", seed " << seed << ", choice " << other;
          ++(known ? same : different);
        }
      }
    }
    EXPECT_GT(same, 20) << name;
    EXPECT_GT(different, 20) << name;
  }
}

}  // namespace
}  // namespace hone
