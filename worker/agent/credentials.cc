#include "worker/agent/credentials.h"

#include <grpcpp/grpcpp.h>

#include "common/support/file.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialsOf(const TlsFiles& files) {
  if (files.cert.empty() != files.key.empty()) {
    return absl::InvalidArgumentError(
        files.key.empty() ? StrCat("--tls-cert ", files.cert, " is of no use without --tls-key: give both or neither")
                          : StrCat("--tls-key ", files.key, " is of no use without --tls-cert: give both or neither"));
  }
  if (files.ca.empty() && files.cert.empty()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions ssl;
  if (!files.ca.empty()) {
    HONE_ASSIGN_OR_RETURN(ssl.pem_root_certs, ReadFile(files.ca));
  }
  if (!files.cert.empty()) {
    HONE_ASSIGN_OR_RETURN(ssl.pem_cert_chain, ReadFile(files.cert));
    HONE_ASSIGN_OR_RETURN(ssl.pem_private_key, ReadFile(files.key));
  }
  return grpc::SslCredentials(ssl);
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> WorkerChannel(const std::string& address, const TlsFiles& files) {
  HONE_ASSIGN_OR_RETURN(std::shared_ptr<grpc::ChannelCredentials> credentials, CredentialsOf(files));
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // The time for an attempt: a server to which a whole farm comes back may take seconds for a handshake.
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 20'000);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  args.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(address, credentials, args);
}

}  // namespace hone
