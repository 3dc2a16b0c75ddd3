// Order statistics of a few samples.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/types/span.h"

namespace hone::runner {

// Linear interpolation between order statistics; `samples` must not be empty, 0 <= q <= 1.
double Quantile(absl::Span<const double> samples, double q);
double Median(absl::Span<const double> samples);
// Interquartile range over median; 0 for fewer than two samples.
double RelativeSpread(absl::Span<const double> samples);
// Half the width of a 95 % confidence interval of the median, relative to it, from the median absolute deviation
// (normal approximation, Rousseeuw and Croux 1993); 1 for fewer than three samples.
double RelativeMedianError(absl::Span<const double> samples);

// What a time comes to where disturbances only add to it: the median of the samples within `tolerance` (relative) above
// the lowest one that has at least `agreeing` samples there, itself included. A lone fast sample is no level. Where no
// level has so many: the lower quartile. `members`, if not null, becomes the samples of the level, empty in the latter
// case.
double LowestLevel(absl::Span<const double> samples, size_t agreeing, double tolerance,
                   std::vector<double>* members = nullptr);

}  // namespace hone::runner
