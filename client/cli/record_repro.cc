#include "client/cli/record_repro.h"

#include <memory>

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

absl::StatusOr<std::string> ReproduceRecord(const v1::Match& match) {
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
  std::string out = StrCat("record ", ShortHex(match.record().id()), ": two builds agree in all ", first.bytes.size(),
                           " bytes, artifact ", first.key.Hex().substr(0, 12), "\n");
  const std::string& recorded_codegen = match.record().revisions().codegen();
  if (!recorded_codegen.empty() && first.metadata_json.find(recorded_codegen) == std::string::npos) {
    StrAppend(&out, "it was recorded with code generator ", recorded_codegen,
              ", this is another: the kernel may differ from the recorded one\n");
  }
  RunRequest run;
  run.artifact = first;
  run.workload_script = request.workload_script;
  run.target_json = request.target_json;
  if (const v1::Measurement& recorded = match.record().measurement(); recorded.has_policy()) {
    run.policy = FromProto(recorded.policy());
  }
  const RunResult result = measure->runner().Run(run);
  if (result.failure.has_value()) {
    return absl::FailedPreconditionError(
        StrCat("it does not run: ", FailureKindName(result.failure->kind), ": ", result.failure->message));
  }
  StrAppend(&out, "measured now: ", FormatSeconds(result.median), " (", result.samples.size(), " samples, spread ",
            FormatNumber(result.spread * 100), " %), result ",
            result.verdict == Verdict::kRight ? "right" : "not checked",
            "; recorded: ", FormatSeconds(match.record().measurement().median()), "\n");
  const std::string here = DeviceClassOf(measure->runner().DeviceFingerprintJson());
  if (here != match.record().device().device_class()) {
    StrAppend(&out, "this device is ", here, ", the record's is ", match.record().device().device_class(),
              ": the times are not comparable\n");
    return out;
  }
  const auto& samples = match.record().measurement().samples();
  StrAppend(&out, "recorded (a) against now (b), ", TimeRatio({samples.begin(), samples.end()}, result.samples));
  return out;
}

}  // namespace hone::cli
