#include "common/measure/failure_status.h"

#include "absl/strings/cord.h"
#include "common/support/strings.h"

namespace hone {
namespace {

constexpr char kPayload[] = "hone/failure-kind";

}  // namespace

absl::Status WithFailureKind(absl::Status status, FailureKind kind) {
  if (!status.GetPayload(kPayload).has_value()) {
    status.SetPayload(kPayload, absl::Cord(ToAbsl(FailureKindName(kind))));
  }
  return status;
}

Failure FailureOfStatus(const absl::Status& status, FailureKind otherwise) {
  Failure failure = {otherwise, std::string(status.message())};
  if (const auto payload = status.GetPayload(kPayload)) {
    failure.kind = FailureKindFromName(std::string(*payload)).value_or(otherwise);
  }
  return failure;
}

}  // namespace hone
