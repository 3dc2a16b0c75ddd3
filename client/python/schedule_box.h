// A schedule as Python holds it.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "client/python/status.h"
#include "common/schedule/schedule.h"

namespace hone::python {

// Owns a schedule, or shares one that nobody changes and copies it before the first change. Under the GIL.
class ScheduleBox {
 public:
  explicit ScheduleBox(schedule::Schedule sch) : own_(std::move(sch)) {}
  explicit ScheduleBox(std::shared_ptr<const schedule::Schedule> sch) : shared_(std::move(sch)) {}

  // FailedPrecondition when it was lent for a call that is over.
  const schedule::Schedule& Read() const {
    if (shared_ != nullptr) return *shared_;
    if (!own_.has_value())
      Check(absl::FailedPreconditionError("this schedule was lent for a call that is over; keep sch.copy() instead"));
    return *own_;
  }
  schedule::Schedule& Write() {
    if (shared_ != nullptr) {
      own_ = shared_->CopyWithSeed(1);
      shared_ = nullptr;
    }
    return const_cast<schedule::Schedule&>(Read());
  }
  // A copy with the same random state.
  schedule::Schedule Copy() {
    if (shared_ != nullptr) return shared_->CopyWithSeed(1);
    Read();
    return own_->CopyWithSeed(own_->random().state());
  }
  schedule::Schedule TakeBack() {
    schedule::Schedule out = std::move(Write());
    own_.reset();
    return out;
  }

 private:
  std::optional<schedule::Schedule> own_;
  std::shared_ptr<const schedule::Schedule> shared_;
};

}  // namespace hone::python
