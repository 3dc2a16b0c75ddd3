#include "client/cpp/record_client.h"

#include <grpcpp/grpcpp.h>

#include "client/cpp/call.h"
#include "hone/v1/records.grpc.pb.h"

namespace hone {

struct RecordClient::Stub {
  std::unique_ptr<v1::RecordService::Stub> service;
};

RecordClient::RecordClient(std::shared_ptr<Connection> connection)
    : connection_(std::move(connection)), stub_(std::make_unique<Stub>()) {
  stub_->service = v1::RecordService::NewStub(connection_->channel());
}
RecordClient::~RecordClient() = default;

absl::StatusOr<v1::QueryResponse> RecordClient::Query(const v1::QueryRequest& request) {
  return CallUnary(*connection_, *stub_->service, &v1::RecordService::Stub::Query, request);
}

absl::StatusOr<v1::Match> RecordClient::GetRecord(const std::string& id_prefix) {
  v1::GetRecordRequest request;
  request.set_id_prefix(id_prefix);
  return CallUnary(*connection_, *stub_->service, &v1::RecordService::Stub::GetRecord, request);
}

absl::StatusOr<v1::ListRecordsResponse> RecordClient::ListRecords(const v1::ListRecordsRequest& request) {
  return CallUnary(*connection_, *stub_->service, &v1::RecordService::Stub::ListRecords, request);
}

absl::StatusOr<v1::Workload> RecordClient::GetWorkload(const v1::GetWorkloadRequest& request) {
  return CallUnary(*connection_, *stub_->service, &v1::RecordService::Stub::GetWorkload, request);
}

absl::StatusOr<v1::CommitResponse> RecordClient::Commit(const v1::CommitRequest& request) {
  return CallUnary(*connection_, *stub_->service, &v1::RecordService::Stub::Commit, request);
}

absl::StatusOr<v1::StatsResponse> RecordClient::Stats() {
  return CallUnary(*connection_, *stub_->service, &v1::RecordService::Stub::Stats, v1::StatsRequest());
}

absl::StatusOr<v1::PromoteResponse> RecordClient::Promote(const v1::PromoteRequest& request) {
  return CallUnary(*connection_, *stub_->service, &v1::RecordService::Stub::Promote, request);
}

absl::StatusOr<v1::ImportResponse> RecordClient::Import(const std::function<bool(v1::ImportChunk*)>& next) {
  grpc::ClientContext context;
  connection_->Prepare(&context, /*stream=*/true);
  v1::ImportResponse response;
  std::unique_ptr<grpc::ClientWriter<v1::ImportChunk>> writer = stub_->service->Import(&context, &response);
  v1::ImportChunk chunk;
  while (next(&chunk)) {
    if (!writer->Write(chunk)) break;  // Finish says why.
    chunk.Clear();
  }
  writer->WritesDone();
  grpc::Status status = writer->Finish();
  if (!status.ok()) return connection_->ToStatus(status);
  return response;
}

absl::Status RecordClient::Export(const v1::ExportRequest& request,
                                  const std::function<void(const v1::ExportChunk&)>& on_chunk) {
  grpc::ClientContext context;
  connection_->Prepare(&context, /*stream=*/true);
  std::unique_ptr<grpc::ClientReader<v1::ExportChunk>> reader = stub_->service->Export(&context, request);
  v1::ExportChunk chunk;
  while (reader->Read(&chunk)) on_chunk(chunk);
  return connection_->ToStatus(reader->Finish());
}

}  // namespace hone
