#include "common/schedule/schedule.h"

#include <memory>
#include <optional>
#include <string>

#include "common/schedule/analysis.h"
#include "common/schedule/trace_json.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
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

// Two tiles and a number, the last one behind enter_postproc.
Schedule Decided() {
  Schedule schedule = NewSchedule();
  EXPECT_OK(ApplyTraceJson(schedule,
                           R"([[["GetBlock",[],["C","main"],["b0"]],["GetLoops",["b0"],[],["l1","l2","l3"]],)"
                           R"(["SamplePerfectTile",["l1"],[2,64],["v4","v5"]],)"
                           R"(["SamplePerfectTile",["l2"],[2,64],["v6","v7"]],["EnterPostproc",[],[],[]],)"
                           R"(["SampleCategorical",[],[[1,2,3],[1,1,1]],["v8"]],["Annotate",["b0","v8"],["k"],[]]],)"
                           R"([[2,[16,8]],[3,[4,32]],[5,2]]])"));
  return schedule;
}

TEST(TraceTest, OneDecisionIsReplacedInACopy) {
  const Schedule schedule = Decided();
  const Trace& trace = schedule.trace();
  const auto tile = std::make_shared<ir::Arena>();
  const ir::ArenaScope scope(tile);
  const Value decision = Value::List(ir::MakeArray<Value>({Value::Int(2), Value::Int(64)}));
  EXPECT_EQ(DecisionsToJson(trace.WithDecision(3, decision, false)), "[[2,[16,8]],[3,[2,64]],[5,2]]");
  const Trace cut = trace.WithDecision(3, decision, true);
  EXPECT_EQ(cut.size(), 4u);
  EXPECT_EQ(DecisionsToJson(cut), "[[2,[16,8]],[3,[2,64]]]");
  EXPECT_EQ(DecisionsToJson(trace.WithDecision(5, Value::Int(0), true)), "[[2,[16,8]],[3,[4,32]]]");
  EXPECT_EQ(DecisionsToJson(trace), "[[2,[16,8]],[3,[4,32]],[5,2]]");
  // What does not divide is repaired when it is applied, and recorded as repaired.
  const Value odd = Value::List(ir::MakeArray<Value>({Value::Int(9), Value::Int(48)}));
  Schedule again = NewSchedule();
  ASSERT_OK(trace.WithDecision(3, odd, false).ApplyTo(again));
  EXPECT_EQ(DecisionsToJson(again.trace()), "[[2,[16,8]],[3,[1,128]],[5,2]]");
}

TEST(TraceTest, AProviderDecidesDuringReplay) {
  const Schedule schedule = Decided();
  Schedule again = NewSchedule();
  ASSERT_OK(schedule.trace().ApplyTo(again, /*remove_postproc=*/false, [](size_t, const Instruction& instruction) {
    return instruction.row->name == "SampleCategorical" ? Value::Int(0) : instruction.decision;
  }));
  EXPECT_EQ(DecisionsToJson(again.trace()), "[[2,[16,8]],[3,[4,32]],[5,0]]");
  EXPECT_NE(Text(again).find("T.block_attr({\"k\": 1})"), std::string::npos);
  Schedule fresh = NewSchedule();
  ASSERT_OK(SkeletonOf(schedule.trace()).ApplyTo(fresh, /*remove_postproc=*/true));
  EXPECT_EQ(fresh.trace().size(), 4u);
  EXPECT_FALSE(fresh.trace().DecisionOf(2).is_none());
}

TEST(TraceTest, TheLastInstructionCanBeTakenBack) {
  Trace trace = Decided().trace();
  const std::optional<Instruction> last = trace.Pop();
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->row->name, "Annotate");
  EXPECT_TRUE(trace.Pop().has_value());
  EXPECT_EQ(DecisionsToJson(trace), "[[2,[16,8]],[3,[4,32]]]");
  EXPECT_FALSE(Trace().Pop().has_value());
}

TEST(TraceTest, FloatsOfThePythonFormHaveAPoint) {
  Schedule schedule = NewSchedule();
  ASSERT_OK(schedule.SampleCategorical({3, 4}, {1.0, 0.0}, 0).status());
  TraceJsonOptions options;
  EXPECT_EQ(*TraceToJson(schedule.trace(), options), R"([[["SampleCategorical",[],[[3,4],[1,0]],["v0"]]],[[0,0]]])");
  options.python_objects = true;
  EXPECT_EQ(*TraceToJson(schedule.trace(), options),
            R"([[["SampleCategorical",[],[[3,4],[1.0,0.0]],["v0"]]],[[0,0]]])");
}

// 2 was taken as neither, so JSON and Python form of one trace did different things.
TEST(TraceTest, ABufferIsReadOrWritten) {
  for (const std::string_view side : {"-1", "2", "4294967296"}) {
    for (const std::string_view call :
         {R"(["SetAxisSeparator",["b0"],[0,%,[1]],[]])", R"(["ReIndex",["b0"],[0,%],["b1"]])"}) {
      std::string text = StrCat(R"([[["GetBlock",[],["C","main"],["b0"]],)", call, "],[]]");
      text.replace(text.find('%'), 1, side);
      const absl::StatusOr<Trace> trace = TraceFromJson(text);
      ASSERT_FALSE(trace.ok()) << text;
      EXPECT_NE(trace.status().message().find("0 (read) or 1 (write)"), std::string::npos) << trace.status();
    }
  }
}

TEST(TraceTest, ANumberThatDoesNotFitIsNotCut) {
  const absl::StatusOr<Trace> trace = TraceFromJson(
      R"([[["GetBlock",[],["C","main"],["b0"]],["CacheRead",["b0",[]],[4294967296,"local"],["b1"]]],[]])");
  ASSERT_FALSE(trace.ok());
  EXPECT_NE(trace.status().message().find("more than 32 bits"), std::string::npos) << trace.status();
}

// Flags of the blocks of `state`, in program order: affine binding, region cover, stage pipeline.
std::string FlagsOf(const ScheduleState& state) {
  std::string out;
  for (SrefId block : AllBlocksBelow(state, state.RootOf("main"))) {
    StrAppend(&out, state.block(block)->name, ":", state.affine_binding(block) ? "a" : "-",
              state.region_cover(block) ? "c" : "-", state.stage_pipeline(block) ? "p" : "-", " ");
  }
  return out;
}

TEST(ScheduleTest, FlagsThatAreRecomputedAreThoseOfTheProgramAlone) {
  Schedule schedule = NewSchedule();
  const auto check = [&](std::string_view after) {
    ScheduleState again(schedule.state());
    again.RecomputeFlags(again.RootOf("main"));  // Twice: the second time all verdicts are known.
    again.RecomputeFlags(again.RootOf("main"));
    ASSERT_OK_AND_ASSIGN(const ScheduleState alone, ScheduleState::Create(schedule.module()));
    EXPECT_EQ(FlagsOf(again), FlagsOf(alone)) << after;
  };
  ASSERT_OK_AND_ASSIGN(const BlockRv block, schedule.GetBlock("C"));
  ASSERT_OK_AND_ASSIGN(LoopRvs loops, schedule.GetLoops(block));
  ASSERT_OK_AND_ASSIGN(const LoopRvs i, schedule.Split(loops[0], {Value::Int(8), Value::Int(16)}));
  ASSERT_OK_AND_ASSIGN(const LoopRvs j, schedule.Split(loops[1], {Value::Int(8), Value::Int(16)}));
  ASSERT_OK_AND_ASSIGN(const LoopRvs k, schedule.Split(loops[2], {Value::Int(8), Value::Int(16)}));
  ASSERT_OK(schedule.Reorder({i[0], j[0], k[0], i[1], j[1], k[1]}));
  check("tiling");
  ASSERT_OK_AND_ASSIGN(const BlockRv a, schedule.CacheRead(block, 0, "shared"));
  check("cache_read");
  ASSERT_OK(schedule.ComputeAt(a, k[0]));
  check("compute_at");
  ASSERT_OK_AND_ASSIGN(const BlockRv inner, schedule.Blockize(i[1]));
  check("blockize");
  ASSERT_OK_AND_ASSIGN(const BlockRv b, schedule.CacheRead(inner, 1, "shared"));
  ASSERT_OK(schedule.ComputeAt(b, j[0]));
  check("compute_at of the other");
  ASSERT_OK(schedule.DecomposeReduction(inner, k[0]).status());
  check("decompose_reduction");
}

}  // namespace
}  // namespace hone::schedule
