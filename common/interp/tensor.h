// A dense row-major tensor of any scalar dtype, as the interpreter and the correctness gate use it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/ir/dtype.h"
#include "common/support/random.h"

namespace hone::interp {

// Reads and writes one element. Integers are sign- or zero-extended to 64 bits; floats are widened to double and
// rounded to nearest even when stored (float8 saturates at its largest finite value).
int64_t LoadInt(ir::DataType element, const uint8_t* at);
double LoadFloat(ir::DataType element, const uint8_t* at);
void StoreInt(ir::DataType element, uint8_t* at, int64_t value);
void StoreFloat(ir::DataType element, uint8_t* at, double value);
// The double that `value` becomes when held in `element`.
double RoundTo(ir::DataType element, double value);
// The integer that the low bits of `value` mean in `element` (two's complement wrap).
int64_t WrapTo(ir::DataType element, int64_t value);

struct Tensor {
  ir::DataType dtype;  // May have lanes.
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;

  Tensor() = default;
  Tensor(ir::DataType dtype, std::vector<int64_t> shape);
  int64_t num_elements() const;   // Not counting lanes.
  double At(int64_t flat) const;  // Element (lane for vector dtypes) as a double.
};

// Values as TVM's measurement fills them: floats uniform in [0, 1), int8 -128..126, uint8 0..254, wider integers
// 0..9999, bool 0 or 1. `symmetric` shifts floats to [-1, 1), which finds more mistakes.
void FillRandom(Tensor& tensor, CounterRandom& random, bool symmetric = false);

// The largest differences between two tensors of the same dtype and shape, and whether all elements are within
// absolute + relative * |expected|. NaN equals NaN only.
struct Difference {
  bool close = true;
  double max_abs = 0;
  double max_rel = 0;
  int64_t worst = -1;  // Flat index of the first element out of tolerance.
  double got = 0;      // Its values.
  double expected = 0;
};
Difference Compare(const Tensor& got, const Tensor& expected, double relative, double absolute);

// The tolerance for comparing two orders of summation over `reduction_length` elements of `dtype`; 0 for integers.
double Tolerance(ir::DataType dtype, int64_t reduction_length);

}  // namespace hone::interp
