// What hone-server answers over HTTP, and how patient it is with a client.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "server/service/driver.h"

namespace httplib {
class Server;
}  // namespace httplib

namespace hone {

// `stats` gives nothing when the server is busy. Called from the server's threads, several at a time.
void ConfigureHttp(httplib::Server& server, std::function<std::optional<DriverStats>()> stats);

// The metrics page.
std::string MetricsText(const DriverStats& stats);

}  // namespace hone
