#include "client/cli/server_flags.h"

#include "common/support/strings.h"

namespace hone::cli {

void ServerFlags::Declare(Flags& flags) {
  flags.Add("server", &server, "Address of the hone-server, host:port or unix:/path");
  flags.Add("token", &token, "Bearer token");
  flags.Add("tls-ca", &tls_ca, "Certificate authority of the server (PEM); turns TLS on, as --tls-cert does");
  flags.Add("tls-cert", &tls_cert, "Certificate of this client (PEM)");
  flags.Add("tls-key", &tls_key, "Key of --tls-cert (PEM)");
  flags.Add("timeout", &timeout_secs, "Seconds to wait for one answer");
}

absl::StatusOr<std::shared_ptr<Connection>> ServerFlags::Open() const {
  ConnectionOptions options;
  options.server = server;
  options.token = token;
  options.ca_file = tls_ca;
  options.cert_file = tls_cert;
  options.key_file = tls_key;
  options.timeout = absl::Seconds(timeout_secs);
  return Connection::Open(options);
}

absl::StatusOr<bool> IsForServer(const ServerFlags& server, const std::string& work_dir) {
  if (server.server.empty() || work_dir.empty()) return !server.server.empty();
  if (IsFromEnvironment("server", server.server)) return false;
  if (IsFromEnvironment("work-dir", work_dir)) return true;
  return absl::InvalidArgumentError(StrCat("--server ", server.server, " and --work-dir ", work_dir,
                                           " exclude each other: the database is the server's or the folder's"));
}

}  // namespace hone::cli
