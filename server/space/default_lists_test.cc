// The default lists by kind, in order and with every argument, against the tables of the reference.
#include "server/space/default_lists.h"

#include <gtest/gtest.h>

#include "common/support/status_matchers.h"
#include "common/support/strings.h"

namespace hone {
namespace {

using Lines = std::vector<std::string>;

template <typename List>
Lines Signatures(const List& list) {
  Lines out;
  for (const auto& item : list) out.push_back(item->Signature());
  return out;
}

// A clone is of the same class with the same arguments.
template <typename List>
Lines SignaturesOfClones(const List& list) {
  Lines out;
  for (const auto& item : list) out.push_back(item->Clone()->Clone()->Signature());
  return out;
}

void ExpectRules(std::string_view kind, const Lines& expected) {
  ASSERT_OK_AND_ASSIGN(const ScheduleRules rules, DefaultScheduleRules(kind));
  EXPECT_EQ(Signatures(rules), expected) << kind;
  EXPECT_EQ(SignaturesOfClones(rules), expected) << kind;
}

void ExpectPostprocs(std::string_view kind, const Lines& expected) {
  ASSERT_OK_AND_ASSIGN(const Postprocs postprocs, DefaultPostprocs(kind));
  EXPECT_EQ(Signatures(postprocs), expected) << kind;
  EXPECT_EQ(SignaturesOfClones(postprocs), expected) << kind;
}

void ExpectMutators(std::string_view kind, const std::vector<std::pair<std::string, double>>& expected) {
  ASSERT_OK_AND_ASSIGN(const Mutators mutators, DefaultMutators(kind));
  ASSERT_EQ(mutators.size(), expected.size()) << kind;
  for (size_t i = 0; i < mutators.size(); ++i) {
    EXPECT_EQ(mutators[i].mutator->Signature(), expected[i].first) << kind;
    EXPECT_EQ(mutators[i].mutator->Clone()->Signature(), expected[i].first) << kind;
    EXPECT_EQ(mutators[i].probability, expected[i].second) << kind << " " << expected[i].first;
  }
}

constexpr char kCpuInline[] =
    "AutoInline(into_producer=F, into_consumer=T, inline_const_tensor=T, disallow_if_then_else=T, "
    "require_injective=T, require_ordered=T, disallow_op=[\"tir.exp\"])";
constexpr char kGpuInline[] =
    "AutoInline(into_producer=T, into_consumer=T, inline_const_tensor=T, disallow_if_then_else=F, "
    "require_injective=F, require_ordered=F, disallow_op=[])";
constexpr char kCpuTiling[] =
    "\"SSRSRS\", tile_binds=none, max_innermost_factor=64, vector_load_lens=none, reuse_read=none, "
    "reuse_write=RW(may,[1,2],global))";
constexpr char kArmTiling[] =
    "\"SSRSRS\", tile_binds=none, max_innermost_factor=32, vector_load_lens=none, reuse_read=none, "
    "reuse_write=RW(may,[1,2],global))";

TEST(DefaultRulesTest, Llvm) {
  ExpectRules("llvm", {"ApplyCustomRule", "InlineConstantScalars", kCpuInline, "AddRFactor(16, 64)",
                       StrCat("MultiLevelTiling(", kCpuTiling), "ParallelizeVectorizeUnroll(16, 64, [0,16,64,512], T)",
                       "RandomComputeLocation"});
}

TEST(DefaultRulesTest, X86WithDotProducts) {
  for (const auto& [kind, intrin] : {std::pair{"vnni", "dot_16x4_vnni"}, {"avx512", "dot_16x4_avx512"}}) {
    ExpectRules(
        kind, {"ApplyCustomRule", "InlineConstantScalars", kCpuInline, "AddRFactor(16, 64)",
               StrCat("MultiLevelTilingWithIntrin(", intrin, ", ", kCpuTiling), StrCat("MultiLevelTiling(", kCpuTiling),
               "ParallelizeVectorizeUnroll(16, 64, [0,16,64,512], T)", "RandomComputeLocation"});
  }
}

TEST(DefaultRulesTest, Arm) {
  const auto list = [](std::initializer_list<const char*> intrins) {
    Lines out = {"ApplyCustomRule", "InlineConstantScalars", kCpuInline, "AddRFactor(8, 32)"};
    for (const char* intrin : intrins) {
      out.push_back(StrCat("MultiLevelTilingWithIntrin(", intrin, ", ", kArmTiling));
    }
    out.push_back(StrCat("MultiLevelTiling(", kArmTiling));
    out.push_back("ParallelizeVectorizeUnroll(8, 32, [0,8,32,256], T)");
    out.push_back("RandomComputeLocation");
    return out;
  };
  ExpectRules("asimd", list({"dot_4x4_i8i8s32_neon"}));
  ExpectRules("dotprod", list({"dot_4x4_i8i8s32_sdot", "dot_4x4_u8u8u32_udot", "dot_4x4_u8u8i32_hdot"}));
}

Lines CudaRules() {
  return {
      "MultiLevelTiling(\"SSSRRSRS\", tile_binds=[blockIdx.x, vthread.x, threadIdx.x], max_innermost_factor=64, "
      "vector_load_lens=[1,2,3,4,8,16], reuse_read=RW(must,[4],shared), reuse_write=RW(must,[3],local))",
      "InlineConstantScalars",
      kGpuInline,
      "CrossThreadReduction([4,8,16,32,64,128,256,512])",
      "ParallelizeVectorizeUnroll(-1, -1, [0,16,64,512,1024], T)",
      "AutoBind(256, [32,64,128,256,512,1024])"};
}

TEST(DefaultRulesTest, Cuda) {
  Lines expected = CudaRules();
  expected.insert(expected.begin(), "ApplyCustomRule");
  ExpectRules("cuda", expected);
}

TEST(DefaultRulesTest, CudaTensorCore) {
  const std::string tiling =
      "\"SSSRRSRS\", tile_binds=[blockIdx.y, blockIdx.x, threadIdx.y], max_innermost_factor=4, "
      "vector_load_lens=[1,2,3,4,8,16], reuse_read=RW(must,[4],shared.dyn), reuse_write=RW(";
  const auto wmma = [](const char* out, const char* in, const char* sync, const char* trans) {
    return StrCat("{wmma_fill_16x16x16_", out, " wmma_load_16x16x16_", in, "_a_shared_dyn wmma_load_16x16x16_", in,
                  "_b", trans, "_shared_dyn wmma_sync_16x16x16_", sync, trans, " wmma_store_16x16x16_", out,
                  "_shared_dyn}, ");
  };
  const auto mma = [](const char* type) {
    return StrCat("{mma_init_m16n8k8_", type, " mma_load_m16n8k8_f16_A_shared_dyn mma_load_m16n8k8_f16_B_shared_dyn ",
                  "mma_sync_m16n8k8_f16f16", type, " mma_store_m16n8k8_", type, "_global}, ");
  };
  Lines expected = {
      "ApplyCustomRule",
      StrCat("MultiLevelTilingTensorCore(", wmma("f32", "f16", "f16f16f32", ""),
             wmma("f32", "f16", "f16f16f32", "_trans"), wmma("f16", "f16", "f16f16f16", ""),
             wmma("f16", "f16", "f16f16f16", "_trans"), wmma("s32", "s8", "s8s8s32", ""),
             wmma("s32", "s8", "s8s8s32", "_trans"), tiling, "must,[2],shared.dyn), use_software_pipeline=F)"),
      StrCat("MultiLevelTilingTensorCore(", mma("f16"), mma("f32"), tiling,
             "no,[2],shared.dyn), use_software_pipeline=T)")};
  for (const std::string& rule : CudaRules()) expected.push_back(rule);
  ExpectRules("cuda-tensorcore", expected);
}

TEST(DefaultRulesTest, Hexagon) {
  ExpectRules("hexagon",
              {"ApplyCustomRule", "InlineConstantScalars", kCpuInline,
               "MultiLevelTilingWideVector(\"SRSRS\", tile_binds=none, max_innermost_factor=128, "
               "vector_load_lens=none, reuse_read=none, reuse_write=RW(may,[1,2],global), vector_length_in_bits=1024)",
               "ParallelizeVectorizeUnroll(16, 128, [0,16,64,512], T)"});
}

TEST(DefaultPostprocsTest, EveryKind) {
  ExpectPostprocs("llvm",
                  {"DisallowDynamicLoop", "RewriteParallelVectorizeUnroll", "RewriteReductionBlock", "RewriteLayout"});
  for (const char* kind : {"vnni", "avx512", "asimd", "dotprod"}) {
    ExpectPostprocs(kind, {"DisallowDynamicLoop", "RewriteParallelVectorizeUnroll", "RewriteReductionBlock",
                           "RewriteTensorize(vectorize_init_loop=T)", "RewriteLayout"});
  }
  Lines cuda = {"DisallowDynamicLoop",      "RewriteCooperativeFetch",
                "RewriteUnboundBlock(256)", "RewriteParallelVectorizeUnroll",
                "RewriteReductionBlock",    "VerifyGPUCode"};
  ExpectPostprocs("cuda", cuda);
  cuda.push_back("RewriteTensorize(vectorize_init_loop=F)");
  ExpectPostprocs("cuda-tensorcore", cuda);
  ExpectPostprocs("hexagon", {"DisallowDynamicLoop", "RewriteParallelVectorizeUnroll", "RewriteReductionBlock",
                              "RewriteLayout", "VerifyVTCMLimit"});
}

TEST(DefaultMutatorsTest, EveryKind) {
  // Arm too: its rules give a core 8 jobs, its mutator 16.
  for (const char* kind : {"llvm", "vnni", "avx512", "asimd", "dotprod", "hexagon"}) {
    ExpectMutators(kind, {{"MutateTileSize", 0.9},
                          {"MutateComputeLocation", 0.05},
                          {"MutateUnroll", 0.03},
                          {"MutateParallel(16)", 0.02}});
  }
  for (const char* kind : {"cuda", "cuda-tensorcore"}) {
    ExpectMutators(kind, {{"MutateTileSize", 0.9}, {"MutateUnroll", 0.08}, {"MutateThreadBinding", 0.02}});
  }
}

TEST(DefaultListsTest, KindsWithoutListsAreNamedInTheError) {
  EXPECT_STATUS(DefaultScheduleRules("c"), absl::StatusCode::kInvalidArgument, "\"c\"");
  EXPECT_STATUS(DefaultPostprocs("sse"), absl::StatusCode::kInvalidArgument, "\"sse\"");
  EXPECT_STATUS(DefaultMutators(""), absl::StatusCode::kInvalidArgument, "expected one of llvm");
}

}  // namespace
}  // namespace hone
