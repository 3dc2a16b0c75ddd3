// Shared by the handlers: identity of a call, statuses as gRPC has them. Only for the source files of services.
#pragma once

#include <grpcpp/grpcpp.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/service/gate.h"

namespace hone {

grpc::Status ToGrpc(const absl::Status& status);
// The token of the call, as it came.
std::string AuthorizationOf(const grpc::CallbackServerContext& context);
// Adds the trailer "retry-after-ms" to a refusal that knows it.
absl::StatusOr<Identity> Authorize(Gate& gate, grpc::CallbackServerContext& context, std::string_view rpc);

// Ends a unary call: the value into `response` or the error.
template <typename T>
void Finish(grpc::ServerUnaryReactor* reactor, T* response, absl::StatusOr<T> result) {
  if (result.ok()) *response = *std::move(result);
  reactor->Finish(ToGrpc(result.status()));
}

inline grpc::ServerUnaryReactor* Refuse(grpc::CallbackServerContext* context, const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(status));
  return reactor;
}

}  // namespace hone
