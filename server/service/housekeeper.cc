#include "server/service/housekeeper.h"

#include <utility>

#include "common/support/log.h"
#include "common/support/status_macros.h"

namespace hone {

absl::StatusOr<int64_t> TrimFailures(Store& store, FailureRetention retention, absl::Time now) {
  constexpr int kPage = 500;
  // Jobs first: one that is submitted afterwards has no failures yet that are too old or too many.
  std::string before;
  while (true) {
    HONE_ASSIGN_OR_RETURN(const std::vector<JobSummary> jobs, store.ListJobs({before, kPage, /*ended=*/false, std::nullopt}));
    for (const JobSummary& job : jobs) retention.live_jobs.push_back(job.definition.id);
    if (static_cast<int>(jobs.size()) < kPage) break;
    before = jobs.back().definition.id;
  }
  int64_t total = 0, gone = 0;
  do {
    HONE_ASSIGN_OR_RETURN(gone, store.records().TrimFailures(retention, now));
    total += gone;
  } while (gone >= retention.limit);
  return total;
}

Housekeeper::Housekeeper(Store& store, FailureRetention retention, absl::Duration every, const Clock& clock)
    : store_(store), retention_(std::move(retention)), every_(every), clock_(clock), thread_([this] { Loop(); }) {}

Housekeeper::~Housekeeper() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
}

void Housekeeper::Loop() {
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, absl::ToChronoNanoseconds(every_), [this] { return stopping_; })) {
    lock.unlock();
    absl::StatusOr<int64_t> gone = TrimFailures(store_, retention_, clock_.Now());
    lock.lock();
    if (absl::IsUnimplemented(gone.status())) return;
    if (!gone.ok()) {
      HONE_LOG(kWarning) << "old failures stay for now: " << gone.status().ToString();
    } else if (*gone > 0) {
      HONE_LOG(kInfo) << "old failures were let go records=" << *gone;
    }
  }
}

}  // namespace hone
