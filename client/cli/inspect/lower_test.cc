#include "client/cli/inspect/lower.h"

#include <gtest/gtest.h>

#include <string>

#include "common/support/status_matchers.h"

namespace hone::cli {
namespace {

InspectCase Question() {
  InspectCase question;
  question.module = R"(
@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    for i in T.vectorized(64):
        with T.block("B"):
            vi = T.axis.spatial(64, i)
            B[vi] = A[vi] * T.float32(2)
)";
  question.target = "llvm -mcpu=znver4 -num-cores=2";
  return question;
}

size_t Count(const std::string& text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(InspectLowerTest, ShowsTheProgramAfterOnePass) {
  InspectCase question = Question();
  question.dump_after = "LowerOpaqueBlock";
  ASSERT_OK_AND_ASSIGN(const InspectAnswer answer, InspectLower(question));
  EXPECT_EQ(Count(answer.plain(), "# after "), 1u) << answer.plain();
  EXPECT_EQ(answer.plain().find("# after LowerOpaqueBlock\n"), 0u) << answer.plain();
  EXPECT_EQ(answer.plain().find("T.block"), std::string::npos) << answer.plain();
}

TEST(InspectLowerTest, ShowsTheProgramAfterEveryRunOfAPass) {
  InspectCase question = Question();
  question.dump_after = "Simplify";
  ASSERT_OK_AND_ASSIGN(const InspectAnswer answer, InspectLower(question));
  EXPECT_GT(Count(answer.plain(), "# after Simplify\n"), 1u) << answer.plain();
}

TEST(InspectLowerTest, ShowsAllPassesInTheirOrder) {
  InspectCase question = Question();
  question.dump_after = "all";
  ASSERT_OK_AND_ASSIGN(const InspectAnswer answer, InspectLower(question));
  const size_t blocks = answer.plain().find("# after ConvertBlocksToOpaque\n");
  const size_t vectors = answer.plain().find("# after VectorizeLoop\n");
  ASSERT_NE(blocks, std::string::npos);
  ASSERT_NE(vectors, std::string::npos);
  EXPECT_LT(blocks, vectors);
  EXPECT_EQ(answer.plain().find("# after ThreadSync\n"), std::string::npos);  // GPUs only.
}

TEST(InspectLowerTest, AnUnknownPassIsRefusedWithTheNamesThereAre) {
  InspectCase question = Question();
  question.dump_after = "NoSuchPass";
  EXPECT_STATUS(InspectLower(question), absl::StatusCode::kInvalidArgument, "\"NoSuchPass\" is neither all nor one of");
  EXPECT_STATUS(InspectLower(question), absl::StatusCode::kInvalidArgument, "VectorizeLoop");
}

TEST(InspectLowerTest, EmitsWhatTheTargetHas) {
  InspectCase question = Question();
  question.emit = "asm";
  ASSERT_OK_AND_ASSIGN(const InspectAnswer assembly, InspectLower(question));
  EXPECT_NE(assembly.plain().find("zmm"), std::string::npos) << assembly.plain();
  question.emit = "elf";
  EXPECT_STATUS(InspectLower(question), absl::StatusCode::kUnimplemented, "emit \"elf\" is none of");
}

}  // namespace
}  // namespace hone::cli
