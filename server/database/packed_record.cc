#include "server/database/packed_record.h"

#include <utility>

#include "common/record/json_scan.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/proto_bytes.h"
#include "common/wire/records_wire.h"
#include "server/database/packed_decisions.h"

namespace hone {
namespace {

// Moves the fields that a worker's records of one workload share out of `detail`.
v1::TuningRecord TakeContext(v1::TuningRecord& detail) {
  v1::TuningRecord context;
  context.mutable_target_json()->swap(*detail.mutable_target_json());
  context.mutable_args_info()->Swap(detail.mutable_args_info());
  context.set_has_args_info(detail.has_args_info());
  detail.clear_has_args_info();
  context.set_trust(detail.trust());
  detail.clear_trust();
  context.mutable_device()->Swap(detail.mutable_device());
  detail.clear_device();
  context.mutable_revisions()->Swap(detail.mutable_revisions());
  detail.clear_revisions();
  context.mutable_ownership()->Swap(detail.mutable_ownership());
  detail.clear_ownership();
  context.mutable_worker()->swap(*detail.mutable_worker());
  v1::Measurement& from = *detail.mutable_measurement();
  v1::Measurement& to = *context.mutable_measurement();
  to.set_metric(from.metric());
  from.clear_metric();
  to.set_verdict(from.verdict());
  from.clear_verdict();
  to.mutable_errors()->set_tolerance(from.errors().tolerance());
  from.mutable_errors()->clear_tolerance();
  to.mutable_sandbox_layers()->swap(*from.mutable_sandbox_layers());
  if (from.has_policy()) {
    const uint64_t seed = from.policy().input_seed();
    to.mutable_policy()->Swap(from.mutable_policy());
    to.mutable_policy()->clear_input_seed();  // Differs from run to run.
    from.mutable_policy()->set_input_seed(seed);
  }
  return context;
}

// What PackRecord cut has decisions, and ends as its skeletons do: no need to read it. The skeleton without its end.
std::optional<std::string_view> StoredStart(std::string_view skeleton_json, std::string_view decisions_json) {
  constexpr std::string_view kEnd = ",[]]";
  if (decisions_json.empty() || skeleton_json.size() <= kEnd.size() || !skeleton_json.ends_with(kEnd)) {
    return std::nullopt;
  }
  return skeleton_json.substr(0, skeleton_json.size() - 3);
}

std::string JoinStored(std::string_view skeleton_json, std::string_view decisions_json) {
  if (auto start = StoredStart(skeleton_json, decisions_json)) return StrCat(*start, decisions_json, "]");
  absl::StatusOr<std::string> trace = JoinSkeleton(skeleton_json, decisions_json);
  return trace.ok() ? *std::move(trace) : std::string(skeleton_json);
}

void AppendTrace(std::string_view skeleton_json, std::string_view decisions_json, std::string* bytes) {
  constexpr int kField = v1::TuningRecord::kTraceJsonFieldNumber;
  auto start = StoredStart(skeleton_json, decisions_json);
  if (!start) return AppendBytesField(kField, JoinStored(skeleton_json, decisions_json), bytes);
  AppendFieldOfBytes(kField, start->size() + decisions_json.size() + 1, bytes);
  bytes->append(*start).append(decisions_json).append("]");
}

std::string_view BytesOf(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()};
}

// What stands in the columns, behind the messages that it is merged into.
void AppendColumns(const RecordColumns& columns, std::string* bytes) {
  AppendBytesField(v1::TuningRecord::kIdFieldNumber, BytesOf(columns.id), bytes);
  AppendBytesField(v1::TuningRecord::kWorkloadIdFieldNumber, BytesOf(columns.workload_id), bytes);
  AppendDoubleField(v1::TuningRecord::kCreatedUnixSecsFieldNumber, columns.created_unix_secs, bytes);
  std::string inner;
  if (columns.median) {
    AppendDoubleField(v1::Measurement::kMedianFieldNumber, *columns.median, &inner);
    AppendBytesField(v1::TuningRecord::kMeasurementFieldNumber, inner, bytes);
  }
  if (columns.job_id.empty()) return;
  inner.clear();
  AppendBytesField(v1::Slot::kJobIdFieldNumber, columns.job_id, &inner);
  AppendBytesField(v1::TuningRecord::kSlotFieldNumber, inner, bytes);
}

absl::Status CannotBeParsed() { return absl::DataLossError("a stored record cannot be parsed"); }
absl::Status CannotReadDecisions() { return absl::DataLossError("a stored record's decisions cannot be read"); }

}  // namespace

PackedRecord PackRecord(const TuningRecord& record) {
  PackedRecord packed;
  v1::TuningRecord detail = ToProto(record);
  detail.clear_id();
  detail.clear_workload_id();
  detail.clear_trace_json();
  detail.clear_created_unix_secs();
  if (detail.has_slot()) detail.mutable_slot()->clear_job_id();
  if (HasUsableTime(record)) detail.mutable_measurement()->clear_median();
  absl::StatusOr<SplitTrace> split = SplitTraceJson(record.trace_json);
  if (split.ok()) {
    packed.skeleton_json = std::move(split->skeleton_json);
    if (std::optional<std::string> decisions = PackDecisions(split->decisions_json)) {
      detail.set_packed_decisions(*std::move(decisions));
    } else {
      detail.set_decisions_json(std::move(split->decisions_json));
    }
  } else {
    packed.skeleton_json = record.trace_json;
  }
  packed.context = TakeContext(detail).SerializeAsString();
  packed.detail = detail.SerializeAsString();
  return packed;
}

absl::StatusOr<TuningRecord> UnpackRecord(const RecordColumns& columns, std::string_view skeleton_json,
                                          std::string_view context, std::string_view detail) {
  v1::TuningRecord proto;
  const bool read = proto.ParseFromArray(context.data(), static_cast<int>(context.size())) &&
                    proto.MergeFromString(std::string(detail));
  if (!read) return CannotBeParsed();
  if (columns.median) proto.mutable_measurement()->set_median(*columns.median);
  if (!columns.job_id.empty()) proto.mutable_slot()->set_job_id(std::string(columns.job_id));
  proto.set_created_unix_secs(columns.created_unix_secs);
  HONE_ASSIGN_OR_RETURN(TuningRecord record, FromProto(proto));
  record.id = columns.id;
  record.workload_id = columns.workload_id;
  if (!proto.packed_decisions().empty()) {
    std::optional<std::string> decisions = UnpackDecisions(proto.packed_decisions());
    if (!decisions) return CannotReadDecisions();
    proto.set_decisions_json(*std::move(decisions));
  }
  record.trace_json = JoinStored(skeleton_json, proto.decisions_json());
  return record;
}

absl::Status AppendUnpackedRecord(const RecordColumns& columns, std::string_view skeleton_json,
                                  std::string_view context, std::string_view detail, std::string* bytes) {
  bytes->reserve(bytes->size() + skeleton_json.size() + context.size() + 2 * detail.size() + 300);
  bytes->append(context);
  std::string decisions;
  ProtoField field;
  while (NextProtoField(detail, field)) {
    if (field.number == v1::TuningRecord::kPackedDecisionsFieldNumber) {
      if (!AppendUnpackedDecisions(field.bytes, &decisions)) return CannotReadDecisions();
    } else if (field.number == v1::TuningRecord::kDecisionsJsonFieldNumber) {
      decisions = field.bytes;
    } else {
      bytes->append(field.whole);
    }
  }
  if (!detail.empty()) return CannotBeParsed();
  AppendColumns(columns, bytes);
  AppendTrace(skeleton_json, decisions, bytes);
  return absl::OkStatus();
}

bool HasUsableTime(const TuningRecord& record) {
  return !record.run.failure && !record.run.samples.empty() && !record.run.abandoned && IsValid(record);
}

}  // namespace hone
