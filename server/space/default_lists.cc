#include "server/space/default_lists.h"

#include <algorithm>
#include <tuple>

#include "common/support/check.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/rule_kind.h"
#include "server/space/mutator/compute_location.h"
#include "server/space/mutator/parallel.h"
#include "server/space/mutator/thread_binding.h"
#include "server/space/mutator/tile_size.h"
#include "server/space/mutator/unroll.h"
#include "server/space/postproc/disallow_dynamic_loop.h"
#include "server/space/postproc/rewrite_cooperative_fetch.h"
#include "server/space/postproc/rewrite_layout.h"
#include "server/space/postproc/rewrite_parallel_vectorize_unroll.h"
#include "server/space/postproc/rewrite_reduction_block.h"
#include "server/space/postproc/rewrite_tensorize.h"
#include "server/space/postproc/rewrite_unbound_block.h"
#include "server/space/postproc/verify_gpu_code.h"
#include "server/space/postproc/verify_vtcm_limit.h"
#include "server/space/rule/add_nested_rfactor.h"
#include "server/space/rule/add_rfactor.h"
#include "server/space/rule/apply_custom_rule.h"
#include "server/space/rule/auto_bind.h"
#include "server/space/rule/auto_inline.h"
#include "server/space/rule/cross_thread_reduction.h"
#include "server/space/rule/inline_constant_scalars.h"
#include "server/space/rule/multi_level_tiling.h"
#include "server/space/rule/multi_level_tiling_tensor_core.h"
#include "server/space/rule/multi_level_tiling_wide_vector.h"
#include "server/space/rule/multi_level_tiling_with_intrin.h"
#include "server/space/rule/parallelize_vectorize_unroll.h"
#include "server/space/rule/random_compute_location.h"

namespace hone {
namespace {

absl::Status Unknown(std::string_view kind) {
  return absl::InvalidArgumentError(
      StrCat("no default design space for kind \"", kind,
             "\", expected one of llvm, vnni, avx512, asimd, dotprod, cuda, cuda-tensorcore, hexagon"));
}

template <typename List, typename T>
void Add(List& list, T item) {
  list.push_back(std::make_unique<T>(std::move(item)));
}

template <typename Rule>
void InsertAfter(ScheduleRules& rules, std::string_view name, Rule rule) {
  const auto found = std::find_if(rules.begin(), rules.end(), [&](const auto& r) { return r->name() == name; });
  HONE_CHECK(found != rules.end());
  rules.insert(found + 1, std::make_unique<Rule>(std::move(rule)));
}

AutoInlineConfig CpuInline() { return AutoInlineConfig{}; }
AutoInlineConfig GpuInline() {
  AutoInlineConfig config;
  config.into_producer = true;
  config.disallow_if_then_else = false;
  config.require_injective = false;
  config.require_ordered = false;
  config.disallow_op = {};
  return config;
}

MultiLevelTilingConfig CpuTiling(int max_innermost_factor) {
  MultiLevelTilingConfig config;
  config.structure = "SSRSRS";
  config.max_innermost_factor = max_innermost_factor;
  config.reuse_write = {ReuseConfig::Requirement::kMay, {1, 2}, "global"};
  return config;
}

MultiLevelTilingConfig GpuTiling() {
  MultiLevelTilingConfig config;
  config.structure = "SSSRRSRS";
  config.tile_binds = {"blockIdx.x", "vthread.x", "threadIdx.x"};
  config.max_innermost_factor = 64;
  config.vector_load_lens = {1, 2, 3, 4, 8, 16};
  config.reuse_read = {ReuseConfig::Requirement::kMust, {4}, "shared"};
  config.reuse_write = {ReuseConfig::Requirement::kMust, {3}, "local"};
  return config;
}

// The llvm list; `intrin`, if any, is tried before plain tiling.
ScheduleRules LlvmRules(std::string_view intrin = {}) {
  ScheduleRules rules;
  Add(rules, ApplyCustomRule());
  Add(rules, InlineConstantScalars());
  Add(rules, AutoInline(CpuInline()));
  Add(rules, AddRFactor(/*max_jobs_per_core=*/16, /*max_innermost_factor=*/64));
  if (!intrin.empty()) Add(rules, MultiLevelTilingWithIntrin(CpuTiling(64), std::string(intrin)));
  Add(rules, MultiLevelTiling(CpuTiling(64)));
  Add(rules, ParallelizeVectorizeUnroll(16, 64, {0, 16, 64, 512}, /*unroll_explicit=*/true));
  Add(rules, RandomComputeLocation());
  return rules;
}

// Rules 2 to 7 of cuda, which follow the custom rule and, on tensor cores, the tensor-core rules.
void AddCudaRules(ScheduleRules& rules, bool hone = false) {
  Add(rules, MultiLevelTiling(GpuTiling()));
  Add(rules, InlineConstantScalars());
  Add(rules, AutoInline(GpuInline()));
  Add(rules, CrossThreadReduction({4, 8, 16, 32, 64, 128, 256, 512}, /*fuse_tuples=*/hone));
  Add(rules, ParallelizeVectorizeUnroll(-1, -1, {0, 16, 64, 512, 1024}, /*unroll_explicit=*/true));
  Add(rules, AutoBind(/*max_threadblocks=*/256, {32, 64, 128, 256, 512, 1024}));
}

ScheduleRules CudaRules(bool hone) {
  ScheduleRules rules;
  Add(rules, ApplyCustomRule());
  AddCudaRules(rules, hone);
  return rules;
}

ScheduleRules HexagonRules() {
  MultiLevelTilingConfig config;
  config.structure = "SRSRS";
  config.max_innermost_factor = 128;
  config.reuse_write = {ReuseConfig::Requirement::kMay, {1, 2}, "global"};
  ScheduleRules rules;
  Add(rules, ApplyCustomRule());
  Add(rules, InlineConstantScalars());
  Add(rules, AutoInline(CpuInline()));
  Add(rules, MultiLevelTilingWideVector(config, /*vector_length_bits=*/1024));
  Add(rules, ParallelizeVectorizeUnroll(16, 128, {0, 16, 64, 512}, /*unroll_explicit=*/true));
  return rules;
}

// Six groups: float32, float16 and int32 accumulators, each with B as it is and with B transposed.
std::vector<TensorCoreGroup> WmmaGroups() {
  std::vector<TensorCoreGroup> groups;
  for (const auto& [out, in, sync] :
       {std::tuple{"f32", "f16", "f16f16f32"}, {"f16", "f16", "f16f16f16"}, {"s32", "s8", "s8s8s32"}}) {
    for (const char* trans : {"", "_trans"}) {
      groups.push_back({StrCat("wmma_fill_16x16x16_", out), StrCat("wmma_load_16x16x16_", in, "_a_shared_dyn"),
                        StrCat("wmma_load_16x16x16_", in, "_b", trans, "_shared_dyn"),
                        StrCat("wmma_sync_16x16x16_", sync, trans),
                        StrCat("wmma_store_16x16x16_", out, "_shared_dyn")});
    }
  }
  return groups;
}

std::vector<TensorCoreGroup> MmaGroups() {
  std::vector<TensorCoreGroup> groups;
  for (const char* out : {"f16", "f32"}) {
    groups.push_back({StrCat("mma_init_m16n8k8_", out), "mma_load_m16n8k8_f16_A_shared_dyn",
                      "mma_load_m16n8k8_f16_B_shared_dyn", StrCat("mma_sync_m16n8k8_f16f16", out),
                      StrCat("mma_store_m16n8k8_", out, "_global")});
  }
  return groups;
}

MultiLevelTilingConfig TensorCoreTiling() {
  MultiLevelTilingConfig config;
  config.structure = "SSSRRSRS";
  config.tile_binds = {"blockIdx.y", "blockIdx.x", "threadIdx.y"};
  config.max_innermost_factor = 4;
  config.vector_load_lens = {1, 2, 3, 4, 8, 16};
  config.reuse_read = {ReuseConfig::Requirement::kMust, {4}, "shared.dyn"};
  config.reuse_write = {ReuseConfig::Requirement::kMust, {2}, "shared.dyn"};
  return config;
}

ScheduleRules TensorCoreRules() {
  MultiLevelTilingConfig config = TensorCoreTiling();
  ScheduleRules rules;
  Add(rules, ApplyCustomRule());
  Add(rules, MultiLevelTilingTensorCore(WmmaGroups(), config, /*use_software_pipeline=*/false));
  config.reuse_write.requirement = ReuseConfig::Requirement::kNo;
  Add(rules, MultiLevelTilingTensorCore(MmaGroups(), config, /*use_software_pipeline=*/true));
  AddCudaRules(rules);
  return rules;
}

// The peer's list where asynchronous copies run one to three tiles ahead, in vectors of eight or sixteen bytes, and
// where operands keep their layout.
ScheduleRules HoneTensorCoreRules() {
  MultiLevelTilingConfig config = TensorCoreTiling();
  config.vector_load_lens = {4, 8, 16};
  ScheduleRules rules;
  Add(rules, ApplyCustomRule());
  Add(rules, MultiLevelTilingTensorCore(WmmaGroups(), config, /*use_software_pipeline=*/false,
                                        {.async_stages = {3, 4, 5}, .match_layout = true}));
  AddCudaRules(rules, /*hone=*/true);
  return rules;
}

ScheduleRules ArmRules(std::initializer_list<const char*> intrins) {
  ScheduleRules rules;
  Add(rules, ApplyCustomRule());
  Add(rules, InlineConstantScalars());
  Add(rules, AutoInline(CpuInline()));
  Add(rules, AddRFactor(/*max_jobs_per_core=*/8, /*max_innermost_factor=*/32));
  for (const char* intrin : intrins) Add(rules, MultiLevelTilingWithIntrin(CpuTiling(32), intrin));
  Add(rules, MultiLevelTiling(CpuTiling(32)));
  Add(rules, ParallelizeVectorizeUnroll(8, 32, {0, 8, 32, 256}, /*unroll_explicit=*/true));
  Add(rules, RandomComputeLocation());
  return rules;
}

}  // namespace

absl::StatusOr<std::string_view> RuleKindForSpace(const Target& target) {
  absl::StatusOr<std::string_view> kind = RuleKindOf(target);
  if (kind.ok() && *kind == "c") return Unknown(*kind);
  return kind;
}

absl::StatusOr<ScheduleRules> DefaultScheduleRules(std::string_view kind) {
  if (kind == "llvm") return LlvmRules();
  if (kind == "vnni") return LlvmRules("dot_16x4_vnni");
  if (kind == "avx512") return LlvmRules("dot_16x4_avx512");
  if (kind == "asimd") return ArmRules({"dot_4x4_i8i8s32_neon"});
  if (kind == "dotprod") {
    return ArmRules({"dot_4x4_i8i8s32_sdot", "dot_4x4_u8u8u32_udot", "dot_4x4_u8u8i32_hdot"});
  }
  if (kind == "hexagon") return HexagonRules();
  if (kind == "cuda-tensorcore") return TensorCoreRules();
  if (kind == "cuda") return CudaRules(/*hone=*/false);
  return Unknown(kind);
}

absl::StatusOr<ScheduleRules> HoneScheduleRules(std::string_view kind) {
  if (kind == "cuda") return CudaRules(/*hone=*/true);
  if (kind == "cuda-tensorcore") return HoneTensorCoreRules();
  HONE_ASSIGN_OR_RETURN(ScheduleRules rules, DefaultScheduleRules(kind));
  if (kind == "llvm" || kind == "vnni" || kind == "avx512") {
    InsertAfter(rules, "AddRFactor", AddNestedRFactor(/*max_jobs_per_core=*/16, /*max_innermost_factor=*/64));
  }
  return rules;
}

namespace {

absl::StatusOr<Postprocs> PostprocsOf(std::string_view kind, bool hone) {
  Postprocs list;
  Add(list, DisallowDynamicLoop());
  if (kind == "llvm" || kind == "hexagon") {
    Add(list, RewriteParallelVectorizeUnroll());
    Add(list, RewriteReductionBlock());
    Add(list, RewriteLayout());
    if (kind == "hexagon") Add(list, VerifyVtcmLimit());
    return list;
  }
  if (kind == "vnni" || kind == "avx512" || kind == "asimd" || kind == "dotprod") {
    Add(list, RewriteParallelVectorizeUnroll());
    Add(list, RewriteReductionBlock());
    Add(list, RewriteTensorize(/*vectorize_init_loop=*/true));
    Add(list, RewriteLayout());
    return list;
  }
  if (kind == "cuda" || kind == "cuda-tensorcore") {
    Add(list, RewriteCooperativeFetch());
    Add(list, RewriteUnboundBlock(/*max_threadblocks=*/256));
    Add(list, RewriteParallelVectorizeUnroll());
    Add(list, RewriteReductionBlock());
    Add(list, VerifyGpuCode(/*of_device=*/hone));
    // After the checks.
    if (kind == "cuda-tensorcore") Add(list, RewriteTensorize(/*vectorize_init_loop=*/false));
    return list;
  }
  return Unknown(kind);
}

}  // namespace

absl::StatusOr<Postprocs> DefaultPostprocs(std::string_view kind) { return PostprocsOf(kind, /*hone=*/false); }
absl::StatusOr<Postprocs> HonePostprocs(std::string_view kind) { return PostprocsOf(kind, /*hone=*/true); }

absl::StatusOr<Mutators> DefaultMutators(std::string_view kind) {
  Mutators list;
  auto add = [&](auto mutator, double probability) {
    list.push_back({std::make_unique<decltype(mutator)>(std::move(mutator)), probability});
  };
  if (kind == "llvm" || kind == "vnni" || kind == "avx512" || kind == "asimd" || kind == "dotprod" ||
      kind == "hexagon") {
    add(MutateTileSize(), 0.9);
    add(MutateComputeLocation(), 0.05);
    add(MutateUnroll(), 0.03);
    add(MutateParallel(/*max_jobs_per_core=*/16), 0.02);
    return list;
  }
  if (kind == "cuda" || kind == "cuda-tensorcore") {
    add(MutateTileSize(), 0.9);
    add(MutateUnroll(), 0.08);
    add(MutateThreadBinding(), 0.02);
    return list;
  }
  return Unknown(kind);
}

}  // namespace hone
