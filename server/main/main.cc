// hone-server: the coordinator, its services and its store.
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/synchronization/mutex.h"
#include "common/record/trace_semantics.h"
#include "common/support/exit_code.h"
#include "common/support/log.h"
#include "common/support/program_flags.h"
#include "common/support/status_macros.h"
#include "common/support/stop_signal.h"
#include "common/support/strings.h"
#include "common/wire/protocol.h"
#include "server/database/postgres_migrations.h"
#include "server/http/http_server.h"
#include "server/main/open_store.h"
#include "server/main/search_worker.h"
#include "server/service/gate.h"
#include "server/service/limits.h"
#include "server/service/server.h"

namespace hone {
namespace {

struct Flags {
  std::string listen = "127.0.0.1:50151";
  std::string database = "memory:";
  std::string http;
  std::string tokens, limits, tls_cert, tls_key, tls_client_ca;
  std::string worker_binary;
  std::vector<std::string> plugins;
  std::string log_format = "text", log_level = "info";
  bool no_search_worker = false;
  bool allow_synthetic = false;
  bool http_public = false;
  int max_trace_instructions = kMaxTraceInstructions;
  double heartbeat_secs = 5;
  double lease_secs = 15;
  int64_t keep_failures = FailureRetention().per_workload;
  double keep_failures_days = absl::ToDoubleHours(FailureRetention().max_age) / 24;
};

struct MigrateFlags {
  std::string database, grant_to;
};

struct TokenFlags {
  std::string name, tenant, roles = "user", file;
  double days = 90;
};

void Declare(CLI::App& app, Flags& flags) {
  app.add_option("--listen", flags.listen, "Address: host:port (port 0 = any) or unix:/path")->capture_default_str();
  app.add_option("--database", flags.database, "postgresql://..., json:DIR or memory:")->capture_default_str();
  app.add_option("--http", flags.http, "host:port for /metrics and /healthz; empty = off");
  app.add_flag("--http-public", flags.http_public, "Allow --http an address that others reach: no TLS, no identities");
  app.add_option("--max-trace-instructions", flags.max_trace_instructions, "Longer traces are refused")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--tokens", flags.tokens, "File of token hashes (hone-server token new); empty = nobody needs one");
  app.add_option("--limits", flags.limits, "File of the tenants' quotas, rates and shares (JSON)");
  app.add_option("--tls-cert", flags.tls_cert, "Certificate of this server (PEM)");
  app.add_option("--tls-key", flags.tls_key, "Key of --tls-cert (PEM)");
  app.add_option("--tls-client-ca", flags.tls_client_ca, "Clients need a certificate of this authority (PEM)");
  app.add_option("--worker-binary", flags.worker_binary, "The hone-worker for the search worker of this host");
  app.add_option("--plugin", flags.plugins,
                 "Plug-in (FILE.so) that jobs may use in this host's search worker; repeatable");
  app.add_option("--log-format", flags.log_format, "text or json")->check(CLI::IsMember({"text", "json"}));
  app.add_option("--log-level", flags.log_level, "debug shows every lease")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.add_option("--heartbeat-secs", flags.heartbeat_secs, "Workers report this often")->check(CLI::Range(0.05, 60.0));
  app.add_option("--lease-secs", flags.lease_secs, "A worker silent for so long is lost")
      ->check(CLI::Range(0.2, 600.0));
  app.add_option("--keep-failures", flags.keep_failures, "Failed records kept of each workload, the latest")
      ->capture_default_str();
  app.add_option("--keep-failures-days", flags.keep_failures_days, "Failed records are kept for so many days")
      ->capture_default_str();
  app.add_flag("--no-search-worker", flags.no_search_worker, "Do not start a search worker on this host");
  app.add_flag("--allow-synthetic", flags.allow_synthetic, "Accept workers with made-up devices (tests)");
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "hone-server: %s\n", std::string(status.message()).c_str());
  return ExitCodeOf(status);
}

// A folder that only this user can enter, for the socket of the server's own worker.
class PrivateFolder {
 public:
  PrivateFolder() {
    char path[] = "/tmp/hone-server.XXXXXX";
    if (mkdtemp(path) != nullptr) path_ = path;
  }
  ~PrivateFolder() {
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

ServerOptions OptionsOf(const Flags& flags, const PrivateFolder& folder) {
  ServerOptions options;
  options.listen = flags.listen;
  if (!flags.no_search_worker && !folder.path().empty()) options.private_listen = "unix:" + folder.path() + "/s";
  options.token_file = flags.tokens;
  options.tls_cert = flags.tls_cert;
  options.tls_key = flags.tls_key;
  options.tls_client_ca = flags.tls_client_ca;
  options.driver.revisions = Revisions{kProtocol, kTraceSemantics, "", kRelease};
  options.driver.max_trace_instructions = flags.max_trace_instructions;
  options.driver.allow_synthetic = flags.allow_synthetic;
  options.retention.per_workload = flags.keep_failures;
  options.retention.max_age = flags.keep_failures_days * absl::Hours(24);
  options.driver.coordinator.heartbeat = absl::Seconds(flags.heartbeat_secs);
  options.driver.coordinator.lease_timeout = absl::Seconds(flags.lease_secs);
  return options;
}

std::unique_ptr<SearchWorker> StartSearchWorker(const Flags& flags, const ServerOptions& options, Server& server) {
  if (flags.no_search_worker) return nullptr;
  std::string binary = flags.worker_binary.empty() ? FindWorkerBinary() : flags.worker_binary;
  if (binary.empty()) {
    HONE_LOG(kWarning) << "no hone-worker beside this program: start a search worker yourself";
    return nullptr;
  }
  char host[64] = "localhost";
  gethostname(host, sizeof(host) - 1);
  std::vector<std::string> args = {"--server", options.private_listen, "--roles", "search",
                                   "--name",   StrCat("search@", host)};
  for (const std::string& plugin : flags.plugins) args.insert(args.end(), {"--plugin", plugin});
  std::vector<std::string> environment;
  if (!server.worker_token().empty()) environment.push_back("HONE_TOKEN=" + server.worker_token());
  return std::make_unique<SearchWorker>(std::move(binary), std::move(args), std::move(environment));
}

// Every worker and client is a file descriptor: as many as this process may have.
void RaiseFileLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Serve(const Flags& flags) {
  if (flags.no_search_worker && !flags.plugins.empty()) {
    return Fail(absl::InvalidArgumentError(
        "--plugin is for the search worker of this host, and --no-search-worker starts none: give --plugin to the "
        "search workers that you start"));
  }
  RaiseFileLimit();
  ConfigureLog(flags.log_format, flags.log_level);
  BlockStopSignals();
  if (!flags.http.empty()) {  // Before anything is taken or changed.
    const absl::Status http_address = HttpServer::CheckAddress(flags.http, flags.http_public);
    if (!http_address.ok()) return Fail(http_address);
  }
  PrivateFolder folder;
  ServerOptions options = OptionsOf(flags, folder);
  if (!flags.limits.empty()) {
    absl::StatusOr<Limits> limits = LimitsFromFile(flags.limits);
    if (!limits.ok()) return Fail(limits.status());
    options.driver.limits = *std::move(limits);
  }
  absl::StatusOr<std::unique_ptr<Store>> store = OpenStore(flags.database);
  if (!store.ok()) return Fail(store.status());
  std::atomic<bool> deposed{false};
  auto fatal = [&deposed](absl::Status status) {
    HONE_LOG(kError) << "this server must stop: " << status.ToString();
    deposed = true;
  };
  absl::StatusOr<std::unique_ptr<Server>> server = absl::UnavailableError("");
  bool waiting = false;
  while (true) {  // As standby until the lead is free.
    server = Server::Start(std::move(*store), options, fatal);
    if (server.ok() || !absl::IsUnavailable(server.status()) || !Server::IsStandby(server.status())) break;
    if (!waiting) {
      HONE_LOG(kInfo) << "standby: " << server.status().message();
    }
    waiting = true;
    if (WaitForStopSignal(absl::Milliseconds(500))) return 0;
    store = OpenStore(flags.database);
    if (!store.ok()) return Fail(store.status());
  }
  if (!server.ok()) return Fail(server.status());
  std::unique_ptr<HttpServer> http;
  if (!flags.http.empty()) {
    absl::StatusOr<std::unique_ptr<HttpServer>> started =
        HttpServer::Start(flags.http, flags.http_public, (*server)->driver());
    if (!started.ok()) return Fail(started.status());
    http = *std::move(started);
  }
  HONE_LOG(kInfo) << "hone-server listens on " << (*server)->address();
  std::unique_ptr<SearchWorker> search = StartSearchWorker(flags, options, **server);
  while (!deposed && !WaitForStopSignal(absl::Milliseconds(200))) {
  }
  search.reset();
  http.reset();
  (*server)->Stop();
  HONE_LOG(kInfo) << "hone-server stopped";
  return deposed ? 5 : 0;
}

// Run by the owner of the tables, before a server that may not change them.
int Migrate(const MigrateFlags& flags) {
  absl::Status status = MigratePostgres(flags.database);
  if (status.ok() && !flags.grant_to.empty()) status = GrantToServer(flags.database, flags.grant_to);
  return status.ok() ? 0 : Fail(status);
}

int NewTokenCommand(const TokenFlags& flags) {
  absl::Time expires = flags.days > 0 ? absl::Now() + flags.days * absl::Hours(24) : absl::InfiniteFuture();
  absl::StatusOr<NewToken> made = MakeToken(flags.name, flags.tenant, flags.roles, expires);
  if (!made.ok()) return Fail(made.status());
  if (flags.file.empty()) {
    std::fprintf(stderr, "add this line to the file of --tokens:\n%s\n", made->line.c_str());
  } else {
    FILE* file = std::fopen(flags.file.c_str(), "a");
    if (file == nullptr) return Fail(absl::PermissionDeniedError("cannot write " + flags.file));
    std::fprintf(file, "%s\n", made->line.c_str());
    std::fclose(file);
  }
  std::printf("%s\n", made->token.c_str());
  return 0;
}

int Main(int argc, char** argv) {
  Flags flags;
  TokenFlags token;
  CLI::App app("The coordinator of Hone: jobs, records and workers.", "hone-server");
  Declare(app, flags);
  CLI::App* tokens = app.add_subcommand("token", "Tokens for clients and workers");
  tokens->require_subcommand(1);
  CLI::App* make = tokens->add_subcommand("new", "Make a token; prints it once, keeps only its hash");
  make->add_option("--name", token.name, "Whose it is")->required();
  make->add_option("--tenant", token.tenant, "Tenant");
  make->add_option("--roles", token.roles, "reader,user,operator,worker,curator")->capture_default_str();
  make->add_option("--days", token.days, "Valid for so many days; 0 = for ever")->capture_default_str();
  make->add_option("--file", token.file, "Append the hash to this file of --tokens");
  MigrateFlags migrate;
  CLI::App* steps = app.add_subcommand("migrate", "Bring a PostgreSQL database to this program's schema, and end");
  steps->add_option("--database", migrate.database, "postgresql://..., as the role that owns the tables")->required();
  steps->add_option("--grant-to", migrate.grant_to, "Give this role what hone-server needs, and no more");
  AddEnvironment(app);
  int exit_code = 0;
  if (!ParseProgramFlags(app, argc, argv, "hone-server", kRelease, exit_code)) return exit_code;
  if (steps->parsed()) return Migrate(migrate);
  return make->parsed() ? NewTokenCommand(token) : Serve(flags);
}

}  // namespace
}  // namespace hone

int main(int argc, char** argv) {
  // Debian's build of Abseil looks for lock cycles at every lock, gRPC's included: a third of what a connection costs.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return hone::Main(argc, argv);
}
