#include "client/cli/jobs.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "client/cli/exit_code.h"
#include "client/cli/report_json.h"
#include "client/cli/report_text.h"
#include "client/cli/server_flags.h"
#include "client/cli/watch.h"
#include "client/cpp/tuning_client.h"

namespace hone::cli {
namespace {

struct Arguments {
  ServerFlags server;
  std::string id;
  bool json = false;
  bool all = false;
  int64_t limit = 100;
  std::string after;
  bool script = false;
};

using Action = std::function<int(TuningClient&, const Arguments&)>;

Flags AddCommand(Flags& parent, std::string_view name, std::string_view help, std::string_view positional,
                 std::shared_ptr<Arguments> arguments, Action action) {
  Flags flags = parent.Command(name, help);
  if (!positional.empty()) flags.AddPositional(positional, &arguments->id, "Which one");
  arguments->server.Declare(flags);
  flags.Add("json", &arguments->json, "Print JSON");
  flags.Run([arguments, action = std::move(action)] {
    absl::StatusOr<std::shared_ptr<Connection>> connection = arguments->server.Open();
    if (!connection.ok()) return Report(connection.status());
    TuningClient client(*connection);
    return action(client, *arguments);
  });
  return flags;
}

template <typename Message>
int Print(const absl::StatusOr<Message>& message, bool json, std::string (*to_json)(const Message&),
          std::string (*to_text)(const Message&)) {
  if (!message.ok()) return Report(message.status());
  std::fputs(json ? (to_json(*message) + "\n").c_str() : to_text(*message).c_str(), stdout);
  return kExitOk;
}

// Asks for page after page until there are as many as the user wants.
absl::StatusOr<v1::ListJobsResponse> ListPages(TuningClient& client, const Arguments& arguments) {
  constexpr int64_t kPage = 1000;
  v1::ListJobsRequest request;
  request.set_all(arguments.all);
  request.set_before(arguments.after);
  v1::ListJobsResponse all;
  while (all.jobs_size() < arguments.limit) {
    request.set_limit(static_cast<uint32_t>(std::min(kPage, arguments.limit - all.jobs_size())));
    absl::StatusOr<v1::ListJobsResponse> page = client.ListJobs(request);
    if (!page.ok()) return page.status();
    for (v1::JobReport& job : *page->mutable_jobs()) *all.add_jobs() = std::move(job);
    if (page->jobs().empty()) return all;
    request.set_before(all.jobs(all.jobs_size() - 1).id());
  }
  std::fprintf(stderr, "there may be more: --after %s\n", request.before().c_str());
  return all;
}

int List(TuningClient& client, const Arguments& arguments) {
  if (arguments.limit < 1) {
    return Report(absl::InvalidArgumentError("--limit is not positive"));
  }
  return Print(ListPages(client, arguments), arguments.json, JobsJson, JobsTable);
}

int Show(TuningClient& client, const Arguments& arguments) {
  absl::StatusOr<v1::JobReport> job = client.GetJob(arguments.id, arguments.script);
  if (job.ok() && arguments.script) {
    for (const v1::TaskSpec& task : job->spec().tasks()) std::printf("%s\n", task.workload().script().c_str());
    return kExitOk;
  }
  return Print(job, arguments.json, JobJson, JobSummary);
}

std::string StateLine(const v1::JobReport& job) {
  return "job " + job.id() + " is " + StateName(job.state()) + (job.reason().empty() ? "" : ": " + job.reason()) + "\n";
}

int Drain(TuningClient& client, const Arguments& arguments, bool undrain) {
  return Print<v1::WorkerReport>(
      client.DrainWorker(arguments.id, undrain), arguments.json, WorkerJson,
      [](const v1::WorkerReport& worker) { return "worker " + worker.name() + " is " + worker.state() + "\n"; });
}

}  // namespace

void AddJobsCommand(Flags& hone) {
  Flags jobs = hone.Command("jobs", "Tuning jobs of a server");
  auto list = std::make_shared<Arguments>();
  Flags flags = AddCommand(jobs, "list", "Running and paused jobs", "", list, List);
  flags.Add("all", &list->all, "Ended jobs too");
  flags.Add("limit", &list->limit, "At most this many, newest first");
  flags.Add("after", &list->after, "Go on where an earlier list ended: the id of its last job");

  auto show = std::make_shared<Arguments>();
  flags = AddCommand(jobs, "show", "One job: tasks, failures, time", "ID", show, Show);
  flags.Add("script", &show->script, "Print the job's programs instead");

  AddCommand(jobs, "watch", "Follow a job until it ends; Ctrl-C leaves it running", "ID", std::make_shared<Arguments>(),
             [](TuningClient& client, const Arguments& arguments) {
               return WatchToEnd(client, arguments.id, arguments.json);
             });
  AddCommand(jobs, "pause", "Give out no more work", "ID", std::make_shared<Arguments>(),
             [](TuningClient& client, const Arguments& arguments) {
               return Print(client.PauseJob(arguments.id), arguments.json, JobJson, StateLine);
             });
  AddCommand(jobs, "resume", "Go on with a paused job", "ID", std::make_shared<Arguments>(),
             [](TuningClient& client, const Arguments& arguments) {
               return Print(client.ResumeJob(arguments.id), arguments.json, JobJson, StateLine);
             });
  AddCommand(jobs, "cancel", "End a job and keep what was measured", "ID", std::make_shared<Arguments>(),
             [](TuningClient& client, const Arguments& arguments) {
               return Print(client.CancelJob(arguments.id), arguments.json, JobJson, StateLine);
             });
}

void AddWorkersCommand(Flags& hone) {
  Flags workers = hone.Command("workers", "Workers of a server");
  AddCommand(workers, "list", "Workers, what they do, and what waits", "", std::make_shared<Arguments>(),
             [](TuningClient& client, const Arguments& arguments) {
               return Print(client.ListWorkers(), arguments.json, WorkersJson, WorkersTable);
             });
  AddCommand(workers, "drain", "Let a worker end what it has and give it nothing more", "NAME",
             std::make_shared<Arguments>(),
             [](TuningClient& client, const Arguments& arguments) { return Drain(client, arguments, false); });
  AddCommand(workers, "undrain", "Give a drained worker work again", "NAME", std::make_shared<Arguments>(),
             [](TuningClient& client, const Arguments& arguments) { return Drain(client, arguments, true); });
}

}  // namespace hone::cli
