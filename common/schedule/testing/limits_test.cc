// Texts that would exhaust the stack, the memory or the patience of a careless reader: each is refused or read, soon.
// No time is asserted; what takes quadratic time on these sizes runs into the test's own limit.
#include <string>

#include "common/schedule/trace_from_python.h"
#include "common/schedule/trace_json.h"
#include "common/script/graph_json.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "gtest/gtest.h"

namespace hone::schedule {
namespace {

constexpr int kDeep = 10'000;

std::string Repeated(std::string_view text, int count) {
  std::string out;
  out.reserve(text.size() * static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

std::string Function(std::string_view body) {
  return StrCat("@T.prim_func\ndef main(A: T.Buffer((16,), \"float32\")):\n", body, "\n");
}

// Every reader of text that Hone has for programs and traces; none may do harm, what they say does not matter here.
void ReadEverywhere(const std::string& text) {
  script::ParseModule(text).status().IgnoreError();
  script::ParseModule(Function(StrCat("    A[0] = ", text))).status().IgnoreError();
  script::LoadGraphJson(text).status().IgnoreError();
  TraceFromJson(text).status().IgnoreError();
  TraceFromPython(text).status().IgnoreError();
  TraceFromPython(StrCat("x = sch.sample_categorical(", text, ", [1])\n")).status().IgnoreError();
}

TEST(LimitsTest, BracketsTenThousandDeep) {
  for (std::string_view open : {"(", "[", "{", "{\"a\":", "[[],", "-", "not ", "~", "f(", "a[", "lambda x: ", "*"}) {
    ReadEverywhere(Repeated(open, kDeep));
    ReadEverywhere(Repeated(open, kDeep) + "1");
  }
  ReadEverywhere(Repeated("(", kDeep) + "1" + Repeated(")", kDeep));
  ReadEverywhere(Repeated("[", kDeep) + "1" + Repeated("]", kDeep));
  ReadEverywhere(Repeated("{\"a\":", kDeep) + "1" + Repeated("}", kDeep));
  ReadEverywhere("1" + Repeated(" if True else 1", kDeep));
}

TEST(LimitsTest, ExpressionsTenThousandDeepAreRefusedWithTheirPlace) {
  for (std::string_view more : {" + A[0]", " * A[0]", ".a", "[0]", "(0)", " < A[0]"}) {
    const auto module = script::ParseModule(Function(StrCat("    A[0] = A[0]", Repeated(more, kDeep))));
    ASSERT_FALSE(module.ok()) << more;
    EXPECT_EQ(module.status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(LimitsTest, StatementsTenThousandDeepAreRefused) {
  std::string loops;
  for (int i = 0; i < kDeep; ++i)
    StrAppend(&loops, std::string(static_cast<size_t>(i) + 1, ' '), "for i in range(2):\n");
  StrAppend(&loops, std::string(kDeep + 1, ' '), "A[0] = T.float32(1)\n");
  EXPECT_FALSE(script::ParseModule(Function(loops)).ok());
  std::string grid = "    for i";
  for (int i = 0; i < kDeep; ++i) StrAppend(&grid, ", i", i);
  EXPECT_FALSE(script::ParseModule(
                   Function(StrCat(grid, " in T.grid(", Repeated("2, ", kDeep), "2):\n        A[0] = T.float32(1)")))
                   .ok());
}

TEST(LimitsTest, AHundredMegabytesAreRefusedByTheirSize) {
  const std::string spaces(size_t{100} << 20, ' ');
  const auto module = script::ParseModule(spaces);
  ASSERT_FALSE(module.ok());
  EXPECT_NE(ToStd(module.status().message()).find("bytes"), std::string_view::npos) << module.status();
  EXPECT_FALSE(script::LoadGraphJson(spaces).ok());
}

TEST(LimitsTest, LongListsTakeTimeInProportion) {
  constexpr int kMany = 200'000;
  // Many statements, many arguments, many tokens on a line, one long text, many comment lines, many blank lines.
  EXPECT_OK(script::ParseModule(Function(Repeated("    A[0] = T.float32(1)\n", kMany / 4))).status());
  ReadEverywhere(StrCat("f(", Repeated("1, ", kMany), ")"));
  ReadEverywhere(StrCat("[", Repeated("1, ", kMany), "1]"));
  ReadEverywhere(StrCat("\"", Repeated("\\n", kMany), "\""));
  ReadEverywhere(StrCat("\"", Repeated("\\", kMany), "\""));
  EXPECT_OK(
      script::ParseModule(Function(StrCat(Repeated("    # nothing\n", kMany), "    A[0] = T.float32(1)"))).status());
  EXPECT_OK(script::ParseModule(Function(StrCat(Repeated("\n", kMany), "    A[0] = T.float32(1)"))).status());
  std::string trace = "[[";
  for (int i = 0; i < kMany / 8; ++i) {
    StrAppend(&trace, i > 0 ? "," : "", "[\"GetBlock\",[],[\"C\",\"main\"],[\"b", i, "\"]]");
  }
  EXPECT_OK(TraceFromJson(trace + "],[]]").status());
}

TEST(LimitsTest, ManyVariablesOfOneNamePrintAndComeBack) {
  std::string loops;
  for (int i = 0; i < 20'000; ++i) StrAppend(&loops, "    for i in range(16):\n        A[i] = T.float32(1)\n");
  ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(Function(loops)));
  const std::string text = script::PrintModule(module);
  ASSERT_OK_AND_ASSIGN(const ir::IRModule again, script::ParseModule(text));
  EXPECT_EQ(script::PrintModule(again), text);
}

}  // namespace
}  // namespace hone::schedule
