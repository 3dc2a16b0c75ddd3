// A connection to a hone-server, shared by the clients of its services.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace grpc {
class Channel;
class ClientContext;
class Status;
}  // namespace grpc

namespace hone {

struct ConnectionOptions {
  std::string server;     // "host:port" or "unix:/path".
  std::string token;      // Bearer token; empty = none.
  std::string ca_file;    // PEM; with this or cert_file the connection is TLS. Empty = the system's authorities.
  std::string cert_file;  // PEM of the client's certificate, for mutual TLS; with key_file.
  std::string key_file;
  absl::Duration timeout = absl::Seconds(20);  // Of one call that is not a stream.
};

// Thread-safe. Connects when first used and again after a loss.
class Connection {
 public:
  // InvalidArgument: no address, or a certificate without its key or the other way round; NotFound: a file is missing.
  static absl::StatusOr<std::shared_ptr<Connection>> Open(const ConnectionOptions& options);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // Sets identity, and the deadline unless `stream`.
  void Prepare(grpc::ClientContext* context, bool stream = false) const;

  // The status of a call in the project's terms; a lost or refused connection names the server.
  absl::Status ToStatus(const grpc::Status& status) const;

 private:
  explicit Connection(const ConnectionOptions& options) : options_(options) {}

  ConnectionOptions options_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace hone
