#include "client/cli/post_optimize.h"

#include <cstdio>
#include <utility>
#include <vector>

#include "client/cpp/durable_tune.h"
#include "client/cpp/post_optimization.h"
#include "client/cpp/space.h"
#include "client/cpp/tune_context.h"
#include "common/intrin/intrin.h"
#include "common/script/parser.h"
#include "common/support/status_macros.h"
#include "server/space/space_factory.h"

namespace hone::cli {
namespace {

namespace ms = ::hone::meta_schedule;

// The space that the job searched. Neighbours start from recorded traces, so only its postprocs are used: those of the
// default space where a plug-in, which this process has not loaded, made the space.
absl::StatusOr<std::unique_ptr<ms::SpaceGenerator>> SpaceOf(const JobDefinition& job, const TaskDefinition& task,
                                                            const ms::TuneContextOptions& options) {
  if (!job.plugins.empty()) return ms::CreateSpaceGenerator();
  return MakeSpaceGenerator(task.space, SpaceContext{*options.target, FindTensorIntrin}, options.mod);
}

absl::StatusOr<std::vector<std::shared_ptr<ms::TuneContext>>> ContextsOf(const JobDefinition& job) {
  std::vector<std::shared_ptr<ms::TuneContext>> out;
  for (const TaskDefinition& task : job.tasks) {
    ms::TuneContextOptions options;
    HONE_ASSIGN_OR_RETURN(options.mod, script::ParseModule(task.workload.script));
    HONE_ASSIGN_OR_RETURN(options.target, Target::Parse(task.target_json));
    HONE_ASSIGN_OR_RETURN(options.space_generator, SpaceOf(job, task, options));
    options.task_name = task.name;
    options.rand_state = static_cast<int64_t>(job.seed % 2147483646);
    options.num_threads = job.search_threads;
    HONE_ASSIGN_OR_RETURN(std::unique_ptr<ms::TuneContext> context, ms::TuneContext::Create(std::move(options)));
    out.push_back(std::move(context));
  }
  return out;
}

}  // namespace

absl::Status PostOptimizeJob(const JobDefinition& job, ms::Database& database, ms::Builder& builder,
                             ms::Runner& runner) {
  HONE_ASSIGN_OR_RETURN(const auto contexts, ContextsOf(job));
  std::fprintf(stderr, "post-optimization: up to %d neighbours of each program's best\n",
               ms::PostOptimizationOptions{}.trials);
  HONE_ASSIGN_OR_RETURN(const std::string table, ms::PostOptimize(contexts, database, builder, runner));
  std::fprintf(stderr, "%s\n", table.c_str());
  return absl::OkStatus();
}

absl::Status PostOptimizeOnFarm(const JobDefinition& job, const std::string& job_id,
                                const std::shared_ptr<Connection>& server) {
  // A copy of the job's records to start from; the farm's jobs keep what is measured now.
  HONE_ASSIGN_OR_RETURN(const std::shared_ptr<ms::Database> records, ms::Database::Create("memory"));
  HONE_ASSIGN_OR_RETURN(const auto contexts, ContextsOf(job));
  std::vector<ms::DurableTask> tasks;
  for (const auto& context : contexts) tasks.push_back({context->task_name(), context->mod()});
  HONE_RETURN_IF_ERROR(ms::CopyJobRecords(server, job_id, tasks, job.tasks[0].target_json, *records));
  HONE_ASSIGN_OR_RETURN(const std::unique_ptr<ms::Builder> builder, ms::Builder::Create("remote"));
  ms::RunnerOptions options;
  options.server = server;
  options.policy = job.policy;
  options.timeout = job.policy.timeout;
  HONE_ASSIGN_OR_RETURN(const std::unique_ptr<ms::Runner> runner, ms::Runner::Create("rpc", options));
  return PostOptimizeJob(job, *records, *builder, *runner);
}

}  // namespace hone::cli
