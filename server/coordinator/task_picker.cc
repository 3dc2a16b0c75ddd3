#include "server/coordinator/task_picker.h"

#include <algorithm>

namespace hone {
namespace {

constexpr double kAlpha = 0.2;
constexpr int kWindow = 3;

int PickRoundRobin(const std::vector<TaskHistory>& tasks, int last) {
  int n = static_cast<int>(tasks.size());
  for (int step = 1; step <= n; ++step) {
    int task = (last + step) % n;
    if (tasks[task].alive) return task;
  }
  return -1;
}

double Gradient(const TaskHistory& task) {
  int n = static_cast<int>(task.best.size());
  if (n == 0 || task.best.back() >= kNoLatencyMs) return -1e9;
  double best = task.best.back();
  double recent = n >= 1 + kWindow ? (task.best[n - 1 - kWindow] - best) / kWindow : 0;
  return (kAlpha * recent + (1 - kAlpha) * best / n) * task.weight;
}

int PickGradient(const std::vector<TaskHistory>& tasks, CounterRandom& random) {
  for (size_t i = 0; i < tasks.size(); ++i) {  // Warm-up: each task once, in order.
    if (tasks[i].alive && tasks[i].rounds_given == 0) return static_cast<int>(i);
  }
  std::vector<int> alive;
  std::vector<double> gradients;
  for (size_t i = 0; i < tasks.size(); ++i) {
    if (!tasks[i].alive) continue;
    alive.push_back(static_cast<int>(i));
    gradients.push_back(Gradient(tasks[i]));
  }
  if (alive.empty()) return -1;
  auto [low, high] = std::minmax_element(gradients.begin(), gradients.end());
  if (*low == *high) return alive[random.Below(alive.size())];
  return alive[high - gradients.begin()];
}

}  // namespace

int PickTask(std::string_view scheduler, const std::vector<TaskHistory>& tasks, int last, CounterRandom& random) {
  return scheduler == "round-robin" ? PickRoundRobin(tasks, last) : PickGradient(tasks, random);
}

}  // namespace hone
