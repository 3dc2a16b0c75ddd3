#include "worker/runner/conditions.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "worker/runner/statistics.h"

namespace hone::runner {
namespace {

constexpr size_t kRemembered = 400;  // 100 s of measuring at least.
constexpr size_t kEnough = 16;
constexpr size_t kUnspaced = 64;
constexpr absl::Duration kSpacing = absl::Milliseconds(250);
// A clock farther from the reference has another cause than a neighbour's load.
constexpr double kTolerableClockChange = 0.06;
// The cache probe's own noise is 4 %.
constexpr double kTolerableSlowdown = 1.08;
// Disturbances only slow down, so that the usual is what the faster probes see.
constexpr double kUndisturbedQuantile = 0.1;
// Where fewer probes than these see an undisturbed cache none is waited for.
constexpr double kWorthWaitingForCache = 0.2;
// The probe of a core takes 1.25 times as long and more once another thread of the core is awake; the clock moves it by
// 4 %.
constexpr double kTolerableCoreSlowdown = 1.12;
// Where fewer samples than these see an undisturbed core it is not worth waiting for one.
constexpr double kWorthWaiting = 0.04;

template <typename Predicate>
size_t CountIf(const std::vector<double>& values, Predicate usual) {
  return static_cast<size_t>(std::count_if(values.begin(), values.end(), usual));
}

}  // namespace

void UsualConditions::Ring::Add(double value) {
  if (values_.size() < kRemembered) {
    values_.push_back(value);
    return;
  }
  values_[next_] = value;
  next_ = (next_ + 1) % kRemembered;
}

void UsualConditions::Note(const Conditions& conditions, absl::Time now) {
  if (conditions.ghz <= 0 || conditions.cache_seconds <= 0) return;
  const size_t noted = std::max(ghz_.values().size(), core_seconds_.values().size());
  if (noted >= kUnspaced && now - noted_ < kSpacing) return;
  noted_ = now;
  if (conditions.core_seconds > 0) {
    core_seconds_.Add(conditions.core_seconds);
    // A shared core makes the shared cache look slow.
    if (conditions.core_seconds > CoreLimitSeconds()) return;
  }
  ghz_.Add(conditions.ghz);
  cache_seconds_.Add(conditions.cache_seconds);
  if (ghz_.values().size() < kEnough) return;
  const size_t near = CountIf(ghz_.values(), [&](double ghz) { return NearReference(ghz); });
  if (reference_ghz_ == 0 || 2 * near < ghz_.values().size()) reference_ghz_ = Median(ghz_.values());
}

bool UsualConditions::NearReference(double ghz) const {
  return std::abs(ghz / reference_ghz_ - 1) <= kTolerableClockChange;
}

bool UsualConditions::Fit(const Conditions& conditions) const {
  if (reference_ghz_ == 0 || conditions.ghz <= 0 || conditions.cache_seconds <= 0) return true;
  if (!NearReference(conditions.ghz)) return false;
  const std::vector<double>& cache = cache_seconds_.values();
  const double limit = Quantile(cache, kUndisturbedQuantile) * kTolerableSlowdown;
  if (conditions.cache_seconds <= limit) return true;
  const size_t undisturbed = CountIf(cache, [&](double seconds) { return seconds <= limit; });
  return static_cast<double>(undisturbed) < kWorthWaitingForCache * static_cast<double>(cache.size());
}

double UsualConditions::ClockFactor(double ghz) const {
  return reference_ghz_ > 0 && ghz > 0 && NearReference(ghz) ? ghz / reference_ghz_ : 1;
}

double UsualConditions::CoreLimitSeconds() const {
  const std::vector<double>& core = core_seconds_.values();
  if (core.size() < kEnough) return std::numeric_limits<double>::infinity();
  const double limit = *std::min_element(core.begin(), core.end()) * kTolerableCoreSlowdown;
  const size_t alone = CountIf(core, [&](double seconds) { return seconds <= limit; });
  if (static_cast<double>(alone) < kWorthWaiting * static_cast<double>(core.size())) {
    return std::numeric_limits<double>::infinity();
  }
  return limit;
}

}  // namespace hone::runner
