// References by building the unscheduled workload and running it in the sandbox.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/measure/builder.h"
#include "worker/runner/kernel_executor.h"
#include "worker/runner/reference.h"

namespace hone::runner {

// An independent way to compute a workload: the reference interpreter. Takes the contents of all parameters and returns
// them as the workload leaves them. Unimplemented for a workload that is too large for it.
using Oracle = std::function<absl::StatusOr<std::vector<std::string>>(
    const std::string& workload_script, const std::vector<TensorInfo>& args, const std::vector<std::string>& contents)>;

// Thread-safe. Which parameters are outputs is found by running: a parameter that changes is written, and one that
// comes out the same whatever it held before is not read.
class BuiltReferenceProvider final : public ReferenceProvider {
 public:
  // `oracle` may be null. `timeout` is that of one run.
  BuiltReferenceProvider(std::shared_ptr<Builder> builder, std::shared_ptr<KernelExecutor> executor, Oracle oracle,
                         absl::Duration timeout = absl::Minutes(5));

  absl::StatusOr<std::shared_ptr<const Reference>> Get(const ReferenceKey& key) override;

 private:
  struct Workload {
    Artifact artifact;
    std::vector<ArgRole> roles;  // Empty until the first run.
  };

  absl::StatusOr<Workload> Find(const ReferenceKey& key);
  // Sets the roles, and `results` to what a run with poisoned outputs leaves.
  absl::Status FindRoles(const Artifact& artifact, const std::vector<std::string>& inputs, std::vector<ArgRole>* roles,
                         std::vector<std::string>* results);
  absl::Status CrossCheck(const ReferenceKey& key, const std::vector<ArgRole>& roles,
                          const std::vector<std::string>& contents, const std::vector<std::string>& results);

  const std::shared_ptr<Builder> builder_;
  const std::shared_ptr<KernelExecutor> executor_;
  const Oracle oracle_;
  const absl::Duration timeout_;
  absl::Mutex mutex_;  // Held while a reference is computed: two runners never compute the same one.
  std::map<Digest, Workload> workloads_ ABSL_GUARDED_BY(mutex_);  // By workload.
};

}  // namespace hone::runner
