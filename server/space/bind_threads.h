// Binding of a block's loops to the grid of a GPU; shared by AutoBind, RewriteUnboundBlock and the custom rules.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/schedule/schedule.h"

namespace hone::space {

// The number of threads for a loop of which at most `limit` are wanted.
using ThreadFactor = std::function<absl::StatusOr<schedule::Value>(schedule::Schedule& sch, int64_t limit)>;

// Samples uniformly among the candidates that are within the limit; a single one, or the limit itself, is a constant.
ThreadFactor SampledThreadFactor(std::vector<int64_t> candidates);
// Always the limit.
ThreadFactor ConstantThreadFactor();

// Binds the loops above `block` to blockIdx.x and threadIdx.x where that is still to do. Root blocks and tiled blocks
// are left alone.
absl::Status BindBlockThreadIdx(schedule::Schedule& sch, schedule::BlockRv block, int64_t max_threadblocks,
                                int64_t max_threads_per_block, const ThreadFactor& factor);
// Splits `loop` into blocks and threads, with a serial grid-stride loop inside when it is too long. The resulting
// loops, outermost first.
absl::StatusOr<schedule::LoopRvs> BindSpatialLoop(schedule::Schedule& sch, schedule::LoopRv loop,
                                                  int64_t max_threadblocks, int64_t max_threads_per_block,
                                                  const ThreadFactor& factor);

}  // namespace hone::space
