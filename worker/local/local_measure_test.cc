// The whole path of a candidate on this machine: script and trace in, checked and timed kernel out.
#include "worker/local/local_measure.h"

#include <gtest/gtest.h>

#include "common/support/log.h"
#include "common/support/status_matchers.h"
#include "common/target/host.h"

namespace hone {
namespace {

constexpr char kMatmul[] = R"(
from tvm.script import ir as I
from tvm.script import tir as T

@I.ir_module
class Module:
    @T.prim_func
    def main(A: T.Buffer((64, 64), "float32"), B: T.Buffer((64, 64), "float32"), C: T.Buffer((64, 64), "float32")):
        T.func_attr({"tir.noalias": T.bool(True)})
        for i, j, k in T.grid(64, 64, 64):
            with T.block("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                T.reads(A[vi, vk], B[vk, vj])
                T.writes(C[vi, vj])
                with T.init():
                    C[vi, vj] = T.float32(0)
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
)";

constexpr char kReordered[] =
    R"([[["GetBlock",[],["C","main"],["b0"]],["GetLoops",["b0"],[],["l1","l2","l3"]],["Reorder",["l1","l3","l2"],[],[]],)"
    R"(["Vectorize",["l2"],[],[]],["Parallel",["l1"],[],[]]],[]])";

class LocalMeasureTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    LocalMeasureOptions options;
    options.build_workers = 1;
    auto created = LocalMeasure::Create(options);
    ASSERT_OK(created);
    measure_ = created->release();
  }
  static void TearDownTestSuite() { delete measure_; }

  RunResult Measure(const std::string& script, const std::string& trace) {
    return BuildAndRun(*measure_, script, trace, DetectHost().ToJson(), {});
  }

  static LocalMeasure* measure_;
};

LocalMeasure* LocalMeasureTest::measure_ = nullptr;

TEST_F(LocalMeasureTest, UnscheduledAndScheduledProgramsAreRightAndTimed) {
  for (const char* trace : {"", kReordered}) {
    const RunResult result = Measure(kMatmul, trace);
    ASSERT_FALSE(result.failure.has_value()) << FailureKindName(result.failure->kind) << result.failure->message;
    EXPECT_EQ(result.verdict, Verdict::kRight);
    EXPECT_GT(result.median, 0);
  }
}

TEST_F(LocalMeasureTest, FailuresHaveTheirKind) {
  EXPECT_EQ(Measure("def broken(", "").failure->kind, FailureKind::kParse);
  const RunResult bad_trace = Measure(kMatmul, R"([[["GetBlock",[],["D","main"],["b0"]]],[]])");
  ASSERT_TRUE(bad_trace.failure.has_value());
  EXPECT_EQ(bad_trace.failure->kind, FailureKind::kSchedule) << bad_trace.failure->message;
  const RunResult bad_target = BuildAndRun(*measure_, kMatmul, "", "cuda", {});
  EXPECT_EQ(bad_target.failure->kind, FailureKind::kBuild) << bad_target.failure->message;
}

}  // namespace
}  // namespace hone
