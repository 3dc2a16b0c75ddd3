// Which of two kernels is faster: measured in turns, so that what disturbs one disturbs the other.
#pragma once

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/measure/runner.h"

namespace hone {

struct PairedComparison {
  double ratio = 1;  // Geometric mean of time(a) / time(b).
  double low = 0;    // 95 % confidence interval of it (Student's t on the logarithms).
  double high = 0;
  int pairs = 0;
  bool a_is_faster() const { return high < 1; }
  bool b_is_faster() const { return low > 1; }
};

// The 97.5 % quantile of Student's t; beyond 30 degrees a value that is on the safe side.
double StudentT975(int degrees);

// From log(time(a) / time(b)) of each pair; two of them at least.
PairedComparison CompareLogRatios(absl::Span<const double> log_ratios);

// Runs a, b, b, a, a, b, ... until `pairs` pairs are measured; stopping as soon as the interval looks good would make
// it too narrow. Pairs of which one was marked as disturbed do not count; at most twice as many are tried.
// FailedPrecondition with its failure when a kernel fails, Unavailable when fewer than five undisturbed pairs could be
// had, InvalidArgument for fewer than five pairs or metrics that differ.
absl::StatusOr<PairedComparison> ComparePaired(Runner& runner, const RunRequest& a, const RunRequest& b,
                                               int pairs = 15);

}  // namespace hone
