#include "worker/runner/shared_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/support/strings.h"

namespace hone::runner {
namespace {

absl::Status Errno(std::string_view what) {
  return absl::ResourceExhaustedError(ToAbsl(StrCat(what, ": ", std::strerror(errno))));
}

}  // namespace

absl::StatusOr<std::shared_ptr<SharedFile>> SharedFile::Create(uint64_t bytes) {
  if (bytes == 0) bytes = 1;
  const int fd = memfd_create("hone-run", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return Errno("memfd_create");
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
    const absl::Status status = Errno(StrCat("shared memory of ", bytes, " bytes"));
    close(fd);
    return status;
  }
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) {
    const absl::Status status = Errno(StrCat("mapping ", bytes, " bytes"));
    close(fd);
    return status;
  }
  return std::shared_ptr<SharedFile>(new SharedFile(fd, static_cast<uint8_t*>(data), bytes));
}

SharedFile::~SharedFile() {
  munmap(data_, bytes_);
  close(fd_);
}

absl::Status SharedFile::Seal() {
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
  if (fcntl(fd_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE) != 0) return Errno("sealing");
  return absl::OkStatus();
}

}  // namespace hone::runner
