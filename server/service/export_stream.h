// One Export stream of RecordService: a thread of an executor reads chunks from the database and waits until the reader
// has taken each, for so long and no longer.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "hone/v1/records.grpc.pb.h"
#include "server/service/executor.h"
#include "server/service/gate.h"
#include "server/service/open_streams.h"
#include "server/service/records.h"

namespace hone {

class ExportStream final : public grpc::ServerWriteReactor<v1::ExportChunk>, public ClosableStream {
 public:
  // `counter` has counted the stream for `who`'s tenant and is told of its end. A reader that takes nothing for `stall`
  // loses the stream. Lives until gRPC and the executor are done with it; what is passed by reference must outlive
  // that.
  static std::shared_ptr<ExportStream> Start(grpc::CallbackServerContext* context, Records& records, Executor& executor,
                                             StreamCounter& counter, Identity who, v1::ExportRequest request,
                                             absl::Duration stall);

  // Made by Start only.
  ExportStream(grpc::CallbackServerContext* context, StreamCounter& counter, std::string tenant, absl::Duration stall)
      : context_(context), counter_(counter), tenant_(std::move(tenant)), stall_(stall) {}

  void Close(absl::Status status) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  bool Send(v1::ExportChunk chunk);
  void End(const absl::Status& status);
  void CloseLocked(absl::Status status);

  grpc::CallbackServerContext* const context_;
  StreamCounter& counter_;
  const std::string tenant_;
  const absl::Duration stall_;
  std::shared_ptr<ExportStream> self_;
  std::mutex mutex_;
  std::condition_variable written_;
  v1::ExportChunk chunk_;
  bool writing_ = false;
  bool closing_ = false;
  bool done_ = false;  // The context is gone.
  absl::Status end_;   // When closing.
};

}  // namespace hone
