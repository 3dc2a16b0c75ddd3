// A worker's side of WorkerService: connects, registers, keeps the stream, and does the leased work with the Builder,
// Runner and SearchRunner it was given. Outcomes are kept and sent again until the server acknowledges them, so that
// neither a broken stream nor a restarted server loses one. Big things travel by content id.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/measure/builder.h"
#include "common/measure/runner.h"
#include "common/record/tuning_record.h"
#include "server/tuning/search_runner.h"

namespace grpc {
class Channel;
}

namespace hone {

struct AgentOptions {
  std::string name;
  std::string token;                     // Bearer token; empty = none.
  std::string target_json;               // What it runs; empty = any.
  std::vector<std::string> build_kinds;  // Kinds of target that it builds for; empty = any.
  DeviceFingerprint device;              // Of the run role.
  Revisions revisions;
  int build_threads = 1;
  int run_threads = 1;     // Kernels measured at once: one a device.
  bool synthetic = false;  // Its results are made up (tests).
  absl::Duration max_backoff = absl::Seconds(5);
  // Give up when no server was reached for that long; infinite for a daemon.
  absl::Duration patience = absl::InfiniteDuration();
};

// A role is present when its object is.
struct AgentRoles {
  Builder* builder = nullptr;
  Runner* runner = nullptr;
  SearchRunner* search = nullptr;
  // Times the canary kernel on the runner's device: always the same kernel, the fastest sample in RunResult::median.
  // Empty: this device has none.
  std::function<RunResult()> canary;
};

class Agent {
 public:
  // `channel` and the roles' objects must outlive it.
  Agent(std::shared_ptr<grpc::Channel> channel, AgentOptions options, AgentRoles roles);
  ~Agent();

  // Serves until Stop, then finishes what it has and says goodbye: OK. InvalidArgument: the server refuses this
  // worker; Aborted: another one took its name; Unauthenticated, PermissionDenied: the token; Unavailable: patience.
  absl::Status Run();
  // Drains: no new work, what is in hand ends. Safe in a signal handler. A second call drops what is in hand.
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hone
