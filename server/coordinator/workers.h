// The workers that the coordinator knows, what each may do, and who is free. Not thread-safe; no I/O.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "server/coordinator/actions.h"
#include "server/coordinator/device_health.h"

namespace hone {

struct WorkerInfo {
  std::string name;
  std::array<int, kNumRoles> slots{};  // Leases at a time by role; 0 = does not have the role.
  std::string target_json;             // That its devices run; empty = any.
  std::set<std::string> build_kinds;   // Kinds of target that it builds for; empty = any.
  DeviceFingerprint device;
  Revisions revisions;
  uint64_t incarnation = 0;  // Of the process.
  bool canary = false;       // Times the canary kernel when asked.
};

struct WorkerState {
  WorkerInfo info;
  bool connected = false;
  bool draining = false;
  absl::Time last_seen = absl::InfinitePast();  // On the coordinator's steady clock.
  absl::Time connected_at = absl::UnixEpoch();  // These two: wall clock, for people.
  absl::Time heartbeat_at = absl::UnixEpoch();
  DeviceHealth health;
  int64_t finished = 0;
  int64_t failed = 0;
  std::array<int, kNumRoles> busy{};
  int idle_devices = 0;  // Kept by Workers::Refresh.
  std::string serves;    // Kept by Workers: equal for workers that serve the same targets.
  std::set<uint64_t> leases;
};

// Whether a worker that registered `worker_target` serves `task_target`; otherwise why not ("mcpu: worker has ...").
// Both JSON objects; an attribute that only one of them names does not decide, "kind" must agree.
std::string TargetMismatch(const std::string& worker_target, const std::string& task_target);

// Whether `worker` may do this role's work for a task's target; otherwise why not. Searching works for any target,
// building for those of its kinds, and only a device is bound to what it is.
std::string WhyNot(WorkerRole role, const WorkerInfo& worker, const std::string& task_target);

class Workers {
 public:
  explicit Workers(HealthOptions health = {}) : health_(health) {}

  // Inserts or replaces; keeps `draining`, counts and the health of one with the same name and device.
  WorkerState& Connect(WorkerInfo info, absl::Time now, absl::Time wall);
  WorkerState* Find(std::string_view name);
  const std::map<std::string, WorkerState, std::less<>>& all() const { return workers_; }
  std::map<std::string, WorkerState, std::less<>>& all() { return workers_; }
  void Forget(std::string_view name);

  // Recomputes whether `worker` is free for each role; call after any change to it.
  void Refresh(WorkerState& worker, absl::Time now);
  // A free worker of `role` that serves `target`, first by name; `preferred` when it is one, never `excluded`. Null
  // when there is none.
  WorkerState* FindFree(WorkerRole role, const std::string& target, std::string_view preferred = "",
                        std::string_view excluded = "");
  bool AnyFree(WorkerRole role) const { return num_free_[static_cast<int>(role)] > 0; }
  // Devices of workers that could run but have nothing to. A run worker holds one lease more than it has devices, so
  // that the next candidate is there when one ends: one with a slot to spare need not be idle.
  int idle_devices() const { return idle_devices_; }
  // Why no worker of `role` serves `target`, or empty when one does (free or not).
  std::string WhyNone(WorkerRole role, const std::string& target, absl::Time now) const;
  // Classes of the devices that would run `target` now.
  std::set<std::string> DeviceClassesFor(const std::string& target) const;
  // Connected workers of `role` that serve `target`, and how many of them have nothing free.
  struct Count {
    int all = 0, busy = 0;
  };
  Count CountServing(WorkerRole role, const std::string& target) const;

 private:
  bool Serves(WorkerRole role, const WorkerState& worker, const std::string& task_target);

  const HealthOptions health_;
  std::map<std::string, WorkerState, std::less<>> workers_;
  // Free workers by what they serve (WorkerState::serves): few classes, many workers.
  std::array<std::map<std::string, std::set<std::string, std::less<>>>, kNumRoles> free_;
  std::array<int, kNumRoles> num_free_{};
  int idle_devices_ = 0;
  // By class and target of a task, for each role.
  std::map<std::pair<std::string, std::string>, std::array<bool, kNumRoles>> serves_;
};

}  // namespace hone
