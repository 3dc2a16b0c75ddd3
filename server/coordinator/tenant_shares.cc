#include "server/coordinator/tenant_shares.h"

#include <algorithm>
#include <limits>

namespace hone {

TenantShares::Share& TenantShares::JobStarted(const std::string& tenant) {
  Share& share = shares_[tenant];
  if (share.jobs++ > 0) return share;
  for (int role = 0; role < kNumRoles; ++role) {
    double least = std::numeric_limits<double>::infinity();
    for (const auto& [name, other] : shares_) {
      if (&other != &share && other.jobs > 0) least = std::min(least, other.used_secs[role]);
    }
    if (least < std::numeric_limits<double>::infinity()) share.used_secs[role] = std::max(share.used_secs[role], least);
  }
  return share;
}

}  // namespace hone
