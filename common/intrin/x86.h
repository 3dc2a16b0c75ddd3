// Dot products of x86: AVX-512 VNNI and AVX-512 BW.
#pragma once

#include "absl/types/span.h"
#include "common/intrin/intrin.h"

namespace hone {

absl::Span<const IntrinText> X86Intrins();

}  // namespace hone
