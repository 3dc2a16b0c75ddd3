// Length-prefixed messages over a stream socket, between a builder and a compile child.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hone::builder {

enum class FrameType : uint32_t {
  kRequest = 1,  // To the child: EncodeRequest.
  kProbe,        // From the child: a raw digest.
  kProbeAnswer,  // To the child: one byte, 0 or 1.
  kResult,       // From the child: EncodeResult.
  kOutOfMemory,  // From the child, which then ends.
  kCrashed,      // From the child's fault handler, one byte: the signal.
};

// False when the other side is gone.
bool WriteFrame(int fd, FrameType type, std::string_view body);
bool ReadFrame(int fd, FrameType* type, std::string* body);

}  // namespace hone::builder
