#include "common/ir/testing/random_program.h"

#include "common/interp/interpreter.h"
#include "common/ir/content_id.h"
#include "common/ir/structural_equal.h"
#include "common/ir/structural_hash.h"
#include "common/ir/well_formed.h"
#include "common/script/graph_json.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/status_matchers.h"
#include "gtest/gtest.h"

namespace hone::ir::testing {
namespace {

TEST(RandomProgramTest, SurvivesPrintingAndParsing) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    CounterRandom random({1, seed});
    const IRModule module = RandomProgram(random);
    const std::string text = script::PrintModule(module);
    ASSERT_OK_AND_ASSIGN(const IRModule again, script::ParseModule(text));
    EXPECT_TRUE(StructuralEqual(module, again)) << "seed " << seed << "\n" << text;
    EXPECT_EQ(StructuralHash(module), StructuralHash(again)) << "seed " << seed;
    EXPECT_EQ(ContentId(module), ContentId(again)) << "seed " << seed;
    EXPECT_EQ(script::PrintModule(again), text) << "seed " << seed;
  }
}

TEST(RandomProgramTest, SurvivesNodeGraphs) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    CounterRandom random({2, seed});
    const IRModule module = RandomProgram(random);
    const std::string graph = script::SaveGraphJson(module);
    ASSERT_OK_AND_ASSIGN(const IRModule again, script::LoadGraphJson(graph));
    EXPECT_TRUE(StructuralEqual(module, again)) << "seed " << seed;
    EXPECT_OK(VerifyWellFormed(again)) << "seed " << seed;
    EXPECT_EQ(script::SaveGraphJson(again), graph) << "seed " << seed;
  }
}

TEST(RandomProgramTest, RunsWithinBounds) {
  for (uint64_t seed = 0; seed < 150; ++seed) {
    CounterRandom random({3, seed});
    const IRModule module = RandomProgram(random);
    ASSERT_OK_AND_ASSIGN(const IRModule again, script::ParseModule(script::PrintModule(module)));
    EXPECT_OK(interp::ExpectSameResults(module, again, seed)) << "seed " << seed << "\n" << script::PrintModule(module);
  }
}

TEST(RandomProgramTest, SameNumbersGiveTheSameProgram) {
  CounterRandom a({4, 7}), b({4, 7}), c({4, 8});
  const std::string text = RandomScript(a);
  EXPECT_EQ(text, RandomScript(b));
  EXPECT_NE(text, RandomScript(c));
}

}  // namespace
}  // namespace hone::ir::testing
