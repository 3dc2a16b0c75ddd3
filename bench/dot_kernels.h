// Matrix products of narrow types as TVMScript, packing of B included: what the dot-product instructions of AVX-512
// give through our code generator. The update is that of the tensor intrinsics (dot_16x4_vnni and its like for
// bfloat16), on words that hold four bytes or two bfloat16 of one column.
#pragma once

#include <cstdint>
#include <string>

namespace hone::bench {

// C[m, n] = A[m, k] x B[k, n]: uint8 x int8 -> int32 (VPDPBUSD), or bfloat16 -> float32 (VDPBF16PS).
struct DotMatmul {
  bool bfloat16 = false;
  int64_t m = 1024, n = 1024, k = 1024;
  int64_t mr = 8, nr = 32;  // Register tile; nr is a multiple of 16.
  int64_t kc = 1024;        // Depth of a panel; divides k.
  int64_t mc = 256;         // Rows of A between two changes of the panel; divides m, a multiple of mr.
  bool parallel = false;    // Over blocks of rows.
};

std::string DotMatmulScript(const DotMatmul& shape);
// The same product, unscheduled.
std::string PlainDotMatmulScript(const DotMatmul& shape);

}  // namespace hone::bench
