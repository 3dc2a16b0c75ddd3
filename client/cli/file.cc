#include "client/cli/file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "common/support/strings.h"

namespace hone::cli {
namespace {

absl::Status FileError(std::string_view doing, const std::string& path) {
  std::string message = StrCat("cannot ", doing, " ", path, ": ", std::strerror(errno));
  return errno == ENOENT ? absl::NotFoundError(message) : absl::FailedPreconditionError(message);
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
  if (file == nullptr) return FileError("read", path);
  std::string text;
  char buffer[1 << 16];
  size_t n;
  while ((n = std::fread(buffer, 1, sizeof buffer, file)) > 0) text.append(buffer, n);
  const bool failed = std::ferror(file) != 0;
  absl::Status error = failed ? FileError("read", path) : absl::OkStatus();
  if (file != stdin) std::fclose(file);
  if (failed) return error;
  return text;
}

absl::Status WriteFile(const std::string& path, std::string_view text) {
  if (path == "-") {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return absl::OkStatus();
  }
  const std::string fresh = StrCat(path, ".", getpid(), ".tmp");
  std::FILE* file = std::fopen(fresh.c_str(), "wb");
  if (file == nullptr) return FileError("write", path);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (std::fclose(file) != 0 || !written || std::rename(fresh.c_str(), path.c_str()) != 0) {
    absl::Status error = FileError("write", path);
    unlink(fresh.c_str());
    return error;
  }
  return absl::OkStatus();
}

}  // namespace hone::cli
