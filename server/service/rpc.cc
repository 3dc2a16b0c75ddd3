#include "server/service/rpc.h"

#include "common/support/clock.h"

namespace hone {

// The codes of absl::Status and gRPC are the same numbers.
grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

absl::StatusOr<Identity> Authorize(Gate& gate, const grpc::CallbackServerContext& context, std::string_view rpc) {
  auto it = context.client_metadata().find("authorization");
  std::string_view authorization;
  if (it != context.client_metadata().end()) authorization = {it->second.data(), it->second.size()};
  return gate.Check(rpc, authorization, Clock::Real().Now());
}

}  // namespace hone
