#include "client/cli/file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "common/support/file.h"
#include "common/support/strings.h"

namespace hone::cli {
namespace {

absl::Status WriteError(const std::string& path) {
  std::string message = StrCat("cannot write ", path, ": ", std::strerror(errno));
  return errno == ENOENT ? absl::NotFoundError(message) : absl::FailedPreconditionError(message);
}

}  // namespace

absl::StatusOr<std::string> ReadInput(const std::string& path) {
  if (path != "-") return ReadFile(path);
  std::string text;
  char buffer[1 << 16];
  size_t n;
  while ((n = std::fread(buffer, 1, sizeof buffer, stdin)) > 0) text.append(buffer, n);
  if (std::ferror(stdin) == 0) return text;
  return absl::FailedPreconditionError(StrCat("cannot read standard input: ", std::strerror(errno)));
}

absl::Status WriteFile(const std::string& path, std::string_view text) {
  if (path == "-") {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return absl::OkStatus();
  }
  const std::string fresh = StrCat(path, ".", getpid(), ".tmp");
  std::FILE* file = std::fopen(fresh.c_str(), "wb");
  if (file == nullptr) return WriteError(path);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (std::fclose(file) != 0 || !written || std::rename(fresh.c_str(), path.c_str()) != 0) {
    absl::Status error = WriteError(path);
    unlink(fresh.c_str());
    return error;
  }
  return absl::OkStatus();
}

}  // namespace hone::cli
