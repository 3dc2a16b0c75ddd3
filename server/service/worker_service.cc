#include "server/service/worker_service.h"

#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "common/support/strings.h"
#include "server/service/rpc.h"

namespace hone {
namespace {

constexpr size_t kChunkBytes = 1u << 20;

// One worker's stream. Kept alive by itself until gRPC is done with it, and by the driver while it is linked.
class WorkerStream final : public grpc::ServerBidiReactor<v1::WorkerMessage, v1::ServerMessage>,
                           public WorkerLink,
                           public ClosableStream {
 public:
  explicit WorkerStream(Driver& driver) : driver_(driver) {}

  void Start(std::shared_ptr<WorkerStream> self) {
    self_ = std::move(self);
    StartRead(&incoming_);
  }

  void Send(v1::ServerMessage message) override {
    std::lock_guard lock(mutex_);
    if (closing_) return;
    queue_.push_back(std::move(message));
    if (queue_.size() == 1) StartWrite(&queue_.front());
  }

  void Close(absl::Status status) override {
    std::lock_guard lock(mutex_);
    if (closing_) return;
    closing_ = true;
    end_ = std::move(status);
    FinishIfDone();
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      driver_.WorkerClosed(self_);
      return Close(absl::OkStatus());
    }
    v1::WorkerMessage message;
    message.Swap(&incoming_);
    if (!opened_) {
      if (!message.has_register_()) return Close(absl::InvalidArgumentError("the first message must be Register"));
      opened_ = true;
      driver_.WorkerOpened(self_, std::move(*message.mutable_register_()));
    } else {
      driver_.WorkerSaid(self_, std::move(message));
    }
    std::lock_guard lock(mutex_);  // Nothing may be started once Finish was called.
    if (!finished_) StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    queue_.pop_front();
    if (!ok) {
      queue_.clear();
      closing_ = true;
    }
    if (!queue_.empty()) return StartWrite(&queue_.front());
    FinishIfDone();
  }

  void OnCancel() override { Close(absl::CancelledError("the worker is gone")); }

  void OnDone() override {
    driver_.WorkerClosed(self_);
    self_.reset();  // May delete this.
  }

 private:
  void FinishIfDone() {
    if (!closing_ || finished_ || !queue_.empty()) return;
    finished_ = true;
    Finish(ToGrpc(end_));
  }

  Driver& driver_;
  std::shared_ptr<WorkerStream> self_;
  v1::WorkerMessage incoming_;
  bool opened_ = false;  // Only in OnReadDone.
  std::mutex mutex_;
  std::deque<v1::ServerMessage> queue_;  // The first one is being written.
  bool closing_ = false;
  bool finished_ = false;
  absl::Status end_;
};

class RefusedWorker final : public grpc::ServerBidiReactor<v1::WorkerMessage, v1::ServerMessage> {
 public:
  explicit RefusedWorker(const absl::Status& status) { Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
};

absl::StatusOr<std::pair<BlobKind, Digest>> KeyOf(v1::BlobKind kind, const std::string& id) {
  Digest digest;
  if (!Digest::FromRaw(id, digest)) {
    return absl::InvalidArgumentError(StrCat("id has ", id.size(), " bytes, expected 32"));
  }
  switch (kind) {
    case v1::BLOB_KIND_WORKLOAD:
      return std::make_pair(BlobKind::kWorkload, digest);
    case v1::BLOB_KIND_SKELETON:
      return std::make_pair(BlobKind::kSkeleton, digest);
    case v1::BLOB_KIND_ARTIFACT:
      return std::make_pair(BlobKind::kArtifact, digest);
    default:
      return absl::InvalidArgumentError(StrCat("kind is ", static_cast<int>(kind)));
  }
}

}  // namespace

grpc::ServerBidiReactor<v1::WorkerMessage, v1::ServerMessage>* WorkerServiceImpl::Connect(
    grpc::CallbackServerContext* context) {
  absl::StatusOr<Identity> identity = Authorize(gate_, *context, "WorkerService/Connect");
  if (!identity.ok()) return new RefusedWorker(identity.status());
  auto stream = std::make_shared<WorkerStream>(driver_);
  stream->Start(stream);
  open_streams_.Add(stream, "WorkerService/Connect", AuthorizationOf(*context));
  return stream.get();
}

grpc::ServerUnaryReactor* WorkerServiceImpl::ReadBlob(grpc::CallbackServerContext* context,
                                                      const v1::ReadBlobRequest* request,
                                                      v1::ReadBlobResponse* response) {
  absl::StatusOr<Identity> identity = Authorize(gate_, *context, "WorkerService/ReadBlob");
  if (!identity.ok()) return Refuse(context, identity.status());
  auto key = KeyOf(request->kind(), request->id());
  if (!key.ok()) return Refuse(context, key.status());
  std::shared_ptr<const std::string> bytes = blobs_.Get(key->first, key->second);
  if (bytes == nullptr) return Refuse(context, absl::NotFoundError(StrCat("no blob ", key->second.Hex())));
  if (request->offset() > bytes->size()) return Refuse(context, absl::OutOfRangeError("offset is past the end"));
  response->set_chunk(bytes->substr(request->offset(), kChunkBytes));
  response->set_total_bytes(bytes->size());
  return Refuse(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* WorkerServiceImpl::WriteBlob(grpc::CallbackServerContext* context,
                                                       const v1::WriteBlobRequest* request,
                                                       v1::WriteBlobResponse* response) {
  absl::StatusOr<Identity> identity = Authorize(gate_, *context, "WorkerService/WriteBlob");
  if (!identity.ok()) return Refuse(context, identity.status());
  auto key = KeyOf(request->kind(), request->id());
  if (!key.ok()) return Refuse(context, key.status());
  if (request->chunk().size() > kChunkBytes * 2) {
    return Refuse(context, absl::InvalidArgumentError(StrCat("a chunk of ", request->chunk().size(), " bytes")));
  }
  uint64_t received = 0;
  absl::Status status =
      blobs_.Write(key->first, key->second, request->offset(), request->total_bytes(), request->chunk(), received);
  response->set_received_bytes(received);
  return Refuse(context, status);
}

}  // namespace hone
