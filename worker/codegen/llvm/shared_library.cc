#include "worker/codegen/llvm/shared_library.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include "common/support/status_macros.h"
#include "common/support/strings.h"

extern char** environ;

namespace hone::codegen {

namespace {

namespace fs = std::filesystem;

// A folder that goes with this object.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (fs::temp_directory_path() / "hone-link-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string ReadAll(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// The exit status, or -1 when the program cannot be started. Its messages go to `log`.
int Run(std::vector<std::string> command, const fs::path& log) {
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (failed != 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

}  // namespace

absl::StatusOr<std::string> LinkSharedLibrary(std::string_view object) {
  const ScratchFolder folder;
  if (folder.path().empty()) return absl::UnavailableError("no folder can be made in the temporary directory");
  const fs::path in = folder.path() / "kernel.o", out = folder.path() / "kernel.so", log = folder.path() / "log";
  std::ofstream(in, std::ios::binary) << object;
  for (const char* linker : {"ld.lld", "ld.lld-22", "ld"}) {
    const int code = Run({linker, "-shared", "--eh-frame-hdr", "-z", "relro", "-z", "noexecstack", "-o", out.string(),
                          in.string(), "-L/usr/lib/x86_64-linux-gnu", "-L/usr/lib64", "-l:libgomp.so.1", "-l:libm.so.6",
                          "-l:libc.so.6", "--as-needed"},
                         log);
    if (code == 0) return ReadAll(out);
    if (code > 0 && code != 127) return absl::InternalError(StrCat(linker, ": ", ReadAll(log)));
  }
  return absl::FailedPreconditionError("neither ld.lld nor ld is installed: a shared library cannot be linked");
}

}  // namespace hone::codegen
