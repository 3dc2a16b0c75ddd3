// What `hone doctor` looks at on this machine.
#pragma once

#include <string>
#include <vector>

namespace hone::cli {

enum class Health { kGood, kNote, kBad };  // kNote: works, with something to know.

struct Finding {
  std::string subject;  // "cpu", "sandbox: seccomp", ...
  Health health;
  std::string text;  // What was found, and what to do where it is not good.
};

// Target and cores, memory, clock and governor, layers of the sandbox, libraries that are opened at run time, disk.
std::vector<Finding> CheckMachine();

}  // namespace hone::cli
