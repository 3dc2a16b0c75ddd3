// Lets failures go that retention does not keep, now and then, in small transactions.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/support/clock.h"
#include "server/store/store.h"

namespace hone {

// Once over: keeps the failures of jobs that have not ended. How many went; Unimplemented where nothing is forgotten.
absl::StatusOr<int64_t> TrimFailures(Store& store, FailureRetention retention, absl::Time now);

// Does so in a thread of its own, first after `every`. The store must outlive it.
class Housekeeper {
 public:
  Housekeeper(Store& store, FailureRetention retention, absl::Duration every, const Clock& clock = Clock::Real());
  ~Housekeeper();

 private:
  void Loop();

  Store& store_;
  const FailureRetention retention_;
  const absl::Duration every_;
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hone
