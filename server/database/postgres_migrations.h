// The schema of Hone in PostgreSQL, as steps that only go forward. A server brings the database to its own step when it
// starts, under a lock; it refuses one that a newer release has changed, one whose steps were not those of this
// program, and one from which somebody took a table, a column or an index away.
//
// The role that runs the steps owns the tables. A server may also run as a role that owns nothing (GrantToServer): it
// then checks, and asks for `hone-server migrate` when steps are missing.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace hone {

// Unavailable: no connection. FailedPrecondition: the database is newer than this program, was tampered with, or needs
// steps that this role may not run. `up_to` is for tests of upgrades: 0 = all steps.
absl::Status MigratePostgres(const std::string& url, int up_to = 0);

// Gives an existing role what a server needs and no more: it reads, inserts, changes jobs and the leader's epoch, and
// deletes only failures that retention lets go. NotFound: no such role.
absl::Status GrantToServer(const std::string& owner_url, std::string_view role);

}  // namespace hone
