// Custom schedule rule "layout_transform" of CUDA: blocks that copy a buffer into another layout.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "common/schedule/schedule.h"

namespace hone {

// The schedule as it is, and one a tile size from 2 to a warp's 32 lanes: consumers that can be are inlined into the
// block, its input goes through shared memory, and a tile of `size` elements along the input's innermost dimension by
// `size` along the output's is moved by one thread block, so that both sides touch runs of `size` elements. Tile sizes
// whose primitives are refused are left out. FailedPrecondition when the block lacks one of the annotations src_layout,
// dst_layout and input_shape.
absl::StatusOr<std::vector<schedule::Schedule>> CudaLayoutTransform(schedule::Schedule sch, schedule::BlockRv block);

}  // namespace hone
