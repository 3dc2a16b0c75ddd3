// Questions about blocks and loops that the preconditions of primitives are made of.
#pragma once

#include <optional>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/ir/stmt.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// ---- the tree

// The nearest block strictly above; kNoSref for a root block.
SrefId ScopeRootOf(const ScheduleState& state, SrefId id);
// The same, refused for a root block and (when asked) when the scope is no stage pipeline.
absl::StatusOr<SrefId> RequireScopeRoot(const ScheduleState& state, SrefId id, bool require_stage_pipeline = false);
// The loops above a block or loop up to its scope root, outermost first.
SrefList LoopsAbove(const ScheduleState& state, SrefId id);
// Blocks below a node, not inside of one another, in program order.
SrefList ChildBlocks(const ScheduleState& state, SrefId id);
// Every block below a node, parents first; without `id` itself.
SrefList AllBlocksBelow(const ScheduleState& state, SrefId id);
// `id` is `above` or below it.
bool IsAtOrBelow(const ScheduleState& state, SrefId id, SrefId above);
SrefId LowestCommonAncestor(const ScheduleState& state, absl::Span<const SrefId> ids);
// The body of a loop or block.
ir::Stmt BodyOf(const ScheduleState& state, SrefId id);
// The For or BlockRealize that stands for the node in its parent.
ir::Stmt StatementOf(const ScheduleState& state, SrefId id);

// ---- blocks

// Sources (of `block` as reader or overwriter) of RAW or WAW edges in its scope, each once, in edge order.
SrefList Producers(const ScheduleState& state, SrefId block);
SrefList Consumers(const ScheduleState& state, SrefId block);
// Number of the first violated condition, 0 when it is one.
//   complete:  1 all iters spatial; 2 dominant; 3 no buffer both read and written
//   reduction: 1 has init; 2 affine binding; 3 iters spatial or reduce; 4 dominant; 5 no reduce iter in a store index
int CompleteBlockError(const ScheduleState& state, SrefId block, SrefId scope_root);
int ReductionBlockError(const ScheduleState& state, SrefId block, SrefId scope_root);
absl::Status CheckCompleteBlock(const ScheduleState& state, SrefId block, SrefId scope_root);
absl::Status CheckReductionBlock(const ScheduleState& state, SrefId block, SrefId scope_root);
absl::Status CheckCompleteOrReductionBlock(const ScheduleState& state, SrefId block, SrefId scope_root);
// Every child block below `loop` is complete or a reduction with respect to it.
absl::Status CheckCompactDataflow(const ScheduleState& state, SrefId loop);
// Writes a buffer that `scope_root` does not allocate.
bool IsOutputBlock(const ScheduleState& state, SrefId block, SrefId scope_root);
absl::Status CheckNotOutputBlock(const ScheduleState& state, SrefId block, SrefId scope_root);
// As many loops above as iters, each iter bound to the loop at its position.
bool IsTrivialBinding(const ScheduleState& state, SrefId block);
// The block has iters and some are reduce.
bool IsReductionIter(const ir::BlockNode* block);

// The topmost node that goes when the leaf `block` is removed: an entry of a sequence. Refused when the scope would
// become empty.
absl::StatusOr<SrefId> RemovalTop(const ScheduleState& state, SrefId block, SrefId scope_root);

// ---- loops

// How the blocks directly below a loop use its variable.
ir::IterType LoopIterType(const ScheduleState& state, SrefId loop);
// Refused when the loop has annotations or a thread binding.
absl::Status CheckPlainLoop(const ScheduleState& state, SrefId loop);
// Refused unless the loop provably starts at 0.
absl::Status CheckStartsAtZero(const ScheduleState& state, SrefId loop);

// ---- storage

// Rank of a storage scope: global 0, shared 1, warp 2, local 3, others higher. nullopt when `scope` is no scope.
struct StorageScope {
  int rank;
  std::string_view tag;
};
std::optional<StorageScope> ParseStorageScope(std::string_view scope);
absl::Status CheckStorageScope(const ScheduleState& state, SrefId block, std::string_view scope);
// Rank of a thread axis: blockIdx 0, threadIdx and vthread 1.
int ThreadRank(std::string_view thread_tag);
// A loop over the thread axis visits different parts of one storage: regions are relaxed over it.
bool RelaxesOver(std::string_view storage_scope, std::string_view thread_tag);

}  // namespace hone::schedule
