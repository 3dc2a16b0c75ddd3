// Hone's own JSON of workloads and records: everything that they hold, one object on one line, ids in hexadecimal,
// times in seconds. Unknown members are passed over, missing ones keep their defaults, so adjacent releases read each
// other's files.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/record/tuning_record.h"
#include "common/record/workload.h"

namespace hone {

std::string WorkloadToJson(const Workload& workload);
absl::StatusOr<Workload> WorkloadFromJson(std::string_view json);

std::string RecordToJson(const TuningRecord& record);
absl::StatusOr<TuningRecord> RecordFromJson(std::string_view json);

std::string PolicyToJson(const MeasurementPolicy& policy);
absl::StatusOr<MeasurementPolicy> PolicyFromJson(std::string_view json);

}  // namespace hone
