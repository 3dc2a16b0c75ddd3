// Dot products of Arm: plain NEON, and the dot-product extension.
#pragma once

#include <vector>

#include "common/intrin/intrin.h"

namespace hone {

std::vector<IntrinText> ArmIntrins();

}  // namespace hone
