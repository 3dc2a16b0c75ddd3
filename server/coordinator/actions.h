// What the coordinator's core asks of the world. The driver carries actions out in order.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "server/coordinator/job.h"

namespace hone {

enum class WorkerRole { kSearch, kBuild, kRun };
constexpr int kNumRoles = 3;
std::string_view WorkerRoleName(WorkerRole role);  // "search", "build", "run".

struct SendSearch {
  std::string worker;
  LeaseToken token;
  std::string job_id;
  int task = 0;
  uint32_t round = 0;
  std::vector<std::vector<SearchResult>> results;  // Of the rounds 0 .. round - 2.
};
struct SendBuild {
  std::string worker;
  LeaseToken token;
  Slot slot;
  SearchCandidate candidate;  // A baseline has a zero skeleton id: the unscheduled workload.
};
struct SendRun {
  std::string worker;
  LeaseToken token;
  Slot slot;
  Digest artifact_key;
  double best_so_far = 0;  // 0 = none.
};
// The device should time the canary kernel: it holds no other lease of the run role.
struct SendCanary {
  std::string worker;
  LeaseToken token;
};
// The worker should drop this lease; its outcome would not count.
struct SendCancel {
  std::string worker;
  LeaseToken token;
};
// The outcome of these leases is durable (or does not count): the worker forgets them.
struct SendAck {
  std::string worker;
  std::vector<uint64_t> leases;
};
struct SendCloseTask {
  std::string worker;
  std::string job_id;
  int task = 0;
};
struct SendDrain {
  std::string worker;
  bool undrain = false;
};
// Store a round. Later actions may be stored after it only.
struct SaveRound {
  std::string job_id;
  RoundPlan plan;
};
// Store the end of a slot; when durable, give Coordinator::OutcomeSaved.
struct SaveOutcome {
  Slot slot;
  LeaseToken token;
  std::string worker;
  DeviceFingerprint device;  // Of the worker that measured; empty when it never ran.
  Revisions revisions;
  SearchCandidate candidate;
  Outcome outcome;
};
struct SaveJobState {
  std::string job_id;
  JobState state = JobState::kRunning;
  std::string reason;
};
// Something a watcher of the job wants to see.
struct NotifyTrial {
  Slot slot;
  RunResult run;
  bool best = false;
  std::string worker;
};
struct NotifyLog {
  std::string job_id;
  std::string text;
};
struct NotifyState {
  std::string job_id;
};
// A lease ended without an outcome; the work is given out again, unless it was the last attempt.
struct NotifyLost {
  WorkerRole role = WorkerRole::kSearch;
  std::string worker;
  std::string job_id;
  uint64_t lease = 0;
  std::string cause;
};

using Action = std::variant<SendSearch, SendBuild, SendRun, SendCanary, SendCancel, SendAck, SendCloseTask, SendDrain,
                            SaveRound, SaveOutcome, SaveJobState, NotifyTrial, NotifyLog, NotifyState, NotifyLost>;

}  // namespace hone
