// How a worker or a client proves who it is to a server, and how it knows the server.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace grpc {
class Channel;
class ChannelCredentials;
}  // namespace grpc

namespace hone {

// Files in PEM; empty = not given.
struct TlsFiles {
  std::string ca;    // Authority of the server's certificate; without it the system's authorities count.
  std::string cert;  // One's own certificate, for mutual TLS; with key.
  std::string key;
};

// Plain text when no file is given at all, else TLS. InvalidArgument: a certificate without its key, or a key without
// its certificate; NotFound or FailedPrecondition: a file cannot be read.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialsOf(const TlsFiles& files);

// A worker's connection to the server at `address` ("host:port" or "unix:/path"), made when first used and again after
// a loss. Errors: those of CredentialsOf.
absl::StatusOr<std::shared_ptr<grpc::Channel>> WorkerChannel(const std::string& address, const TlsFiles& files);

}  // namespace hone
