// Four-element byte dot products of GPUs: dp4a of NVIDIA, sdot4 of AMD.
#pragma once

#include <vector>

#include "common/intrin/intrin.h"

namespace hone {

std::vector<IntrinText> Dp4aIntrins();

}  // namespace hone
