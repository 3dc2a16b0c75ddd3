// Who is next when tenants compete for workers: the one that has had the least, by worker seconds of a role over its
// weight. A tenant that had nothing to do for a while gets no credit for it. Not thread-safe.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>

#include "server/coordinator/actions.h"

namespace hone {

class TenantShares {
 public:
  struct Share {
    std::array<double, kNumRoles> used_secs{};  // Over weight; only differences matter.
    double weight = 1;
    int jobs = 0;  // That have not ended.
  };

  // Twice the weight, twice the workers. Positive.
  void SetWeight(std::string_view tenant, double weight) { shares_[std::string(tenant)].weight = weight; }
  // A job of the tenant starts or ends. The pointer stays valid.
  Share& JobStarted(const std::string& tenant);
  static void JobEnded(Share& share) { --share.jobs; }
  // Worker time given (or, negative, given back).
  static void Charge(Share& share, WorkerRole role, double secs) {
    share.used_secs[static_cast<int>(role)] += secs / share.weight;
  }

 private:
  std::map<std::string, Share, std::less<>> shares_;
};

}  // namespace hone
