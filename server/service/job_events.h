// The events of jobs for those who watch: kept for a while, so that a watcher who comes back goes on where it was.
// Not thread-safe; the driver's core thread owns it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "hone/v1/tuning.pb.h"
#include "server/service/driver.h"

namespace hone {

class JobEvents {
 public:
  // Cursors are (leader epoch, number), so those of another server's life are recognised.
  explicit JobEvents(uint64_t leader_epoch) : next_cursor_((leader_epoch << 32) + 1) {}

  // Fills in the cursor, keeps the event and sends it to the job's watchers. `keep` = false for periodic reports.
  void Publish(const std::string& job_id, v1::JobEvent event, bool keep);
  // Sends what came after `cursor`, or `now` when that is not known any more; then what comes.
  void Watch(const std::string& job_id, uint64_t cursor, v1::JobEvent now, std::shared_ptr<JobWatcher> watcher);
  void Unwatch(const std::shared_ptr<JobWatcher>& watcher);
  // The job has ended: its watchers are done. Events stay until Forget.
  void CloseWatchers(const std::string& job_id, const absl::Status& status);
  void CloseAll(const absl::Status& status);
  void Forget(const std::string& job_id) { jobs_.erase(job_id); }
  // Jobs somebody watches.
  std::vector<std::string> Watched() const;

 private:
  struct Job {
    std::deque<v1::JobEvent> kept;
    uint64_t dropped_up_to = 0;  // Cursor of the last event that is not kept any more.
    std::set<std::shared_ptr<JobWatcher>> watchers;
  };
  uint64_t next_cursor_;
  std::map<std::string, Job> jobs_;
};

}  // namespace hone
