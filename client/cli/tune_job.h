// From the arguments of `hone tune` to the definition of a job.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/flags.h"
#include "server/coordinator/job.h"

namespace hone::cli {

struct TuneArguments {
  std::vector<std::string> files;
  std::string target;
  std::string name;
  int64_t max_trials = 64;
  int64_t max_trials_per_task = 0;  // 0 = max_trials.
  int64_t trials_per_iter = 0;      // 0 = by the kind of target.
  std::string strategy = "evolutionary";
  std::string strategy_params = "{}";
  std::string cost_model = "xgb";
  std::string scheduler = "gradient";
  std::string space = "hone";
  std::vector<std::string> special_space;  // TASK=SPACE
  std::vector<std::string> weights;
  int64_t num_tuning_cores = 0;  // 0 = all.
  std::string module_equality = "structural";
  bool post_optimization = false;
  bool no_warm_start = false;
  int64_t seed = -1;  // Negative = a fresh one.
  int64_t priority = 0;
  std::vector<std::string> plugins;

  void Declare(Flags& flags);
};

// Reads and checks the programs and every argument. `embedded`: what the target leaves open is taken from this machine.
// Errors: NotFound for a file; FailedPrecondition with file, line, column and caret for a bad program; InvalidArgument
// for a target or any other argument.
absl::StatusOr<JobDefinition> JobFromArguments(const TuneArguments& arguments, bool embedded);

}  // namespace hone::cli
