#include "client/cpp/connection.h"

#include <grpcpp/grpcpp.h>

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "worker/agent/credentials.h"

namespace hone {
namespace {

constexpr int kMaxMessageBytes = 64 << 20;

}  // namespace

absl::StatusOr<std::shared_ptr<Connection>> Connection::Open(const ConnectionOptions& options) {
  if (options.server.empty()) {
    return absl::InvalidArgumentError("no server: give --server HOST:PORT or set HONE_SERVER");
  }
  HONE_ASSIGN_OR_RETURN(std::shared_ptr<grpc::ChannelCredentials> credentials,
                        CredentialsOf({options.ca_file, options.cert_file, options.key_file}));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  std::shared_ptr<Connection> connection(new Connection(options));
  connection->channel_ = grpc::CreateCustomChannel(options.server, credentials, arguments);
  return connection;
}

void Connection::Prepare(grpc::ClientContext* context, bool stream) const {
  if (!options_.token.empty()) context->AddMetadata("authorization", "Bearer " + options_.token);
  if (!stream) context->set_deadline(absl::ToChronoTime(absl::Now() + options_.timeout));
}

absl::Status Connection::ToStatus(const grpc::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  // A server's own "unavailable" has something to say; gRPC's names sockets.
  const std::string& message = status.error_message();
  const bool transport = message.find("connect") != std::string::npos || message.find("socket") != std::string::npos ||
                         message.find("Socket") != std::string::npos || message.find("GOAWAY") != std::string::npos ||
                         message.find("resolution") != std::string::npos;
  if (code == absl::StatusCode::kUnavailable && transport) {
    return absl::UnavailableError(StrCat("server ", options_.server, " is not reachable: ", message));
  }
  if (code == absl::StatusCode::kDeadlineExceeded) {
    return absl::DeadlineExceededError(
        StrCat("server ", options_.server, " did not answer within ", absl::FormatDuration(options_.timeout)));
  }
  if (code == absl::StatusCode::kUnimplemented) {
    return absl::UnimplementedError(StrCat("server ", options_.server, " does not offer this call: ", message));
  }
  return absl::Status(code, message);
}

}  // namespace hone
