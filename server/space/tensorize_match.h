// Finding out whether a block computes what a tensor intrinsic computes, and tiling it for one (reference/space.md 8.1).
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

// Which loop above the block becomes which loop of the description, innermost iter first.
using LoopMapping = std::vector<std::pair<schedule::SrefId, const ir::ForNode*>>;
std::optional<LoopMapping> MapLoops(const schedule::ScheduleState& state, schedule::SrefId block,
                                    const IntrinDescription& description);

// Splits the mapped loops by the intrinsic's extents and moves the inner parts innermost, in the description's order.
// The outermost of them; nullopt when the block does not fit the intrinsic.
absl::StatusOr<std::optional<schedule::LoopRv>> TileWithTensorIntrin(schedule::Schedule& sch, schedule::BlockRv block,
                                                                     const schedule::TensorIntrin& intrin);

}  // namespace hone::space
