// A candidate as strategies, cost models, builders and callbacks pass it on: a schedule and what its kernel takes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ir/module.h"
#include "common/measure/builder.h"
#include "common/schedule/schedule.h"

namespace hone::meta_schedule {

// The one kind of argument that there is.
using ::hone::TensorInfo;
using ArgInfo = TensorInfo;

// ["TENSOR","float32",[1,224,224,3]], without blanks.
std::string ArgInfoToJson(const ArgInfo& info);
absl::StatusOr<ArgInfo> ArgInfoFromJson(std::string_view json);

// The parameters of `func` in order. InvalidArgument for one that is no buffer or has no constant shape.
absl::StatusOr<std::vector<ArgInfo>> ArgInfosOfFunction(const ir::PrimFuncNode& func);
// Those of the module's entry function. `remove_preproc`: as they are once weight-layout-rewrite blocks are removed, a
// rewritten weight with its new layout. InvalidArgument when there is no entry function.
absl::StatusOr<std::vector<ArgInfo>> ArgInfosOfEntry(const ir::IRModule& module, bool remove_preproc = true);

// Copies share the schedule, which is not changed any more.
struct MeasureCandidate {
  std::shared_ptr<const schedule::Schedule> sch;  // Its trace includes the postprocs' part.
  std::vector<ArgInfo> args_info;
};

// InvalidArgument as ArgInfosOfEntry.
absl::StatusOr<MeasureCandidate> MakeMeasureCandidate(schedule::Schedule sch);

}  // namespace hone::meta_schedule
