#include "common/schedule/schedule_error.h"

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

class ScheduleErrorTest : public ::testing::Test {
 protected:
  ScheduleErrorTest() : schedule_(*Schedule::Create(*script::ParseModule(kMatmul))) {}
  // Binds the reduction loop to blocks of a grid, which is refused.
  absl::Status Refused() {
    const BlockRv block = *schedule_.GetBlock("C");
    return schedule_.Parallel((*schedule_.GetLoops(block))[2]);
  }
  Schedule schedule_;
};

TEST_F(ScheduleErrorTest, DetailUnderlinesTheOffendingNodesInTheProgram) {
  const std::string before = script::PrintModule(schedule_.module());
  const std::string text = RenderScheduleError(schedule_, Refused());
  EXPECT_NE(text.find("the primitive \"parallel\" is refused"), std::string::npos) << text;
  const size_t loop = text.find("for k in range(128):\n");
  ASSERT_NE(loop, std::string::npos) << text;
  const size_t underline = text.find("^^^^^^^^^^^^^^^^^^^^  tir.For#0");
  ASSERT_NE(underline, std::string::npos) << text;
  EXPECT_EQ(text.find('\n', loop) + 1, text.rfind('\n', underline) + 1) << "the line after the loop is underlined";
  EXPECT_NE(text.find("Error message: parallel: loop \"k\""), std::string::npos) << text;
  EXPECT_EQ(script::PrintModule(schedule_.module()), before);
}

TEST_F(ScheduleErrorTest, LowerLevelsSayLess) {
  const absl::Status status = Refused();
  const std::string fast = RenderScheduleError(schedule_, status, ErrorRenderLevel::kFast);
  EXPECT_TRUE(fast.starts_with("ScheduleError: parallel: loop \"k\"")) << fast;
  EXPECT_EQ(fast.find('\n'), std::string::npos);
  EXPECT_EQ(RenderScheduleError(schedule_, status, ErrorRenderLevel::kNone), "ScheduleError: (not rendered)");
}

TEST_F(ScheduleErrorTest, ARefusedTraceNamesItsInstruction) {
  const absl::Status status =
      ApplyTraceJson(schedule_, R"([[["GetBlock",[],["C","main"],["b0"]],["GetLoops",["b0"],[],["l1","l2","l3"]],)"
                                R"(["Parallel",["l3"],[],[]]],[]])");
  const std::string text = RenderScheduleError(schedule_, status);
  EXPECT_NE(text.find("tir.For#0"), std::string::npos) << text;
  EXPECT_NE(text.find("Error message: instruction 2 Parallel: parallel: loop \"k\""), std::string::npos) << text;
}

TEST_F(ScheduleErrorTest, OtherErrorsAreTheirMessage) {
  const absl::Status status = schedule_.GetBlock("missing").status();
  const std::string text = RenderScheduleError(schedule_, status);
  EXPECT_NE(text.find("missing"), std::string::npos) << text;
  EXPECT_EQ(text.find("^^^"), std::string::npos);
}

TEST_F(ScheduleErrorTest, LongProgramsAreShownAroundTheNodes) {
  std::string text(kMatmul);
  std::string body;
  for (int i = 0; i < 40; ++i) body += "    A[0, " + std::to_string(i) + "] = T.float32(0)\n";
  text.insert(text.find("    for i, j, k"), body);
  Schedule schedule = *Schedule::Create(*script::ParseModule(text));
  const BlockRv block = *schedule.GetBlock("C");
  const std::string report = RenderScheduleError(schedule, schedule.Parallel((*schedule.GetLoops(block))[2]));
  EXPECT_NE(report.find("..."), std::string::npos) << report;
  EXPECT_EQ(report.find("A[0, 20]"), std::string::npos) << report;
  EXPECT_NE(report.find("for i in range(128):"), std::string::npos) << report;
}

}  // namespace
}  // namespace hone::schedule
