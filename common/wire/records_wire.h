// Between the project's structs and the messages of common.proto and records.proto. Reading a message checks it:
// InvalidArgument names the field.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/record/tuning_record.h"
#include "common/record/workload.h"
#include "hone/v1/common.pb.h"
#include "hone/v1/records.pb.h"

namespace hone {

v1::FailureKind ToProto(FailureKind kind);
absl::StatusOr<FailureKind> FromProto(v1::FailureKind kind);
v1::Failure ToProto(const Failure& failure);
absl::StatusOr<Failure> FromProto(const v1::Failure& failure);
v1::Trust ToProto(Trust trust);
absl::StatusOr<Trust> FromProto(v1::Trust trust);
v1::Metric ToProto(Metric metric);
Metric FromProto(v1::Metric metric);  // Not said = seconds.
v1::ModuleEquality ToProto(ModuleEquality equality);
ModuleEquality FromProto(v1::ModuleEquality equality);  // Not said = structural.

// Fields left at zero keep their default where the proto says so.
v1::MeasurementPolicy ToProto(const MeasurementPolicy& policy);
MeasurementPolicy FromProto(const v1::MeasurementPolicy& policy);

v1::TensorInfo ToProto(const TensorInfo& info);
TensorInfo FromProto(const v1::TensorInfo& info);
v1::Slot ToProto(const Slot& slot);
Slot FromProto(const v1::Slot& slot);
v1::LeaseToken ToProto(const LeaseToken& token);
LeaseToken FromProto(const v1::LeaseToken& token);
v1::Revisions ToProto(const Revisions& revisions);
Revisions FromProto(const v1::Revisions& revisions);
v1::DeviceFingerprint ToProto(const DeviceFingerprint& device);
DeviceFingerprint FromProto(const v1::DeviceFingerprint& device);

v1::Measurement ToProto(const RunResult& run);
absl::StatusOr<RunResult> FromProto(const v1::Measurement& measurement);

v1::Workload ToProto(const Workload& workload);
// The id is computed from the script; a different one in the message is an error. Missing keys are the id.
absl::StatusOr<Workload> FromProto(const v1::Workload& workload);

// Carries the trace as trace_json.
v1::TuningRecord ToProto(const TuningRecord& record);
absl::StatusOr<TuningRecord> FromProto(const v1::TuningRecord& record);

// Empty = all zero. InvalidArgument when it is neither empty nor 32 bytes.
absl::StatusOr<Digest> DigestFromBytes(const std::string& bytes, std::string_view field);

double ToUnixSecs(absl::Time time);
absl::Time FromUnixSecs(double secs);

}  // namespace hone
