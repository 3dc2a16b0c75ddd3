#include "common/schedule/schedule.h"

#include <string>

#include "common/schedule/trace_json.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/status_matchers.h"
#include "gtest/gtest.h"

namespace hone::schedule {
namespace {

constexpr std::string_view kMatmul = R"(
@T.prim_func
def main(A: T.Buffer((128, 128), "float32"), B: T.Buffer((128, 128), "float32"), C: T.Buffer((128, 128), "float32")):
    for i, j, k in T.grid(128, 128, 128):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
)";

Schedule NewSchedule() {
  absl::StatusOr<ir::IRModule> module = script::ParseModule(kMatmul);
  ScheduleOptions options;
  options.seed = 42;
  return *Schedule::Create(*module, options);
}

std::string Text(const Schedule& schedule) { return script::PrintModule(schedule.module()); }

TEST(ScheduleTest, SplitLoopsReplaceTheOldOneAndOthersStayValid) {
  Schedule schedule = NewSchedule();
  ASSERT_OK_AND_ASSIGN(const BlockRv block, schedule.GetBlock("C"));
  ASSERT_OK_AND_ASSIGN(const LoopRvs loops, schedule.GetLoops(block));
  ASSERT_OK_AND_ASSIGN(const LoopRvs parts, schedule.Split(loops[0], {Value::None(), Value::Int(32)}));
  EXPECT_EQ(parts.size(), 2u);
  EXPECT_FALSE(schedule.Get(loops[0]).ok());
  EXPECT_OK(schedule.Get(loops[1]).status());
  EXPECT_OK(schedule.Get(block).status());
  EXPECT_NE(Text(schedule).find("i_0 * 32 + i_1"), std::string::npos);
}

TEST(ScheduleTest, ReorderKeepsRandomVariables) {
  Schedule schedule = NewSchedule();
  ASSERT_OK_AND_ASSIGN(const BlockRv block, schedule.GetBlock("C"));
  ASSERT_OK_AND_ASSIGN(const LoopRvs loops, schedule.GetLoops(block));
  ASSERT_OK(schedule.Reorder({loops[2], loops[0]}));
  ASSERT_OK_AND_ASSIGN(const LoopRvs after, schedule.GetLoops(block));
  for (LoopRv loop : loops) EXPECT_OK(schedule.Get(loop).status());
  EXPECT_EQ(*schedule.SrefOf(after[0]), *schedule.SrefOf(loops[2]));
}

TEST(ScheduleTest, ACopyIsIndependent) {
  Schedule schedule = NewSchedule();
  ASSERT_OK_AND_ASSIGN(const BlockRv block, schedule.GetBlock("C"));
  ASSERT_OK_AND_ASSIGN(const LoopRvs loops, schedule.GetLoops(block));
  const std::string before = Text(schedule);
  Schedule copy = schedule.Copy();
  ASSERT_OK(copy.Parallel(loops[0]));
  EXPECT_EQ(Text(schedule), before);
  EXPECT_NE(Text(copy), before);
  EXPECT_EQ(schedule.trace().size() + 1, copy.trace().size());
}

TEST(ScheduleTest, ARefusalChangesNothingAndNamesTheLoop) {
  Schedule schedule = NewSchedule();
  ASSERT_OK_AND_ASSIGN(const BlockRv block, schedule.GetBlock("C"));
  ASSERT_OK_AND_ASSIGN(const LoopRvs loops, schedule.GetLoops(block));
  const std::string before = Text(schedule);
  const size_t size = schedule.trace().size();
  const absl::Status status = schedule.Parallel(loops[2]);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(schedule.DescribeError(status).find("parallel: loop \"k\""), std::string::npos);
  EXPECT_EQ(Text(schedule), before);
  EXPECT_EQ(schedule.trace().size(), size);
}

// The bytes of the reference's example.
TEST(TraceTest, PrintsThePeersBytes) {
  constexpr std::string_view kText =
      R"([[["GetBlock",[],["C","main"],["b0"]],["GetLoops",["b0"],[],["l1","l2","l3"]],)"
      R"(["SamplePerfectTile",["l1"],[2,16],["v4","v5"]],["Split",["l1","v4","v5"],[1,0],["l6","l7"]],)"
      R"(["Annotate",["b0","\"R\""],["tag"],[]],["EnterPostproc",[],[],[]]],[[2,[16,8]]]])";
  Schedule schedule = NewSchedule();
  ASSERT_OK(ApplyTraceJson(schedule, kText));
  ASSERT_OK_AND_ASSIGN(const std::string text, TraceToJson(schedule.trace()));
  EXPECT_EQ(text, kText);
  TraceJsonOptions options;
  options.remove_postproc = true;
  ASSERT_OK_AND_ASSIGN(const std::string without, TraceToJson(schedule.trace(), options));
  EXPECT_EQ(without.find("EnterPostproc"), std::string::npos);
}

TEST(TraceTest, PrintsAsPython) {
  Schedule schedule = NewSchedule();
  ASSERT_OK(ApplyTraceJson(schedule, R"([[["GetBlock",[],["C","main"],["b0"]],["GetLoops",["b0"],[],["l1","l2","l3"]],)"
                                     R"(["SamplePerfectTile",["l1"],[2,16],["v4","v5"]],)"
                                     R"(["Split",["l1","v4","v5"],[1,0],["l6","l7"]]],[[2,[16,8]]]])"));
  const std::vector<std::string> lines = schedule.trace().AsPython();
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0], R"(b0 = sch.get_block(name="C", func_name="main"))");
  EXPECT_EQ(lines[1], "l1, l2, l3 = sch.get_loops(block=b0)");
  EXPECT_EQ(lines[2], "v4, v5 = sch.sample_perfect_tile(loop=l1, n=2, max_innermost_factor=16, decision=[16, 8])");
  EXPECT_EQ(lines[3],
            "l6, l7 = sch.split(loop=l1, factors=[v4, v5], preserve_unit_iters=True, disable_predication=False)");
}

TEST(TraceTest, SimplificationDropsUnusedPureInstructions) {
  Schedule schedule = NewSchedule();
  ASSERT_OK_AND_ASSIGN(const BlockRv block, schedule.GetBlock("C"));
  ASSERT_OK(schedule.GetLoops(block).status());
  ASSERT_OK(schedule.GetBlock("root").status());
  ASSERT_OK(schedule.Annotate(block, "k", Value::Int(1)));
  EXPECT_EQ(schedule.trace().Simplified(false).size(), 2u);
}

TEST(TraceTest, ADecisionThatDoesNotDivideIsRepaired) {
  Schedule schedule = NewSchedule();
  ASSERT_OK_AND_ASSIGN(const BlockRv block, schedule.GetBlock("C"));
  ASSERT_OK_AND_ASSIGN(const LoopRvs loops, schedule.GetLoops(block));
  ASSERT_OK_AND_ASSIGN(const ExprRvs tile, schedule.SamplePerfectTile(loops[0], 2, 16, {4, 3}));
  EXPECT_EQ(*schedule.ValueOf(tile[0]), 1);
  EXPECT_EQ(*schedule.ValueOf(tile[1]), 128);
}

TEST(TraceTest, SkeletonAndDecisionsJoinToTheSameTrace) {
  Schedule schedule = NewSchedule();
  ASSERT_OK_AND_ASSIGN(const BlockRv block, schedule.GetBlock("C"));
  ASSERT_OK_AND_ASSIGN(const LoopRvs loops, schedule.GetLoops(block));
  ASSERT_OK(schedule.SamplePerfectTile(loops[0], 3).status());
  const Trace& trace = schedule.trace();
  ASSERT_OK_AND_ASSIGN(const Trace joined, WithDecisions(SkeletonOf(trace), DecisionsToJson(trace)));
  EXPECT_EQ(*TraceToJson(joined), *TraceToJson(trace));
}

// Recorded draws of the peer's engine: minstd and its integer distribution.
TEST(RandomEngineTest, ForkAndIntegersFollowTheReference) {
  RandomEngine engine(42);
  EXPECT_EQ(engine.Next(), 42u * 48271u % 2147483647u);
  EXPECT_EQ(engine.SampleInt(3, 4), 3);
  const int64_t state = engine.state();
  EXPECT_EQ(engine.SampleInt(5, 6), 5);
  EXPECT_EQ(engine.state(), state);
}

TEST(TraceTest, AMalformedTraceIsRefusedWithItsPlace) {
  EXPECT_FALSE(TraceFromJson("[[[").ok());
  EXPECT_FALSE(TraceFromJson(R"([[["Nothing",[],[],[]]],[]])").ok());
  EXPECT_FALSE(TraceFromJson(R"([[["GetLoops",["b9"],[],[]]],[]])").ok());
  EXPECT_FALSE(TraceFromJson(R"([[["GetBlock",[],["C",1],["b0"]]],[]])").ok());
  EXPECT_FALSE(TraceFromJson(R"([[["GetBlock",[],["C","main"],["b0"]]],[[7,[1]]]])").ok());
}

}  // namespace
}  // namespace hone::schedule
