// A PostgreSQL cluster of the test's own: initdb in a temporary folder, a unix socket in it, gone with the object.
// Works as root (PostgreSQL then runs as the user postgres) and as a plain user.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace hone::testing {

class PrivateCluster {
 public:
  // Takes some seconds. NotFound when PostgreSQL's programs are not installed.
  static absl::StatusOr<std::unique_ptr<PrivateCluster>> Start();
  ~PrivateCluster();

  // Of a fresh, empty database in the cluster.
  std::string NewDatabase();
  // kill -9 of all of it, and starting it again on the same files.
  void Kill();
  void Restart();

 private:
  PrivateCluster() = default;
  absl::Status Run(const std::string& program, const std::string& args) const;

  std::string folder_;
  int databases_ = 0;
};

// One cluster for all tests of a process.
PrivateCluster& SharedCluster();

}  // namespace hone::testing
