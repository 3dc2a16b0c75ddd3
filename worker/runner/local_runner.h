// The Runner of this machine's CPUs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/measure/runner.h"
#include "common/measure/timing_lock.h"
#include "worker/runner/candidate_process.h"
#include "worker/runner/conditions.h"
#include "worker/runner/input_cache.h"
#include "worker/runner/reference.h"
#include "worker/runner/zygote.h"

namespace hone::runner {

struct LocalRunnerOptions {
  // Kernels get one thread on each. Empty: the first usable CPU of each physical core.
  std::vector<int> measure_cpus;
  // Null: nothing is checked, and every verdict is kNotChecked.
  std::shared_ptr<ReferenceProvider> references;
  // Goes into the fingerprint.
  std::string compiler_revision;
  // Stops registered local builds and searches while a kernel is timed, if the measuring CPUs are all that this process
  // may use: others would take them away.
  bool pause_others = true;
};

// Each run has a sandboxed process of its own; the correctness gate stands before the clock, and after it once more.
// Thread-safe; runs wait for each other.
class LocalRunner final : public Runner {
 public:
  // Unavailable when no process can be started.
  static absl::StatusOr<std::unique_ptr<LocalRunner>> Create(LocalRunnerOptions options);

  RunResult Run(const RunRequest& request) override;
  std::string DeviceFingerprintJson() const override { return fingerprint_; }

  const std::vector<int>& measure_cpus() const { return options_.measure_cpus; }
  // The sandbox layers that hold on this host, for the log: "userns,netns,...".
  std::string SandboxLayers();

 private:
  class Session;
  LocalRunner(LocalRunnerOptions options, std::unique_ptr<Zygote> zygote);
  absl::Status RestartZygote() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const LocalRunnerOptions options_;
  TimingLock* const timing_lock_;  // Null when nobody is to be paused.
  const std::string fingerprint_;
  absl::Mutex mutex_;  // Held for the whole of a run.
  std::unique_ptr<Zygote> zygote_ ABSL_GUARDED_BY(mutex_);
  UsualConditions usual_ ABSL_GUARDED_BY(mutex_);
  InputCache inputs_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<SharedFile> shared_ ABSL_GUARDED_BY(mutex_);  // Reused while it is large enough.
};

// The first CPU of each physical core that this process may use, at most `max_cpus` of them.
std::vector<int> DefaultMeasureCpus(int max_cpus);

}  // namespace hone::runner
