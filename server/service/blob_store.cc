#include "server/service/blob_store.h"

#include "common/record/tuning_record.h"
#include "common/record/workload.h"
#include "common/support/strings.h"

namespace hone {
namespace {

constexpr uint64_t kMaxBlobBytes = uint64_t{256} << 20;

bool MatchesId(BlobKind kind, const Digest& id, const std::string& bytes) {
  switch (kind) {
    case BlobKind::kWorkload:
      return WorkloadId(bytes) == id;
    // A search names its skeletons as it likes; the first content under an id counts.
    case BlobKind::kSkeleton:
      return true;
    case BlobKind::kArtifact:
      return true;  // Its key says what it was made from, not what it is.
  }
  return false;
}

}  // namespace

void BlobStore::Put(BlobKind kind, const Digest& id, std::string bytes) {
  absl::MutexLock lock(&mutex_);
  PutLocked({kind, id}, std::move(bytes));
}

void BlobStore::Cached(const Key& key, Entry& entry) {
  Cache& cache = CacheOf(key);
  cache.recent.push_front(key);
  entry.recent = cache.recent.begin();
  cache.bytes += entry.bytes->size();
}

void BlobStore::Uncached(const Key& key, Entry& entry) {
  Cache& cache = CacheOf(key);
  cache.recent.erase(entry.recent);
  cache.bytes -= entry.bytes->size();
}

void BlobStore::PutLocked(const Key& key, std::string bytes) {
  auto [it, added] = blobs_.try_emplace(key);
  it->second.used = clock_.Now();
  if (!added) return;
  it->second.bytes = std::make_shared<const std::string>(std::move(bytes));
  Cached(key, it->second);
  // An artifact is built again, so that none needs time to be pinned.
  Evict(artifacts_, limits_.artifact_bytes, absl::ZeroDuration());
  Evict(others_, limits_.other_bytes, limits_.fresh);
}

// The latest always stays.
void BlobStore::Evict(Cache& cache, uint64_t limit, absl::Duration fresh) {
  const absl::Time now = clock_.Now();
  while (cache.bytes > limit && cache.recent.size() > 1) {
    auto oldest = blobs_.find(cache.recent.back());
    if (fresh > absl::ZeroDuration() && oldest->second.used + fresh > now) return;
    cache.bytes -= oldest->second.bytes->size();
    cache.recent.pop_back();
    blobs_.erase(oldest);
  }
}

std::shared_ptr<const std::string> BlobStore::Get(BlobKind kind, const Digest& id) {
  absl::MutexLock lock(&mutex_);
  auto it = blobs_.find({kind, id});
  if (it == blobs_.end()) return nullptr;
  Entry& entry = it->second;
  entry.used = clock_.Now();
  if (entry.pins == 0) {
    Recent& recent = CacheOf(it->first).recent;
    recent.splice(recent.begin(), recent, entry.recent);
  }
  return entry.bytes;
}

void BlobStore::Pin(const std::string& owner, BlobKind kind, const Digest& id) {
  absl::MutexLock lock(&mutex_);
  const Key key{kind, id};
  auto it = blobs_.find(key);
  if (it == blobs_.end() || !pins_[owner].insert(key).second) return;
  if (it->second.pins++ > 0) return;
  Uncached(key, it->second);
  pinned_bytes_ += it->second.bytes->size();
}

void BlobStore::Unpin(const std::string& owner) {
  absl::MutexLock lock(&mutex_);
  auto owned = pins_.find(owner);
  if (owned == pins_.end()) return;
  for (const Key& key : owned->second) {
    Entry& entry = blobs_.at(key);
    if (--entry.pins > 0) continue;
    pinned_bytes_ -= entry.bytes->size();
    Cached(key, entry);
  }
  pins_.erase(owned);
  Evict(artifacts_, limits_.artifact_bytes, absl::ZeroDuration());
  Evict(others_, limits_.other_bytes, limits_.fresh);
}

BlobStore::Counts BlobStore::counts() const {
  absl::MutexLock lock(&mutex_);
  return {artifacts_.bytes, others_.bytes, pinned_bytes_, upload_bytes_};
}

void BlobStore::MakeRoom(uint64_t bytes, const Key& but) {
  while (upload_bytes_ + bytes > limits_.upload_bytes) {
    auto oldest = uploads_.end();
    for (auto it = uploads_.begin(); it != uploads_.end(); ++it) {
      const bool rests = it->first != but && it->second.used + limits_.fresh <= clock_.Now();
      if (rests && (oldest == uploads_.end() || it->second.used < oldest->second.used)) oldest = it;
    }
    if (oldest == uploads_.end()) return;
    upload_bytes_ -= oldest->second.bytes.size();
    uploads_.erase(oldest);
  }
}

absl::Status BlobStore::Write(BlobKind kind, const Digest& id, uint64_t offset, uint64_t total_bytes,
                              const std::string& chunk, uint64_t& received) {
  if (total_bytes > kMaxBlobBytes || chunk.size() > total_bytes) {
    return absl::InvalidArgumentError(StrCat("a blob of ", total_bytes, " bytes, expected at most ", kMaxBlobBytes));
  }
  absl::MutexLock lock(&mutex_);
  Key key{kind, id};
  received = total_bytes;
  if (blobs_.contains(key)) return absl::OkStatus();
  const bool full = key.first != BlobKind::kArtifact && others_.bytes > limits_.other_bytes;
  if (full) return absl::ResourceExhaustedError("too many new workloads and skeletons: try again later");
  Upload& upload = uploads_[key];
  upload.used = clock_.Now();
  if (offset == 0 && !upload.bytes.empty()) {  // The sender starts again.
    upload_bytes_ -= upload.bytes.size();
    upload.bytes.clear();
  }
  received = upload.bytes.size();
  if (offset != upload.bytes.size()) {
    return absl::OutOfRangeError(StrCat("offset is ", offset, ", received so far: ", received));
  }
  MakeRoom(chunk.size(), key);
  if (upload_bytes_ + chunk.size() > limits_.upload_bytes) {
    return absl::ResourceExhaustedError("too many uploads are in progress");
  }
  upload.bytes += chunk;
  upload_bytes_ += chunk.size();
  received = upload.bytes.size();
  if (received < total_bytes) return absl::OkStatus();
  upload_bytes_ -= upload.bytes.size();
  std::string bytes = std::move(upload.bytes);
  uploads_.erase(key);
  if (bytes.size() != total_bytes || !MatchesId(kind, id, bytes)) {
    received = 0;
    return absl::InvalidArgumentError(StrCat("the content does not match the id ", id.Hex()));
  }
  PutLocked(key, std::move(bytes));
  return absl::OkStatus();
}

}  // namespace hone
