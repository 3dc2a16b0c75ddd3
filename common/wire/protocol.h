// The revision of the protocol between server and workers that this build speaks. 2 added canaries.
#pragma once

#include <cstdint>

namespace hone {

constexpr uint32_t kProtocol = 2;

}  // namespace hone
