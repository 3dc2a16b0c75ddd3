// The program of an inspect case, before and after its trace.
#pragma once

#include "absl/status/statusor.h"
#include "client/cli/inspect/case.h"
#include "common/ir/module.h"
#include "common/schedule/schedule.h"
#include "common/target/target.h"
#include "server/space/context.h"

namespace hone::cli {

absl::StatusOr<ir::IRModule> ParseProgram(const InspectCase& question);

// The schedule after the trace; an empty trace changes nothing. An error names the instruction and the block or loop.
absl::StatusOr<schedule::Schedule> ScheduleProgram(const InspectCase& question);

// The case's target as it stands, with the tensor intrinsics.
absl::StatusOr<SpaceContext> SpaceContextOf(const InspectCase& question);

// The case's target; what it leaves open is this machine's. Without one, this machine's CPU.
absl::StatusOr<Target> TargetOf(const InspectCase& question);

}  // namespace hone::cli
