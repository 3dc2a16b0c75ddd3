// The Builder of this machine: a pool of compile processes behind a cache of artifacts.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/measure/builder.h"
#include "worker/builder/compile_pool.h"

namespace hone::builder {

// Keeps artifacts by key, and which request led to which key, so that neither equal requests nor different requests
// with equal lowered modules are compiled twice. Failures that a repeat would repeat are kept too. Least recently used
// first out, by bytes. Thread-safe.
class ArtifactCache {
 public:
  explicit ArtifactCache(uint64_t max_bytes) : max_bytes_(max_bytes) {}

  std::optional<BuildResult> Find(const Digest& request);
  bool Has(const Digest& key);
  std::optional<Artifact> Get(const Digest& key);
  void Put(const Digest& request, const BuildResult& result);

 private:
  struct Entry {
    Digest request;
    std::optional<Digest> artifact;  // Exactly one of artifact and failure.
    std::optional<Failure> failure;
  };
  void Touch(std::list<Entry>::iterator entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Shrink() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  struct Stored {
    Artifact artifact;
    int uses = 0;  // Entries that lead here.
  };

  const uint64_t max_bytes_;
  absl::Mutex mutex_;
  std::list<Entry> recent_ ABSL_GUARDED_BY(mutex_);
  std::map<Digest, std::list<Entry>::iterator> by_request_ ABSL_GUARDED_BY(mutex_);
  std::map<Digest, Stored> artifacts_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

struct LocalBuilderOptions {
  int workers = 1;
  std::vector<int> cpus;                       // See CompilePoolOptions.
  uint64_t cache_bytes = uint64_t{256} << 20;  // 0 = every request is compiled.
  bool pause_while_timing = true;              // Register with TimingLock::Host().
};

// Thread-safe.
class LocalBuilder final : public Builder {
 public:
  // See CompilePool::Start for when to call this, and for `compile` and `warm_up`.
  static absl::StatusOr<std::unique_ptr<LocalBuilder>> Create(CompileFunction compile, std::function<void()> warm_up,
                                                              LocalBuilderOptions options);

  std::vector<BuildResult> Build(absl::Span<const BuildRequest> requests) override;

  CompilePool& pool() { return *pool_; }

 private:
  LocalBuilder(std::unique_ptr<CompilePool> pool, uint64_t cache_bytes)
      : pool_(std::move(pool)), use_cache_(cache_bytes > 0), cache_(cache_bytes) {}
  BuildResult BuildOneCached(const BuildRequest& request);

  const std::unique_ptr<CompilePool> pool_;
  const bool use_cache_;
  ArtifactCache cache_;
};

// SHA-256 of what decides the outcome of a build: workload, trace and target.
Digest RequestId(const BuildRequest& request);

}  // namespace hone::builder
