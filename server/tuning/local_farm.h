// Embedded mode: one job, tuned to its end in this process tree by the coordinator's core, with the three stages
// (search, build, measure) side by side on threads. No server, no network.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/measure/builder.h"
#include "common/measure/runner.h"
#include "server/coordinator/job.h"
#include "server/database/database.h"
#include "server/tuning/search_runner.h"

namespace hone {

struct TuningEvent {
  enum class Kind { kTrial, kLog, kReport };
  Kind kind = Kind::kReport;
  // kTrial: a slot ended and its record is in the database.
  Slot slot;
  RunResult run;
  bool best = false;
  // kLog: a line of the search.
  std::string log;
  // Always.
  JobReport report;
};

struct LocalFarmOptions {
  int build_threads = 2;
  int run_threads = 1;  // Kernels measured at once: one a device of the runner.
  Revisions revisions;
  DeviceFingerprint device;  // json empty: the runner's DeviceFingerprintJson.
  std::string worker_name = "local";
};

class LocalFarm {
 public:
  using Progress = std::function<void(const TuningEvent&)>;  // Called from one thread, the one that called Run.

  // All must outlive it. `search` is used from one thread.
  LocalFarm(Database& database, SearchRunner& search, Builder& builder, Runner& runner, LocalFarmOptions options,
            Progress progress);
  ~LocalFarm();

  // Tunes `job` (an empty id is filled in) and returns the report at its end: done, failed (no task can be tuned), or
  // cancelled after Interrupt. What was measured is in the database in every case. Errors: InvalidArgument for a bad
  // job; the database's own when a record cannot be stored.
  absl::StatusOr<JobReport> Run(JobDefinition job);

  // Ends Run soon: nothing new is started, measurements in progress end and count. Safe in a signal handler.
  void Interrupt();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hone
