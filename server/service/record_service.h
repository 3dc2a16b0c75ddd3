// RecordService on the callback API. Calls run on the executor, look-ups in batches; no thread of gRPC waits for the
// database.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "hone/v1/records.grpc.pb.h"
#include "server/service/batcher.h"
#include "server/service/executor.h"
#include "server/service/gate.h"
#include "server/service/open_streams.h"
#include "server/service/records.h"
#include "server/store/store.h"

namespace hone {

// Query answers with bytes that were put together elsewhere.
using RecordServiceBase = v1::RecordService::WithRawCallbackMethod_Query<v1::RecordService::CallbackService>;

class RecordServiceImpl final : public RecordServiceBase {
 public:
  // Told of every call that changes something, and of its outcome; must not block.
  using Audit = std::function<void(AuditEntry)>;
  // Exports run on threads of their own, `exporters`: they wait for their readers, at most `export_stall` for each
  // chunk.
  RecordServiceImpl(Records& records, Executor& executor, Executor& exporters, int lookup_threads,
                    absl::Duration export_stall, Gate& gate, OpenStreams& open_streams, Audit audit);

  using RecordServiceBase::Query;
  grpc::ServerUnaryReactor* Query(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                  grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetRecord(grpc::CallbackServerContext* context, const v1::GetRecordRequest* request,
                                      v1::Match* response) override;
  grpc::ServerUnaryReactor* ListRecords(grpc::CallbackServerContext* context, const v1::ListRecordsRequest* request,
                                        v1::ListRecordsResponse* response) override;
  grpc::ServerUnaryReactor* GetWorkload(grpc::CallbackServerContext* context, const v1::GetWorkloadRequest* request,
                                        v1::Workload* response) override;
  grpc::ServerUnaryReactor* Commit(grpc::CallbackServerContext* context, const v1::CommitRequest* request,
                                   v1::CommitResponse* response) override;
  grpc::ServerReadReactor<v1::ImportChunk>* Import(grpc::CallbackServerContext* context,
                                                   v1::ImportResponse* response) override;
  grpc::ServerWriteReactor<v1::ExportChunk>* Export(grpc::CallbackServerContext* context,
                                                    const v1::ExportRequest* request) override;
  grpc::ServerUnaryReactor* Stats(grpc::CallbackServerContext* context, const v1::StatsRequest* request,
                                  v1::StatsResponse* response) override;
  grpc::ServerUnaryReactor* Promote(grpc::CallbackServerContext* context, const v1::PromoteRequest* request,
                                    v1::PromoteResponse* response) override;

 private:
  struct Lookup {
    grpc::ServerUnaryReactor* reactor;
    grpc::ByteBuffer* response;
    Identity who;
    v1::QueryRequest request;
  };
  void Answer(const std::vector<Lookup>& lookups);
  template <typename Response, typename Call>
  grpc::ServerUnaryReactor* Serve(grpc::CallbackServerContext* context, std::string_view rpc, Response* response,
                                  Call call);

  Records& records_;
  Executor& executor_;
  Executor& exporters_;
  const absl::Duration export_stall_;
  Gate& gate_;
  OpenStreams& open_streams_;
  const Audit audit_;
  Batcher<Lookup> lookups_;
};

}  // namespace hone
