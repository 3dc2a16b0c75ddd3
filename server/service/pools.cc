#include "server/service/pools.h"

#include <algorithm>
#include <utility>

#include "common/support/strings.h"

namespace hone {

bool MayRead(const Identity& who, const std::string& pool) {
  return who.anonymous || pool == who.tenant || pool == kSharedPool ||
         std::find(who.reads.begin(), who.reads.end(), pool) != who.reads.end();
}

absl::StatusOr<std::vector<std::string>> ReadablePools(const Identity& who, std::vector<std::string> asked) {
  for (const std::string& pool : asked) {
    if (!MayRead(who, pool)) return absl::PermissionDeniedError(StrCat("pool \"", pool, "\" is not yours to read"));
  }
  return asked.empty() ? PoolsFor(who) : std::move(asked);
}

absl::StatusOr<std::string> WritablePool(const Identity& who, const std::string& asked) {
  if (who.anonymous) return asked;
  if (!asked.empty() && asked != who.tenant) {
    return absl::PermissionDeniedError(StrCat("pool \"", asked, "\" is not yours to write"));
  }
  return who.tenant;
}

}  // namespace hone
