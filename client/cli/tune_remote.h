// A tuning job of a server.
#pragma once

#include <memory>

#include "client/cpp/connection.h"
#include "server/coordinator/job.h"

namespace hone::cli {

struct RemoteOptions {
  bool detach = false;
  bool json = false;
  bool post_optimization = false;  // Not with detach.
};

// Submits the job and follows it to its end, or prints its id when detached. Returns the exit code.
int TuneRemote(const std::shared_ptr<Connection>& connection, const JobDefinition& job, const RemoteOptions& options);

}  // namespace hone::cli
