// Plain HTTP for monitoring: /metrics (Prometheus text format) and /healthz. No secrets, no changes; but neither TLS
// nor identities: loopback unless the operator says otherwise.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/service/driver.h"

namespace hone {

class HttpServer {
 public:
  // `driver` must outlive it. InvalidArgument for an address that is not host:port, and for one that others can reach
  // unless `public_address`; Unavailable when it is in use.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& address, bool public_address,
                                                           Driver& driver);
  static absl::Status CheckAddress(const std::string& address, bool public_address);
  ~HttpServer();
  int port() const;

 private:
  struct Parts;
  explicit HttpServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace hone
