// Custom schedule rules of the winograd convolutions: the transformation of the input tiles (data_pack) and of the
// result (inverse). Each gives one schedule.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "common/schedule/schedule.h"

namespace hone::winograd {

using Schedules = absl::StatusOr<std::vector<schedule::Schedule>>;

Schedules CpuDataPack(schedule::Schedule sch, schedule::BlockRv block);
Schedules CpuNhwcInverse(schedule::Schedule sch, schedule::BlockRv block);
Schedules CpuNchwInverse(schedule::Schedule sch, schedule::BlockRv block);
Schedules CudaNhwcDataPack(schedule::Schedule sch, schedule::BlockRv block);
Schedules CudaNhwcInverse(schedule::Schedule sch, schedule::BlockRv block);
Schedules CudaNchwDataPack(schedule::Schedule sch, schedule::BlockRv block);
Schedules CudaNchwInverse(schedule::Schedule sch, schedule::BlockRv block);

}  // namespace hone::winograd
