#include "server/space/default_lists.h"

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
#include "server/space/rule/add_rfactor.h"
#include "server/space/rule/apply_custom_rule.h"
#include "server/space/rule/auto_bind.h"
#include "server/space/rule/auto_inline.h"
#include "server/space/rule/cross_thread_reduction.h"
#include "server/space/rule/inline_constant_scalars.h"
#include "server/space/rule/multi_level_tiling.h"
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
void AddCudaRules(ScheduleRules& rules) {
  Add(rules, MultiLevelTiling(GpuTiling()));
  Add(rules, InlineConstantScalars());
  Add(rules, AutoInline(GpuInline()));
  Add(rules, CrossThreadReduction({4, 8, 16, 32, 64, 128, 256, 512}));
  Add(rules, ParallelizeVectorizeUnroll(-1, -1, {0, 16, 64, 512, 1024}, /*unroll_explicit=*/true));
  Add(rules, AutoBind(/*max_threadblocks=*/256, {32, 64, 128, 256, 512, 1024}));
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
  if (kind == "hexagon") return HexagonRules();
  if (kind == "cuda") {
    ScheduleRules rules;
    Add(rules, ApplyCustomRule());
    AddCudaRules(rules);
    return rules;
  }
  return Unknown(kind);
}

absl::StatusOr<Postprocs> DefaultPostprocs(std::string_view kind) {
  Postprocs list;
  Add(list, DisallowDynamicLoop());
  if (kind == "llvm" || kind == "hexagon") {
    Add(list, RewriteParallelVectorizeUnroll());
    Add(list, RewriteReductionBlock());
    Add(list, RewriteLayout());
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
    return list;
  }
  return Unknown(kind);
}

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
