#include "worker/runner/embedded_program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::runner {
namespace {

absl::Status Errno(const EmbeddedProgram& program, std::string_view what) {
  return absl::UnavailableError(ToAbsl(StrCat(program.what, ": ", what, ": ", std::strerror(errno))));
}

// A descriptor well above those that the spawned process gets.
int MoveUp(int fd) {
  const int high = fcntl(fd, F_DUPFD_CLOEXEC, 16);
  close(fd);
  return high;
}

absl::StatusOr<int> WriteImage(const EmbeddedProgram& program) {
  int fd = memfd_create(program.name, MFD_CLOEXEC);
  if (fd < 0) return Errno(program, "memfd_create");
  fd = MoveUp(fd);
  const size_t bytes = static_cast<size_t>(program.end - program.begin);
  for (size_t written = 0; written < bytes;) {
    const ssize_t n = write(fd, program.begin + written, bytes - written);
    if (n <= 0) {
      close(fd);
      return Errno(program, "writing the image");
    }
    written += static_cast<size_t>(n);
  }
  return fd;
}

absl::StatusOr<pid_t> SpawnImage(const EmbeddedProgram& program, int image, int socket,
                                 std::vector<std::string>& environment) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, socket, program.socket);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  // A group of its own: Ctrl-C at the terminal is the worker's to handle.
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  const std::string path = StrCat("/proc/self/fd/", image);
  std::string name = program.name;
  char* argv[] = {name.data(), nullptr};
  std::vector<char*> envp;
  for (std::string& entry : environment) envp.push_back(entry.data());
  envp.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, path.c_str(), &actions, &attributes, argv, envp.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error == 0) return pid;
  errno = error;
  return Errno(program, "posix_spawn");
}

// Where a worker bundle has its libraries, beside the program's folder. The image has no place of its own on disk, from
// which its loader could find them.
void AddLibraryPath(std::vector<std::string>& environment) {
  constexpr std::string_view kName = "LD_LIBRARY_PATH=";
  char program[4096];
  const ssize_t size = readlink("/proc/self/exe", program, sizeof(program));
  const std::string path(program, size > 0 && size < static_cast<ssize_t>(sizeof(program)) ? size : 0);
  const std::string ours = StrCat(kName, path.substr(0, path.rfind('/') + 1), "../lib");
  for (std::string& entry : environment) {
    if (entry.compare(0, kName.size(), kName) != 0) continue;
    entry = StrCat(ours, ":", entry.substr(kName.size()));
    return;
  }
  environment.push_back(ours);
}

}  // namespace

absl::StatusOr<SpawnedProgram> SpawnEmbedded(const EmbeddedProgram& program, std::vector<std::string> environment) {
  AddLibraryPath(environment);
  HONE_ASSIGN_OR_RETURN(const int image, WriteImage(program));
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
    const absl::Status failed = Errno(program, "socketpair");
    close(image);
    return failed;
  }
  const int ours = MoveUp(sockets[0]);
  const int theirs = MoveUp(sockets[1]);
  const absl::StatusOr<pid_t> pid = SpawnImage(program, image, theirs, environment);
  close(image);
  close(theirs);
  if (!pid.ok()) {
    close(ours);
    return pid.status();
  }
  return SpawnedProgram{*pid, ours};
}

}  // namespace hone::runner
