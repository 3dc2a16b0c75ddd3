// Running, checking and timing a kernel on a device.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/measure/builder.h"
#include "common/measure/failure.h"
#include "common/measure/policy.h"

namespace hone {

// Seconds on hardware; instructions on emulated devices. The two never mix.
enum class Metric { kSeconds, kInstructions };

struct RunRequest {
  Artifact artifact;
  std::string workload_script;  // The unscheduled workload: the reference of the correctness gate.
  std::string target_json;
  MeasurementPolicy policy;
  std::optional<double> best_so_far;  // Of the same workload and device, in the metric's unit; for abandon-early.
  // Whether other runs wait for the device by now. Thread-safe; null when nobody knows, which counts as yes.
  std::function<bool()> awaited;
};

// Distance of the outputs from the reference, worst over all outputs.
struct ErrorNorms {
  double max_abs = 0;
  double max_rel = 0;
  double tolerance = 0;  // The relative tolerance that was applied.
};

enum class Verdict { kNotChecked, kRight, kWrong };

// What disturbed a timing; a disturbed one is repeated, and kept only when marked.
struct Disturbance {
  double steal_fraction = 0;  // Stolen CPU time over the timed section.
  int64_t involuntary_switches = 0;
  int64_t migrations = 0;
  double foreign_load = 0;      // Runnable others on the measuring CPUs, average.
  double probe_ghz_before = 0;  // Frequency probe: dependent-add loop.
  double probe_ghz_after = 0;
  bool disturbed = false;
};

struct RunResult {
  std::optional<Failure> failure;  // When set, there is no median.
  Metric metric = Metric::kSeconds;
  double median = 0;            // In the metric's unit per call; on CPUs at the runner's reference clock.
  double spread = 0;            // Interquartile range over median.
  std::vector<double> samples;  // One per repeat, already divided by `number`.
  int number = 0;               // Calls a sample.
  bool abandoned = false;       // Given up early: median is an upper estimate of a loser.
  Verdict verdict = Verdict::kNotChecked;
  ErrorNorms errors;
  Disturbance disturbance;
  std::string sandbox_layers;                      // The layers that held: "seccomp,rlimits,netns,...".
  absl::Duration run_time = absl::ZeroDuration();  // Wall clock of the whole run.
};

// Thread-safe; one run at a time a device. A request's failure is in its result.
class Runner {
 public:
  virtual ~Runner() = default;
  virtual RunResult Run(const RunRequest& request) = 0;
  // JSON object that identifies device, microarchitecture, memory, OS, compiler.
  virtual std::string DeviceFingerprintJson() const = 0;
};

}  // namespace hone
