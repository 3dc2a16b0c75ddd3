// Which revision of the protocol and which release of Hone this build is.
#pragma once

#include <cstdint>

namespace hone {

// The revision of the protocol between server and workers that this build speaks. 2 added canaries.
constexpr uint32_t kProtocol = 2;

// What --version says, and what records and servers keep of the program that made them.
constexpr char kRelease[] = "0.1";

}  // namespace hone
