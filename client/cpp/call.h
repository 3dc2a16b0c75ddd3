// One unary call of a generated stub. Only for the clients' source files.
#pragma once

#include <grpcpp/grpcpp.h>

#include "absl/status/statusor.h"
#include "client/cpp/connection.h"

namespace hone {

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> CallUnary(const Connection& connection, Stub& stub,
                                   grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                   const Request& request) {
  grpc::ClientContext context;
  connection.Prepare(&context);
  Response response;
  grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return connection.ToStatus(status);
  return response;
}

}  // namespace hone
