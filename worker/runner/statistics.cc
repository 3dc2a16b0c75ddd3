#include "worker/runner/statistics.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace hone::runner {

double Quantile(absl::Span<const double> samples, double q) {
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  const double position = q * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double Median(absl::Span<const double> samples) { return Quantile(samples, 0.5); }

double RelativeSpread(absl::Span<const double> samples) {
  if (samples.size() < 2) return 0;
  const double median = Median(samples);
  return median > 0 ? (Quantile(samples, 0.75) - Quantile(samples, 0.25)) / median : 0;
}

double RelativeMedianError(absl::Span<const double> samples) {
  if (samples.size() < 3) return 1;
  const double median = Median(samples);
  if (median <= 0) return 1;
  std::vector<double> deviations;
  for (double sample : samples) deviations.push_back(std::abs(sample - median));
  constexpr double kMadToSigma = 1.4826;
  constexpr double kMedianToMean = 1.2533;  // Standard error of the median over that of the mean, sqrt(pi / 2).
  return 1.96 * kMedianToMean * kMadToSigma * Median(deviations) / std::sqrt(static_cast<double>(samples.size())) /
         median;
}

double LowestLevel(absl::Span<const double> samples, size_t agreeing, double tolerance, std::vector<double>* members) {
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i + agreeing <= sorted.size(); ++i) {
    const double limit = sorted[i] * (1 + tolerance);
    if (sorted[i + agreeing - 1] > limit) continue;
    const auto end = std::upper_bound(sorted.begin() + static_cast<std::ptrdiff_t>(i), sorted.end(), limit);
    const std::vector<double> level(sorted.begin() + static_cast<std::ptrdiff_t>(i), end);
    if (members != nullptr) *members = level;
    return Median(level);
  }
  if (members != nullptr) members->clear();
  return Quantile(samples, 0.25);
}

}  // namespace hone::runner
