#include "client/cli/record_repro.h"

#include <memory>
#include <nlohmann/json.hpp>

#include "client/cli/hex.h"
#include "client/cli/record_diff.h"
#include "client/cli/report_json.h"
#include "client/cli/table.h"
#include "common/measure/failure.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/wire/records_wire.h"
#include "worker/local/device_class.h"
#include "worker/local/local_measure.h"

namespace hone::cli {
namespace {

// In a compile child of a fresh builder, so that no cache answers.
absl::StatusOr<Artifact> BuildAnew(const BuildRequest& request) {
  LocalMeasureOptions options;
  options.build_workers = 1;
  HONE_ASSIGN_OR_RETURN(const std::unique_ptr<Builder> builder, CreateLocalBuilder(options));
  BuildResult built = std::move(builder->Build(absl::MakeConstSpan(&request, 1))[0]);
  if (built.artifact.has_value()) return *std::move(built.artifact);
  return absl::FailedPreconditionError(
      StrCat("it does not build: ", FailureKindName(built.failure->kind), ": ", built.failure->message));
}

}  // namespace

absl::StatusOr<Reproduction> ReproduceRecord(const v1::Match& match) {
  BuildRequest request;
  request.workload_script = match.workload().script();
  request.trace_json = match.record().trace_json();
  request.target_json = match.record().target_json();
  HONE_ASSIGN_OR_RETURN(const std::unique_ptr<LocalMeasure> measure, LocalMeasure::Create({}));
  HONE_ASSIGN_OR_RETURN(const Artifact first, BuildAnew(request));
  HONE_ASSIGN_OR_RETURN(const Artifact second, BuildAnew(request));
  if (first.key != second.key || first.bytes != second.bytes) {
    return absl::FailedPreconditionError(StrCat("two builds differ: ", first.key.Hex(), " with ", first.bytes.size(),
                                                " bytes and ", second.key.Hex(), " with ", second.bytes.size()));
  }
  Reproduction out;
  out.record_id = match.record().id();
  out.artifact_key = first.key.Hex();
  out.artifact_bytes = first.bytes.size();
  const std::string& codegen = match.record().revisions().codegen();
  if (first.metadata_json.find(codegen) == std::string::npos) out.recorded_codegen = codegen;
  RunRequest run;
  run.artifact = first;
  run.workload_script = request.workload_script;
  run.target_json = request.target_json;
  if (const v1::Measurement& recorded = match.record().measurement(); recorded.has_policy()) {
    run.policy = FromProto(recorded.policy());
  }
  out.run = measure->runner().Run(run);
  if (out.run.failure.has_value()) {
    return absl::FailedPreconditionError(
        StrCat("it does not run: ", FailureKindName(out.run.failure->kind), ": ", out.run.failure->message));
  }
  out.recorded_median = match.record().measurement().median();
  out.device_here = DeviceClassOf(measure->runner().DeviceFingerprintJson());
  out.device_recorded = match.record().device().device_class();
  const auto& samples = match.record().measurement().samples();
  if (out.device_here == out.device_recorded) {
    out.times = CompareTimes({samples.begin(), samples.end()}, out.run.samples);
  }
  return out;
}

std::string ReproductionText(const Reproduction& r) {
  std::string out = StrCat("record ", ShortHex(r.record_id), ": two builds agree in all ", r.artifact_bytes,
                           " bytes, artifact ", r.artifact_key.substr(0, 12), "\n");
  if (!r.recorded_codegen.empty()) {
    StrAppend(&out, "it was recorded with code generator ", r.recorded_codegen,
              ", this is another: the kernel may differ from the recorded one\n");
  }
  StrAppend(&out, "measured now: ", FormatSeconds(r.run.median), " (", r.run.samples.size(), " samples, spread ",
            FormatNumber(r.run.spread * 100), " %), result ",
            r.run.verdict == Verdict::kRight ? "right" : "not checked",
            "; recorded: ", FormatSeconds(r.recorded_median), "\n");
  if (r.device_here != r.device_recorded) {
    StrAppend(&out, "this device is ", r.device_here, ", the record's is ", r.device_recorded,
              ": the times are not comparable\n");
    return out;
  }
  return StrCat(out, "recorded (a) against now (b), ", TimesText(r.times));
}

std::string ReproductionJson(const Reproduction& r) {
  using Json = nlohmann::ordered_json;
  const bool comparable = r.device_here == r.device_recorded && r.times.ratio > 0;
  Json times = nullptr;
  if (comparable) {
    times = {{"ratio", r.times.ratio},
             {"low", r.times.interval ? Json(r.times.low) : Json(nullptr)},
             {"high", r.times.interval ? Json(r.times.high) : Json(nullptr)}};
  }
  Json json = {{"record", ToHex(r.record_id)},
               {"builds_agree", true},
               {"artifact", r.artifact_key},
               {"artifact_bytes", r.artifact_bytes},
               {"recorded_codegen", r.recorded_codegen.empty() ? Json(nullptr) : Json(r.recorded_codegen)},
               {"median", r.run.median},
               {"spread", r.run.spread},
               {"samples", r.run.samples},
               {"verdict", r.run.verdict == Verdict::kRight ? "right" : "not-checked"},
               {"recorded_median", r.recorded_median},
               {"device_class", r.device_here},
               {"recorded_device_class", r.device_recorded},
               {"times", std::move(times)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hone::cli
