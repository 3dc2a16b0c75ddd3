// Runs kernels in the sandbox for what they compute, not for how fast.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/measure/builder.h"
#include "worker/runner/candidate_process.h"
#include "worker/runner/kernel_executor.h"
#include "worker/runner/zygote.h"

namespace hone::runner {

// Thread-safe; one kernel at a time. Starts its zygote at the first use.
class SandboxExecutor final : public KernelExecutor {
 public:
  // Runs on `cpus`, one thread each.
  explicit SandboxExecutor(std::vector<int> cpus) : cpus_(std::move(cpus)) {}

  absl::StatusOr<std::vector<std::string>> Execute(const Artifact& artifact, const std::vector<std::string>& contents,
                                                   absl::Duration timeout) override;

 private:
  std::optional<Failure> OpenAndCheck(const CandidateOptions& options, std::unique_ptr<CandidateProcess>* candidate)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::vector<int> cpus_;
  absl::Mutex mutex_;  // Held while a kernel runs.
  std::unique_ptr<Zygote> zygote_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hone::runner
