// A clock that only goes forward at a sensible pace, made from one that may be set: leases must not expire because
// somebody corrected the time of day, nor because this process was stopped for a while and heard nobody. A step back
// counts as no time; a step forward beyond `max_step` counts as one of `step`. Not thread-safe.
#pragma once

#include "absl/time/time.h"

namespace hone {

class SteadyTime {
 public:
  explicit SteadyTime(absl::Duration max_step, absl::Duration step = absl::Seconds(1))
      : max_step_(max_step), step_(step) {}

  // The steady time at `wall`, the latest reading of the other clock. Call often: at least every max_step.
  absl::Time Read(absl::Time wall) {
    if (last_wall_ == absl::InfinitePast()) {
      steady_ = wall;
    } else if (wall > last_wall_) {
      absl::Duration passed = wall - last_wall_;
      steady_ += passed > max_step_ ? step_ : passed;
    }
    last_wall_ = wall;
    return steady_;
  }
  absl::Time last() const { return steady_; }

 private:
  const absl::Duration max_step_;
  const absl::Duration step_;
  absl::Time last_wall_ = absl::InfinitePast();
  absl::Time steady_ = absl::InfinitePast();
};

}  // namespace hone
