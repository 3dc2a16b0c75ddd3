// The default schedule rules, postprocs and mutators by kind (reference/space.md section 3).
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "common/target/target.h"
#include "server/space/mutator.h"
#include "server/space/postproc.h"
#include "server/space/schedule_rule.h"

namespace hone {

// The kind of a target for the lists below; InvalidArgument for kind "c", which has none.
absl::StatusOr<std::string_view> RuleKindForSpace(const Target& target);

// "llvm", "vnni", "avx512", "asimd", "dotprod", "cuda", "cuda-tensorcore", "hexagon"; InvalidArgument for others.
absl::StatusOr<ScheduleRules> DefaultScheduleRules(std::string_view kind);
// The same with the rules of Hone's own among them, as the space "hone" has them (docs/search.md).
absl::StatusOr<ScheduleRules> HoneScheduleRules(std::string_view kind);
absl::StatusOr<Postprocs> DefaultPostprocs(std::string_view kind);
absl::StatusOr<Postprocs> HonePostprocs(std::string_view kind);
absl::StatusOr<Mutators> DefaultMutators(std::string_view kind);

}  // namespace hone
