#include "server/service/record_service.h"

#include <memory>
#include <utility>

#include "common/support/clock.h"
#include "common/support/strings.h"
#include "server/service/export_stream.h"
#include "server/service/rpc.h"

namespace hone {
namespace {

absl::Status Busy() { return absl::ResourceExhaustedError("too many record calls are waiting; try again"); }

AuditEntry EntryOf(const Identity& who, std::string action, std::string subject, const absl::Status& outcome) {
  std::string code = outcome.ok() ? "ok" : absl::StatusCodeToString(outcome.code());
  return {Clock::Real().Now(), who.name, std::move(action), std::move(subject), std::move(code)};
}

std::string PoolText(const std::string& pool) { return "pool " + (pool.empty() ? "of the tenant" : pool); }

constexpr size_t kMaxBatch = 16;
constexpr uint32_t kMaxBatchedTop = 100;

bool Parse(const grpc::ByteBuffer& bytes, v1::QueryRequest& request) {
  grpc::Slice slice;
  if (!bytes.DumpToSingleSlice(&slice).ok()) return false;
  return request.ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
}

// Gives the text away, without a copy.
grpc::ByteBuffer Buffer(std::string text) {
  auto* owned = new std::string(std::move(text));
  const grpc::Slice slice(
      owned->data(), owned->size(), [](void* text) { delete static_cast<std::string*>(text); }, owned);
  return grpc::ByteBuffer(&slice, 1);
}

// Reads chunks one after another; each is stored on the executor before the next is read: back-pressure.
class ImportReactor final : public grpc::ServerReadReactor<v1::ImportChunk> {
 public:
  ImportReactor(Records& records, Executor& executor, Identity who, v1::ImportResponse* response,
                const RecordServiceImpl::Audit& audit)
      : records_(records), executor_(executor), who_(std::move(who)), response_(response), audit_(audit) {
    StartRead(&chunk_);
  }
  void OnReadDone(bool ok) override {
    if (!ok) return End(absl::OkStatus());
    if (first_) pool_ = chunk_.pool();
    first_ = false;
    bool queued = executor_.Run([this] {
      absl::Status status = records_.ImportChunk(who_, pool_, chunk_, *response_);
      if (!status.ok()) return End(status);
      chunk_.Clear();
      StartRead(&chunk_);
    });
    if (!queued) End(Busy());
  }
  void OnDone() override { delete this; }

 private:
  // What was stored before an error stays, so it is counted in any case.
  void End(const absl::Status& status) {
    audit_(EntryOf(who_, "Import", StrCat(response_->records(), " records, ", PoolText(pool_)), status));
    Finish(ToGrpc(status));
  }

  Records& records_;
  Executor& executor_;
  const Identity who_;
  v1::ImportResponse* response_;
  const RecordServiceImpl::Audit& audit_;
  v1::ImportChunk chunk_;
  std::string pool_;
  bool first_ = true;
};

class RefusedImport final : public grpc::ServerReadReactor<v1::ImportChunk> {
 public:
  explicit RefusedImport(const absl::Status& status) { Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
};

class RefusedExport final : public grpc::ServerWriteReactor<v1::ExportChunk> {
 public:
  explicit RefusedExport(const absl::Status& status) { Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
};

}  // namespace

RecordServiceImpl::RecordServiceImpl(Records& records, Executor& executor, Executor& exporters, int lookup_threads,
                                     absl::Duration export_stall, Gate& gate, OpenStreams& open_streams, Audit audit)
    : records_(records),
      executor_(executor),
      exporters_(exporters),
      export_stall_(export_stall),
      gate_(gate),
      open_streams_(open_streams),
      audit_(std::move(audit)),
      lookups_(lookup_threads, kMaxBatch, [this](std::vector<Lookup> lookups) { Answer(lookups); }) {}

template <typename Response, typename Call>
grpc::ServerUnaryReactor* RecordServiceImpl::Serve(grpc::CallbackServerContext* context, std::string_view rpc,
                                                   Response* response, Call call) {
  absl::StatusOr<Identity> identity = Authorize(gate_, *context, rpc);
  if (!identity.ok()) return Refuse(context, identity.status());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  bool queued = executor_.Run([reactor, response, call = std::move(call), who = *std::move(identity)] {
    Finish(reactor, response, call(who));
  });
  if (!queued) reactor->Finish(ToGrpc(Busy()));
  return reactor;
}

grpc::ServerUnaryReactor* RecordServiceImpl::Query(grpc::CallbackServerContext* context,
                                                   const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  absl::StatusOr<Identity> identity = Authorize(gate_, *context, "RecordService/Query");
  if (!identity.ok()) return Refuse(context, identity.status());
  Lookup lookup{context->DefaultReactor(), response, *std::move(identity), {}};
  grpc::ServerUnaryReactor* reactor = lookup.reactor;
  if (!Parse(*request, lookup.request)) {
    reactor->Finish(ToGrpc(absl::InvalidArgumentError("the request is no hone.v1.QueryRequest")));
  } else if (lookup.request.top_k() > kMaxBatchedTop) {  // Others should not wait for it.
    auto alone = std::make_shared<std::vector<Lookup>>();
    alone->push_back(std::move(lookup));
    if (!executor_.Run([this, alone] { Answer(*alone); })) reactor->Finish(ToGrpc(Busy()));
  } else if (!lookups_.Add(lookup)) {
    reactor->Finish(ToGrpc(Busy()));
  }
  return reactor;
}

void RecordServiceImpl::Answer(const std::vector<Lookup>& lookups) {
  std::vector<LookupQuestion> questions;
  for (const Lookup& lookup : lookups) questions.push_back({&lookup.who, &lookup.request});
  std::vector<absl::StatusOr<std::string>> answers = records_.Query(questions);
  for (size_t i = 0; i < lookups.size(); ++i) {
    const grpc::Status status = ToGrpc(answers[i].status());
    if (answers[i].ok()) *lookups[i].response = Buffer(*std::move(answers[i]));
    lookups[i].reactor->Finish(status);
  }
}

grpc::ServerUnaryReactor* RecordServiceImpl::GetRecord(grpc::CallbackServerContext* context,
                                                       const v1::GetRecordRequest* request, v1::Match* response) {
  return Serve(context, "RecordService/GetRecord", response,
               [this, request](const Identity& who) { return records_.GetRecord(who, *request); });
}
grpc::ServerUnaryReactor* RecordServiceImpl::ListRecords(grpc::CallbackServerContext* context,
                                                         const v1::ListRecordsRequest* request,
                                                         v1::ListRecordsResponse* response) {
  return Serve(context, "RecordService/ListRecords", response,
               [this, request](const Identity& who) { return records_.ListRecords(who, *request); });
}
grpc::ServerUnaryReactor* RecordServiceImpl::GetWorkload(grpc::CallbackServerContext* context,
                                                         const v1::GetWorkloadRequest* request,
                                                         v1::Workload* response) {
  return Serve(context, "RecordService/GetWorkload", response,
               [this, request](const Identity& who) { return records_.GetWorkload(who, *request); });
}
grpc::ServerUnaryReactor* RecordServiceImpl::Commit(grpc::CallbackServerContext* context,
                                                    const v1::CommitRequest* request, v1::CommitResponse* response) {
  return Serve(context, "RecordService/Commit", response, [this, request](const Identity& who) {
    absl::StatusOr<v1::CommitResponse> result = records_.Commit(who, *request);
    audit_(EntryOf(who, "Commit", StrCat(request->records_size(), " records, ", PoolText(request->pool())),
                   result.status()));
    return result;
  });
}
grpc::ServerUnaryReactor* RecordServiceImpl::Stats(grpc::CallbackServerContext* context, const v1::StatsRequest*,
                                                   v1::StatsResponse* response) {
  return Serve(context, "RecordService/Stats", response, [this](const Identity& who) { return records_.Stats(who); });
}
grpc::ServerUnaryReactor* RecordServiceImpl::Promote(grpc::CallbackServerContext* context,
                                                     const v1::PromoteRequest* request, v1::PromoteResponse* response) {
  return Serve(context, "RecordService/Promote", response, [this, request](const Identity& who) {
    absl::StatusOr<v1::PromoteResponse> result = records_.Promote(who, *request);
    Digest id;
    (void)Digest::FromRaw(request->record_id(), id);
    audit_(EntryOf(who, "Promote", StrCat(id.Hex(), " to ", request->to_pool()), result.status()));
    return result;
  });
}

grpc::ServerReadReactor<v1::ImportChunk>* RecordServiceImpl::Import(grpc::CallbackServerContext* context,
                                                                    v1::ImportResponse* response) {
  absl::StatusOr<Identity> identity = Authorize(gate_, *context, "RecordService/Import");
  if (!identity.ok()) return new RefusedImport(identity.status());
  return new ImportReactor(records_, executor_, *std::move(identity), response, audit_);
}

grpc::ServerWriteReactor<v1::ExportChunk>* RecordServiceImpl::Export(grpc::CallbackServerContext* context,
                                                                     const v1::ExportRequest* request) {
  absl::StatusOr<Identity> identity = Authorize(gate_, *context, "RecordService/Export");
  if (!identity.ok()) return new RefusedExport(identity.status());
  absl::Status room = gate_.streams().Open(identity->tenant, gate_.limits().Of(identity->tenant).streams);
  if (!room.ok()) return new RefusedExport(room);
  auto stream = ExportStream::Start(context, records_, exporters_, gate_.streams(), *std::move(identity), *request,
                                    export_stall_);
  open_streams_.Add(stream, "RecordService/Export", AuthorizationOf(*context));
  return stream.get();
}

}  // namespace hone
