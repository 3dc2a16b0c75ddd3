// Decides whether computed values are the reference's, up to what another order of floating-point operations may
// change.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/measure/builder.h"
#include "common/measure/runner.h"

namespace hone::runner {

// Result of comparing one tensor. An element is right when |got - want| <= tolerance * (|want| + mean |want|), both are
// NaN, or both are the same infinity. Integers and bool must be equal.
struct TensorComparison {
  bool right = true;
  ErrorNorms errors;
  int64_t first_wrong = -1;  // Element index.
  int64_t wrong_elements = 0;
  std::string detail;  // "element 17 is nan, expected 0.25"; empty when right.
};

TensorComparison CompareTensor(const TensorInfo& tensor, const uint8_t* got, const uint8_t* want, double tolerance);

// Relative tolerance for an output of `dtype` whose elements sum about `reduction_length` products: rounding errors of
// a sum grow with the square root of its length (Higham, "Accuracy and Stability of Numerical Algorithms", 4.2), times
// a margin of 4, and no less than what approximations of exp, tanh and erf may cost.
double ToleranceOf(std::string_view dtype, double reduction_length);

// An estimate from shapes alone, for programs whose reductions cannot be read (worker/runner/reduction_length.h):
// sqrt(a * b / output) for the two largest inputs a, b and the largest output (exact for a matrix product), input /
// output for a single input.
double EstimateReductionLength(absl::Span<const TensorInfo> args, const std::vector<bool>& is_output);

}  // namespace hone::runner
