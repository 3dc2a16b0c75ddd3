// The state of one job: its rounds, the slots that wait, are worked on or are done, and what came out so far. Knows
// nothing of workers, leases or time-outs; the Coordinator does. A pure state machine: not thread-safe, no I/O.
//
// Rounds of a job are numbered in one sequence over its tasks. The search of round s may start when the rounds up to
// s - 2 are done, so that while it runs, round s - 1 is built and measured. Which task gets round s, and what its
// candidates are, depends only on results of the rounds up to s - 2.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/coordinator/failure_tally.h"
#include "server/coordinator/job.h"
#include "server/coordinator/task_picker.h"

namespace hone {

// A slot within a job. A baseline has sequence -1 - task.
struct SlotRef {
  int32_t sequence = 0;
  uint32_t slot = 0;
  auto operator<=>(const SlotRef&) const = default;
};

class JobRun {
 public:
  enum class SlotStage { kQueuedBuild, kBuilding, kQueuedRun, kRunning, kSaving, kDone };
  struct SlotRun {
    SearchCandidate candidate;
    SlotStage stage = SlotStage::kQueuedBuild;
    int attempts = 0;  // Leases that ended without an outcome and count against the candidate.
    int returns = 0;   // Leases given back through no fault of the candidate.
    std::string last_cause;
    Digest artifact_key;
    absl::Duration build_time = absl::ZeroDuration();
    Outcome outcome;  // From kSaving on.
  };
  struct SearchOrder {
    int task = 0;
    uint32_t round = 0;
    uint32_t sequence = 0;
    std::vector<std::vector<SearchResult>> results;  // Rounds 0 .. round - 2 of the task.
  };

  explicit JobRun(JobDefinition definition);

  const JobDefinition& definition() const { return definition_; }
  JobState state() const { return state_; }
  const std::string& reason() const { return reason_; }
  // Running <-> paused, or to an ended state. A job that has ended stays as it is.
  void SetState(JobState state, std::string reason, absl::Time now);

  // --- Search. At most one round of a job is searched at a time.
  // The search that may start now, if any; the same until it is returned. Const: the order stands until AddRound.
  std::optional<SearchOrder> SearchWanted() const;
  // Accepts the round of the current order. Cut to what is left of max_trials. No candidates: the task is exhausted.
  // Returns the plan as it counts (to be stored), or nullopt when nothing was added.
  std::optional<RoundPlan> AddRound(const SearchOrder& order, SearchRound round);
  // The task of the current order cannot be tuned.
  void FailTask(int task, std::string error);

  // --- Slots.
  bool HasBuild(int task) const { return !tasks_[task].build_queue.empty(); }
  bool HasRun(int task) const { return !tasks_[task].run_queue.empty(); }
  SlotRef TakeBuild(int task);  // Requires HasBuild.
  SlotRef TakeRun(int task);    // Requires HasRun.
  void Built(SlotRef ref, Digest artifact_key, absl::Duration build_time);
  // Puts a slot that is being built or run back to the front of its queue; `rebuild` sends it to the build queue.
  void Requeue(SlotRef ref, bool rebuild);
  // The slot's end, not stored yet.
  void Finish(SlotRef ref, Outcome outcome);
  // The outcome is stored: it counts. Returns whether it is the new best of its task.
  bool Saved(SlotRef ref);
  SlotRun& slot(SlotRef ref);
  Slot SlotOf(SlotRef ref) const;
  int TaskOf(SlotRef ref) const;
  std::optional<SlotRef> Find(const Slot& slot) const;

  // --- Restart.
  // Rounds and outcomes as they were stored; rounds in sequence, then outcomes, before any other call.
  void RestoreRound(const RoundPlan& plan);
  void RestoreOutcome(const Slot& slot, const Outcome& outcome);
  void RestoreEnded(absl::Time ended) { ended_ = ended; }

  // All work is done: nothing is left to search, build, run or save.
  bool Complete() const;
  // A reason when no task can be tuned; empty otherwise.
  std::string Hopeless() const;
  bool OwesWork() const { return open_slots_ > 0; }
  double best(int task) const { return tasks_[task].best; }
  int num_tasks() const { return static_cast<int>(tasks_.size()); }
  JobReport Report(absl::Time now) const;
  void AddIdle(double secs) { time_.run_idle += secs; }
  size_t queued_builds() const;
  size_t queued_runs() const;
  size_t queued_builds(int task) const { return tasks_[task].build_queue.size(); }
  size_t queued_runs(int task) const { return tasks_[task].run_queue.size(); }
  int64_t finished() const { return finished_; }  // Trials of all tasks.

 private:
  struct Round {
    int task = 0;
    uint32_t round = 0;
    std::vector<SlotRun> slots;
    size_t open = 0;
    double best = 0;  // Of this round; 0 = none.
    bool done() const { return open == 0; }
  };
  struct TaskRun {
    std::vector<int> rounds;  // Sequences.
    std::deque<SlotRef> build_queue;
    std::deque<SlotRef> run_queue;
    SlotRun baseline;
    int64_t issued = 0, finished = 0, failed = 0;
    double best = 0;
    Slot best_slot;
    Metric metric = Metric::kSeconds;
    double baseline_median = 0;
    bool exhausted = false;
    std::string error;
    std::string ranking;
  };

  bool Alive(const TaskRun& task) const;
  std::vector<TaskHistory> Histories(int up_to_sequence) const;
  void Open(const RoundPlan& plan);
  std::deque<SlotRef>& QueueOf(SlotRef ref, bool build);

  JobDefinition definition_;
  JobState state_ = JobState::kRunning;
  std::string reason_;
  absl::Time ended_ = absl::InfiniteFuture();
  std::vector<Round> rounds_;  // By sequence.
  std::vector<TaskRun> tasks_;
  int64_t issued_ = 0, finished_ = 0;
  size_t open_slots_ = 0;
  size_t first_open_ = 0;  // Rounds before it are done.
  FailureTally failures_;
  TimeSplit time_;
};

}  // namespace hone
