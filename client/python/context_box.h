// A tuning context as Python holds it: owned, or lent by C++ for a while.
#pragma once

#include <memory>

#include "client/cpp/tune_context.h"
#include "client/python/status.h"

namespace hone::python {

// Under the GIL.
class ContextBox {
 public:
  explicit ContextBox(std::shared_ptr<meta_schedule::TuneContext> owner)
      : owner_(std::move(owner)), read_(owner_.get()), write_(owner_.get()) {}
  ContextBox(const meta_schedule::TuneContext* read, meta_schedule::TuneContext* write) : read_(read), write_(write) {}

  // FailedPrecondition when it was lent and is gone, or is not to be changed.
  const meta_schedule::TuneContext& Read() const {
    if (read_ == nullptr) Check(absl::FailedPreconditionError("this context was lent for a call that is over"));
    return *read_;
  }
  meta_schedule::TuneContext& Write() const {
    Read();
    if (write_ == nullptr) Check(absl::FailedPreconditionError("this context is lent to read only"));
    return *write_;
  }
  // Null when it is lent.
  const std::shared_ptr<meta_schedule::TuneContext>& owner() const { return owner_; }
  void Expire() { read_ = write_ = nullptr; }

 private:
  std::shared_ptr<meta_schedule::TuneContext> owner_;
  const meta_schedule::TuneContext* read_;
  meta_schedule::TuneContext* write_;
};

}  // namespace hone::python
