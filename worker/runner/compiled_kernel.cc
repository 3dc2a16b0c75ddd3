#include "worker/runner/compiled_kernel.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace hone::runner {

absl::StatusOr<std::string> CompileKernel(std::string_view source, std::string_view flags) {
  const char* folder = std::getenv("TEST_TMPDIR");
  std::string path = std::string(folder == nullptr ? "/tmp" : folder) + "/kernel-XXXXXX";
  const int fd = mkstemp(path.data());
  if (fd < 0) return absl::InternalError("mkstemp");
  close(fd);
  std::ofstream(path + ".c") << "#include <stdint.h>\n#include <stddef.h>\n" << source;
  const std::string command = "gcc " + std::string(flags) + " -w -c " + path + ".c -o " + path + ".o";
  const int code = std::system(command.c_str());
  std::stringstream bytes;
  if (code == 0) bytes << std::ifstream(path + ".o", std::ios::binary).rdbuf();
  for (const char* suffix : {"", ".c", ".o"}) unlink((path + suffix).c_str());
  if (code != 0) return absl::InternalError("gcc failed");
  return bytes.str();
}

}  // namespace hone::runner
