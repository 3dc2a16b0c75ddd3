// Warp matrix functions of NVIDIA GPUs: fragments of 16x16x16 and 8x8x32 (int4).
#pragma once

#include <vector>

#include "common/intrin/intrin.h"

namespace hone {

std::vector<IntrinText> WmmaIntrins();

}  // namespace hone
