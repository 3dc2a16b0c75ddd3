#include "client/cpp/database.h"
#include "common/intrin/intrin.h"
#include "common/record/tvm_line.h"
#include "common/schedule/trace_json.h"
#include "common/script/workload_codec.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "worker/local/device_class.h"

namespace hone::meta_schedule {

absl::StatusOr<Workload> MakeWorkload(const ir::IRModule& mod, ir::Equality equality) {
  if (!mod) return absl::InvalidArgumentError("a workload needs a module, got null");
  return Workload{mod, ir::ModuleHash(mod, equality), script::WorkloadOfModule(mod)};
}

namespace {

// What storage needs of a record that did not come from storage.
::hone::TuningRecord StoredForm(const TuningRecord& record) {
  ::hone::TuningRecord out = record.stored.value_or(::hone::TuningRecord{});
  out.workload_id = record.workload.stored.id;
  out.trace_json = record.trace_json;
  if (record.target.has_value()) out.target_json = record.target->ToJson();
  out.args_info = record.args_info;
  if (!record.stored.has_value()) out.file_run_secs = record.run_secs;
  return out;
}

}  // namespace

::hone::TuningRecord StoredRecord(const RunnerResult& result, const std::string& device_json) {
  ::hone::TuningRecord out;
  out.created = absl::Now();
  out.created_by = "tune";
  if (result.measured != nullptr) {
    out.run = *result.measured;
    const bool verified = !out.run.failure.has_value() && out.run.verdict == Verdict::kRight;
    out.trust = out.run.failure.has_value() ? Trust::kFailed : verified ? Trust::kVerified : Trust::kImported;
  } else if (result.run_secs.has_value()) {
    out.run.samples = *result.run_secs;
    out.run.median = MedianSeconds(result);
    out.trust = Trust::kImported;
  } else {
    out.run.failure = Failure{FailureKind::kRun, result.error_msg.value_or("")};
    out.trust = Trust::kFailed;
  }
  if (!device_json.empty()) out.device = {DeviceClassOf(device_json), device_json};
  return out;
}

bool TuningRecord::IsValid() const { return ::hone::IsValid(StoredForm(*this)); }

absl::StatusOr<schedule::Schedule> TuningRecord::Replay() const {
  schedule::ScheduleOptions options;
  options.intrinsics = FindTensorIntrin;
  HONE_ASSIGN_OR_RETURN(schedule::Schedule sch, schedule::Schedule::Create(workload.mod, options));
  HONE_RETURN_IF_ERROR(schedule::ApplyTraceJson(sch, trace_json));
  return sch;
}

absl::StatusOr<MeasureCandidate> TuningRecord::AsMeasureCandidate() const {
  HONE_ASSIGN_OR_RETURN(schedule::Schedule sch, Replay());
  return MakeMeasureCandidate(std::move(sch));
}

std::string TuningRecord::AsJson() const {
  const std::string line = TvmRecordLine(0, StoredForm(*this));
  constexpr std::string_view kPrefix = "[0,";
  return line.substr(kPrefix.size(), line.size() - kPrefix.size() - 1);
}

absl::StatusOr<TuningRecord> TuningRecord::FromJson(std::string_view json, const Workload& workload) {
  HONE_ASSIGN_OR_RETURN(IndexedRecord parsed, ParseTvmRecordLine(StrCat("[0,", json, "]")));
  TuningRecord out;
  out.trace_json = parsed.record.trace_json;
  out.workload = workload;
  out.run_secs = TvmRunSecs(parsed.record);
  if (!parsed.record.target_json.empty()) {
    HONE_ASSIGN_OR_RETURN(out.target, Target::Parse(parsed.record.target_json));
  }
  out.args_info = parsed.record.args_info;
  return out;
}

}  // namespace hone::meta_schedule
