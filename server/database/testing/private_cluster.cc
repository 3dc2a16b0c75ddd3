#include "server/database/testing/private_cluster.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "common/support/check.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::testing {
namespace {

std::string ProgramsFolder() {
  std::string newest;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", error)) {
    std::string folder = entry.path().string() + "/bin";
    if (access((folder + "/initdb").c_str(), X_OK) == 0 && folder > newest) newest = folder;
  }
  return newest;
}

std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::ifstream file(StrCat("/proc/", pid, "/task/", pid, "/children"));
  std::vector<pid_t> children;
  for (pid_t child; file >> child;) children.push_back(child);
  return children;
}

// Also when nobody has taken its exit status yet.
bool HasEnded(pid_t pid) {
  std::ifstream file(StrCat("/proc/", pid, "/stat"));
  std::string text;
  std::getline(file, text);
  const size_t name_end = text.rfind(')');
  return name_end == std::string::npos || text.compare(name_end, 3, ") Z") == 0;
}

}  // namespace

absl::Status PrivateCluster::Run(const std::string& program, const std::string& args) const {
  std::string as_user = geteuid() == 0 ? "setpriv --reuid=postgres --regid=postgres --init-groups " : "";
  std::string command =
      StrCat("cd / && ", as_user, ProgramsFolder(), "/", program, " ", args, " >>", folder_, "/log 2>&1 </dev/null");
  if (std::system(command.c_str()) == 0) return absl::OkStatus();
  std::ifstream log(folder_ + "/log");
  std::string text((std::istreambuf_iterator<char>(log)), std::istreambuf_iterator<char>());
  return absl::UnavailableError(StrCat(program, " failed: ", text));
}

absl::StatusOr<std::unique_ptr<PrivateCluster>> PrivateCluster::Start(const ClusterOptions& options) {
  if (ProgramsFolder().empty()) return absl::NotFoundError("PostgreSQL is not installed");
  // pg_ctl leaves the server to us, not to init.
  if (options.stays_descendant) prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::unique_ptr<PrivateCluster> cluster(new PrivateCluster);
  cluster->settings_ = options.settings;
  cluster->keep_ = !options.folder.empty();
  char temporary[] = "/tmp/hone-pg.XXXXXX";  // Unix sockets have short paths.
  if (!cluster->keep_ && mkdtemp(temporary) == nullptr) return absl::UnavailableError("no temporary folder");
  cluster->folder_ = cluster->keep_ ? options.folder : temporary;
  const std::string& folder = cluster->folder_;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (geteuid() == 0 && std::system(StrCat("chown postgres: ", folder).c_str()) != 0) {
    return absl::UnavailableError("cannot give the folder to the user postgres");
  }
  if (!std::filesystem::exists(folder + "/data/PG_VERSION")) {
    HONE_RETURN_IF_ERROR(cluster->Run(
        "initdb",
        StrCat("-D ", folder, "/data -U hone -A trust -E UTF8 --locale=C.UTF-8 --no-instructions --no-sync")));
  }
  cluster->Restart();
  return cluster;
}

void PrivateCluster::Restart() {
  std::string options = StrCat("\"-c listen_addresses='' -c unix_socket_directories='", folder_, "' ", settings_, "\"");
  HONE_CHECK_OK(
      Run("pg_ctl", StrCat("-D ", folder_, "/data -l ", folder_, "/server.log -w -t 60 -o ", options, " start")));
}

void PrivateCluster::Stop() { HONE_CHECK_OK(Run("pg_ctl", StrCat("-D ", folder_, "/data -m fast -w -t 300 stop"))); }

void PrivateCluster::Kill() {
  std::ifstream pid_file(folder_ + "/data/postmaster.pid");
  pid_t pid = 0;
  pid_file >> pid;
  if (pid <= 0) return;
  std::vector<pid_t> processes = ChildrenOf(pid);  // They notice and end, too.
  processes.push_back(pid);
  kill(pid, SIGKILL);
  for (int i = 0; i < 500 && !std::all_of(processes.begin(), processes.end(), HasEnded); ++i) usleep(10'000);
}

std::string PrivateCluster::NewDatabase() {
  std::string name = StrCat("t", ++databases_);
  HONE_CHECK_OK(Run("createdb", StrCat("-h ", folder_, " -U hone ", name)));
  return StrCat("postgresql:///", name, "?host=", folder_, "&user=hone");
}

std::string PrivateCluster::Database(const std::string& name) {
  (void)Run("createdb", StrCat("-h ", folder_, " -U hone ", name));  // Fails when it is there.
  return StrCat("postgresql:///", name, "?host=", folder_, "&user=hone");
}

void PrivateCluster::Vacuum(const std::string& name) {
  HONE_CHECK_OK(Run("vacuumdb", StrCat("-h ", folder_, " -U hone -z ", name)));
}

std::string PrivateCluster::AsRole(const std::string& url, const std::string& role) {
  HONE_CHECK_OK(Run("psql", StrCat("-h ", folder_, " -U hone postgres -qc \"DO \\$\\$ BEGIN CREATE ROLE ", role,
                                   " LOGIN; EXCEPTION WHEN duplicate_object THEN END \\$\\$\"")));
  return url.substr(0, url.find("&user=")) + "&user=" + role;
}

PrivateCluster::~PrivateCluster() {
  (void)Run("pg_ctl", StrCat("-D ", folder_, "/data -m ", keep_ ? "fast" : "immediate", " -w -t 300 stop"));
  std::error_code error;
  if (!keep_) std::filesystem::remove_all(folder_, error);
}

PrivateCluster& SharedCluster() {
  static std::unique_ptr<PrivateCluster> cluster = [] {
    auto started = PrivateCluster::Start();
    HONE_CHECK_OK(started.status());
    return *std::move(started);
  }();
  return *cluster;
}

}  // namespace hone::testing
