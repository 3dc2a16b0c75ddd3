#include "server/service/blob_store.h"

#include "common/record/tuning_record.h"
#include "common/record/workload.h"
#include "common/support/strings.h"

namespace hone {
namespace {

constexpr uint64_t kMaxBlobBytes = uint64_t{256} << 20;
constexpr uint64_t kMaxUploadBytes = uint64_t{512} << 20;  // Of all unfinished uploads.

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

void BlobStore::PutLocked(const Key& key, std::string bytes) {
  if (blobs_.contains(key)) return;
  Entry entry{std::make_shared<const std::string>(std::move(bytes)), recent_.end()};
  if (key.first == BlobKind::kArtifact) {
    artifact_bytes_ += entry.bytes->size();
    recent_.push_front(key);
    entry.recent = recent_.begin();
  }
  blobs_[key] = std::move(entry);
  while (artifact_bytes_ > artifact_limit_ && recent_.size() > 1) {
    auto oldest = blobs_.find(recent_.back());
    artifact_bytes_ -= oldest->second.bytes->size();
    blobs_.erase(oldest);
    recent_.pop_back();
  }
}

std::shared_ptr<const std::string> BlobStore::Get(BlobKind kind, const Digest& id) {
  absl::MutexLock lock(&mutex_);
  auto it = blobs_.find({kind, id});
  if (it == blobs_.end()) return nullptr;
  if (kind == BlobKind::kArtifact) recent_.splice(recent_.begin(), recent_, it->second.recent);
  return it->second.bytes;
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
  std::string& upload = uploads_[key];
  if (offset == 0 && !upload.empty()) {  // The sender starts again.
    upload_bytes_ -= upload.size();
    upload.clear();
  }
  received = upload.size();
  if (offset != upload.size()) {
    return absl::OutOfRangeError(StrCat("offset is ", offset, ", received so far: ", received));
  }
  if (upload_bytes_ + chunk.size() > kMaxUploadBytes) {
    return absl::ResourceExhaustedError("too many uploads are in progress");
  }
  upload += chunk;
  upload_bytes_ += chunk.size();
  received = upload.size();
  if (received < total_bytes) return absl::OkStatus();
  upload_bytes_ -= upload.size();
  std::string bytes = std::move(upload);
  uploads_.erase(key);
  if (bytes.size() != total_bytes || !MatchesId(kind, id, bytes)) {
    received = 0;
    return absl::InvalidArgumentError(StrCat("the content does not match the id ", id.Hex()));
  }
  PutLocked(key, std::move(bytes));
  return absl::OkStatus();
}

}  // namespace hone
