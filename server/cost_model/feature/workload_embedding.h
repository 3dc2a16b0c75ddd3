// What kind of operator a task is, as eight indicator columns (reference/costmodel.md section 5.8).
#pragma once

#include <array>

#include "common/ir/module.h"

namespace hone {

// By the names of the blocks: softmax; max or min; add; batch_matmul; matmul; depthwiseconv2d; conv2d_winograd; conv2d.
// Each block counts for the first of them that its name contains.
std::array<float, 8> WorkloadEmbedding(const ir::IRModule& workload);

}  // namespace hone
