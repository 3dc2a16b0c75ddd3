#include "client/cli/inspect/case.h"

#include <gtest/gtest.h>

#include "common/support/status_matchers.h"

namespace hone::cli {
namespace {

TEST(CaseTest, TextAndJsonMembersAreRead) {
  InspectCase parsed;
  ASSERT_OK(ParseCase(
      R"({"id": "a", "module": "m\n", "trace": [[],[]], "target": {"kind": "llvm"}, "postprocs": true})", &parsed));
  EXPECT_EQ(parsed.id_json, "\"a\"");
  EXPECT_EQ(parsed.module, "m\n");
  EXPECT_EQ(parsed.trace_json, "[[],[]]");
  EXPECT_EQ(parsed.target, "{\"kind\":\"llvm\"}");
  EXPECT_TRUE(parsed.postprocs);
}

TEST(CaseTest, BadLinesAreRefusedWithTheirIdWhereThereIsOne) {
  InspectCase parsed;
  EXPECT_STATUS(ParseCase("{", &parsed), absl::StatusCode::kInvalidArgument, "not a JSON object");
  EXPECT_EQ(parsed.id_json, "null");
  EXPECT_STATUS(ParseCase(R"({"id": 7, "module": 3})", &parsed), absl::StatusCode::kInvalidArgument, "module");
  EXPECT_EQ(parsed.id_json, "7");
}

TEST(CaseTest, AnswersAreOneLineOfJson) {
  InspectAnswer answer;
  answer.Text("module", "a\n\"b\"").Json("trace", "[[], []]");
  EXPECT_EQ(answer.ToJson("7"), R"({"id": 7, "ok": true, "module": "a\n\"b\"", "trace": [[], []]})");
  EXPECT_EQ(answer.plain(), "a\n\"b\"");
  EXPECT_EQ(ErrorAnswerJson("\"x\"", "no\n"), R"({"id": "x", "ok": false, "error": "no\n"})");
}

TEST(CaseTest, InvalidUtf8DoesNotBreakTheAnswer) { EXPECT_EQ(JsonString("a\xff"), "\"a\xef\xbf\xbd\""); }

}  // namespace
}  // namespace hone::cli
