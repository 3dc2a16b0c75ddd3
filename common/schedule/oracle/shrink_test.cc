#include "common/schedule/oracle/shrink.h"

#include <gtest/gtest.h>

#include "common/schedule/trace_from_python.h"
#include "common/schedule/trace_json.h"
#include "common/script/parser.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

constexpr std::string_view kProgram = R"(
@T.prim_func
def main(X: T.Buffer((4, 9), "float32"), Z: T.Buffer((4, 9), "float32"), Y: T.Buffer((4, 9), "float32")):
    A = T.alloc_buffer((4, 9))
    B = T.alloc_buffer((4, 9))
    C = T.alloc_buffer((4, 9))
    for i, j in T.grid(4, 9):
        with T.block("A"):
            vi, vj = T.axis.remap("SS", [i, j])
            A[vi, vj] = X[vi, vj] * T.float32(2)
    for i, j in T.grid(4, 9):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] + Z[vi, vj] * T.float32(100)
    for i, j in T.grid(4, 9):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = T.max(B[vi, vj], A[vi, vj] * T.float32(3))
    for i, j in T.grid(4, 9):
        with T.block("Y"):
            vi, vj = T.axis.remap("SS", [i, j])
            Y[vi, vj] = C[vi, vj] + A[vi, vj]
)";

// Only the last call is to blame: it makes integers of the numbers.
constexpr std::string_view kTrace = R"(
a = sch.get_block("A")
ai, aj = sch.get_loops(a)
p, q = sch.split(aj, [None, 4])
sch.vectorize(q)
y = sch.get_block("Y")
yi, yj = sch.get_loops(y)
f = sch.fuse(yi, yj)
sch.parallel(f)
c = sch.get_block("C")
sch.annotate(c, "note", 3)
b = sch.get_block("B")
bi, bj = sch.get_loops(b)
sch.unroll(bi)
sch.unsafe_set_dtype(b, 0, "int32")
)";

FailingCase MakeCase() {
  const absl::StatusOr<Trace> trace = TraceFromPython(kTrace);
  EXPECT_OK(trace.status());
  const absl::StatusOr<std::string> json = TraceToJson(*trace);
  EXPECT_OK(json.status());
  return {std::string(kProgram), *json};
}

size_t InstructionsOf(const FailingCase& failing) { return TraceFromJson(failing.trace)->size(); }

int Count(const std::string& text, std::string_view word) {
  int count = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

TEST(ShrinkTest, AWrongResultKeepsTheCallThatIsToBlame) {
  const FailingCase failing = MakeCase();
  ASSERT_EQ(WhatIsWrong(failing, 1), "wrong result");
  const FailingCase small = Shrink(failing, [](const FailingCase& c) { return WhatIsWrong(c, 1); });
  EXPECT_EQ(WhatIsWrong(small, 1), "wrong result") << DescribeCase(small);
  EXPECT_EQ(InstructionsOf(small), 2) << DescribeCase(small);
  EXPECT_NE(small.trace.find("UnsafeSetDType"), std::string::npos);
  // The block that is to blame and one that reads it: a parameter has its type for good.
  EXPECT_LE(Count(small.module, "T.block("), 3) << small.module;  // One of them is the comment for the root.
  EXPECT_EQ(small.module.find("T.float32(100)"), std::string::npos) << small.module;
  EXPECT_EQ(Count(small.module, "9"), 0) << small.module;
}

TEST(ShrinkTest, WhatIsNotWrongStaysAsItIs) {
  FailingCase fine = MakeCase();
  fine.trace = "[[],[]]";
  const FailingCase same = Shrink(fine, [](const FailingCase& c) { return WhatIsWrong(c, 1); });
  EXPECT_EQ(same.module, fine.module);
  EXPECT_EQ(same.trace, fine.trace);
}

TEST(ShrinkTest, OnlyCasesThatFailAlikeAreTaken) {
  // What fails here is that two kinds of calls are in the trace.
  const CaseCheck check = [](const FailingCase& c) -> std::string {
    const bool both = c.trace.find("Vectorize") != std::string::npos && c.trace.find("Annotate") != std::string::npos;
    return both && script::ParseModule(c.module).ok() ? "both" : "";
  };
  const FailingCase small = Shrink(MakeCase(), check);
  EXPECT_EQ(check(small), "both");
  EXPECT_EQ(InstructionsOf(small), 6) << small.trace;  // Two look-ups, get_loops, split and the two.
}

TEST(ShrinkTest, ACrashIsSeenFromOutside) {
  const CaseCheck check = WhatIsWrongInChild(1);
  EXPECT_EQ(check(MakeCase()), "wrong result");
  FailingCase fine = MakeCase();
  fine.trace = "[[],[]]";
  EXPECT_EQ(check(fine), "");
}

TEST(ShrinkTest, ATestGetsTheSmallCaseAsText) {
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(kProgram));
  ASSERT_OK_AND_ASSIGN(Schedule schedule, Schedule::Create(module));
  ASSERT_OK_AND_ASSIGN(const Trace trace, TraceFromPython(kTrace));
  ASSERT_OK(trace.ApplyTo(schedule));
  const std::string text = ShrunkFailure(module, schedule, 1);
  EXPECT_NE(text.find("shrunk (wrong result)"), std::string::npos) << text;
  EXPECT_NE(text.find("sch.unsafe_set_dtype("), std::string::npos) << text;
  EXPECT_EQ(text.find("sch.vectorize("), std::string::npos) << text;
}

}  // namespace
}  // namespace hone::schedule
