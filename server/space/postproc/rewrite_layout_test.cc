#include "server/space/postproc/rewrite_layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/interp/interpreter.h"
#include "common/script/parser.h"
#include "common/support/status_matchers.h"

namespace hone {
namespace {

using schedule::BlockRv;
using schedule::Schedule;
using schedule::Value;

constexpr char kMatmul[] = R"(
@T.prim_func
def main(A: T.Buffer((16, 24), "float32"), B: T.Buffer((24, 32), "float32"), C: T.Buffer((16, 32), "float32")):
    T.func_attr({"tir.noalias": T.bool(True), "layout_free_buffers": [1]})
    for i, j, k in T.grid(16, 32, 24):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            T.reads(A[vi, vk], B[vk, vj])
            T.writes(C[vi, vj])
            with T.init():
                C[vi, vj] = T.float32(0.0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
)";

// A tiled matmul whose weight goes through `copies` cache reads.
Schedule Tiled(const ir::IRModule& module, int copies) {
  auto sch = Schedule::Create(module);
  EXPECT_OK(sch);
  auto block = sch->GetBlock("C");
  EXPECT_OK(block);
  const auto loops = sch->GetLoops(*block);
  EXPECT_OK(loops);
  const Value factors[] = {Value::None(), Value::Int(8)};
  const auto j = sch->Split((*loops)[1], factors);
  EXPECT_OK(j);
  const schedule::LoopRv order[] = {(*j)[0], (*loops)[0], (*loops)[2], (*j)[1]};
  EXPECT_OK(sch->Reorder(order));
  for (int i = 0; i < copies; ++i) EXPECT_OK(sch->CacheRead(*block, 1, "global"));
  return *std::move(sch);
}

std::vector<std::string> NewKinds(const Schedule& sch, size_t before) {
  std::vector<std::string> out;
  for (size_t i = before; i < sch.trace().size(); ++i) out.emplace_back(sch.trace().instructions()[i].row->name);
  return out;
}

class RewriteLayoutTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto module = script::ParseModule(kMatmul);
    ASSERT_OK(module);
    module_ = *module;
  }
  // What the postproc adds to the trace; checks that the program still computes the matmul.
  std::vector<std::string> Rewrite(int copies) {
    Schedule sch = Tiled(module_, copies);
    const size_t before = sch.trace().size();
    const auto passed = RewriteLayout().Apply(sch);
    EXPECT_OK(passed);
    EXPECT_TRUE(passed.ok() && *passed);
    EXPECT_OK(interp::ExpectSameResults(module_, sch.module(), /*seed=*/3));
    return NewKinds(sch, before);
  }

  ir::IRModule module_;
};

using Kinds = std::vector<std::string>;

TEST_F(RewriteLayoutTest, WeightReadDirectlyIsPackedInACopyBefore) {
  EXPECT_EQ(Rewrite(0), (Kinds{"GetBlock", "CacheRead", "Annotate", "TransformLayout"}));
}

TEST_F(RewriteLayoutTest, LayoutReachesTheWeightThroughOneCopy) {
  EXPECT_EQ(Rewrite(1), (Kinds{"GetBlock", "TransformLayout", "GetBlock", "CacheRead", "Annotate", "TransformLayout"}));
}

TEST_F(RewriteLayoutTest, LayoutReachesTheWeightThroughAChainOfCopies) {
  EXPECT_EQ(Rewrite(3), (Kinds{"GetBlock", "TransformLayout", "GetBlock", "TransformLayout", "GetBlock",
                               "TransformLayout", "GetBlock", "CacheRead", "Annotate", "TransformLayout"}));
}

}  // namespace
}  // namespace hone
