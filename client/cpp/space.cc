#include "client/cpp/space.h"

#include <utility>

#include "client/cpp/named_space.h"
#include "common/support/strings.h"
#include "server/space/default_lists.h"

namespace hone::meta_schedule {

absl::StatusOr<ScheduleRules> CreateScheduleRules(std::string_view kind) { return DefaultScheduleRules(kind); }
absl::StatusOr<Postprocs> CreatePostprocs(std::string_view kind) { return DefaultPostprocs(kind); }
absl::StatusOr<Mutators> CreateMutators(std::string_view kind) { return DefaultMutators(kind); }

absl::StatusOr<std::unique_ptr<SpaceGenerator>> CreateSpaceGenerator(
    std::string_view kind, std::vector<std::unique_ptr<SpaceGenerator>> parts) {
  if (kind == "union") {
    if (parts.empty()) return absl::InvalidArgumentError("space \"union\" needs the generators to unite, got none");
    return std::unique_ptr<SpaceGenerator>(std::make_unique<SpaceGeneratorUnion>(std::move(parts)));
  }
  if (!parts.empty()) {
    return absl::InvalidArgumentError(StrCat("space \"", kind, "\" unites no generators, got ", parts.size()));
  }
  absl::StatusOr<std::unique_ptr<NamedSpace>> named = NamedSpace::Create(std::string(kind));
  if (named.ok()) return std::unique_ptr<SpaceGenerator>(*std::move(named));
  return absl::InvalidArgumentError(
      StrCat(ToStd(named.status().message()), "; expected post-order-apply, hone, a union of them, or a callable"));
}

std::unique_ptr<SpaceGenerator> CreateSpaceGenerator(ScheduleFn::InPlace function) {
  return std::make_unique<ScheduleFn>(ScheduleFn::OfInPlace(std::move(function)));
}

std::unique_ptr<SpaceGenerator> CreateSpaceGenerator(ScheduleFn::ToMany function) {
  return std::make_unique<ScheduleFn>(std::move(function));
}

}  // namespace hone::meta_schedule
