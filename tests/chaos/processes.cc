#include "tests/chaos/processes.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace hone::testing {

Process::Process(std::string binary, std::vector<std::string> args, std::string log)
    : binary_(std::move(binary)), args_(std::move(args)), log_(std::move(log)) {
  Start();
}

Process::~Process() { Kill(); }

void Process::Start() {
  std::vector<char*> argv = {const_cast<char*>(binary_.c_str())};
  for (const std::string& arg : args_) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int log = open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(log, 1);
  dup2(log, 2);
  execv(binary_.c_str(), argv.data());
  _exit(127);
}

void Process::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

int Process::Terminate() {
  int status = 0;
  if (pid_ <= 0) return status;
  kill(pid_, SIGTERM);
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

bool Process::running() {
  if (pid_ <= 0) return false;
  if (waitpid(pid_, nullptr, WNOHANG) == 0) return true;
  pid_ = -1;
  return false;
}

std::string BuiltBinary(const std::string& path) {
  const char* folder = std::getenv("TEST_SRCDIR");
  return folder == nullptr ? "bazel-bin/" + path : std::string(folder) + "/hone/" + path;
}

}  // namespace hone::testing
