// "round-robin" and "gradient" (reference/scheduling.md section 3).
#include <algorithm>

#include "client/cpp/task_scheduler.h"
#include "common/schedule/random_engine.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::meta_schedule {
namespace {

constexpr double kFailedMs = 1e9;

class RoundRobin final : public TaskScheduler {
 public:
  absl::StatusOr<int> NextTaskId() override {
    const int n = num_tasks();
    for (int i = 0; i < n; ++i) HONE_RETURN_IF_ERROR(TouchTask(i));
    for (int step = 0; step < n; ++step) {
      last_ = (last_ + 1) % n;
      if (task(last_).is_terminated) continue;
      if (task(last_).runner_futures.has_value()) HONE_RETURN_IF_ERROR(JoinRunningTask(last_).status());
      return last_;
    }
    return -1;
  }

 private:
  int last_ = -1;
};

class GradientBased final : public TaskScheduler {
 public:
  GradientBased(double alpha, int window_size, int64_t seed)
      : alpha_(alpha), window_size_(window_size), random_(seed) {}

  absl::StatusOr<int> NextTaskId() override {
    const int n = num_tasks();
    if (rounds_ == 0) PrintTuningStatistics();
    if (rounds_ < n) return rounds_++;
    if (rounds_ == n) {
      for (int i = 0; i < n; ++i) {
        if (task(i).runner_futures.has_value()) HONE_RETURN_IF_ERROR(JoinRunningTask(i).status());
      }
      ++rounds_;
    }
    for (int i = 0; i < n; ++i) HONE_RETURN_IF_ERROR(TouchTask(i));
    std::vector<int> alive;
    std::vector<double> gradients;
    for (int i = 0; i < n; ++i) {
      if (task(i).is_terminated) continue;
      alive.push_back(i);
      gradients.push_back(Gradient(i));
    }
    if (alive.empty()) return -1;
    const auto [low, high] = std::minmax_element(gradients.begin(), gradients.end());
    const int id = *low == *high ? alive[random_.SampleInt(0, static_cast<int64_t>(alive.size()))]
                                 : alive[high - gradients.begin()];
    if (task(id).runner_futures.has_value()) HONE_RETURN_IF_ERROR(JoinRunningTask(id).status());
    return id;
  }

  absl::StatusOr<std::vector<RunnerResult>> JoinRunningTask(int task_id) override {
    HONE_ASSIGN_OR_RETURN(std::vector<RunnerResult> results, TaskScheduler::JoinRunningTask(task_id));
    best_[task_id].push_back(BestLatencyMs(task(task_id)));
    return results;
  }

 protected:
  void BeginTuning() override {
    rounds_ = 0;
    best_.resize(num_tasks());  // Kept from an earlier call of as many tasks.
  }

 private:
  double Gradient(int id) const {
    const std::vector<double>& history = best_[id];
    const int n = static_cast<int>(history.size());
    if (n == 0 || history.back() >= kFailedMs) return -1e9;
    const double best = history.back();
    const double recent = n >= 1 + window_size_ ? (history[n - 1 - window_size_] - best) / window_size_ : 0;
    return (alpha_ * recent + (1 - alpha_) * best / n) * task(id).task_weight;
  }

  const double alpha_;
  const int window_size_;
  schedule::RandomEngine random_;
  int rounds_ = 0;
  std::vector<std::vector<double>> best_;  // Of each task, the best so far in ms after each join.
};

}  // namespace

absl::StatusOr<std::unique_ptr<TaskScheduler>> TaskScheduler::Create(std::string_view kind, int64_t seed) {
  if (kind == "round-robin") return std::unique_ptr<TaskScheduler>(std::make_unique<RoundRobin>());
  if (kind == "gradient") {
    HONE_ASSIGN_OR_RETURN(const int64_t state, schedule::RandomEngine::NormalizeSeed(seed));
    return std::unique_ptr<TaskScheduler>(std::make_unique<GradientBased>(0.2, 3, state));
  }
  return absl::InvalidArgumentError(StrCat("task scheduler \"", kind, "\", expected gradient or round-robin"));
}

}  // namespace hone::meta_schedule
