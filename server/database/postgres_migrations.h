// The schema of Hone in PostgreSQL, as steps that only go forward. A server brings the database to its own step when it
// starts, under a lock; it refuses one that a newer release has changed.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace hone {

// Unavailable: no connection; FailedPrecondition: the database is newer than this program.
absl::Status MigratePostgres(const std::string& url);

}  // namespace hone
