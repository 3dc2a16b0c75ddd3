// What a worker process can do, made from its flags.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "worker/agent/agent.h"

namespace hone {

struct RoleFlags {
  bool search = false, build = false, run = false;
  std::vector<int> measure_cpus;                // Empty = one a physical core.
  int build_threads = 0;                        // 0 = one a physical core.
  std::string target;                           // As --target; empty = this machine, and builds of every kind.
  std::vector<std::string> plugins;             // Of the search role: shared libraries that jobs may name.
  std::optional<absl::Duration> synthetic_run;  // Made-up device.
};

// Owns the objects behind the roles.
class RoleSet {
 public:
  virtual ~RoleSet() = default;
  virtual AgentRoles roles() = 0;
  virtual int build_threads() const = 0;
  virtual int run_threads() const = 0;  // Devices.
  virtual std::string target_json() const = 0;
  virtual std::vector<std::string> build_kinds() const = 0;  // As AgentOptions has them.
  virtual DeviceFingerprint device() const = 0;
  virtual std::string codegen_revision() const = 0;
};

// Forks helpers: call it before any thread exists. InvalidArgument for a bad target.
absl::StatusOr<std::unique_ptr<RoleSet>> MakeRoles(const RoleFlags& flags);

// "0,2-3" as {0, 2, 3}.
absl::StatusOr<std::vector<int>> ParseCpuList(const std::string& text);

}  // namespace hone
