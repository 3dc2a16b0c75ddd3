// NVIDIA mma.m16n8k8 on float16, with ldmatrix.
#pragma once

#include <vector>

#include "common/intrin/intrin.h"

namespace hone {

std::vector<IntrinText> MmaM16n8k8Intrins();

}  // namespace hone
