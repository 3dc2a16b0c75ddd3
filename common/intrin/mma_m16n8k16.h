// NVIDIA mma.m16n8k16 on float16 and mma.m16n8k32 on int8, as 16 x 16 tiles whose registers lie in warp memory
// [lane, register]; with ldmatrix where it can load them.
#pragma once

#include <vector>

#include "common/intrin/intrin.h"

namespace hone {

std::vector<IntrinText> MmaM16n8k16Intrins();

}  // namespace hone
