// Whether a worker may be trusted with work. Two signs speak against it: leases that it gives back through its own
// fault, and its canary: one small kernel, always the same, that it times now and then. A canary that fails, or is
// slower than the device's own baseline by more than `drift` twice in a row, takes the device out of service until one
// is good again; every further time in a row it stays out twice as long. Not thread-safe.
#pragma once

#include <algorithm>
#include <string>

#include "absl/time/time.h"

namespace hone {

struct HealthOptions {
  int max_faults_in_a_row = 5;
  absl::Duration quarantine = absl::Seconds(30);  // The first time; doubles.
  absl::Duration max_quarantine = absl::Minutes(10);
  absl::Duration canary_period = absl::Minutes(10);
  double drift = 1.5;         // Canary over baseline.
  int baseline_canaries = 3;  // The fastest of the first ones is the baseline.
};

class DeviceHealth {
 public:
  explicit DeviceHealth(HealthOptions options = {}) : options_(options) {}

  // A (new) stream of the worker; `canary`: it can time canaries. One is due at once.
  void Connected(bool canary, absl::Time now);
  // The worker gave a lease back through its own fault, or lost its device.
  void Faulted(std::string cause, absl::Time now);
  // It brought an outcome.
  void Worked();

  // Whether a canary is due: the device gets no other run until it is done.
  bool WantsCanary(absl::Time now) const { return can_ && now >= next_canary_ && !Quarantined(now); }
  // The seconds a call that the canary took.
  void CanaryPassed(double secs, absl::Time now);
  void CanaryFailed(std::string cause, absl::Time now);

  bool Quarantined(absl::Time now) const { return now < until_; }
  // Why it is, or was until its next good canary, out of service; empty when it is well.
  const std::string& reason() const { return reason_; }
  double baseline_secs() const { return baseline_; }  // 0 = none yet.
  double canary_secs() const { return last_; }        // The last one; 0 = none yet.

 private:
  void Quarantine(std::string cause, absl::Time now);
  void Release();

  HealthOptions options_;
  bool can_ = false;
  int faults_in_a_row_ = 0;
  int quarantines_in_a_row_ = 0;
  int canaries_ = 0;
  int slow_in_a_row_ = 0;
  double baseline_ = 0, last_ = 0;
  absl::Time next_canary_ = absl::InfinitePast();
  absl::Time until_ = absl::InfinitePast();
  std::string reason_;
};

}  // namespace hone
