// Real processes of a farm that a test may kill and start again.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace hone::testing {

// Ended with SIGKILL when the object goes.
class Process {
 public:
  // Output goes to `log`.
  Process(std::string binary, std::vector<std::string> args, std::string log);
  ~Process();
  Process(const Process&) = delete;

  void Start();
  void Kill();      // SIGKILL, and waits.
  int Terminate();  // SIGTERM, and waits; the wait status.
  bool running();
  pid_t pid() const { return pid_; }

 private:
  const std::string binary_;
  const std::vector<std::string> args_;
  const std::string log_;
  pid_t pid_ = -1;
};

// A binary that Bazel built: "server/hone-server".
std::string BuiltBinary(const std::string& path);

}  // namespace hone::testing
