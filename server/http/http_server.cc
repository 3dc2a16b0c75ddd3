#include "server/http/http_server.h"

#include <httplib.h>

#include <chrono>
#include <future>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/http/http_routes.h"
#include "server/service/loopback.h"

namespace hone {
namespace {

// Asks the driver's thread; nothing when it does not answer within a second.
std::optional<DriverStats> Ask(Driver& driver) {
  auto promise = std::make_shared<std::promise<DriverStats>>();
  std::future<DriverStats> answer = promise->get_future();
  driver.Stats([promise](absl::StatusOr<DriverStats> stats) { promise->set_value(*std::move(stats)); });
  if (answer.wait_for(std::chrono::seconds(1)) != std::future_status::ready) return std::nullopt;
  return answer.get();
}

}  // namespace

struct HttpServer::Parts {
  httplib::Server server;
  std::thread thread;
  int port = 0;
};

HttpServer::HttpServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

absl::Status HttpServer::CheckAddress(const std::string& address, bool public_address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port)) {
    return absl::InvalidArgumentError(StrCat("--http ", address, ": expected host:port"));
  }
  if (public_address || IsLoopback(address)) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat(
      "--http ", address, " is not a loopback address, and has neither TLS nor identities: put a proxy before a ",
      "loopback one, or say --http-public"));
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& address, bool public_address,
                                                              Driver& driver) {
  HONE_RETURN_IF_ERROR(CheckAddress(address, public_address));
  const size_t colon = address.rfind(':');
  int port = 0;
  (void)absl::SimpleAtoi(address.substr(colon + 1), &port);
  auto parts = std::make_unique<Parts>();
  ConfigureHttp(parts->server, [&driver] { return Ask(driver); });
  std::string host = address.substr(0, colon);
  if (port == 0) {
    parts->port = parts->server.bind_to_any_port(host.c_str());
  } else if (parts->server.bind_to_port(host.c_str(), port)) {
    parts->port = port;
  }
  if (parts->port <= 0) return absl::UnavailableError(StrCat("cannot listen on --http ", address));
  parts->thread = std::thread([server = &parts->server] { server->listen_after_bind(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(parts)));
}

HttpServer::~HttpServer() {
  parts_->server.stop();
  parts_->thread.join();
}

int HttpServer::port() const { return parts_->port; }

}  // namespace hone
