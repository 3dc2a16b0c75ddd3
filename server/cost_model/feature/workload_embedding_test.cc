#include "server/cost_model/feature/workload_embedding.h"

#include "common/script/parser.h"
#include "common/support/status_matchers.h"

namespace hone {
namespace {

std::array<float, 8> EmbeddingOf(const std::string& block) {
  auto module = script::ParseModule(StrCat(R"(@T.prim_func
def main(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
    for i in range(4):
        with T.block(")",
                                           block, R"("):
            vi = T.axis.spatial(4, i)
            B[vi] = A[vi]
)"));
  EXPECT_OK(module);
  return WorkloadEmbedding(*module);
}

TEST(WorkloadEmbeddingTest, FirstMatchingClassOfTheBlockNameCounts) {
  using E = std::array<float, 8>;
  EXPECT_EQ(EmbeddingOf("T_softmax_maxelem"), (E{1, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(EmbeddingOf("T_minimum"), (E{0, 1, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(EmbeddingOf("PaddedInput"), (E{0, 0, 1, 0, 0, 0, 0, 0}));
  EXPECT_EQ(EmbeddingOf("T_batch_matmul_NT"), (E{0, 0, 0, 1, 0, 0, 0, 0}));
  EXPECT_EQ(EmbeddingOf("T_matmul_NT"), (E{0, 0, 0, 0, 1, 0, 0, 0}));
  EXPECT_EQ(EmbeddingOf("DepthwiseConv2d"), (E{0, 0, 0, 0, 0, 1, 0, 0}));
  EXPECT_EQ(EmbeddingOf("conv2d_winograd"), (E{0, 0, 0, 0, 0, 0, 1, 0}));
  EXPECT_EQ(EmbeddingOf("conv2d_nhwc"), (E{0, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_EQ(EmbeddingOf("compute"), (E{0, 0, 0, 0, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace hone
