// Workloads, skeletons and artifacts by content id, for workers to fetch. What a live job pinned stays. Everything else
// is a cache with a limit of its own for artifacts and for the rest: the least recently used go when it is full, and
// are made or uploaded again when somebody needs them. An upload that nobody went on with goes when others need the
// room. Thread-safe.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/support/clock.h"
#include "common/support/sha256.h"

namespace hone {

enum class BlobKind { kWorkload, kSkeleton, kArtifact };

class BlobStore {
 public:
  struct Limits {
    uint64_t artifact_bytes = uint64_t{512} << 20;
    uint64_t other_bytes = uint64_t{64} << 20;    // Workloads and skeletons without a pin.
    uint64_t upload_bytes = uint64_t{512} << 20;  // Of all unfinished uploads.
    // What was used this recently is not dropped, though nobody pinned it yet: a search's skeletons come before their
    // round. Uploads beyond the limit are refused meanwhile.
    absl::Duration fresh = absl::Minutes(5);
  };
  BlobStore() : BlobStore(Limits()) {}
  explicit BlobStore(Limits limits, const Clock& clock = Clock::Real()) : limits_(limits), clock_(clock) {}

  void Put(BlobKind kind, const Digest& id, std::string bytes);
  // Null when it is unknown or was dropped.
  std::shared_ptr<const std::string> Get(BlobKind kind, const Digest& id);

  // Keeps a workload or skeleton until `owner` (a job) is unpinned; one that is not there is not kept.
  void Pin(const std::string& owner, BlobKind kind, const Digest& id);
  void Unpin(const std::string& owner);
  struct Counts {
    uint64_t artifact_bytes = 0, other_bytes = 0, pinned_bytes = 0, upload_bytes = 0;
  };
  Counts counts() const;

  // One chunk of an upload. `received` becomes what is there, total_bytes when it is complete. OutOfRange: offset is
  // not what was received; InvalidArgument: too big, or a workload or skeleton that does not hash to its id;
  // ResourceExhausted: too many uploads in progress.
  absl::Status Write(BlobKind kind, const Digest& id, uint64_t offset, uint64_t total_bytes, const std::string& chunk,
                     uint64_t& received);

 private:
  using Key = std::pair<BlobKind, Digest>;
  using Recent = std::list<Key>;  // The latest used first.
  struct Entry {
    std::shared_ptr<const std::string> bytes;
    int pins = 0;
    Recent::iterator recent;  // Valid while pins == 0.
    absl::Time used;
  };
  // What may be dropped, of artifacts or of the rest.
  struct Cache {
    Recent recent;
    uint64_t bytes = 0;
  };
  struct Upload {
    std::string bytes;
    absl::Time used;
  };

  Cache& CacheOf(const Key& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return key.first == BlobKind::kArtifact ? artifacts_ : others_;
  }
  void PutLocked(const Key& key, std::string bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Cached(const Key& key, Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Uncached(const Key& key, Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Evict(Cache& cache, uint64_t limit, absl::Duration fresh) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Drops uploads that rest until `bytes` fit.
  void MakeRoom(uint64_t bytes, const Key& but) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Limits limits_;
  const Clock& clock_;
  mutable absl::Mutex mutex_;
  std::map<Key, Entry> blobs_ ABSL_GUARDED_BY(mutex_);
  Cache artifacts_ ABSL_GUARDED_BY(mutex_), others_ ABSL_GUARDED_BY(mutex_);
  uint64_t pinned_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::set<Key>> pins_ ABSL_GUARDED_BY(mutex_);  // By owner.
  std::map<Key, Upload> uploads_ ABSL_GUARDED_BY(mutex_);
  uint64_t upload_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace hone
