#include "server/service/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/numbers.h"
#include "common/support/clock.h"
#include "common/support/file.h"
#include "common/support/log.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"
#include "server/service/executor.h"
#include "server/service/gate.h"
#include "server/service/housekeeper.h"
#include "server/service/loopback.h"
#include "server/service/record_service.h"
#include "server/service/records.h"
#include "server/service/tuning_service.h"
#include "server/service/worker_service.h"

namespace hone {
namespace {

constexpr int kMaxMessageBytes = 32 << 20;
constexpr int kMaxStreamsPerConnection = 256;

absl::Status CheckPort(const std::string& address) {
  if (address.compare(0, 5, "unix:") == 0) return absl::OkStatus();
  int port = -1;
  size_t colon = address.rfind(':');
  bool number = colon != std::string::npos && absl::SimpleAtoi(address.substr(colon + 1), &port);
  if (number && port >= 0 && port <= 65535) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("--listen ", address, ": expected host:port or unix:/path"));
}

absl::Status CheckExposure(const ServerOptions& options) {
  HONE_RETURN_IF_ERROR(CheckPort(options.listen));
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return absl::InvalidArgumentError("--tls-cert and --tls-key belong together");
  }
  if (IsLoopback(options.listen)) return absl::OkStatus();
  if (options.tls_cert.empty()) {
    return absl::InvalidArgumentError(
        StrCat(options.listen, " is not a loopback address: it needs --tls-cert and --tls-key"));
  }
  if (options.token_file.empty() && options.tls_client_ca.empty()) {
    return absl::InvalidArgumentError(
        StrCat(options.listen, " is not a loopback address: it needs --tokens or --tls-client-ca"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> CredentialsOf(const ServerOptions& options) {
  if (options.tls_cert.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions ssl(options.tls_client_ca.empty()
                                            ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                            : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  grpc::SslServerCredentialsOptions::PemKeyCertPair pair;
  HONE_ASSIGN_OR_RETURN(pair.private_key, ReadFile(options.tls_key));
  HONE_ASSIGN_OR_RETURN(pair.cert_chain, ReadFile(options.tls_cert));
  ssl.pem_key_cert_pairs.push_back(std::move(pair));
  if (!options.tls_client_ca.empty()) {
    HONE_ASSIGN_OR_RETURN(ssl.pem_root_certs, ReadFile(options.tls_client_ca));
  }
  return grpc::SslServerCredentials(ssl);
}

v1::ServerInfo InfoOf(const Store& store, const ServerOptions& options) {
  v1::ServerInfo info;
  *info.mutable_revisions() = ToProto(options.driver.revisions);
  info.set_database(store.kind());
  info.set_started_unix_secs(ToUnixSecs(Clock::Real().Now()));
  return info;
}

}  // namespace

// In the order of dependence: the last is destroyed first.
struct Server::Parts {
  Parts(std::unique_ptr<Store> s, const ServerOptions& options, std::unique_ptr<Gate> g,
        std::function<void(absl::Status)> fatal)
      : store(std::move(s)),
        gate(std::move(g)),
        driver(*store, blobs, options.driver, std::move(fatal)),
        records(store->records(), options.driver.max_trace_instructions),
        executor(options.record_threads),
        open_streams(*gate, absl::ToChronoMilliseconds(options.check_tokens)),
        tuning(driver, *gate, open_streams, InfoOf(*store, options)),
        worker(driver, blobs, *gate, open_streams),
        exporters(options.export_threads),
        record(records, executor, exporters, options.lookup_threads, options.export_stall, *gate, open_streams,
               [this](AuditEntry entry) { driver.Audit(std::move(entry)); }) {
    gate->SetRefused([this](const Identity& who, std::string_view rpc) {
      const std::string action(rpc.substr(rpc.find('/') + 1));
      driver.Audit(
          {Clock::Real().Now(), who.name, action, "", absl::StatusCodeToString(absl::StatusCode::kPermissionDenied)});
    });
  }

  std::unique_ptr<Store> store;
  std::unique_ptr<Gate> gate;
  BlobStore blobs;
  Driver driver;
  Records records;
  Executor executor;
  OpenStreams open_streams;
  TuningServiceImpl tuning;
  WorkerServiceImpl worker;
  Executor exporters;
  RecordServiceImpl record;
  std::unique_ptr<Housekeeper> housekeeper;
  std::string address;
  std::string worker_token;
  std::unique_ptr<grpc::Server> server;
};

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Server::~Server() { Stop(); }

absl::StatusOr<std::unique_ptr<Server>> Server::Start(std::unique_ptr<Store> store, ServerOptions options,
                                                      std::function<void(absl::Status)> fatal) {
  HONE_RETURN_IF_ERROR(CheckExposure(options));
  auto gate = std::make_unique<Gate>();
  if (!options.token_file.empty()) {
    HONE_ASSIGN_OR_RETURN(gate, Gate::FromFile(options.token_file));
  }
  HONE_ASSIGN_OR_RETURN(std::shared_ptr<grpc::ServerCredentials> credentials, CredentialsOf(options));
  gate->SetLimits(options.driver.limits);
  auto parts = std::make_unique<Parts>(std::move(store), options, std::move(gate), std::move(fatal));
  HONE_RETURN_IF_ERROR(parts->driver.Start());
  parts->housekeeper = std::make_unique<Housekeeper>(*parts->store, options.retention, options.trim_every);

  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options.listen, credentials, &port);
  if (!options.private_listen.empty()) {
    builder.AddListeningPort(options.private_listen, grpc::InsecureServerCredentials());
    if (!parts->gate->open()) {
      HONE_ASSIGN_OR_RETURN(parts->worker_token, parts->gate->AddWorkerToken());
    }
  }
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.RegisterService(&parts->tuning);
  builder.RegisterService(&parts->worker);
  builder.RegisterService(&parts->record);
  parts->server = builder.BuildAndStart();
  if (parts->server == nullptr) {
    return absl::UnavailableError(StrCat("cannot listen on ", options.listen, ": the address is in use or not ours"));
  }
  parts->address = options.listen;
  size_t colon = options.listen.rfind(':');
  if (options.listen.compare(0, 5, "unix:") != 0 && port > 0) {
    parts->address = StrCat(options.listen.substr(0, colon), ":", port);
  }
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

void Server::Stop(absl::Duration grace) {
  if (parts_->server == nullptr) return;
  parts_->server->GetHealthCheckService()->SetServingStatus(false);
  parts_->server->Shutdown(absl::ToChronoTime(absl::Now() + grace));
  parts_->housekeeper.reset();
  parts_->driver.Stop();
  parts_->server.reset();
}

const std::string& Server::address() const { return parts_->address; }
const std::string& Server::worker_token() const { return parts_->worker_token; }
bool Server::IsStandby(const absl::Status& status) {
  return absl::IsUnavailable(status) && status.GetPayload(ToAbsl(kStandbyPayload)).has_value();
}
Driver& Server::driver() { return parts_->driver; }
Store& Server::store() { return *parts_->store; }

}  // namespace hone
