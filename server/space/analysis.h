// Questions about blocks that decide whether a schedule rule applies (reference/space.md section 4).
#pragma once

#include <cstdint>
#include <string_view>

#include "common/schedule/schedule.h"

namespace hone::space {

using schedule::ScheduleState;
using schedule::SrefId;

// ---- instructions

// "threadIdx.x" when the instruction binds a loop to it; empty for other instructions.
std::string_view ThreadAxisBoundBy(const schedule::Instruction& instruction);

// ---- annotations of a block

bool HasAnnotation(const ScheduleState& state, SrefId block, std::string_view key);
// Empty when absent or no string.
std::string_view StringAnnotation(const ScheduleState& state, SrefId block, std::string_view key);
int64_t IntAnnotation(const ScheduleState& state, SrefId block, std::string_view key, int64_t fallback);

// ---- blocks

bool IsRootBlock(const ScheduleState& state, SrefId block);
// All iters are data-parallel.
bool IsSpatialBlock(const ir::BlockNode* block);
// All blocks of the function that `block` belongs to, nested ones included, are spatial.
bool IsInSpatialFunction(const ScheduleState& state, SrefId block);
bool IsTiled(const ScheduleState& state, SrefId block);
bool NeedsMultiLevelTiling(const ScheduleState& state, SrefId block);
bool NeedsRFactorOrCrossThreadReduction(const ScheduleState& state, SrefId block, int64_t limit_extent);
// A copy-like block: one write, and every read is mapped to it injectively and in order.
bool IsWriteCacheLike(const ir::BlockNode* block);
// A predicate that is not literally true, an if, a select or a call of if_then_else.
bool HasBranch(const ScheduleState& state, SrefId block);
// Calls one of the operations named ("tir.exp", ...).
bool CallsAnyOf(const ir::BlockNode* block, const std::vector<std::string>& ops);

struct ReadWritePattern {
  bool exists = false;     // The indices have the simple form at all.
  bool injective = false;  // Each write dimension is used by at most one read dimension.
  bool ordered = false;    // The used write dimensions do not decrease.
};
// Of one read region against the one write region of the block.
ReadWritePattern PatternOf(ir::BufferRegion read, ir::BufferRegion write);

// By dry run on a copy.
bool CanComputeInline(const schedule::Schedule& sch, schedule::BlockRv block);
bool CanReverseComputeInline(const schedule::Schedule& sch, schedule::BlockRv block);

// ---- loops

// nullopt-like -1 for a dynamic extent.
int64_t ConstExtentOr(const ir::ForNode* loop, int64_t fallback);
bool IsSingleStatement(ir::Stmt s);

struct FusedReduction {
  schedule::LoopRv fused;
  size_t num_spatial_loops = 0;
};
// Spatial loops first, reduce loops fused behind them (no Fuse for one).
absl::StatusOr<FusedReduction> ReorderAndFuseReductionLoops(schedule::Schedule& sch, schedule::BlockRv block);

}  // namespace hone::space
