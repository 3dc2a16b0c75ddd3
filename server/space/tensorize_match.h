// Finding out whether a block computes what a tensor intrinsic computes, and tiling it for one
// (reference/space.md 8.1).
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/schedule/schedule.h"

namespace hone::space {

// The block inside of a description and the loops around it, outermost first.
struct IntrinDescription {
  const ir::BlockRealizeNode* realize = nullptr;
  std::vector<const ir::ForNode*> loops;
};
// Of the shape: root block, loops, one block. Null realize otherwise.
IntrinDescription ReadDescription(ir::PrimFunc description);

// The bodies are the same programs: same nodes in the same operand order, same dtypes, buffers paired one to one. Index
// expressions of the block may be anything, but one buffer's are all provably equal.
bool BodyMatches(const ir::BlockNode* block, const ir::BlockNode* description);

// How a block becomes a tensor intrinsic once its iters are fused by role: all iters with the role of one of the
// intrinsic's are fused into it, in order; those without a role (a batch) stay in front.
struct AutoTensorizeMapping {
  const ir::IndexMapNode* map = nullptr;  // Of all iters of the block.
  size_t num_unmapped = 0;                // Leading final indices without a role.
  std::vector<bool> is_mapped;            // By iter of the block.
  struct Operand {
    ir::Buffer buffer;          // Of the block.
    std::vector<size_t> iters;  // Of the intrinsic: its indices of that operand.
  };
  std::vector<Operand> operands;

  // The part of the map for one operand, which the iters numbered `iters` of the block index; null for other buffers.
  const ir::IndexMapNode* OfOperand(ir::Buffer buffer, const std::vector<size_t>& iters) const;
};
// Into the state's arena. nullopt when the bodies differ, or when an iter of either has no unique partner.
std::optional<AutoTensorizeMapping> FindAutoTensorizeMapping(const schedule::ScheduleState& state,
                                                             schedule::SrefId block,
                                                             const IntrinDescription& description);

// Which loop above the block becomes which loop of the description, innermost iter first.
using LoopMapping = std::vector<std::pair<schedule::SrefId, const ir::ForNode*>>;
// Extents that the intrinsic's do not divide are refused; with `padding` they are taken, and it gets, by iter of the
// block, the number to pad to a multiple of (1: none), or is left empty when no iter needs any.
std::optional<LoopMapping> MapLoops(const schedule::ScheduleState& state, schedule::SrefId block,
                                    const IntrinDescription& description, std::vector<int64_t>* padding = nullptr);

// Splits the mapped loops by the intrinsic's extents and moves the inner parts innermost, in the description's order.
// The outermost of them; nullopt when the block does not fit the intrinsic. With `allow_padding` a block of other
// extents is padded first, and the copies that this makes are inlined into their neighbours.
absl::StatusOr<std::optional<schedule::LoopRv>> TileWithTensorIntrin(schedule::Schedule& sch, schedule::BlockRv block,
                                                                     const schedule::TensorIntrin& intrin,
                                                                     bool allow_padding = false);

}  // namespace hone::space
