// Workloads, skeletons and artifacts by content id, for workers to fetch. Workloads and skeletons of live jobs stay;
// artifacts are a cache: the least recently used go when it is full, and are built again when somebody asks.
// Thread-safe.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/support/sha256.h"

namespace hone {

enum class BlobKind { kWorkload, kSkeleton, kArtifact };

class BlobStore {
 public:
  explicit BlobStore(uint64_t artifact_bytes = uint64_t{512} << 20) : artifact_limit_(artifact_bytes) {}

  void Put(BlobKind kind, const Digest& id, std::string bytes);
  // Null when it is unknown or was dropped.
  std::shared_ptr<const std::string> Get(BlobKind kind, const Digest& id);

  // One chunk of an upload. `received` becomes what is there, total_bytes when it is complete. OutOfRange: offset is
  // not what was received; InvalidArgument: too big, or a workload or skeleton that does not hash to its id;
  // ResourceExhausted: too many uploads in progress.
  absl::Status Write(BlobKind kind, const Digest& id, uint64_t offset, uint64_t total_bytes, const std::string& chunk,
                     uint64_t& received);

 private:
  using Key = std::pair<BlobKind, Digest>;
  struct Entry {
    std::shared_ptr<const std::string> bytes;
    std::list<Key>::iterator recent;  // Artifacts only.
  };

  void PutLocked(const Key& key, std::string bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const uint64_t artifact_limit_;
  absl::Mutex mutex_;
  std::map<Key, Entry> blobs_ ABSL_GUARDED_BY(mutex_);
  std::list<Key> recent_ ABSL_GUARDED_BY(mutex_);  // Artifacts, the latest used first.
  uint64_t artifact_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<Key, std::string> uploads_ ABSL_GUARDED_BY(mutex_);
  uint64_t upload_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace hone
