// Dot products of x86: AVX-512 VNNI and AVX-512 BW.
#pragma once

#include <vector>

#include "common/intrin/intrin.h"

namespace hone {

std::vector<IntrinText> X86Intrins();

}  // namespace hone
