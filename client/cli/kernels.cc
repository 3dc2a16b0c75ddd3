#include "client/cli/kernels.h"

#include <cstdio>
#include <memory>

#include "client/cli/exit_code.h"
#include "client/cli/file.h"
#include "client/cli/hex.h"
#include "client/cli/inspect/lower.h"
#include "client/cli/inspect/replay.h"
#include "client/cli/kernel_header.h"
#include "client/cli/record_source.h"
#include "client/cli/report_json.h"
#include "client/cli/table.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "worker/builder/build_one.h"

namespace hone::cli {
namespace {

struct Arguments {
  RecordSourceFlags source;
  std::string record;
  std::string format = "object";
  std::string output;
  std::string name;
  bool unverified = false;
};

BuildRequest RequestOf(const v1::Match& match) {
  BuildRequest request;
  request.workload_script = match.workload().script();
  request.trace_json = match.record().trace_json();
  request.target_json = match.record().target_json();
  return request;
}

std::string NameOf(const v1::Match& match, const Arguments& arguments) {
  if (!arguments.name.empty()) return arguments.name;
  return match.workload().name().empty() ? "kernel" : match.workload().name();
}

std::string HeaderOf(const v1::Match& match, const Artifact& artifact, const Arguments& arguments) {
  const v1::TuningRecord& record = match.record();
  KernelHeaderInfo info;
  info.name = NameOf(match, arguments);
  info.symbol = artifact.entry;
  info.args = artifact.args;
  info.notes = {StrCat("record ", ToHex(record.id())), StrCat("target ", record.target_json()),
                StrCat(FormatSeconds(record.measurement().median()), " on ", record.device().device_class(), ", ",
                       TrustName(record.trust()))};
  return KernelHeader(info);
}

// Text forms go the way of `hone inspect`.
absl::StatusOr<std::string> TextOf(const v1::Match& match, const std::string& format) {
  InspectCase question;
  question.module = match.workload().script();
  question.trace_json = match.record().trace_json();
  question.target = match.record().target_json();
  question.emit = format;
  HONE_ASSIGN_OR_RETURN(InspectAnswer answer, format == "tvmscript" ? InspectReplay(question) : InspectLower(question));
  return answer.plain() + "\n";
}

absl::StatusOr<std::string> Export(const v1::Match& match, const Arguments& arguments) {
  const std::string& format = arguments.format;
  if (format == "tvmscript" || format == "llvm-ir") return TextOf(match, format);
  HONE_ASSIGN_OR_RETURN(Artifact artifact, builder::BuildOne(RequestOf(match), nullptr));
  return format == "header" ? HeaderOf(match, artifact, arguments) : artifact.bytes;
}

absl::Status CheckTrust(const v1::TuningRecord& record, bool unverified) {
  if (record.measurement().has_failure()) {
    return absl::FailedPreconditionError(StrCat("record ", ShortHex(record.id()), " is of a candidate that failed: ",
                                                FailureName(record.measurement().failure().kind())));
  }
  if (record.trust() == v1::TRUST_VERIFIED || unverified) return absl::OkStatus();
  return absl::FailedPreconditionError(StrCat("record ", ShortHex(record.id()), " is ", TrustName(record.trust()),
                                              ", not verified; export it all the same with --unverified"));
}

absl::Status Run(const Arguments& arguments) {
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<RecordSource> source, arguments.source.Open());
  HONE_ASSIGN_OR_RETURN(v1::Match match, source->GetRecord(arguments.record));
  HONE_RETURN_IF_ERROR(CheckTrust(match.record(), arguments.unverified));
  if (match.workload().script().empty()) {
    HONE_ASSIGN_OR_RETURN(*match.mutable_workload(), source->GetWorkload(match.record().workload_id()));
  }
  HONE_ASSIGN_OR_RETURN(std::string bytes, Export(match, arguments));
  return WriteFile(arguments.output.empty() ? "-" : arguments.output, bytes);
}

}  // namespace

void AddKernelsCommand(Flags& hone) {
  auto arguments = std::make_shared<Arguments>();
  Flags kernels = hone.Command("kernels", "Tuned kernels as files");
  Flags flags = kernels.Command("export", "Build the kernel of a record; it is called int32_t SYMBOL(void** buffers)");
  flags.AddPositional("RECORD", &arguments->record, "Id of a record, 8 digits at least");
  flags.AddOneOf("format", &arguments->format, {"object", "header", "llvm-ir", "tvmscript"}, "What to write");
  flags.Add("output", &arguments->output, "File to write; standard output when not given");
  flags.Add("name", &arguments->name, "Name of the function in the header; default the workload's");
  flags.Add("unverified", &arguments->unverified, "Export a record that nobody here has measured, too");
  arguments->source.Declare(flags);
  flags.Run([arguments] { return Report(Run(*arguments)); });
}

}  // namespace hone::cli
