// Hand-written schedules of matrix products as TVMScript, packing included: what the code generator can do at best.
#pragma once

#include <cstdint>
#include <string>

namespace hone::bench {

// C[m, n] = A[m, k] x B[k, n], float32.
struct PackedMatmul {
  int64_t m = 1024, n = 1024, k = 1024;
  int64_t mr = 8, nr = 32;  // Register tile.
  int64_t kc = 256;         // Depth of a packed block of B; divides k.
  int64_t nc = 512;         // Its columns; divides n, a multiple of nr.
  int64_t mc = 256;         // Rows of A that are used together; divides m, a multiple of mr.
  bool pack_a = false;
  bool parallel = false;  // Over blocks of columns.
  bool operator==(const PackedMatmul&) const = default;
};

// The module's text. mr divides mc, nr divides nc.
std::string PackedMatmulScript(const PackedMatmul& shape);

}  // namespace hone::bench
