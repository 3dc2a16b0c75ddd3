#include "server/coordinator/device_health.h"

#include <cstdio>
#include <utility>

#include "common/support/strings.h"

namespace hone {

void DeviceHealth::Connected(bool canary, absl::Time now) {
  can_ = canary;
  next_canary_ = now;
}

void DeviceHealth::Faulted(std::string cause, absl::Time now) {
  if (++faults_in_a_row_ < options_.max_faults_in_a_row) return;
  Quarantine(StrCat(faults_in_a_row_, " leases in a row given back, the last: ", cause), now);
  faults_in_a_row_ = 0;
}

void DeviceHealth::Worked() {
  faults_in_a_row_ = 0;
  if (!can_) Release();
}

void DeviceHealth::CanaryPassed(double secs, absl::Time now) {
  last_ = secs;
  ++canaries_;
  next_canary_ = now + options_.canary_period;
  if (baseline_ == 0 || (canaries_ <= options_.baseline_canaries && secs < baseline_)) baseline_ = secs;
  if (secs * 2 < baseline_) baseline_ = secs;  // The baseline itself was disturbed.
  if (canaries_ < options_.baseline_canaries) next_canary_ = now;
  if (secs <= baseline_ * options_.drift) return Release();
  if (++slow_in_a_row_ < 2) {
    next_canary_ = now;  // Once more before it is believed.
    return;
  }
  char text[128];
  std::snprintf(text, sizeof(text), "drift: its canary takes %.3g s, %.2f times its baseline of %.3g s", secs,
                secs / baseline_, baseline_);
  Quarantine(text, now);
}

void DeviceHealth::CanaryFailed(std::string cause, absl::Time now) {
  ++canaries_;
  Quarantine(StrCat("its canary failed: ", cause), now);
}

void DeviceHealth::Quarantine(std::string cause, absl::Time now) {
  int doublings = std::min(quarantines_in_a_row_++, 16);
  until_ = now + std::min(options_.quarantine * (1 << doublings), options_.max_quarantine);
  next_canary_ = until_;
  reason_ = std::move(cause);
}

void DeviceHealth::Release() {
  slow_in_a_row_ = 0;
  quarantines_in_a_row_ = 0;
  reason_.clear();
}

}  // namespace hone
