// A PostgreSQL cluster of the test's own: initdb in a temporary folder, a unix socket in it, gone with the object.
// Works as root (PostgreSQL then runs as the user postgres) and as a plain user.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace hone::testing {

struct ClusterOptions {
  std::string folder;    // Kept, and used again when a cluster is in it; empty = a temporary one.
  std::string settings;  // Further options of the server: "-c shared_buffers=1GB".
  // The server stays a descendant of this process, so that who measures or stops this one has it too.
  bool stays_descendant = false;
};

class PrivateCluster {
 public:
  // Takes some seconds. NotFound when PostgreSQL's programs are not installed.
  static absl::StatusOr<std::unique_ptr<PrivateCluster>> Start(const ClusterOptions& options = {});
  ~PrivateCluster();

  // Of a fresh, empty database in the cluster.
  std::string NewDatabase();
  // VACUUM (ANALYZE) of all tables of the database.
  void Vacuum(const std::string& name);
  // The same database for another role, which is created when it is missing: it may log in and owns nothing.
  std::string AsRole(const std::string& url, const std::string& role);
  // URL of a database that may be there already; creates it when it is not.
  std::string Database(const std::string& name);
  const std::string& folder() const { return folder_; }
  void Stop();
  // kill -9 of all of it, and starting it again on the same files.
  void Kill();
  void Restart();

 private:
  PrivateCluster() = default;
  absl::Status Run(const std::string& program, const std::string& args) const;

  std::string folder_;
  std::string settings_;
  bool keep_ = false;
  int databases_ = 0;
};

// One cluster for all tests of a process.
PrivateCluster& SharedCluster();

}  // namespace hone::testing
