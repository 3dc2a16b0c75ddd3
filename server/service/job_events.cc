#include "server/service/job_events.h"

#include <utility>

namespace hone {
namespace {

constexpr size_t kKept = 10'000;  // Events a job.

}  // namespace

void JobEvents::Publish(const std::string& job_id, v1::JobEvent event, bool keep) {
  Job& job = jobs_[job_id];
  event.set_cursor(keep ? next_cursor_++ : next_cursor_ - 1);
  for (const auto& watcher : job.watchers) watcher->Send(event);
  if (!keep) return;
  job.kept.push_back(std::move(event));
  if (job.kept.size() > kKept) {
    job.dropped_up_to = job.kept.front().cursor();
    job.kept.pop_front();
  }
}

void JobEvents::Watch(const std::string& job_id, uint64_t cursor, v1::JobEvent now,
                      std::shared_ptr<JobWatcher> watcher) {
  Job& job = jobs_[job_id];
  bool same_life = (cursor >> 32) == (next_cursor_ >> 32);
  bool known = same_life && cursor >= job.dropped_up_to && cursor < next_cursor_;
  if (known) {
    for (const v1::JobEvent& event : job.kept) {
      if (event.cursor() > cursor) watcher->Send(event);
    }
  }
  now.set_cursor(next_cursor_ - 1);
  watcher->Send(now);
  job.watchers.insert(std::move(watcher));
}

void JobEvents::Unwatch(const std::shared_ptr<JobWatcher>& watcher) {
  for (auto& [id, job] : jobs_) job.watchers.erase(watcher);
}

void JobEvents::CloseWatchers(const std::string& job_id, const absl::Status& status) {
  auto it = jobs_.find(job_id);
  if (it == jobs_.end()) return;
  for (const auto& watcher : std::exchange(it->second.watchers, {})) watcher->Close(status);
}

void JobEvents::CloseAll(const absl::Status& status) {
  for (auto& [id, job] : jobs_) {
    for (const auto& watcher : std::exchange(job.watchers, {})) watcher->Close(status);
  }
}

std::vector<std::string> JobEvents::Watched() const {
  std::vector<std::string> ids;
  for (const auto& [id, job] : jobs_) {
    if (!job.watchers.empty()) ids.push_back(id);
  }
  return ids;
}

}  // namespace hone
