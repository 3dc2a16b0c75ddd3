// One measured, imported or failed candidate, as databases keep it. Records are insert-only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/measure/policy.h"
#include "common/measure/runner.h"
#include "common/support/sha256.h"

namespace hone {

enum class Trust { kVerified, kImported, kFailed };
std::string_view TrustName(Trust trust);  // "verified", "imported", "failed".
std::optional<Trust> TrustFromName(std::string_view name);

// The place of a candidate in its job. A result counts once for each. Empty job_id: not from a job.
struct Slot {
  std::string job_id;
  uint32_t task = 0;
  uint32_t round = 0;
  uint32_t slot = 0;
  auto operator<=>(const Slot&) const = default;
};

// Under which lease it was measured; grows in this order within a leader epoch.
struct LeaseToken {
  uint64_t lease = 0;
  uint32_t attempt = 0;
  uint64_t leader_epoch = 0;
  bool operator==(const LeaseToken&) const = default;
};

// What made the record; two records with different revisions may not be comparable.
struct Revisions {
  uint32_t protocol = 0;
  uint32_t trace_semantics = 0;
  std::string codegen;
  std::string release;
  bool operator==(const Revisions&) const = default;
};

struct DeviceFingerprint {
  std::string device_class;  // Records of one class are comparable.
  std::string json;          // Everything that was detected.
  bool operator==(const DeviceFingerprint&) const = default;
};

struct TuningRecord {
  Digest id;  // RecordId(record).
  Digest workload_id;
  std::string trace_json;   // [instructions, decisions], with the postprocessors' part.
  std::string target_json;  // Empty = not known (TVM: null).
  std::optional<std::vector<TensorInfo>> args_info;
  RunResult run;  // Failure, samples, median, spread, verdict, norms, ...
  std::optional<MeasurementPolicy> policy;
  Trust trust = Trust::kImported;
  DeviceFingerprint device;
  Revisions revisions;
  Slot slot;
  LeaseToken lease;
  std::string worker;
  std::string tenant;
  std::string pool;
  std::string created_by;
  absl::Time created = absl::UnixEpoch();
  absl::Duration build_time = absl::ZeroDuration();
  Digest artifact_key;
  // Imports only: run_secs as in the file, where null, [] and [1e10] differ. The outer optional: an import at all.
  std::optional<std::optional<std::vector<double>>> file_run_secs;
};

// The identity: a job's record is its (pool, slot); another is what it says.
Digest RecordId(const TuningRecord& record);

// run_secs as TVM would have it: the samples; {1e10} for a failure; for an import what the file says.
std::optional<std::vector<double>> TvmRunSecs(const TuningRecord& record);
// TVM's is_valid: an instruction before EnterPostproc, and a time other than exactly 1e10.
bool IsValid(const TuningRecord& record);
// TVM's sort key: arithmetic mean of run_secs; 1e10 where there is none.
double SortKey(const TuningRecord& record);

// Skeleton [instructions, []] and decisions of a trace; content id of a skeleton.
struct SplitTrace {
  std::string skeleton_json;
  std::string decisions_json;
};
absl::StatusOr<SplitTrace> SplitTraceJson(std::string_view trace_json);
// Inverse of SplitTraceJson. An empty skeleton gives an empty trace.
absl::StatusOr<std::string> JoinSkeleton(std::string_view skeleton_json, std::string_view decisions_json);
Digest SkeletonId(std::string_view skeleton_json);

}  // namespace hone
