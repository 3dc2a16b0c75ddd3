#include "common/measure/paired.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {
namespace {

constexpr int kFewestPairs = 5;

absl::StatusOr<RunResult> RunWell(Runner& runner, const RunRequest& request) {
  RunRequest full = request;
  full.best_so_far.reset();  // Neither is given up early.
  full.policy.abandon_ratio = 0;
  full.policy.max_repeat = full.policy.repeat;
  RunResult result = runner.Run(full);
  if (!result.failure.has_value()) return result;
  return absl::FailedPreconditionError(StrCat(FailureKindName(result.failure->kind), ": ", result.failure->message));
}

}  // namespace

double StudentT975(int degrees) {
  // For 1, 2, ... degrees of freedom.
  constexpr double kTable[] = {12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                               2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                               2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
  degrees = std::max(degrees, 1);
  return degrees <= static_cast<int>(std::size(kTable)) ? kTable[degrees - 1] : 2.04;
}

PairedComparison CompareLogRatios(absl::Span<const double> log_ratios) {
  const double n = static_cast<double>(log_ratios.size());
  double mean = 0, squares = 0;
  for (double value : log_ratios) mean += value / n;
  for (double value : log_ratios) squares += (value - mean) * (value - mean);
  const double error = std::sqrt(squares / (n - 1) / n) * StudentT975(static_cast<int>(log_ratios.size()) - 1);
  PairedComparison comparison;
  comparison.ratio = std::exp(mean);
  comparison.low = std::exp(mean - error);
  comparison.high = std::exp(mean + error);
  comparison.pairs = static_cast<int>(log_ratios.size());
  return comparison;
}

absl::StatusOr<PairedComparison> ComparePaired(Runner& runner, const RunRequest& a, const RunRequest& b, int pairs) {
  if (pairs < kFewestPairs) {
    return absl::InvalidArgumentError(StrCat(pairs, " pairs, expected at least ", kFewestPairs));
  }
  std::vector<double> log_ratios;
  for (int attempt = 0; attempt < 2 * pairs && static_cast<int>(log_ratios.size()) < pairs; ++attempt) {
    const bool a_first = attempt % 2 == 0;
    HONE_ASSIGN_OR_RETURN(const RunResult first, RunWell(runner, a_first ? a : b));
    HONE_ASSIGN_OR_RETURN(const RunResult second, RunWell(runner, a_first ? b : a));
    if (first.metric != second.metric) return absl::InvalidArgumentError("the kernels have different metrics");
    if (first.disturbance.disturbed || second.disturbance.disturbed) continue;
    const double ratio = first.median / second.median;
    log_ratios.push_back(a_first ? std::log(ratio) : -std::log(ratio));
  }
  if (static_cast<int>(log_ratios.size()) < kFewestPairs) {
    return absl::UnavailableError(StrCat("only ", log_ratios.size(), " undisturbed pairs could be measured"));
  }
  return CompareLogRatios(log_ratios);
}

}  // namespace hone
