// Blobs of the server, in both directions. Thread-safe; calls block and are repeated while the server is away.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "common/measure/builder.h"
#include "common/support/sha256.h"
#include "hone/v1/worker.grpc.pb.h"

namespace hone {

class BlobClient {
 public:
  BlobClient(std::shared_ptr<grpc::Channel> channel, std::string token, const std::atomic<bool>& give_up);

  // Cached: each is fetched once. NotFound: the server does not have it.
  absl::StatusOr<std::string> Workload(const Digest& id) { return Cached(v1::BLOB_KIND_WORKLOAD, id); }
  absl::StatusOr<std::string> Skeleton(const Digest& id) { return Cached(v1::BLOB_KIND_SKELETON, id); }
  absl::StatusOr<Artifact> FetchArtifact(const Digest& key);
  absl::Status StoreArtifact(const Artifact& artifact);
  absl::Status StoreSkeleton(const Digest& id, const std::string& json);

 private:
  absl::StatusOr<std::string> Cached(v1::BlobKind kind, const Digest& id);
  absl::StatusOr<std::string> Read(v1::BlobKind kind, const Digest& id);
  absl::Status Write(v1::BlobKind kind, const Digest& id, const std::string& bytes);
  // Runs a call until it succeeds or fails for a reason that waiting does not mend.
  template <typename Call>
  absl::Status Retry(Call call);

  std::unique_ptr<v1::WorkerService::Stub> stub_;
  const std::string token_;
  const std::atomic<bool>& give_up_;
  std::mutex mutex_;
  std::map<std::pair<int, Digest>, std::string> cache_;
  size_t cached_bytes_ = 0;
};

}  // namespace hone
