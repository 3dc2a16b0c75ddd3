// hone-worker: searches, builds or runs for a hone-server.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "common/record/trace_semantics.h"
#include "common/support/exit_code.h"
#include "common/support/log.h"
#include "common/support/program_flags.h"
#include "common/support/status_macros.h"
#include "common/support/stop_signal.h"
#include "common/support/strings.h"
#include "common/wire/protocol.h"
#include "worker/agent/agent.h"
#include "worker/agent/credentials.h"
#include "worker/main/roles.h"

namespace hone {
namespace {

struct Flags {
  std::string server = "127.0.0.1:50151";
  std::vector<std::string> roles;
  std::vector<std::string> plugins;
  std::string name, target, measure_cpus;
  std::string token, tls_ca, tls_cert, tls_key;
  std::string log_format = "text", log_level = "info";
  int build_threads = 0;
  double synthetic_run_secs = -1;
  double patience_secs = 0;
};

void Declare(CLI::App& app, Flags& flags) {
  app.add_option("--server", flags.server, "Address of the hone-server")->capture_default_str();
  app.add_option("--roles", flags.roles, "build, run, search")
      ->delimiter(',')
      ->required()
      ->check(CLI::IsMember({"build", "run", "search"}));
  app.add_option("--name", flags.name, "Name in the farm (default: roles@host-pid)");
  app.add_option(
      "--target", flags.target,
      "What this worker builds for and runs (default: runs on this machine, builds whatever it has a compiler for)");
  app.add_option("--measure-cpus", flags.measure_cpus, "CPUs of the run role, such as 0,2-3");
  app.add_option("--build-threads", flags.build_threads, "Compilers at a time; 0 = one a physical core");
  app.add_option("--plugin", flags.plugins, "Plug-in (FILE.so) that jobs may use in their search; repeatable");
  app.add_option("--token", flags.token, "Token with the role worker");
  app.add_option("--tls-ca", flags.tls_ca,
                 "Certificate authority of the server (PEM); turns TLS on, as --tls-cert does");
  app.add_option("--tls-cert", flags.tls_cert, "Certificate of this worker (PEM)");
  app.add_option("--tls-key", flags.tls_key, "Key of --tls-cert (PEM)");
  app.add_option("--log-format", flags.log_format, "text or json")->check(CLI::IsMember({"text", "json"}));
  app.add_option("--log-level", flags.log_level, "debug shows every lease")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.add_option("--patience-secs", flags.patience_secs, "Exit when no server was reached for so long; 0 = never");
  app.add_option("--synthetic-run-secs", flags.synthetic_run_secs,
                 "A made-up device whose runs take so long (tests; the server must allow it)");
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "hone-worker: %s\n", std::string(status.message()).c_str());
  return ExitCodeOf(status);
}

std::string DefaultName(const Flags& flags) {
  char host[64] = "localhost";
  gethostname(host, sizeof(host) - 1);
  std::string roles;
  for (const std::string& role : flags.roles) StrAppend(&roles, roles.empty() ? "" : "+", role);
  return StrCat(roles, "@", host, "-", getpid());
}

absl::StatusOr<RoleFlags> RolesOf(const Flags& flags) {
  RoleFlags roles;
  for (const std::string& role : flags.roles) {
    roles.search = roles.search || role == "search";
    roles.build = roles.build || role == "build";
    roles.run = roles.run || role == "run";
  }
  HONE_ASSIGN_OR_RETURN(roles.measure_cpus, ParseCpuList(flags.measure_cpus));
  roles.build_threads = flags.build_threads;
  roles.target = flags.target;
  roles.plugins = flags.plugins;
  if (flags.synthetic_run_secs >= 0) roles.synthetic_run = absl::Seconds(flags.synthetic_run_secs);
  return roles;
}

// The first signal drains, the second drops what is in hand.
absl::Status RunUntilStopped(Agent& agent) {
  absl::Status status;
  std::atomic<bool> ended{false};
  std::thread thread([&] {
    status = agent.Run();
    ended = true;
  });
  while (!ended) {
    if (!WaitForStopSignal(absl::Milliseconds(100))) continue;
    HONE_LOG(kInfo) << "stopping: finishing what is in hand";
    agent.Stop();
  }
  thread.join();
  return status;
}

int Serve(const Flags& flags) {
  ConfigureLog(flags.log_format, flags.log_level);
  absl::StatusOr<RoleFlags> role_flags = RolesOf(flags);
  if (!role_flags.ok()) return Fail(role_flags.status());
  absl::StatusOr<std::unique_ptr<RoleSet>> roles = MakeRoles(*role_flags);  // Forks: before any thread.
  if (!roles.ok()) return Fail(roles.status());
  BlockStopSignals();
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel =
      WorkerChannel(flags.server, {flags.tls_ca, flags.tls_cert, flags.tls_key});
  if (!channel.ok()) return Fail(channel.status());
  AgentOptions options;
  options.name = flags.name.empty() ? DefaultName(flags) : flags.name;
  options.token = flags.token;
  options.target_json = (*roles)->target_json();
  options.build_kinds = (*roles)->build_kinds();
  options.device = (*roles)->device();
  options.revisions = Revisions{kProtocol, kTraceSemantics, (*roles)->codegen_revision(), kRelease};
  options.build_threads = (*roles)->build_threads();
  options.run_threads = (*roles)->run_threads();
  options.synthetic = role_flags->synthetic_run.has_value();
  if (flags.patience_secs > 0) options.patience = absl::Seconds(flags.patience_secs);
  Agent agent(*channel, options, (*roles)->roles());
  HONE_LOG(kInfo) << "hone-worker " << options.name << " serves " << flags.server;
  absl::Status status = RunUntilStopped(agent);
  return status.ok() ? 0 : Fail(status);
}

}  // namespace
}  // namespace hone

int main(int argc, char** argv) {
  // Debian's build of Abseil looks for lock cycles at every lock, gRPC's included.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  hone::Flags flags;
  CLI::App app("A worker of Hone: searches, builds or measures for a hone-server.", "hone-worker");
  hone::Declare(app, flags);
  hone::AddEnvironment(app);
  int exit_code = 0;
  if (!hone::ParseProgramFlags(app, argc, argv, "hone-worker", hone::kRelease, exit_code)) return exit_code;
  return hone::Serve(flags);
}
