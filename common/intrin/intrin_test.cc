#include "common/intrin/intrin.h"

#include <gtest/gtest.h>

#include "common/interp/interpreter.h"
#include "common/script/parser.h"
#include "common/support/status_matchers.h"

namespace hone {
namespace {

TEST(IntrinTest, EveryDescriptionAndImplementationParses) {
  for (const IntrinText& row : AllTensorIntrins()) {
    for (const std::string& text : {row.description, row.implementation}) {
      const auto module = script::ParseModule(text);
      EXPECT_OK(module) << row.name << text;
    }
  }
}

TEST(IntrinTest, IntrinsicsAreFoundByNameAndParsedOnce) {
  const schedule::TensorIntrin first = FindTensorIntrin("wmma_sync_16x16x16_f16f16f32_trans");
  ASSERT_NE(first.description, nullptr);
  EXPECT_EQ(FindTensorIntrin("wmma_sync_16x16x16_f16f16f32_trans").description, first.description);
  EXPECT_EQ(FindTensorIntrin("no_such_intrinsic").description, nullptr);
}

TEST(IntrinTest, AllNamesOfTheDefaultListsExist) {
  for (const char* name : {"dot_16x4_vnni",
                           "dot_16x4_avx512",
                           "dot_4x4_i8i8s32_neon",
                           "dot_4x4_i8i8s32_sdot",
                           "dot_4x4_u8u8u32_udot",
                           "dot_4x4_u8u8i32_hdot",
                           "wmma_fill_16x16x16_f32",
                           "wmma_fill_16x16x16_f16",
                           "wmma_fill_16x16x16_s32",
                           "wmma_load_16x16x16_f16_a_shared_dyn",
                           "wmma_load_16x16x16_f16_b_trans_shared_dyn",
                           "wmma_load_16x16x16_s8_b_shared_dyn",
                           "wmma_sync_16x16x16_s8s8s32_trans",
                           "wmma_store_16x16x16_s32_shared_dyn",
                           "wmma_store_16x16x16_f32_global",
                           "mma_init_m16n8k8_f16",
                           "mma_load_m16n8k8_f16_A_shared_dyn",
                           "mma_sync_m16n8k8_f16f16f32",
                           "mma_store_m16n8k8_f32_global",
                           "mma_ldmatrix_f16_a",
                           "mma_ldmatrix_f16_a_trans_dyn",
                           "mma_ldmatrix_f16_b_trans",
                           "mma_ldmatrix_f16_b_dyn",
                           "mma_ldmatrix_i8_a",
                           "mma_ldmatrix_i8_b",
                           "mma_ldmatrix_i8_b_trans",
                           "mma_f16f16f32",
                           "mma_f16f16f32_trans_a_trans_b",
                           "mma_f16f16f16_trans_b",
                           "mma_i8i8i32",
                           "mma_i8i8i32_trans_b",
                           "mma_fill_16x16_f32",
                           "mma_fill_16x16_f16",
                           "mma_fill_16x16_i32",
                           "mma_store_16x16_f32_global_",
                           "mma_store_16x16_f16_global_",
                           "mma_store_16x16_i32_global_",
                           "mma_store_16x16_f32_shared_dyn_",
                           "mma_store_16x16_f32_shared_dyn_simple_",
                           "mma_store_16x16_f16_shared_dyn_simple_",
                           "dp4a_s8s8s32",
                           "dp4a_u8u8u32",
                           "sdot4",
                           "dma_read_128_u8",
                           "dot_32x4_u8u8i32_vtcm_vrmpy",
                           "dot_32x4_u8i8i32_vrmpy",
                           "dot_product_32x2_i16i16i32_vdmpy"}) {
    EXPECT_NE(FindTensorIntrin(name).description, nullptr) << name;
  }
}

// Instructions that a whole warp issues together run in a launch, one fibre a lane.
std::string Launched(std::string text) {
  const std::string loop = "for tx in T.thread_binding(0, 32, \"threadIdx.x\"):";
  if (const size_t at = text.find(loop); at != std::string::npos) {
    text.replace(at, loop.size(), "with T.launch_thread(\"threadIdx.x\", 32) as tx:");
  }
  return text;
}

bool IsOfWarpMemory(const IntrinText& row) { return row.implementation.find("scope=\"warp\"") != std::string::npos; }

// On random inputs. The operands of a transposed wmma_sync are only known to be so by the load before it; saturating
// instructions differ where their sums do not fit.
TEST(IntrinTest, ImplementationsComputeTheirDescriptions) {
  int checked = 0;
  for (const IntrinText& row : AllTensorIntrins()) {
    if (row.name.starts_with("wmma_sync") && row.name.ends_with("_trans")) continue;
    if (row.name == "dot_16x4_avx512" || row.name == "dot_product_32x2_i16i16i32_vdmpy") continue;
    ASSERT_OK_AND_ASSIGN(const ir::IRModule description, script::ParseModule(row.description));
    const std::string text = IsOfWarpMemory(row) ? Launched(row.implementation) : row.implementation;
    ASSERT_OK_AND_ASSIGN(const ir::IRModule implementation, script::ParseModule(text));
    for (int seed = 1; seed <= 3; ++seed) {
      EXPECT_OK(interp::ExpectSameResults(description, implementation, seed)) << row.name << " seed " << seed;
    }
    ++checked;
  }
  EXPECT_GT(checked, 90);
}

TEST(IntrinTest, SaturatingInstructionsComputeTheirDescriptionsWhereSumsFit) {
  for (const char* name : {"dot_16x4_avx512", "dot_product_32x2_i16i16i32_vdmpy"}) {
    for (const IntrinText& row : AllTensorIntrins()) {
      if (row.name != name) continue;
      ASSERT_OK_AND_ASSIGN(const ir::IRModule description, script::ParseModule(row.description));
      ASSERT_OK_AND_ASSIGN(const ir::IRModule implementation, script::ParseModule(row.implementation));
      ASSERT_OK_AND_ASSIGN(std::vector<interp::Tensor> expected, interp::RandomArgs(description, 1));
      for (interp::Tensor& arg : expected) {  // Bytes of 0..63 and words whose halves are as small.
        for (uint8_t& byte : arg.bytes) byte &= 63;
      }
      std::vector<interp::Tensor> got = expected;
      ASSERT_OK(interp::Interpret(description, absl::MakeSpan(expected)));
      ASSERT_OK(interp::Interpret(implementation, absl::MakeSpan(got)));
      EXPECT_EQ(got[2].bytes, expected[2].bytes) << name;
    }
  }
}

}  // namespace
}  // namespace hone
