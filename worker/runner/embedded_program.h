// Programs that lie inside of this one: a worker is one file, and what it starts always fits it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace hone::runner {

struct EmbeddedProgram {
  const char* name;       // As ps shows it.
  std::string_view what;  // Begins error messages: "sandbox zygote".
  const uint8_t* begin;
  const uint8_t* end;
  int socket;  // The descriptor under which it finds its end of the socket.
};

struct SpawnedProgram {
  pid_t pid;
  int socket;  // Our end, of packets that keep their borders; the caller closes it.
};

// Starts it from memory, in a process group of its own, with all signals at their defaults and `environment` alone,
// in which the libraries of a worker bundle come first on the loader's path.
// Unavailable with what failed.
absl::StatusOr<SpawnedProgram> SpawnEmbedded(const EmbeddedProgram& program, std::vector<std::string> environment);

}  // namespace hone::runner
