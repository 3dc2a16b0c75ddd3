#include "common/wire/records_wire.h"

#include <utility>

#include "common/record/storable.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {
namespace {

// Enumerators of our enums stand in the order of the proto's, which begin at 1.
template <typename Ours, typename Theirs>
absl::StatusOr<Ours> EnumFromProto(Theirs value, int count, std::string_view field) {
  int index = static_cast<int>(value) - 1;
  if (index < 0 || index >= count) return absl::InvalidArgumentError(StrCat(field, " is ", int{value}));
  return static_cast<Ours>(index);
}

std::string BytesOf(const Digest& digest) { return digest == Digest{} ? std::string() : digest.Raw(); }

template <typename T>
void TakeIfSet(T value, T& target) {
  if (value != T{}) target = value;
}
void TakeIfSet(double secs, absl::Duration& target) {
  if (secs != 0) target = absl::Seconds(secs);
}

void DisturbanceToProto(const Disturbance& d, v1::Disturbance* proto) {
  proto->set_steal_fraction(d.steal_fraction);
  proto->set_involuntary_switches(d.involuntary_switches);
  proto->set_migrations(d.migrations);
  proto->set_foreign_load(d.foreign_load);
  proto->set_probe_ghz_before(d.probe_ghz_before);
  proto->set_probe_ghz_after(d.probe_ghz_after);
  proto->set_disturbed(d.disturbed);
}

Disturbance DisturbanceFromProto(const v1::Disturbance& proto) {
  Disturbance d;
  d.steal_fraction = proto.steal_fraction();
  d.involuntary_switches = proto.involuntary_switches();
  d.migrations = proto.migrations();
  d.foreign_load = proto.foreign_load();
  d.probe_ghz_before = proto.probe_ghz_before();
  d.probe_ghz_after = proto.probe_ghz_after();
  d.disturbed = proto.disturbed();
  return d;
}

}  // namespace

v1::FailureKind ToProto(FailureKind kind) { return static_cast<v1::FailureKind>(static_cast<int>(kind) + 1); }
absl::StatusOr<FailureKind> FromProto(v1::FailureKind kind) {
  return EnumFromProto<FailureKind>(kind, 10, "failure.kind");
}

v1::Failure ToProto(const Failure& failure) {
  v1::Failure proto;
  proto.set_kind(ToProto(failure.kind));
  // A compiler or a kernel may say anything; a message that is not UTF-8 would end the stream that carries it.
  proto.set_message(StorableText(failure.message));
  return proto;
}

absl::StatusOr<Failure> FromProto(const v1::Failure& failure) {
  HONE_ASSIGN_OR_RETURN(FailureKind kind, FromProto(failure.kind()));
  return Failure{kind, failure.message()};
}

v1::Trust ToProto(Trust trust) { return static_cast<v1::Trust>(static_cast<int>(trust) + 1); }
absl::StatusOr<Trust> FromProto(v1::Trust trust) { return EnumFromProto<Trust>(trust, 3, "trust"); }
v1::Metric ToProto(Metric metric) { return static_cast<v1::Metric>(static_cast<int>(metric) + 1); }
Metric FromProto(v1::Metric metric) {
  return metric == v1::METRIC_INSTRUCTIONS ? Metric::kInstructions : Metric::kSeconds;
}
v1::ModuleEquality ToProto(ModuleEquality equality) {
  return static_cast<v1::ModuleEquality>(static_cast<int>(equality) + 1);
}
ModuleEquality FromProto(v1::ModuleEquality equality) {
  int index = static_cast<int>(equality) - 1;
  return index < 0 || index > 2 ? ModuleEquality::kStructural : static_cast<ModuleEquality>(index);
}

v1::MeasurementPolicy ToProto(const MeasurementPolicy& p) {
  v1::MeasurementPolicy proto;
  proto.set_warm_up(p.warm_up);
  proto.set_number(p.number);
  proto.set_repeat(p.repeat);
  proto.set_max_repeat(p.max_repeat);
  proto.set_min_repeat_secs(absl::ToDoubleSeconds(p.min_repeat));
  proto.set_budget_loser_secs(absl::ToDoubleSeconds(p.budget_loser));
  proto.set_budget_contender_secs(absl::ToDoubleSeconds(p.budget_contender));
  proto.set_timeout_secs(absl::ToDoubleSeconds(p.timeout));
  proto.set_flush_cache(p.flush_cache);
  proto.set_no_pin(!p.pin);
  proto.set_abandon_ratio(p.abandon_ratio);
  proto.set_contender_ratio(p.contender_ratio);
  proto.set_no_check_result(!p.check_result);
  proto.set_memory_bytes(p.memory_bytes);
  proto.set_input_seed(p.input_seed);
  proto.set_use_spare_time(p.use_spare_time);
  return proto;
}

MeasurementPolicy FromProto(const v1::MeasurementPolicy& proto) {
  MeasurementPolicy p;
  bool said = proto.ByteSizeLong() > 0;
  if (said) p.warm_up = proto.warm_up();
  p.number = proto.number();
  TakeIfSet(proto.repeat(), p.repeat);
  TakeIfSet(proto.max_repeat(), p.max_repeat);
  TakeIfSet(proto.min_repeat_secs(), p.min_repeat);
  TakeIfSet(proto.budget_loser_secs(), p.budget_loser);
  TakeIfSet(proto.budget_contender_secs(), p.budget_contender);
  TakeIfSet(proto.timeout_secs(), p.timeout);
  p.flush_cache = proto.flush_cache();
  p.pin = !proto.no_pin();
  if (said) p.abandon_ratio = proto.abandon_ratio();
  TakeIfSet(proto.contender_ratio(), p.contender_ratio);
  p.check_result = !proto.no_check_result();
  TakeIfSet(uint64_t{proto.memory_bytes()}, p.memory_bytes);
  TakeIfSet(uint64_t{proto.input_seed()}, p.input_seed);
  p.use_spare_time = proto.use_spare_time();
  return p;
}

v1::TensorInfo ToProto(const TensorInfo& info) {
  v1::TensorInfo proto;
  proto.set_dtype(info.dtype);
  for (int64_t extent : info.shape) proto.add_shape(extent);
  return proto;
}
TensorInfo FromProto(const v1::TensorInfo& info) {
  return {info.dtype(), std::vector<int64_t>(info.shape().begin(), info.shape().end())};
}

v1::Slot ToProto(const Slot& slot) {
  v1::Slot proto;
  proto.set_job_id(slot.job_id);
  proto.set_task(slot.task);
  proto.set_round(slot.round);
  proto.set_slot(slot.slot);
  return proto;
}
Slot FromProto(const v1::Slot& slot) { return {slot.job_id(), slot.task(), slot.round(), slot.slot()}; }

v1::LeaseToken ToProto(const LeaseToken& token) {
  v1::LeaseToken proto;
  proto.set_lease(token.lease);
  proto.set_attempt(token.attempt);
  proto.set_leader_epoch(token.leader_epoch);
  return proto;
}
LeaseToken FromProto(const v1::LeaseToken& token) { return {token.lease(), token.attempt(), token.leader_epoch()}; }

v1::Revisions ToProto(const Revisions& revisions) {
  v1::Revisions proto;
  proto.set_protocol(revisions.protocol);
  proto.set_trace_semantics(revisions.trace_semantics);
  proto.set_codegen(revisions.codegen);
  proto.set_release(revisions.release);
  return proto;
}
Revisions FromProto(const v1::Revisions& r) { return {r.protocol(), r.trace_semantics(), r.codegen(), r.release()}; }

v1::DeviceFingerprint ToProto(const DeviceFingerprint& device) {
  v1::DeviceFingerprint proto;
  proto.set_device_class(device.device_class);
  proto.set_json(device.json);
  return proto;
}
DeviceFingerprint FromProto(const v1::DeviceFingerprint& device) { return {device.device_class(), device.json()}; }

v1::Measurement ToProto(const RunResult& run) {
  v1::Measurement proto;
  if (run.failure) *proto.mutable_failure() = ToProto(*run.failure);
  proto.set_metric(ToProto(run.metric));
  proto.set_median(run.median);
  proto.set_spread(run.spread);
  proto.mutable_samples()->Add(run.samples.begin(), run.samples.end());
  proto.set_number(run.number);
  proto.set_abandoned(run.abandoned);
  proto.set_verdict(static_cast<v1::Verdict>(static_cast<int>(run.verdict) + 1));
  proto.mutable_errors()->set_max_abs(run.errors.max_abs);
  proto.mutable_errors()->set_max_rel(run.errors.max_rel);
  proto.mutable_errors()->set_tolerance(run.errors.tolerance);
  DisturbanceToProto(run.disturbance, proto.mutable_disturbance());
  proto.set_sandbox_layers(run.sandbox_layers);
  proto.set_run_secs(absl::ToDoubleSeconds(run.run_time));
  return proto;
}

absl::StatusOr<RunResult> FromProto(const v1::Measurement& proto) {
  RunResult run;
  if (proto.has_failure()) {
    HONE_ASSIGN_OR_RETURN(run.failure, FromProto(proto.failure()));
  }
  run.metric = FromProto(proto.metric());
  run.median = proto.median();
  run.spread = proto.spread();
  run.samples.assign(proto.samples().begin(), proto.samples().end());
  run.number = proto.number();
  run.abandoned = proto.abandoned();
  int verdict = static_cast<int>(proto.verdict()) - 1;
  run.verdict = verdict < 0 || verdict > 2 ? Verdict::kNotChecked : static_cast<Verdict>(verdict);
  run.errors = {proto.errors().max_abs(), proto.errors().max_rel(), proto.errors().tolerance()};
  run.disturbance = DisturbanceFromProto(proto.disturbance());
  run.sandbox_layers = proto.sandbox_layers();
  run.run_time = absl::Seconds(proto.run_secs());
  bool timed = run.median > 0 && !run.samples.empty();
  if (!run.failure && !timed) return absl::InvalidArgumentError("measurement has neither a failure nor a time");
  return run;
}

v1::Workload ToProto(const Workload& workload) {
  v1::Workload proto;
  proto.set_id(workload.id.Raw());
  proto.set_script(workload.script);
  proto.set_structural_key(workload.keys[0].Raw());
  proto.set_ignore_ndarray_key(workload.keys[1].Raw());
  proto.set_anchor_block_key(workload.keys[2].Raw());
  proto.set_name(workload.name);
  proto.set_flops(workload.flops);
  return proto;
}

absl::StatusOr<Workload> FromProto(const v1::Workload& proto) {
  Workload workload = WorkloadFromScript(proto.script(), proto.name());
  HONE_ASSIGN_OR_RETURN(Digest id, DigestFromBytes(proto.id(), "workload.id"));
  if (id != Digest{} && id != workload.id) {
    return absl::InvalidArgumentError(
        StrCat("workload.id is ", id.Hex(), ", expected the id of its script, ", workload.id.Hex()));
  }
  const std::string* keys[] = {&proto.structural_key(), &proto.ignore_ndarray_key(), &proto.anchor_block_key()};
  for (int i = 0; i < 3; ++i) {
    HONE_ASSIGN_OR_RETURN(Digest key, DigestFromBytes(*keys[i], "workload key"));
    if (key != Digest{}) workload.keys[i] = key;
  }
  workload.flops = proto.flops();
  return workload;
}

v1::TuningRecord ToProto(const TuningRecord& record) {
  v1::TuningRecord proto;
  proto.set_id(record.id.Raw());
  proto.set_workload_id(record.workload_id.Raw());
  proto.set_trace_json(record.trace_json);
  proto.set_target_json(record.target_json);
  v1::Measurement& measurement = *proto.mutable_measurement();
  measurement = ToProto(record.run);
  measurement.set_build_secs(absl::ToDoubleSeconds(record.build_time));
  measurement.set_artifact_key(BytesOf(record.artifact_key));
  if (record.policy) *measurement.mutable_policy() = ToProto(*record.policy);
  if (record.args_info) {
    proto.set_has_args_info(true);
    for (const TensorInfo& arg : *record.args_info) *proto.add_args_info() = ToProto(arg);
  }
  proto.set_trust(ToProto(record.trust));
  *proto.mutable_device() = ToProto(record.device);
  *proto.mutable_revisions() = ToProto(record.revisions);
  if (!record.slot.job_id.empty()) {
    *proto.mutable_slot() = ToProto(record.slot);
    *proto.mutable_lease() = ToProto(record.lease);
  }
  proto.mutable_ownership()->set_tenant(record.tenant);
  proto.mutable_ownership()->set_pool(record.pool);
  proto.mutable_ownership()->set_created_by(record.created_by);
  proto.set_created_unix_secs(ToUnixSecs(record.created));
  proto.set_worker(record.worker);
  if (record.file_run_secs) {
    v1::FileRunSecs& file = *proto.mutable_file_run_secs();
    file.set_is_null(!record.file_run_secs->has_value());
    if (*record.file_run_secs)
      file.mutable_secs()->Add((*record.file_run_secs)->begin(), (*record.file_run_secs)->end());
  }
  return proto;
}

absl::StatusOr<TuningRecord> FromProto(const v1::TuningRecord& proto) {
  TuningRecord record;
  HONE_ASSIGN_OR_RETURN(record.id, DigestFromBytes(proto.id(), "record.id"));
  HONE_ASSIGN_OR_RETURN(record.workload_id, DigestFromBytes(proto.workload_id(), "record.workload_id"));
  record.trace_json = proto.trace_json();
  record.target_json = proto.target_json();
  if (proto.has_args_info() || proto.args_info_size() > 0) {
    record.args_info.emplace();
    for (const v1::TensorInfo& arg : proto.args_info()) record.args_info->push_back(FromProto(arg));
  }
  const v1::Measurement& measurement = proto.measurement();
  if (proto.has_file_run_secs() && !measurement.has_failure() && measurement.samples().empty()) {
    record.run = RunResult{};
  } else {
    HONE_ASSIGN_OR_RETURN(record.run, FromProto(measurement));
  }
  record.build_time = absl::Seconds(measurement.build_secs());
  HONE_ASSIGN_OR_RETURN(record.artifact_key, DigestFromBytes(measurement.artifact_key(), "artifact_key"));
  if (measurement.has_policy()) record.policy = FromProto(measurement.policy());
  HONE_ASSIGN_OR_RETURN(record.trust, FromProto(proto.trust()));
  record.device = FromProto(proto.device());
  record.revisions = FromProto(proto.revisions());
  record.slot = FromProto(proto.slot());
  record.lease = FromProto(proto.lease());
  record.tenant = proto.ownership().tenant();
  record.pool = proto.ownership().pool();
  record.created_by = proto.ownership().created_by();
  record.created = FromUnixSecs(proto.created_unix_secs());
  record.worker = proto.worker();
  if (proto.has_file_run_secs()) {
    record.file_run_secs.emplace(std::nullopt);
    const v1::FileRunSecs& file = proto.file_run_secs();
    if (!file.is_null()) *record.file_run_secs = std::vector<double>(file.secs().begin(), file.secs().end());
  }
  return record;
}

absl::StatusOr<Digest> DigestFromBytes(const std::string& bytes, std::string_view field) {
  Digest digest;
  if (!bytes.empty() && !Digest::FromRaw(bytes, digest)) {
    return absl::InvalidArgumentError(StrCat(field, " has ", bytes.size(), " bytes, expected 32"));
  }
  return digest;
}

double ToUnixSecs(absl::Time time) { return absl::ToDoubleSeconds(time - absl::UnixEpoch()); }
absl::Time FromUnixSecs(double secs) { return absl::UnixEpoch() + absl::Seconds(secs); }

}  // namespace hone
