// Builder and runner of this machine, put together: what embedded mode, the worker's build and run roles and
// `hone inspect measure` use.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/measure/builder.h"
#include "common/measure/runner.h"

namespace hone {

struct LocalMeasureOptions {
  std::string target_json;        // Decides the device: a GPU for kind cuda, otherwise CPUs. Empty = this machine's.
  int build_workers = 0;          // Compile processes; 0 = one a physical core.
  std::vector<int> build_cpus;    // Where they run; empty = everywhere (paused while a kernel is timed).
  std::vector<int> measure_cpus;  // Kernels get one thread on each; empty = one CPU of each physical core.
  std::string reference_folder;   // Keeps reference outputs between processes; empty = in memory only.
  bool check_with_interpreter = true;  // Small workloads' references are held against the reference interpreter.
};

class LocalMeasure {
 public:
  // Forks: call it before threads exist. Unavailable when the target needs a GPU and there is none.
  static absl::StatusOr<std::unique_ptr<LocalMeasure>> Create(LocalMeasureOptions options);
  ~LocalMeasure();

  Builder& builder();
  Runner& runner();
  int build_workers() const;
  const std::vector<int>& measure_cpus() const;
  // Kernels that may be measured at once: one a GPU, one for all CPUs together.
  int run_slots() const;
  // Of the code generator for the target.
  std::string codegen_revision() const;
  // "userns,netns,...", for a log line.
  std::string sandbox_layers();

 private:
  struct Parts;
  explicit LocalMeasure(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// The build role alone. Forks as well.
absl::StatusOr<std::unique_ptr<Builder>> CreateLocalBuilder(const LocalMeasureOptions& options);

// Builds `workload_script` with `trace_json` (empty = unscheduled) for `target_json`, checks it against the unscheduled
// workload and times it; a build failure is the result's failure. For one-off measurements. A `reference_script` that
// is not empty takes the place of the unscheduled workload in the check.
RunResult BuildAndRun(LocalMeasure& measure, const std::string& workload_script, const std::string& trace_json,
                      const std::string& target_json, const MeasurementPolicy& policy,
                      const std::string& reference_script = "");

}  // namespace hone
