#pragma once

#include <string_view>

namespace hone {

// Whether only this machine can reach "host:port" or "unix:/path": localhost, 127.0.0.0/8, [::1], unix.
bool IsLoopback(std::string_view address);

}  // namespace hone
