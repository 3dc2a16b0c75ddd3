#include "client/cpp/space.h"

#include <utility>

#include "common/support/strings.h"
#include "server/space/default_lists.h"

namespace hone::meta_schedule {

absl::StatusOr<ScheduleRules> CreateScheduleRules(std::string_view kind) { return DefaultScheduleRules(kind); }
absl::StatusOr<Postprocs> CreatePostprocs(std::string_view kind) { return DefaultPostprocs(kind); }
absl::StatusOr<Mutators> CreateMutators(std::string_view kind) { return DefaultMutators(kind); }

absl::StatusOr<std::unique_ptr<SpaceGenerator>> CreateSpaceGenerator(
    std::string_view kind, std::vector<std::unique_ptr<SpaceGenerator>> parts) {
  if (kind == "post-order-apply") return std::unique_ptr<SpaceGenerator>(std::make_unique<PostOrderApply>());
  if (kind == "union") {
    if (parts.empty()) return absl::InvalidArgumentError("space \"union\" needs the generators to unite, got none");
    return std::unique_ptr<SpaceGenerator>(std::make_unique<SpaceGeneratorUnion>(std::move(parts)));
  }
  return absl::InvalidArgumentError(
      StrCat("space generator \"", kind, "\", expected post-order-apply, union, or a callable"));
}

std::unique_ptr<SpaceGenerator> CreateSpaceGenerator(ScheduleFn::InPlace function) {
  return std::make_unique<ScheduleFn>(ScheduleFn::OfInPlace(std::move(function)));
}

std::unique_ptr<SpaceGenerator> CreateSpaceGenerator(ScheduleFn::ToMany function) {
  return std::make_unique<ScheduleFn>(std::move(function));
}

}  // namespace hone::meta_schedule
