// Memory that the runner shares with its candidates: an anonymous file, mapped here, passed as a descriptor.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"

namespace hone::runner {

// Movable handle; unmaps and closes at its end. The contents start as zeros.
class SharedFile {
 public:
  // ResourceExhausted when the system gives no memory.
  static absl::StatusOr<std::shared_ptr<SharedFile>> Create(uint64_t bytes);
  ~SharedFile();
  SharedFile(const SharedFile&) = delete;
  SharedFile& operator=(const SharedFile&) = delete;

  // After this nobody can write it but through data() of this process, and nobody can change its size.
  absl::Status Seal();

  int fd() const { return fd_; }
  uint8_t* data() const { return data_; }
  uint64_t bytes() const { return bytes_; }

 private:
  SharedFile(int fd, uint8_t* data, uint64_t bytes) : fd_(fd), data_(data), bytes_(bytes) {}

  const int fd_;
  uint8_t* const data_;
  const uint64_t bytes_;
};

}  // namespace hone::runner
