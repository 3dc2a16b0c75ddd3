// Which task of a job gets the next round (reference/scheduling.md section 3), as a pure function of results.
#pragma once

#include <string_view>
#include <vector>

#include "common/support/random.h"

namespace hone {

struct TaskHistory {
  bool alive = true;  // Not exhausted, below its own limit.
  double weight = 1;
  int rounds_given = 0;      // Rounds this task was picked for.
  std::vector<double> best;  // Best latency in ms after each finished round; kNoLatency while all failed.
};
constexpr double kNoLatencyMs = 1e9;

// The index of the task for round `sequence` of the job, or -1 when none is alive. `scheduler` is "gradient" or
// "round-robin"; `last` is the task picked before, -1 at first; `random` breaks the tie of equal gradients.
int PickTask(std::string_view scheduler, const std::vector<TaskHistory>& tasks, int last, CounterRandom& random);

}  // namespace hone
