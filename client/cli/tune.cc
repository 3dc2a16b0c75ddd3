#include "client/cli/tune.h"

#include <cstdio>
#include <memory>

#include "client/cli/exit_code.h"
#include "client/cli/server_flags.h"
#include "client/cli/tune_embedded.h"
#include "client/cli/tune_job.h"
#include "client/cli/tune_remote.h"
#include "common/support/strings.h"

namespace hone::cli {
namespace {

struct Arguments {
  TuneArguments tune;
  ServerFlags server;
  RemoteOptions remote;
  EmbeddedOptions embedded;
  bool json = false;
};

int Tune(Arguments& arguments) {
  absl::StatusOr<bool> for_server = IsForServer(arguments.server, arguments.embedded.work_dir);
  if (!for_server.ok()) return Report(for_server.status());
  const bool embedded = !*for_server;
  if (embedded && arguments.remote.detach) {
    return Report(absl::InvalidArgumentError("--detach needs a server: give --server HOST:PORT"));
  }
  if (embedded && arguments.tune.priority != 0) {
    return Report(absl::InvalidArgumentError(StrCat("--priority ", arguments.tune.priority,
                                                    " needs a server, whose jobs it orders: give --server HOST:PORT")));
  }
  if (arguments.tune.post_optimization && arguments.remote.detach) {
    return Report(absl::InvalidArgumentError("--post-optimization goes on after the job, so it excludes --detach"));
  }
  arguments.remote.post_optimization = arguments.embedded.post_optimization = arguments.tune.post_optimization;
  absl::StatusOr<JobDefinition> job = JobFromArguments(arguments.tune, embedded);
  if (!job.ok()) return Report(job.status());
  if (arguments.embedded.work_dir.empty()) arguments.embedded.work_dir = "hone-work";
  arguments.remote.json = arguments.embedded.json = arguments.json;
  std::fprintf(stderr, "target: %s\n", job->tasks[0].target_json.c_str());
  if (embedded) return TuneEmbedded(*std::move(job), arguments.embedded);
  absl::StatusOr<std::shared_ptr<Connection>> connection = arguments.server.Open();
  if (!connection.ok()) return Report(connection.status());
  return TuneRemote(*connection, *job, arguments.remote);
}

}  // namespace

void AddTuneCommand(Flags& hone) {
  auto arguments = std::make_shared<Arguments>();
  Flags flags = hone.Command("tune", "Search for fast schedules of programs, on a server's farm or on this machine");
  arguments->tune.Declare(flags);
  arguments->server.Declare(flags);
  flags.Add("work-dir", &arguments->embedded.work_dir,
            "Tune on this machine, with the database in this folder; default hone-work");
  flags.Add("detach", &arguments->remote.detach, "Submit the job, print its id and return");
  flags.Add("json", &arguments->json, "Print the report at the end as JSON");
  flags.Run([arguments] { return Tune(*arguments); });
}

}  // namespace hone::cli
