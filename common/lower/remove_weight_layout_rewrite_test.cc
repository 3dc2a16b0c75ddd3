#include "common/lower/remove_weight_layout_rewrite.h"

#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/status_matchers.h"

namespace hone::lower {
namespace {

constexpr char kPacked[] = R"(@T.prim_func
def main(A: T.Buffer((8, 8), "float32"), W: T.Buffer((8, 8), "float32"), C: T.Buffer((8, 8), "float32")):
    W_packed = T.alloc_buffer((2, 8, 4), "float32")
    for i, j in T.grid(8, 8):
        with T.block("pack"):
            vi, vj = T.axis.remap("SS", [i, j])
            T.block_attr({"meta_schedule.layout_rewrite_preproc": T.bool(True)})
            W_packed[vj // 4, vi, vj % 4] = W[vi, vj]
    for i, j in T.grid(8, 8):
        with T.block("scale"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = A[vi, vj] * W_packed[vj // 4, vi, vj % 4]
)";

TEST(RemoveWeightLayoutRewriteTest, TheParameterTakesThePackedLayout) {
  auto module = script::ParseModule(kPacked);
  ASSERT_OK(module);
  auto arena = std::make_shared<ir::Arena>();
  const ir::ArenaScope scope(arena);
  const ir::PrimFunc before = module->FindPrimFunc("main");
  const ir::PrimFunc after = RemoveWeightLayoutRewriteBlock(before);
  const std::string text = script::PrintFunc(after);
  EXPECT_EQ(after->BufferOf(after->params[1])->shape.size(), 3u) << text;
  EXPECT_EQ(text.find("pack\""), std::string::npos) << text;
  EXPECT_EQ(text.find("alloc_buffer"), std::string::npos) << text;
  EXPECT_EQ(RemoveWeightLayoutRewriteBlock(after), after);
}

TEST(RemoveWeightLayoutRewriteTest, OtherCopiesStay) {
  std::string text = kPacked;
  text.erase(text.find("            T.block_attr"),
             text.find("            W_packed[vj") - text.find("            T.block_attr"));
  auto module = script::ParseModule(text);
  ASSERT_OK(module);
  auto arena = std::make_shared<ir::Arena>();
  const ir::ArenaScope scope(arena);
  const ir::PrimFunc func = module->FindPrimFunc("main");
  EXPECT_EQ(RemoveWeightLayoutRewriteBlock(func), func);
}

}  // namespace
}  // namespace hone::lower
