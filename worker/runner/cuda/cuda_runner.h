// The Runner of one NVIDIA GPU.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/measure/runner.h"
#include "worker/runner/cuda/device_process.h"
#include "worker/runner/cuda/nvml.h"
#include "worker/runner/kernel_executor.h"
#include "worker/runner/reference.h"

namespace hone::runner {

// A device process with what was uploaded into it; started when it is needed, replaced after it died. Not thread-safe.
class GpuSlot {
 public:
  explicit GpuSlot(int ordinal) : ordinal_(ordinal) {}

  // Starts a process when there is none. Waits a little for a device that is still busy with a dead one.
  std::optional<Failure> Ready();
  std::optional<Failure> Execute(const cuda::DeviceCommand& command, int fd, absl::Time deadline,
                                 cuda::DeviceReply* reply);
  // Uploads data number `id` unless it is there; `bytes` is called only when it is needed.
  struct Data {
    const uint8_t* bytes;
    uint64_t count;
  };
  std::optional<Failure> Put(uint64_t id, const Data& data, absl::Time deadline);
  bool Has(uint64_t id) const { return present_.count(id) > 0; }
  // Loads an artifact of format "cubin".
  std::optional<Failure> Load(const Artifact& artifact, const std::vector<cuda::ParamRole>& roles, absl::Time deadline);
  // Drops everything that was uploaded.
  void Forget();
  // Ends the process; the next Ready starts another.
  void Stop();

  int ordinal() const { return ordinal_; }
  const cuda::DeviceDescription& description() const { return description_; }
  uint64_t processes_started() const { return processes_started_; }

 private:
  void NoteDeath();

  const int ordinal_;
  std::unique_ptr<cuda::DeviceProcess> process_;
  cuda::DeviceDescription description_ = {};
  std::map<uint64_t, uint64_t> present_;  // Data number -> bytes.
  uint64_t processes_started_ = 0;
};

// Runs kernels on a GPU for what they compute: references are made with it. Thread-safe.
class CudaExecutor final : public KernelExecutor {
 public:
  explicit CudaExecutor(int ordinal) : slot_(ordinal) {}
  absl::StatusOr<std::vector<std::string>> Execute(const Artifact& artifact, const std::vector<std::string>& contents,
                                                   absl::Duration timeout) override;

 private:
  absl::Mutex mutex_;
  GpuSlot slot_ ABSL_GUARDED_BY(mutex_);
};

struct CudaRunnerOptions {
  int ordinal = 0;
  std::shared_ptr<ReferenceProvider> references;  // Null: nothing is checked.
  std::string compiler_revision;
  // A fresh process after so many candidates.
  int max_runs_per_process = 2000;
};

// Thread-safe; runs wait for each other.
class CudaRunner final : public Runner {
 public:
  // Unavailable, with the reason, without a driver or without this device.
  static absl::StatusOr<std::unique_ptr<CudaRunner>> Create(CudaRunnerOptions options);

  RunResult Run(const RunRequest& request) override;
  std::string DeviceFingerprintJson() const override { return fingerprint_; }

  // Of the sandbox around the device process: "nonewprivs,netns,...".
  std::string sandbox_layers();
  // Processes started so far: one, and one more after every fault.
  uint64_t processes_started();

 private:
  class Session;
  explicit CudaRunner(CudaRunnerOptions options) : options_(std::move(options)), slot_(options_.ordinal) {}

  const CudaRunnerOptions options_;
  std::string fingerprint_;
  std::unique_ptr<cuda::Nvml> nvml_;
  absl::Mutex mutex_;  // Held for the whole of a run.
  GpuSlot slot_ ABSL_GUARDED_BY(mutex_);
  int runs_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, float> scales_ ABSL_GUARDED_BY(mutex_);  // Mean magnitude of references, by data number.
};

// Hands runs to whichever of several runners of equal devices is free. Thread-safe.
class RunnerGroup final : public Runner {
 public:
  // At least one.
  explicit RunnerGroup(std::vector<std::unique_ptr<Runner>> runners);
  RunResult Run(const RunRequest& request) override;
  std::string DeviceFingerprintJson() const override { return runners_[0]->DeviceFingerprintJson(); }
  int slots() const { return static_cast<int>(runners_.size()); }

 private:
  const std::vector<std::unique_ptr<Runner>> runners_;
  absl::Mutex mutex_;
  std::vector<Runner*> idle_ ABSL_GUARDED_BY(mutex_);
};

// How many devices there are; Unavailable, with the reason, without a driver.
absl::StatusOr<int> CountGpus();

}  // namespace hone::runner
