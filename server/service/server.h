// A hone-server as an object: store, driver and the three gRPC services on one port, with health and reflection.
// main.cc makes one from flags; tests make one in their process.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/database/database.h"
#include "server/service/driver.h"
#include "server/store/store.h"

namespace hone {

struct ServerOptions {
  std::string listen = "127.0.0.1:0";  // "host:port", port 0 = any free one; or "unix:/path".
  std::string private_listen;          // A second address for this host's own worker, "unix:/path"; empty = none.
  std::string token_file;              // Empty = no tokens: loopback and unix sockets only.
  std::string tls_cert, tls_key;       // PEM files; both or none.
  std::string tls_client_ca;           // PEM: clients must have a certificate of this authority.
  absl::Duration check_tokens = absl::Seconds(5);   // Tokens of open streams are looked at this often.
  int lookup_threads = 2;                           // Each answers what waits in one batch.
  int record_threads = 4;                           // Other calls of RecordService.
  int export_threads = 2;                           // Exports at a time; others wait for their turn.
  absl::Duration export_stall = absl::Seconds(30);  // A reader that takes nothing for so long loses its export.
  FailureRetention retention;
  absl::Duration trim_every = absl::Minutes(10);
  DriverOptions driver;
};

class Server {
 public:
  // Takes the lead and listens. InvalidArgument: unusable flags, such as an address that is not loopback without TLS
  // and tokens; Unavailable: the address is in use, or the store is away or led by another server.
  static absl::StatusOr<std::unique_ptr<Server>> Start(std::unique_ptr<Store> store, ServerOptions options,
                                                       std::function<void(absl::Status)> fatal);
  ~Server();  // Stops.

  // Streams end, calls in progress get `grace`, pending outcomes are committed.
  void Stop(absl::Duration grace = absl::Milliseconds(500));
  const std::string& address() const;  // Where it listens, with the port.
  // A token with the role worker that lives as long as this object; empty when no tokens are needed.
  const std::string& worker_token() const;
  // Whether Start failed because another server leads: try again later.
  static bool IsStandby(const absl::Status& status);
  Driver& driver();
  Store& store();

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace hone
