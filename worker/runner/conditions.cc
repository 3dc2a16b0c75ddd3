#include "worker/runner/conditions.h"

#include <cmath>

#include "worker/runner/statistics.h"

namespace hone::runner {
namespace {

constexpr size_t kEnough = 16;
constexpr size_t kUnspaced = 64;
constexpr absl::Duration kSpacing = absl::Milliseconds(50);
// Clocks drift within a per cent by themselves; the cache probe's own noise is 4 %.
constexpr double kTolerableClockChange = 0.012;
constexpr double kTolerableSlowdown = 1.08;
// Disturbances only slow down, so that the usual is what the faster probes see.
constexpr double kUndisturbedQuantile = 0.25;

template <typename Predicate>
bool MostAre(const std::vector<double>& values, Predicate usual) {
  size_t count = 0;
  for (double value : values) count += usual(value) ? 1 : 0;
  return 2 * count > values.size();
}

}  // namespace

void UsualConditions::Note(const Conditions& conditions, absl::Time now) {
  if (conditions.ghz <= 0 || conditions.cache_seconds <= 0) return;
  if (ghz_.size() >= kUnspaced && now - noted_ < kSpacing) return;
  noted_ = now;
  if (ghz_.size() < kRemembered) {
    ghz_.push_back(conditions.ghz);
    cache_seconds_.push_back(conditions.cache_seconds);
    return;
  }
  ghz_[next_] = conditions.ghz;
  cache_seconds_[next_] = conditions.cache_seconds;
  next_ = (next_ + 1) % kRemembered;
}

bool UsualConditions::Fit(const Conditions& conditions) const {
  if (ghz_.size() < kEnough || conditions.ghz <= 0 || conditions.cache_seconds <= 0) return true;
  const double clock = Median(ghz_);
  const auto usual_clock = [&](double ghz) { return std::abs(ghz / clock - 1) <= kTolerableClockChange; };
  if (!usual_clock(conditions.ghz) && MostAre(ghz_, usual_clock)) return false;
  const double limit = Quantile(cache_seconds_, kUndisturbedQuantile) * kTolerableSlowdown;
  const auto usual_cache = [&](double seconds) { return seconds <= limit; };
  return usual_cache(conditions.cache_seconds) || !MostAre(cache_seconds_, usual_cache);
}

}  // namespace hone::runner
