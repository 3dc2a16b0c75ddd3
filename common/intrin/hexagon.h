// Hexagon: vector reductions of 128 bytes and copies by DMA into VTCM.
#pragma once

#include <vector>

#include "common/intrin/intrin.h"

namespace hone {

std::vector<IntrinText> HexagonIntrins();

}  // namespace hone
