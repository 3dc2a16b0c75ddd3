#include "client/cli/exit_code.h"

#include <cstdio>
#include <string>

namespace hone::cli {

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return kExitNotAllowed;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnavailable;
    case absl::StatusCode::kCancelled:
      return kExitInterrupted;
    default:
      return kExitFailed;
  }
}

int Report(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  std::fprintf(stderr, "hone: %s\n", std::string(status.message()).c_str());
  return ExitCodeOf(status);
}

}  // namespace hone::cli
