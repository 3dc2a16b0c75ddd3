#include "client/cli/records.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>

#include "client/cli/exit_code.h"
#include "client/cli/hex.h"
#include "client/cli/record_diff.h"
#include "client/cli/record_repro.h"
#include "client/cli/record_source.h"
#include "client/cli/records_transfer.h"
#include "client/cli/records_verify.h"
#include "client/cli/report_json.h"
#include "client/cli/report_text.h"
#include "client/cli/workload_file.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/target.h"

namespace hone::cli {
namespace {

struct Arguments {
  RecordSourceFlags source;
  bool json = false;
  std::string id;     // Positional: a workload, a job, a record.
  std::string other;  // Second positional.
  std::string target;
  std::string device_class;
  std::string equality = "structural";
  std::vector<std::string> trust;
  std::vector<std::string> pools;
  int64_t top_k = 1;
  int64_t limit = 100;
  uint64_t after = 0;
  std::string job;
  std::string workload;
  bool failed = false;
  bool refused = false;
  bool trace = false;
  bool script = false;
};

using Action = std::function<absl::Status(RecordSource&, const Arguments&)>;

Flags AddCommand(Flags& parent, std::string_view name, std::string_view help, std::shared_ptr<Arguments> arguments,
                 Action action) {
  Flags flags = parent.Command(name, help);
  arguments->source.Declare(flags);
  flags.Add("json", &arguments->json, "Print JSON");
  flags.Run([arguments, action = std::move(action)] {
    absl::StatusOr<std::unique_ptr<RecordSource>> source = arguments->source.Open();
    return Report(source.ok() ? action(**source, *arguments) : source.status());
  });
  return flags;
}

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

absl::StatusOr<std::string> IdFromHex(std::string_view what, const std::string& hex) {
  std::optional<std::string> bytes = FromHex(hex);
  if (bytes.has_value() && bytes->size() == 32) return *bytes;
  return absl::InvalidArgumentError(StrCat(what, " \"", hex, "\" is not an id of 64 hexadecimal digits"));
}

// An id as it stands, or that of the program in a file.
absl::StatusOr<std::string> WorkloadIdOf(const std::string& text) {
  if (text.size() == 64 && FromHex(text).has_value()) return *FromHex(text);
  HONE_ASSIGN_OR_RETURN(Workload workload, LoadWorkload(text));
  return workload.id.Raw();
}

absl::StatusOr<v1::ModuleEquality> EqualityFromName(const std::string& name) {
  if (name == "structural") return v1::MODULE_EQUALITY_STRUCTURAL;
  if (name == "ignore-ndarray") return v1::MODULE_EQUALITY_IGNORE_NDARRAY;
  if (name == "anchor-block") return v1::MODULE_EQUALITY_ANCHOR_BLOCK;
  return absl::InvalidArgumentError(
      StrCat("module equality \"", name, "\" is none of structural, ignore-ndarray, anchor-block"));
}

absl::StatusOr<v1::QueryRequest> QueryFromArguments(const Arguments& arguments) {
  v1::QueryRequest request;
  HONE_ASSIGN_OR_RETURN(v1::ModuleEquality equality, EqualityFromName(arguments.equality));
  request.set_equality(equality);
  if (!arguments.target.empty()) {
    HONE_ASSIGN_OR_RETURN(const Target target, Target::Parse(arguments.target));
    request.set_target_json(target.ToJson());
  }
  request.set_device_class(arguments.device_class);
  request.set_top_k(static_cast<uint32_t>(arguments.top_k));
  request.set_include_refused(arguments.refused);
  for (const std::string& name : arguments.trust) {
    v1::Trust trust = v1::TRUST_UNSPECIFIED;
    if (name == "verified") trust = v1::TRUST_VERIFIED;
    if (name == "imported") trust = v1::TRUST_IMPORTED;
    if (trust == v1::TRUST_UNSPECIFIED) {
      return absl::InvalidArgumentError(StrCat("trust \"", name, "\" is none of verified, imported"));
    }
    request.add_trust(trust);
  }
  for (const std::string& pool : arguments.pools) request.add_pools(pool);
  return request;
}

void AddQueryFlags(Flags& flags, Arguments* arguments) {
  flags.Add("target", &arguments->target,
            "What is to run them: a target string, a tag, or JSON; those that fit it best come first");
  flags.Add("device-class", &arguments->device_class,
            "Class of the device that is to run them; those that fit it best come first");
  flags.Add("equality", &arguments->equality, "structural, ignore-ndarray or anchor-block");
  flags.Add("trust", &arguments->trust, "verified (default), imported");
  flags.Add("pool", &arguments->pools, "Only these pools");
  flags.Add("refused", &arguments->refused, "Also, after all others, those that do not run on the device asked for");
  flags.Add("top-k", &arguments->top_k, "How many, those that fit best first, then the fastest");
}

// The best records of one workload.
absl::Status Query(RecordSource& source, const Arguments& arguments) {
  HONE_ASSIGN_OR_RETURN(v1::QueryRequest request, QueryFromArguments(arguments));
  HONE_ASSIGN_OR_RETURN(*request.mutable_workload_id(), WorkloadIdOf(arguments.id));
  HONE_ASSIGN_OR_RETURN(v1::QueryResponse answer, source.Query(request));
  Print(arguments.json ? MatchesJson(answer) + "\n" : MatchesTable(answer));
  if (answer.matches().empty()) return absl::NotFoundError(StrCat("no record of workload ", arguments.id));
  return absl::OkStatus();
}

// The best records of each workload of a job.
absl::Status Top(RecordSource& source, const Arguments& arguments) {
  HONE_ASSIGN_OR_RETURN(v1::QueryRequest request, QueryFromArguments(arguments));
  HONE_ASSIGN_OR_RETURN(v1::QueryResponse all, source.Top(arguments.id, request));
  Print(arguments.json ? MatchesJson(all) + "\n" : MatchesTable(all));
  return absl::OkStatus();
}

// Asks for page after page until there are as many as the user wants.
absl::StatusOr<v1::ListRecordsResponse> ListPages(RecordSource& source, v1::ListRecordsRequest request, int64_t limit) {
  constexpr int64_t kPage = 1000;
  v1::ListRecordsResponse all;
  while (all.records_size() < limit) {
    request.set_limit(static_cast<uint32_t>(std::min(kPage, limit - all.records_size())));
    HONE_ASSIGN_OR_RETURN(v1::ListRecordsResponse page, source.List(request));
    all.set_cursor(page.cursor());
    request.set_after(page.cursor());
    for (v1::TuningRecord& record : *page.mutable_records()) *all.add_records() = std::move(record);
    if (page.cursor() == 0) break;
  }
  return all;
}

absl::Status List(RecordSource& source, const Arguments& arguments) {
  if (arguments.limit < 1) {
    return absl::InvalidArgumentError(StrCat("--limit is ", arguments.limit, ", expected at least 1"));
  }
  v1::ListRecordsRequest request;
  request.set_job_id(arguments.job);
  request.set_include_failed(arguments.failed);
  request.set_after(arguments.after);
  if (!arguments.workload.empty()) {
    HONE_ASSIGN_OR_RETURN(*request.mutable_workload_id(), IdFromHex("workload", arguments.workload));
  }
  HONE_ASSIGN_OR_RETURN(const v1::ListRecordsResponse answer, ListPages(source, std::move(request), arguments.limit));
  Print(arguments.json ? RecordsJson(answer) + "\n" : RecordsTable(answer));
  if (answer.cursor() != 0) {
    std::fprintf(stderr, "there are more: --after %s\n", StrCat(answer.cursor()).c_str());
  }
  return absl::OkStatus();
}

absl::Status Show(RecordSource& source, const Arguments& arguments) {
  HONE_ASSIGN_OR_RETURN(v1::Match match, source.GetRecord(arguments.id));
  if (arguments.trace) {
    Print(match.record().trace_json() + "\n");
  } else if (arguments.script) {
    Print(match.workload().script() + "\n");
  } else if (arguments.json) {
    Print(MatchJson(match) + "\n");
  } else {
    v1::QueryResponse one;
    *one.add_matches() = std::move(match);
    Print(MatchesTable(one));
  }
  return absl::OkStatus();
}

absl::Status Stats(RecordSource& source, const Arguments& arguments) {
  HONE_ASSIGN_OR_RETURN(v1::StatsResponse stats, source.Stats());
  if (arguments.json) {
    Print(StatsJson(stats) + "\n");
    return absl::OkStatus();
  }
  std::string text = StrCat(stats.workloads(), " workloads, ", stats.records(), " records\n");
  for (const auto* counts : {&stats.by_trust(), &stats.by_failure(), &stats.by_device_class()}) {
    for (const auto& [name, count] : *counts) StrAppend(&text, "  ", name, ": ", count, "\n");
  }
  Print(text);
  return absl::OkStatus();
}

absl::StatusOr<v1::Match> WithScript(RecordSource& source, const std::string& id) {
  HONE_ASSIGN_OR_RETURN(v1::Match match, source.GetRecord(id));
  if (match.workload().script().empty()) {
    HONE_ASSIGN_OR_RETURN(*match.mutable_workload(), source.GetWorkload(match.record().workload_id()));
  }
  return match;
}

absl::Status Diff(RecordSource& source, const Arguments& arguments) {
  HONE_ASSIGN_OR_RETURN(const v1::Match a, WithScript(source, arguments.id));
  HONE_ASSIGN_OR_RETURN(const v1::Match b, WithScript(source, arguments.other));
  HONE_ASSIGN_OR_RETURN(const RecordDifference difference, CompareRecords(a, b));
  Print(arguments.json ? DifferenceJson(difference) + "\n" : DifferenceText(difference));
  return absl::OkStatus();
}

absl::Status Repro(RecordSource& source, const Arguments& arguments) {
  HONE_ASSIGN_OR_RETURN(const v1::Match match, WithScript(source, arguments.id));
  HONE_ASSIGN_OR_RETURN(const Reproduction report, ReproduceRecord(match));
  Print(arguments.json ? ReproductionJson(report) + "\n" : ReproductionText(report));
  return absl::OkStatus();
}

}  // namespace

void AddRecordsCommand(Flags& hone) {
  Flags records = hone.Command("records", "Tuning records of a server or of a work folder");

  auto query = std::make_shared<Arguments>();
  Flags flags = AddCommand(records, "query", "The fastest verified records of a workload", query, Query);
  flags.AddPositional("WORKLOAD", &query->id, "A TVMScript file, or the id of a workload");
  AddQueryFlags(flags, query.get());

  auto top = std::make_shared<Arguments>();
  flags = AddCommand(records, "top", "The fastest records of each workload of a job", top, Top);
  flags.AddPositional("JOB", &top->id, "Id of a job; a folder without one shows all it has", /*required=*/false);
  AddQueryFlags(flags, top.get());

  auto list = std::make_shared<Arguments>();
  flags = AddCommand(records, "list", "Records in the order in which they came", list, List);
  flags.Add("job", &list->job, "Only of this job");
  flags.Add("workload", &list->workload, "Only of this workload");
  flags.Add("failed", &list->failed, "Failed ones too");
  flags.Add("limit", &list->limit, "At most this many");
  flags.Add("after", &list->after, "Go on where an earlier list ended: the cursor that it gave");

  auto show = std::make_shared<Arguments>();
  flags = AddCommand(records, "show", "One record", show, Show);
  flags.AddPositional("RECORD", &show->id, "Id, 8 digits at least");
  flags.Add("trace", &show->trace, "Print its trace");
  flags.Add("script", &show->script, "Print its workload");

  AddCommand(records, "stats", "How many there are", std::make_shared<Arguments>(), Stats);

  AddRecordsTransferCommands(records);

  auto diff = std::make_shared<Arguments>();
  flags = AddCommand(records, "diff", "What is different in two records: decisions, features, times", diff, Diff);
  flags.AddPositional("A", &diff->id, "A record");
  flags.AddPositional("B", &diff->other, "Another record");

  auto repro = std::make_shared<Arguments>();
  flags = AddCommand(records, "repro", "Build a record's kernel again, bit for bit, and measure it here", repro, Repro);
  flags.AddPositional("RECORD", &repro->id, "Id, 8 digits at least");

  AddRecordsVerifyCommand(records);
}

}  // namespace hone::cli
