// Structural equality, hashes, content ids, module equalities and the verifier, on programs written as text.
#include <string>

#include "common/ir/content_id.h"
#include "common/ir/module_equality.h"
#include "common/ir/ops.h"
#include "common/ir/structural_equal.h"
#include "common/ir/structural_hash.h"
#include "common/ir/well_formed.h"
#include "common/script/parser.h"
#include "common/support/status_matchers.h"
#include "gtest/gtest.h"

namespace hone::ir {
namespace {

IRModule Parse(const std::string& text) {
  auto module = script::ParseModule(text);
  EXPECT_OK(module);
  return *std::move(module);
}

std::string Scale(const std::string& a, const std::string& i, const std::string& block, const std::string& factor) {
  return "@T.prim_func\ndef main(" + a + ": T.Buffer((8,), \"float32\")):\n    for " + i +
         " in range(8):\n        with T.block(\"" + block + "\"):\n            v = T.axis.spatial(8, " + i +
         ")\n            " + a + "[v] = " + a + "[v] * " + factor + "\n";
}

void ExpectEqual(const IRModule& a, const IRModule& b, bool equal) {
  EXPECT_EQ(StructuralEqual(a, b), equal);
  EXPECT_EQ(StructuralEqual(b, a), equal);
  EXPECT_EQ(ContentId(a) == ContentId(b), equal);
  EXPECT_EQ(StructuralHash(a) == StructuralHash(b), equal);
}

TEST(StructuralEqualTest, NamesDoNotCountButFunctionNamesDo) {
  const IRModule a = Parse(Scale("A", "i", "b", "T.float32(2)"));
  ExpectEqual(a, Parse(Scale("X", "loop", "c", "T.float32(2)")), true);
  std::string other = Scale("A", "i", "b", "T.float32(2)");
  other.replace(other.find("main"), 4, "mine");
  ExpectEqual(a, Parse(other), false);
}

TEST(StructuralEqualTest, LiteralsTypesAndOrderCount) {
  const IRModule a = Parse(Scale("A", "i", "b", "T.float32(2)"));
  ExpectEqual(a, Parse(Scale("A", "i", "b", "T.float32(3)")), false);
  ExpectEqual(a, Parse(Scale("A", "i", "b", "A[0]")), false);
  std::string wide = Scale("A", "i", "b", "T.float32(2)");
  wide.replace(wide.find("range(8)"), 8, "range(T.int64(8))");
  ExpectEqual(a, Parse(wide), false);
}

TEST(StructuralEqualTest, NearlyEqualDoublesAreEqual) {
  EXPECT_TRUE(StructuralEqual(Parse(Scale("A", "i", "b", "T.float32(2)")),
                              Parse(Scale("A", "i", "b", "T.float32(2.0000000001)"))));
}

TEST(StructuralEqualTest, FreeVariablesEqualThemselvesOrAreMatchedOnRequest) {
  Arena arena;
  const ArenaScope scope(arena);
  const Var x = MakeVar("x", kInt32);
  const Var y = MakeVar("y", kInt32);
  EXPECT_TRUE(StructuralEqual(x + 1, x + 1));
  EXPECT_FALSE(StructuralEqual(x + 1, y + 1));
  EXPECT_TRUE(StructuralEqual(x + 1, y + 1, /*map_free_vars=*/true));
  EXPECT_TRUE(StructuralEqual(x + y, y + x, /*map_free_vars=*/true));
  EXPECT_FALSE(StructuralEqual(x + x, y + x, /*map_free_vars=*/true));
  EXPECT_EQ(StructuralHash(x + 1, true), StructuralHash(y + 1, true));
  EXPECT_FALSE(StructuralEqual(x + y, x + 1));
  EXPECT_TRUE(DeepEqual(x + 1, x + 1));
  EXPECT_FALSE(DeepEqual(x + 1, y + 1));
}

TEST(ContentIdTest, IsStableAcrossReleases) {
  // Stored in databases: a change of this value needs a new version tag in the encoding.
  EXPECT_EQ(ContentId(Parse(Scale("A", "i", "b", "T.float32(2)"))).Hex(),
            "47fb84f1d96fbf5a9d2a7eb8051232166fc809e02dd87188f649a3a96b4ef4e6");
}

constexpr char kMatmul[] = R"(
@T.prim_func
def main(A: T.Buffer((8, 8), "float32"), B: T.Buffer((8, 8), "float32"), C: T.Buffer((8, 8), "float32")):
    D = T.alloc_buffer((8, 8))
    for i, j, k in T.grid(8, 8, 8):
        with T.block("D"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                D[vi, vj] = T.float32(0)
            D[vi, vj] = D[vi, vj] + A[vi, vk] * B[vk, vj]
    for i, j in T.grid(8, 8):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = EPILOGUE
)";

std::string Matmul(const std::string& epilogue) {
  std::string text = kMatmul;
  return text.replace(text.find("EPILOGUE"), 8, epilogue);
}

TEST(ModuleEqualityTest, AnchorBlockIgnoresTheEpilogue) {
  const IRModule relu = Parse(Matmul("T.max(D[vi, vj], T.float32(0))"));
  const IRModule twice = Parse(Matmul("D[vi, vj] * T.float32(2)"));
  ASSERT_NE(FindAnchorBlock(relu), nullptr);
  EXPECT_EQ(FindAnchorBlock(relu)->name, "D");
  EXPECT_FALSE(ModulesEqual(relu, twice, Equality::kStructural));
  EXPECT_FALSE(ModulesEqual(relu, twice, Equality::kIgnoreNdarray));
  EXPECT_TRUE(ModulesEqual(relu, twice, Equality::kAnchorBlock));
  EXPECT_EQ(ModuleHash(relu, Equality::kAnchorBlock), ModuleHash(twice, Equality::kAnchorBlock));
  EXPECT_EQ(ModuleKey(relu, Equality::kAnchorBlock), ModuleKey(twice, Equality::kAnchorBlock));
  EXPECT_NE(ModuleKey(relu, Equality::kStructural), ModuleKey(twice, Equality::kStructural));
}

// Two reductions: of `first` and `second` points a row.
IRModule TwoSums(int first, int second, const std::string& second_value) {
  const std::string a = std::to_string(first);
  const std::string b = std::to_string(second);
  return Parse(
      "@T.prim_func\ndef main(A: T.Buffer((8, " + a + "), \"float32\"), B: T.Buffer((8, " + b +
      "), \"float32\"), C: T.Buffer((8,), \"float32\"), D: T.Buffer((8,), \"float32\")):\n    for i, k in T.grid(8, " +
      a + "):\n        with T.block(\"C\"):\n            vi, vk = T.axis.remap(\"SR\", [i, k])\n            " +
      "with T.init():\n                C[vi] = T.float32(0)\n            C[vi] = C[vi] + A[vi, vk]\n    for i, k in " +
      "T.grid(8, " + b + "):\n        with T.block(\"D\"):\n            vi, vk = T.axis.remap(\"SR\", [i, k])\n" +
      "            with T.init():\n                D[vi] = T.float32(0)\n            D[vi] = D[vi] + " + second_value +
      "\n");
}

TEST(ModuleEqualityTest, TheAnchorIsTheBlockWithMostArithmetic) {
  EXPECT_EQ(FindAnchorBlock(TwoSums(16, 8, "B[vi, vk]"))->name, "C");
  EXPECT_EQ(FindAnchorBlock(TwoSums(8, 16, "B[vi, vk]"))->name, "D");
  EXPECT_EQ(FindAnchorBlock(TwoSums(8, 8, "B[vi, vk]"))->name, "C");
  EXPECT_EQ(FindAnchorBlock(TwoSums(8, 8, "B[vi, vk] * B[vi, vk]"))->name, "D");
  // Calls, casts and comparisons count only what they are of.
  EXPECT_EQ(FindAnchorBlock(TwoSums(8, 8, "T.exp(B[vi, vk])"))->name, "C");
  EXPECT_EQ(FindAnchorBlock(TwoSums(8, 8, "T.exp(B[vi, vk] * B[vi, vk])"))->name, "D");
  EXPECT_EQ(FindAnchorBlock(TwoSums(8, 8, "T.Cast(\"float32\", B[vi, vk] * B[vi, vk] < B[vi, 0])"))->name, "C");
  // What the other reduction is does not matter, iter domains do.
  EXPECT_TRUE(ModulesEqual(TwoSums(8, 16, "B[vi, vk]"), TwoSums(4, 16, "B[vi, vk]"), Equality::kAnchorBlock));
  EXPECT_FALSE(ModulesEqual(TwoSums(8, 16, "B[vi, vk]"), TwoSums(8, 32, "B[vi, vk]"), Equality::kAnchorBlock));
  EXPECT_FALSE(ModulesEqual(TwoSums(8, 16, "B[vi, vk]"), TwoSums(8, 16, "B[vi, 0]"), Equality::kAnchorBlock));
}

TEST(ModuleEqualityTest, IgnoreNdarrayIgnoresConstantsButNotTheirShape) {
  auto module = [](const std::string& data, const std::string& n) {
    return Parse("@T.prim_func\ndef main(A: T.Buffer((4,), \"int32\")):\n    p = T.allocate_const(" + data +
                 ", \"int32\", [" + n + "])\n    B = T.decl_buffer((" + n +
                 ",), \"int32\", data=p)\n    A[0] = B[0]\n");
  };
  const IRModule a = module("[1, 2]", "2");
  EXPECT_FALSE(ModulesEqual(a, module("[1, 3]", "2"), Equality::kStructural));
  EXPECT_TRUE(ModulesEqual(a, module("[1, 3]", "2"), Equality::kIgnoreNdarray));
  EXPECT_EQ(ModuleHash(a, Equality::kIgnoreNdarray), ModuleHash(module("[1, 3]", "2"), Equality::kIgnoreNdarray));
  EXPECT_FALSE(ModulesEqual(a, module("[1, 2, 3]", "3"), Equality::kIgnoreNdarray));
  EXPECT_FALSE(EqualityFromName("other").has_value());
}

TEST(WellFormedTest, AcceptsProgramsAndNamesWhatIsWrong) {
  EXPECT_OK(VerifyWellFormed(Parse(Matmul("D[vi, vj]"))));
  struct Case {
    const char* body;
    const char* part;
  };
  const Case kCases[] = {
      {"x = T.int32()\n    A[x] = 1", "undefined"},
      {"for i in range(4):\n        with T.block(\"b\"):\n            v = T.axis.spatial(4, i)\n            A[i] = 1",
       "bind it"},
      {"B = T.Buffer((4,))\n    A[0] = B[0]", "without being declared"},
      {"with T.launch_thread(\"threadIdx.x\", 4) as x:\n        with T.launch_thread(\"threadIdx.x\", 4) as y:\n       "
       "     A[x + y] = 1",
       "two variables"},
  };
  for (const Case& c : kCases) {
    const absl::Status status = VerifyWellFormed(
        Parse("@T.prim_func\ndef main(A: T.Buffer((8,), \"float32\")):\n    " + std::string(c.body) + "\n"));
    EXPECT_FALSE(status.ok()) << c.body;
    EXPECT_NE(std::string(status.message()).find(c.part), std::string::npos) << status.ToString();
  }
  // Loop variables may be used in a block without iterators, and threads may be launched twice.
  EXPECT_OK(
      VerifyWellFormed(Parse("@T.prim_func\ndef main(A: T.Buffer((8,), \"float32\")):\n    for i in range(4):\n"
                             "        with T.block(\"b\"):\n            A[i] = 1\n")));
}

}  // namespace
}  // namespace hone::ir
