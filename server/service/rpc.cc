#include "server/service/rpc.h"

#include "common/support/clock.h"
#include "common/support/strings.h"

namespace hone {

// The codes of absl::Status and gRPC are the same numbers. Which socket PostgreSQL was not found at is for the log, and
// would read as if this server could not be reached.
grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  if (absl::IsUnavailable(status) && ToStd(status.message()).substr(0, 11) == "PostgreSQL:") {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the database does not answer: try again");
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

std::string AuthorizationOf(const grpc::CallbackServerContext& context) {
  auto it = context.client_metadata().find("authorization");
  return it == context.client_metadata().end() ? "" : std::string(it->second.data(), it->second.size());
}

absl::StatusOr<Identity> Authorize(Gate& gate, grpc::CallbackServerContext& context, std::string_view rpc) {
  absl::StatusOr<Identity> identity = gate.Check(rpc, AuthorizationOf(context), Clock::Real().Now());
  if (!identity.ok()) {
    auto retry_after = identity.status().GetPayload(ToAbsl(kRetryAfterPayload));
    if (retry_after) context.AddTrailingMetadata("retry-after-ms", std::string(*retry_after));
  }
  return identity;
}

}  // namespace hone
