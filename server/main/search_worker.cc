#include "server/main/search_worker.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "common/support/log.h"

extern char** environ;

namespace hone {
namespace {

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// The variables of this server's own flags are not for its worker. Where it locks while kernels are timed is: a runner
// of this host must find the same lock.
bool IsForWorker(std::string_view variable) {
  return variable.substr(0, 5) != "HONE_" || variable.substr(0, 17) == "HONE_RUNTIME_DIR=";
}

// Everything is prepared before the fork: between fork and exec only calls that are safe there.
pid_t Start(const std::string& binary, const std::vector<std::string>& args, const std::vector<std::string>& added) {
  std::vector<std::string> all_args = {binary};
  all_args.insert(all_args.end(), args.begin(), args.end());
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (IsForWorker(*variable)) environment.emplace_back(*variable);
  }
  environment.insert(environment.end(), added.begin(), added.end());
  std::vector<char*> argv = Pointers(all_args), envp = Pointers(environment);
  pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  setpgid(0, 0);  // Ctrl-C on the server's terminal is the server's.
  execve(binary.c_str(), argv.data(), envp.data());
  _exit(127);
}

}  // namespace

std::string FindWorkerBinary() {
  std::error_code error;
  std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  // A build tree reaches its programs through links; the folder of the call counts there.
  for (const auto& candidate : {here / "hone-worker", here / "../worker/hone-worker"}) {
    if (access(candidate.c_str(), X_OK) == 0) return candidate.string();
  }
  return "";
}

SearchWorker::SearchWorker(std::string binary, std::vector<std::string> args, std::vector<std::string> environment)
    : binary_(std::move(binary)),
      args_(std::move(args)),
      environment_(std::move(environment)),
      thread_([this] { Loop(); }) {}

SearchWorker::~SearchWorker() {
  stopping_ = true;
  thread_.join();
}

void SearchWorker::Loop() {
  using std::chrono::milliseconds;
  using std::chrono::steady_clock;
  auto backoff = milliseconds(200);
  while (!stopping_) {
    auto started = steady_clock::now();
    pid_t child = Start(binary_, args_, environment_);
    if (child < 0) {
      HONE_LOG(kError) << "cannot start the search worker";
      return;
    }
    int status = 0;
    auto kill_at = steady_clock::time_point::max();
    while (waitpid(child, &status, WNOHANG) == 0) {
      if (stopping_ && kill_at == steady_clock::time_point::max()) {
        kill(child, SIGTERM);
        kill_at = steady_clock::now() + std::chrono::seconds(3);
      }
      if (steady_clock::now() >= kill_at) kill(child, SIGKILL);
      std::this_thread::sleep_for(milliseconds(20));
    }
    if (stopping_) return;
    HONE_LOG(kWarning) << "the search worker ended, starting another status=" << status;
    if (steady_clock::now() - started > std::chrono::seconds(30)) backoff = milliseconds(200);
    for (auto end = steady_clock::now() + backoff; steady_clock::now() < end && !stopping_;) {
      std::this_thread::sleep_for(milliseconds(20));
    }
    backoff = std::min(backoff * 2, milliseconds(10'000));
  }
}

}  // namespace hone
