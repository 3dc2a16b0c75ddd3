#include "worker/builder/frames.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace hone::builder {
namespace {

struct Header {
  uint64_t bytes;
  FrameType type;
};

bool WriteAll(int fd, const char* data, size_t bytes) {
  while (bytes > 0) {
    const ssize_t n = send(fd, data, bytes, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data += n;
    bytes -= static_cast<size_t>(n);
  }
  return true;
}

bool ReadAll(int fd, char* data, size_t bytes) {
  while (bytes > 0) {
    const ssize_t n = read(fd, data, bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data += n;
    bytes -= static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

bool WriteFrame(int fd, FrameType type, std::string_view body) {
  Header header;
  std::memset(&header, 0, sizeof(header));
  header.bytes = body.size();
  header.type = type;
  return WriteAll(fd, reinterpret_cast<const char*>(&header), sizeof(header)) && WriteAll(fd, body.data(), body.size());
}

bool ReadFrame(int fd, FrameType* type, std::string* body) {
  constexpr uint64_t kMaxBytes = uint64_t{1} << 30;
  Header header;
  if (!ReadAll(fd, reinterpret_cast<char*>(&header), sizeof(header)) || header.bytes > kMaxBytes) return false;
  *type = header.type;
  body->resize(header.bytes);
  return ReadAll(fd, body->data(), header.bytes);
}

}  // namespace hone::builder
