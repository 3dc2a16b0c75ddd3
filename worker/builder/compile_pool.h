// Persistent compile processes: forked once from a nursery, fed one request after another, killed when one takes too
// long or too much memory, replaced when they die.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/measure/builder.h"
#include "common/measure/timing_lock.h"

namespace hone::builder {

// True when an artifact with this key exists already: then a compile function may return an Artifact that has only its
// key, and the builder takes the one it has.
using ArtifactProbe = std::function<bool(const Digest& key)>;

// The work of a compile child. Errors should carry a failure kind (common/measure/failure_status.h); one without is
// kBuild. May crash, hang, or eat memory.
using CompileFunction =
    std::function<absl::StatusOr<Artifact>(const BuildRequest& request, const ArtifactProbe& probe)>;

struct CompilePoolOptions {
  int workers = 1;
  std::vector<int> cpus;              // Where children may run; empty = everywhere.
  int max_builds_per_child = 400;     // A fresh process then: compilers leak.
  TimingLock* timing_lock = nullptr;  // Children are registered there; must outlive the pool.
};

// Thread-safe.
class CompilePool {
 public:
  // Forks the nursery from the calling process: do it early, before threads exist that may hold locks. What `compile`
  // needs has to be in place; children inherit it. `warm_up` (may be null) runs in the nursery once.
  static absl::StatusOr<std::unique_ptr<CompilePool>> Start(CompileFunction compile, std::function<void()> warm_up,
                                                            CompilePoolOptions options);
  // Kills all children.
  ~CompilePool();
  CompilePool(const CompilePool&) = delete;
  CompilePool& operator=(const CompilePool&) = delete;

  // Compiles in a free child; waits until there is one. The time limit counts CPU time, since children are paused while
  // kernels are timed; four times as much wall-clock time is the end in any case.
  BuildResult Compile(const BuildRequest& request, const ArtifactProbe& probe);

  int workers() const { return options_.workers; }
  // For tests: children alive now.
  std::vector<pid_t> Children();

 private:
  struct Child {
    pid_t pid = 0;
    int socket = -1;
    int builds = 0;
  };

  CompilePool(int control, pid_t nursery, CompilePoolOptions options)
      : control_(control), nursery_(nursery), options_(std::move(options)) {}

  absl::StatusOr<std::unique_ptr<Child>> Acquire();
  void Release(std::unique_ptr<Child> child);
  absl::StatusOr<std::unique_ptr<Child>> Spawn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Discard(std::unique_ptr<Child> child);
  BuildResult Converse(Child& child, const BuildRequest& request, const ArtifactProbe& probe, bool* healthy);

  const int control_;
  const pid_t nursery_;
  const CompilePoolOptions options_;
  absl::Mutex mutex_;  // Never held while something is compiled.
  std::vector<std::unique_ptr<Child>> idle_ ABSL_GUARDED_BY(mutex_);
  std::vector<pid_t> alive_ ABSL_GUARDED_BY(mutex_);  // Idle and busy ones.
  int busy_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace hone::builder
