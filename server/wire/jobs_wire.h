// Between jobs and the messages of tuning.proto.
#pragma once

#include "absl/status/statusor.h"
#include "hone/v1/tuning.pb.h"
#include "server/coordinator/job.h"

namespace hone {

v1::JobSpec ToProto(const JobDefinition& job);
// Fills in the proto's defaults. The id, request_id and times are not part of a spec. InvalidArgument names the field.
absl::StatusOr<JobDefinition> FromProto(const v1::JobSpec& spec);
v1::JobState ToProto(JobState state);
v1::JobReport ToProto(const JobReport& report);

}  // namespace hone
