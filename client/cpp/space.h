// Design spaces: generators, schedule rules, postprocs and mutators. The classes are those of server/space, from which
// one's own derive; this header gives them their factories.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/space/mutator.h"
#include "server/space/postproc.h"
#include "server/space/schedule_rule.h"
#include "server/space/space_generator.h"

namespace hone::meta_schedule {

using ::hone::Mutator;
using ::hone::Mutators;  // Each with its probability.
using ::hone::PostOrderApply;
using ::hone::Postproc;
using ::hone::Postprocs;
using ::hone::ScheduleFn;
using ::hone::ScheduleRule;
using ::hone::ScheduleRules;
using ::hone::SpaceGenerator;
using ::hone::SpaceGeneratorUnion;

// The default lists of a kind: "llvm", "vnni", "avx512", "asimd", "dotprod", "cuda", "cuda-tensorcore", "hexagon".
// InvalidArgument, naming the kinds, for another.
absl::StatusOr<ScheduleRules> CreateScheduleRules(std::string_view kind);
absl::StatusOr<Postprocs> CreatePostprocs(std::string_view kind);
absl::StatusOr<Mutators> CreateMutators(std::string_view kind);

// "post-order-apply" (default; TVM's), "hone" (with rules of Hone's own; what `hone tune` takes), either with a kind,
// as in "hone(llvm)", "union(NAME, NAME, ...)", or "union" of `parts`. The lists are filled in by the target's kind
// when it is initialised. InvalidArgument, naming the nearest, for another, and for a union of nothing.
absl::StatusOr<std::unique_ptr<SpaceGenerator>> CreateSpaceGenerator(
    std::string_view kind = "post-order-apply", std::vector<std::unique_ptr<SpaceGenerator>> parts = {});
// From a callable that takes a fresh schedule: one that works in place, or one that returns any number of schedules.
std::unique_ptr<SpaceGenerator> CreateSpaceGenerator(ScheduleFn::InPlace function);
std::unique_ptr<SpaceGenerator> CreateSpaceGenerator(ScheduleFn::ToMany function);

}  // namespace hone::meta_schedule
