#include "worker/agent/blob_client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"

namespace hone {
namespace {

constexpr size_t kChunkBytes = 1u << 20;
constexpr size_t kCacheBytes = 256u << 20;
constexpr uint64_t kMaxBlobBytes = uint64_t{256} << 20;

}  // namespace

BlobClient::BlobClient(std::shared_ptr<grpc::Channel> channel, std::string token, const std::atomic<bool>& give_up)
    : stub_(v1::WorkerService::NewStub(std::move(channel))), token_(std::move(token)), give_up_(give_up) {}

template <typename Call>
absl::Status BlobClient::Retry(Call call) {
  for (auto delay = std::chrono::milliseconds(50);; delay = std::min(delay * 2, std::chrono::milliseconds(2000))) {
    grpc::ClientContext context;
    if (!token_.empty()) context.AddMetadata("authorization", "Bearer " + token_);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    grpc::Status status = call(context);
    if (status.ok()) return absl::OkStatus();
    bool away = status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED ||
                status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
    if (!away || give_up_) {
      return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
    }
    std::this_thread::sleep_for(delay);
  }
}

absl::StatusOr<std::string> BlobClient::Read(v1::BlobKind kind, const Digest& id) {
  std::string bytes;
  while (true) {
    v1::ReadBlobRequest request;
    request.set_kind(kind);
    request.set_id(id.Raw());
    request.set_offset(bytes.size());
    v1::ReadBlobResponse response;
    HONE_RETURN_IF_ERROR(
        Retry([&](grpc::ClientContext& context) { return stub_->ReadBlob(&context, request, &response); }));
    bytes += response.chunk();
    if (bytes.size() >= response.total_bytes()) return bytes;
    if (response.chunk().empty() || response.total_bytes() > kMaxBlobBytes) {
      return absl::DataLossError(StrCat("blob ", id.Hex(), " ends early or is too big"));
    }
  }
}

absl::StatusOr<std::string> BlobClient::Cached(v1::BlobKind kind, const Digest& id) {
  std::pair<int, Digest> key{kind, id};
  {
    std::lock_guard lock(mutex_);
    auto it = cache_.find(key);
    if (it != cache_.end()) return it->second;
  }
  HONE_ASSIGN_OR_RETURN(std::string bytes, Read(kind, id));
  std::lock_guard lock(mutex_);
  if (cached_bytes_ + bytes.size() > kCacheBytes) {
    cache_.clear();
    cached_bytes_ = 0;
  }
  if (cache_.try_emplace(key, bytes).second) cached_bytes_ += bytes.size();
  return bytes;
}

absl::Status BlobClient::Write(v1::BlobKind kind, const Digest& id, const std::string& bytes) {
  uint64_t sent = 0;
  int restarts = 0;
  do {
    v1::WriteBlobRequest request;
    request.set_kind(kind);
    request.set_id(id.Raw());
    request.set_offset(sent);
    request.set_total_bytes(bytes.size());
    request.set_chunk(bytes.substr(sent, kChunkBytes));
    v1::WriteBlobResponse response;
    absl::Status status =
        Retry([&](grpc::ClientContext& context) { return stub_->WriteBlob(&context, request, &response); });
    if (absl::IsOutOfRange(status) && ++restarts < 5) {  // The server lost the beginning: from the start.
      sent = 0;
      continue;
    }
    HONE_RETURN_IF_ERROR(status);
    sent = response.received_bytes();
  } while (sent < bytes.size());
  return absl::OkStatus();
}

absl::StatusOr<Artifact> BlobClient::FetchArtifact(const Digest& key) {
  HONE_ASSIGN_OR_RETURN(std::string bytes, Read(v1::BLOB_KIND_ARTIFACT, key));
  v1::ArtifactBlob blob;
  if (!blob.ParseFromString(bytes)) return absl::DataLossError(StrCat("artifact ", key.Hex(), " cannot be parsed"));
  Artifact artifact;
  artifact.key = key;
  artifact.format = blob.format();
  artifact.bytes = std::move(*blob.mutable_bytes());
  artifact.entry = blob.entry();
  artifact.metadata_json = blob.metadata_json();
  for (const v1::TensorInfo& arg : blob.args()) artifact.args.push_back(FromProto(arg));
  return artifact;
}

absl::Status BlobClient::StoreArtifact(const Artifact& artifact) {
  v1::ArtifactBlob blob;
  blob.set_key(artifact.key.Raw());
  blob.set_format(artifact.format);
  blob.set_bytes(artifact.bytes);
  blob.set_entry(artifact.entry);
  blob.set_metadata_json(artifact.metadata_json);
  for (const TensorInfo& arg : artifact.args) *blob.add_args() = ToProto(arg);
  return Write(v1::BLOB_KIND_ARTIFACT, artifact.key, blob.SerializeAsString());
}

absl::Status BlobClient::StoreSkeleton(const Digest& id, const std::string& json) {
  return Write(v1::BLOB_KIND_SKELETON, id, json);
}

}  // namespace hone
