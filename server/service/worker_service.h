// WorkerService on the callback API: one reactor a worker, blobs by chunks.
#pragma once

#include "hone/v1/worker.grpc.pb.h"
#include "server/service/blob_store.h"
#include "server/service/driver.h"
#include "server/service/gate.h"
#include "server/service/open_streams.h"

namespace hone {

class WorkerServiceImpl final : public v1::WorkerService::CallbackService {
 public:
  WorkerServiceImpl(Driver& driver, BlobStore& blobs, Gate& gate, OpenStreams& open_streams)
      : driver_(driver), blobs_(blobs), gate_(gate), open_streams_(open_streams) {}

  grpc::ServerBidiReactor<v1::WorkerMessage, v1::ServerMessage>* Connect(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* ReadBlob(grpc::CallbackServerContext* context, const v1::ReadBlobRequest* request,
                                     v1::ReadBlobResponse* response) override;
  grpc::ServerUnaryReactor* WriteBlob(grpc::CallbackServerContext* context, const v1::WriteBlobRequest* request,
                                      v1::WriteBlobResponse* response) override;

 private:
  Driver& driver_;
  BlobStore& blobs_;
  Gate& gate_;
  OpenStreams& open_streams_;
};

}  // namespace hone
