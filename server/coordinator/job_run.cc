#include "server/coordinator/job_run.h"

#include <algorithm>
#include <utility>

#include "common/support/check.h"
#include "common/support/strings.h"

namespace hone {
namespace {

constexpr uint64_t kPickDomain = 0x7069636b;  // Keeps the scheduler's random numbers apart from the search's.

SearchResult ToSearchResult(const Outcome& outcome) {
  SearchResult result;
  result.failure = outcome.run.failure;
  if (!result.failure) result.median_secs = outcome.run.median;
  return result;
}

// The last line of a search's log that says how well the cost model ranks; empty when none does.
std::string RankingOf(const std::string& log) {
  constexpr std::string_view kStart = "model on round ";
  const size_t at = log.rfind(kStart);
  if (at == std::string::npos || (at > 0 && log[at - 1] != '\n')) return "";
  return log.substr(at, log.find('\n', at) - at);
}

}  // namespace

JobRun::JobRun(JobDefinition definition) : definition_(std::move(definition)), tasks_(definition_.tasks.size()) {
  if (!definition_.measure_baseline) {
    for (TaskRun& task : tasks_) task.baseline.stage = SlotStage::kDone;
    return;
  }
  for (size_t i = 0; i < tasks_.size(); ++i) {
    tasks_[i].build_queue.push_back({-1 - static_cast<int32_t>(i), 0});
    ++open_slots_;
  }
}

void JobRun::SetState(JobState state, std::string reason, absl::Time now) {
  if (Ended(state_)) return;
  state_ = state;
  reason_ = std::move(reason);
  if (Ended(state)) ended_ = now;
}

bool JobRun::Alive(const TaskRun& task) const {
  return !task.exhausted && task.issued < definition_.max_trials_per_task;
}

std::vector<TaskHistory> JobRun::Histories(int up_to_sequence) const {
  std::vector<TaskHistory> histories;
  for (size_t i = 0; i < tasks_.size(); ++i) {
    TaskHistory history;
    history.alive = Alive(tasks_[i]);
    history.weight = definition_.tasks[i].weight;
    history.rounds_given = static_cast<int>(tasks_[i].rounds.size());
    double best = kNoLatencyMs;
    for (int sequence : tasks_[i].rounds) {
      if (sequence > up_to_sequence) break;
      if (rounds_[sequence].best > 0) best = std::min(best, rounds_[sequence].best * 1e3);
      history.best.push_back(best);
    }
    histories.push_back(std::move(history));
  }
  return histories;
}

std::optional<JobRun::SearchOrder> JobRun::SearchWanted() const {
  if (state_ != JobState::kRunning || issued_ >= definition_.max_trials) return std::nullopt;
  int sequence = static_cast<int>(rounds_.size());
  if (static_cast<int>(first_open_) + 1 < sequence) return std::nullopt;  // Round sequence - 2 is not done.
  CounterRandom random({definition_.seed, kPickDomain, static_cast<uint64_t>(sequence)});
  int last = rounds_.empty() ? -1 : rounds_.back().task;
  int task = PickTask(definition_.scheduler, Histories(sequence - 2), last, random);
  if (task < 0) return std::nullopt;
  SearchOrder order;
  order.task = task;
  order.sequence = sequence;
  order.round = static_cast<uint32_t>(tasks_[task].rounds.size());
  for (uint32_t r = 0; r + 1 < order.round; ++r) {
    std::vector<SearchResult>& results = order.results.emplace_back();
    for (const SlotRun& slot : rounds_[tasks_[task].rounds[r]].slots) results.push_back(ToSearchResult(slot.outcome));
  }
  return order;
}

std::optional<RoundPlan> JobRun::AddRound(const SearchOrder& order, SearchRound round) {
  HONE_CHECK_EQ(order.sequence, rounds_.size());
  time_.search += round.search_secs;
  time_.model += round.model_secs;
  TaskRun& task = tasks_[order.task];
  if (std::string ranking = RankingOf(round.log); !ranking.empty()) task.ranking = std::move(ranking);
  int64_t left = std::min(definition_.max_trials - issued_, definition_.max_trials_per_task - task.issued);
  if (static_cast<int64_t>(round.candidates.size()) > left) round.candidates.resize(std::max<int64_t>(left, 0));
  if (round.candidates.empty()) {
    task.exhausted = true;
    return std::nullopt;
  }
  RoundPlan plan;
  plan.sequence = order.sequence;
  plan.task = order.task;
  plan.round = order.round;
  plan.candidates = std::move(round.candidates);
  plan.search_secs = round.search_secs;
  plan.model_secs = round.model_secs;
  Open(plan);
  return plan;
}

void JobRun::Open(const RoundPlan& plan) {
  TaskRun& task = tasks_[plan.task];
  Round& round = rounds_.emplace_back();
  round.task = static_cast<int>(plan.task);
  round.round = plan.round;
  round.open = plan.candidates.size();
  for (uint32_t i = 0; i < plan.candidates.size(); ++i) {
    round.slots.emplace_back().candidate = plan.candidates[i];
    task.build_queue.push_back({static_cast<int32_t>(plan.sequence), i});
  }
  task.rounds.push_back(static_cast<int>(plan.sequence));
  task.issued += static_cast<int64_t>(round.open);
  issued_ += static_cast<int64_t>(round.open);
  open_slots_ += round.open;
}

void JobRun::FailTask(int task, std::string error) {
  tasks_[task].exhausted = true;
  tasks_[task].error = std::move(error);
}

SlotRef JobRun::TakeBuild(int task) {
  SlotRef ref = tasks_[task].build_queue.front();
  tasks_[task].build_queue.pop_front();
  slot(ref).stage = SlotStage::kBuilding;
  return ref;
}

SlotRef JobRun::TakeRun(int task) {
  SlotRef ref = tasks_[task].run_queue.front();
  tasks_[task].run_queue.pop_front();
  slot(ref).stage = SlotStage::kRunning;
  return ref;
}

void JobRun::Built(SlotRef ref, Digest artifact_key, absl::Duration build_time) {
  SlotRun& run = slot(ref);
  run.artifact_key = artifact_key;
  run.build_time = build_time;
  run.stage = SlotStage::kQueuedRun;
  time_.build += absl::ToDoubleSeconds(build_time);
  tasks_[TaskOf(ref)].run_queue.push_back(ref);
}

void JobRun::Requeue(SlotRef ref, bool rebuild) {
  SlotRun& run = slot(ref);
  bool build = rebuild || run.stage == SlotStage::kBuilding;
  run.stage = build ? SlotStage::kQueuedBuild : SlotStage::kQueuedRun;
  TaskRun& task = tasks_[TaskOf(ref)];
  (build ? task.build_queue : task.run_queue).push_front(ref);
}

void JobRun::Finish(SlotRef ref, Outcome outcome) {
  SlotRun& run = slot(ref);
  if (run.stage == SlotStage::kBuilding) time_.build += absl::ToDoubleSeconds(outcome.build_time);
  time_.run += absl::ToDoubleSeconds(outcome.run.run_time);
  run.stage = SlotStage::kSaving;
  run.outcome = std::move(outcome);
}

bool JobRun::Saved(SlotRef ref) {
  SlotRun& run = slot(ref);
  TaskRun& task = tasks_[TaskOf(ref)];
  run.stage = SlotStage::kDone;
  --open_slots_;
  const RunResult& result = run.outcome.run;
  if (ref.sequence < 0) {
    if (!result.failure) task.baseline_median = result.median;
    return false;
  }
  Round& round = rounds_[ref.sequence];
  --round.open;
  while (first_open_ < rounds_.size() && rounds_[first_open_].done()) ++first_open_;
  ++task.finished;
  ++finished_;
  if (result.failure) {
    ++task.failed;
    failures_.Add(*result.failure);
    return false;
  }
  if (round.best == 0 || result.median < round.best) round.best = result.median;
  task.metric = result.metric;
  if (result.abandoned || (task.best > 0 && result.median >= task.best)) return false;
  task.best = result.median;
  task.best_slot = SlotOf(ref);
  return true;
}

JobRun::SlotRun& JobRun::slot(SlotRef ref) {
  return ref.sequence < 0 ? tasks_[-1 - ref.sequence].baseline : rounds_[ref.sequence].slots[ref.slot];
}

int JobRun::TaskOf(SlotRef ref) const { return ref.sequence < 0 ? -1 - ref.sequence : rounds_[ref.sequence].task; }

Slot JobRun::SlotOf(SlotRef ref) const {
  Slot slot;
  slot.job_id = definition_.id;
  slot.task = static_cast<uint32_t>(TaskOf(ref));
  slot.round = ref.sequence < 0 ? kBaselineRound : rounds_[ref.sequence].round;
  slot.slot = ref.slot;
  return slot;
}

std::optional<SlotRef> JobRun::Find(const Slot& slot) const {
  if (slot.task >= tasks_.size()) return std::nullopt;
  if (slot.round == kBaselineRound) return SlotRef{-1 - static_cast<int32_t>(slot.task), 0};
  const TaskRun& task = tasks_[slot.task];
  if (slot.round >= task.rounds.size()) return std::nullopt;
  int sequence = task.rounds[slot.round];
  if (slot.slot >= rounds_[sequence].slots.size()) return std::nullopt;
  return SlotRef{sequence, slot.slot};
}

void JobRun::RestoreRound(const RoundPlan& plan) {
  HONE_CHECK_EQ(plan.sequence, rounds_.size());
  time_.search += plan.search_secs;
  time_.model += plan.model_secs;
  Open(plan);
}

void JobRun::RestoreOutcome(const Slot& slot_id, const Outcome& outcome) {
  std::optional<SlotRef> ref = Find(slot_id);
  if (!ref || slot(*ref).stage != SlotStage::kQueuedBuild) return;
  std::deque<SlotRef>& queue = tasks_[TaskOf(*ref)].build_queue;
  queue.erase(std::find(queue.begin(), queue.end(), *ref));
  slot(*ref).stage = SlotStage::kBuilding;  // So that its build time counts.
  Finish(*ref, outcome);
  Saved(*ref);
}

bool JobRun::Complete() const {
  if (open_slots_ > 0) return false;
  if (issued_ >= definition_.max_trials) return true;
  return std::none_of(tasks_.begin(), tasks_.end(), [this](const TaskRun& task) { return Alive(task); });
}

std::string JobRun::Hopeless() const {
  for (const TaskRun& task : tasks_) {
    if (task.error.empty()) return "";
  }
  return tasks_.empty() ? "the job has no tasks"
                        : StrCat("task \"", definition_.tasks[0].name, "\": ", tasks_[0].error);
}

JobReport JobRun::Report(absl::Time now) const {
  JobReport report;
  report.id = definition_.id;
  report.name = definition_.name;
  report.state = state_;
  report.reason = reason_;
  report.max_trials = definition_.max_trials;
  report.created = definition_.created;
  report.ended = ended_;
  report.time = time_;
  report.time.wall = absl::ToDoubleSeconds(std::min(now, ended_) - definition_.created);
  report.failures = failures_.Top();
  for (size_t i = 0; i < tasks_.size(); ++i) {
    const TaskDefinition& definition = definition_.tasks[i];
    const TaskRun& run = tasks_[i];
    TaskReport& task = report.tasks.emplace_back();
    task.name = definition.name;
    task.workload_id = definition.workload.id;
    task.weight = definition.weight;
    task.flops = definition.workload.flops;
    task.trials = run.finished;
    task.failed = run.failed;
    for (int sequence : run.rounds) task.rounds += rounds_[sequence].done();
    task.metric = run.metric;
    task.best = run.best;
    task.best_slot = run.best_slot;
    task.pool = definition_.pool;
    task.baseline = run.baseline_median;
    task.exhausted = run.exhausted;
    task.error = run.error;
    task.ranking = run.ranking;
    report.trials += run.finished;
  }
  return report;
}

size_t JobRun::queued_builds() const {
  size_t n = 0;
  for (const TaskRun& task : tasks_) n += task.build_queue.size();
  return n;
}

size_t JobRun::queued_runs() const {
  size_t n = 0;
  for (const TaskRun& task : tasks_) n += task.run_queue.size();
  return n;
}

}  // namespace hone
