// The flags of commands that speak to a server.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/flags.h"
#include "client/cpp/connection.h"

namespace hone::cli {

// Values of --server, --token, --tls-ca, --tls-cert, --tls-key and --timeout.
struct ServerFlags {
  std::string server;
  std::string token;
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
  double timeout_secs = 20;

  void Declare(Flags& flags);
  absl::StatusOr<std::shared_ptr<Connection>> Open() const;
};

// Whether a command that works on a server or in a folder of --work-dir (empty = not given) is for the server. What is
// given as a flag wins over what the environment gives, and of two from the environment the folder.
// InvalidArgument when both are flags.
absl::StatusOr<bool> IsForServer(const ServerFlags& server, const std::string& work_dir);

}  // namespace hone::cli
