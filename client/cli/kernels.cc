#include "client/cli/kernels.h"

#include <cstdio>
#include <memory>

#include "client/cli/exit_code.h"
#include "client/cli/file.h"
#include "client/cli/hex.h"
#include "client/cli/kernel_export.h"
#include "client/cli/record_source.h"
#include "client/cli/report_json.h"
#include "client/cli/table.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::cli {
namespace {

struct Arguments {
  RecordSourceFlags source;
  std::string record;
  std::string format = "object";
  std::string output;
  std::string name;
  std::string symbol;
  bool unverified = false;
};

std::string NameOf(const v1::Match& match, const Arguments& arguments) {
  if (!arguments.name.empty()) return arguments.name;
  return match.workload().name().empty() ? "kernel" : match.workload().name();
}

absl::StatusOr<std::string> Export(const v1::Match& match, const Arguments& arguments) {
  const v1::TuningRecord& record = match.record();
  KernelExport wanted;
  wanted.module = match.workload().script();
  wanted.trace_json = record.trace_json();
  wanted.target = record.target_json();
  wanted.format = arguments.format;
  wanted.name = NameOf(match, arguments);
  wanted.symbol = arguments.symbol;
  wanted.notes = {StrCat("record ", ToHex(record.id())), StrCat("target ", record.target_json()),
                  StrCat(FormatSeconds(record.measurement().median()), " on ", record.device().device_class(), ", ",
                         TrustName(record.trust()))};
  return ExportKernel(wanted);
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
  flags.AddOneOf("format", &arguments->format, KernelFormats(), "What to write");
  flags.Add("output", &arguments->output, "File to write; standard output when not given");
  flags.Add("name", &arguments->name, "Name of the function in the header; default the workload's");
  flags.Add("symbol", &arguments->symbol,
            "Name of the kernel in the object; default hone_ and the function's global symbol, or --name");
  flags.Add("unverified", &arguments->unverified, "Export a record that nobody here has measured, too");
  arguments->source.Declare(flags);
  flags.Run([arguments] { return Report(Run(*arguments)); });
}

}  // namespace hone::cli
