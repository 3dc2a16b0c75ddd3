#include "client/cli/records_verify.h"

#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "client/cli/exit_code.h"
#include "client/cli/hex.h"
#include "client/cli/record_source.h"
#include "client/cli/table.h"
#include "client/cpp/builder.h"
#include "client/cpp/record_client.h"
#include "client/cpp/runner.h"
#include "common/script/parser.h"
#include "common/script/workload_codec.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/host.h"
#include "common/wire/records_wire.h"
#include "server/database/json_database.h"
#include "worker/codegen/llvm/llvm_codegen.h"
#include "worker/local/device_class.h"
#include "worker/local/local_measure.h"

namespace hone::cli {
namespace {

struct Arguments {
  RecordSourceFlags source;
  int64_t top_k = 1;
  std::string workload;
};

// A record to verify with its program.
struct Claim {
  TuningRecord record;
  Workload workload;
};

// What the measurement of a claim says.
struct Outcome {
  std::optional<Failure> failure;
  double median = 0;
};

void AddRow(Table& table, const Claim& claim, const Outcome& outcome) {
  table.Add({claim.record.id.Hex().substr(0, 12), claim.workload.name.empty() ? "-" : claim.workload.name,
             FormatSeconds(claim.record.run.median), outcome.failure.has_value() ? "-" : FormatSeconds(outcome.median),
             outcome.failure.has_value() ? std::string(FailureKindName(outcome.failure->kind)) : "verified"});
}

Table NewTable() { return Table({"record", "workload", "claimed", "measured", "outcome"}); }

// What the record was made for, or this machine where it does not say.
std::string TargetOf(const TuningRecord& record) {
  return record.target_json.empty() ? DetectHost().ToJson() : record.target_json;
}

absl::Status VerifyFolder(const Arguments& arguments) {
  HONE_ASSIGN_OR_RETURN(const std::unique_ptr<LocalMeasure> measure, LocalMeasure::Create({}));
  JsonDatabaseOptions options;
  options.allow_missing = false;
  options.codec = script::GraphCodec();
  const std::string folder = arguments.source.work_dir.empty() ? "hone-work" : arguments.source.work_dir;
  HONE_ASSIGN_OR_RETURN(const std::unique_ptr<JsonDatabase> database, JsonDatabase::Open(folder, options));
  HONE_ASSIGN_OR_RETURN(const std::vector<Workload> workloads, database->GetAllWorkloads());
  const std::string device_json = measure->runner().DeviceFingerprintJson();
  Table table = NewTable();
  for (const Workload& workload : workloads) {
    if (!arguments.workload.empty() && workload.id.Hex().rfind(arguments.workload, 0) != 0) continue;
    HONE_ASSIGN_OR_RETURN(const std::vector<TuningRecord> records, database->GetTopK(workload, 1 << 30));
    int64_t left = arguments.top_k;
    for (const TuningRecord& record : records) {
      if (record.trust != Trust::kImported || left-- <= 0) continue;
      TuningRecord verified = record;
      verified.target_json = TargetOf(record);
      HONE_ASSIGN_OR_RETURN(const Target target, Target::Parse(verified.target_json));
      const MeasurementPolicy policy = DefaultPolicyFor(target.kind());
      verified.policy = policy;
      verified.run = BuildAndRun(*measure, workload.script, record.trace_json, verified.target_json, policy);
      verified.trust = verified.run.failure.has_value() ? Trust::kFailed : Trust::kVerified;
      if (!verified.run.failure.has_value() && verified.run.verdict != Verdict::kRight) {
        verified.trust = Trust::kImported;  // Timed, but nothing to check it against.
      }
      verified.file_run_secs.reset();
      verified.device = {DeviceClassOf(device_json), device_json};
      verified.revisions.codegen = codegen::CodegenRevision();
      verified.created_by = "verify";
      verified.created = absl::Now();
      verified.slot = {};
      verified.id = {};
      AddRow(table, {record, workload}, {verified.run.failure, verified.run.median});
      std::fprintf(stderr, "%s: %s\n", record.id.Hex().substr(0, 12).c_str(),
                   verified.run.failure.has_value() ? verified.run.failure->message.c_str()
                                                    : FormatSeconds(verified.run.median).c_str());
      HONE_RETURN_IF_ERROR(database->CommitRecords(absl::MakeConstSpan(&verified, 1)).status());
    }
  }
  std::fputs(table.empty() ? "no imported record to verify\n" : table.ToString().c_str(), stdout);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Claim>> ClaimsOfServer(const std::shared_ptr<Connection>& server,
                                                  const Arguments& arguments) {
  RecordClient client(server);
  v1::ListRecordsRequest request;
  request.set_limit(1000);
  std::map<Digest, std::vector<TuningRecord>> by_workload;
  while (true) {
    HONE_ASSIGN_OR_RETURN(const v1::ListRecordsResponse page, client.ListRecords(request));
    for (const v1::TuningRecord& proto : page.records()) {
      if (proto.trust() != v1::TRUST_IMPORTED) continue;
      HONE_ASSIGN_OR_RETURN(TuningRecord record, FromProto(proto));
      if (!arguments.workload.empty() && record.workload_id.Hex().rfind(arguments.workload, 0) != 0) continue;
      by_workload[record.workload_id].push_back(std::move(record));
    }
    if (page.cursor() == 0) break;
    request.set_after(page.cursor());
  }
  std::vector<Claim> out;
  for (auto& [id, records] : by_workload) {
    std::stable_sort(records.begin(), records.end(),
                     [](const TuningRecord& a, const TuningRecord& b) { return SortKey(a) < SortKey(b); });
    v1::GetWorkloadRequest which;
    which.set_id(id.Raw());
    HONE_ASSIGN_OR_RETURN(const v1::Workload proto, client.GetWorkload(which));
    HONE_ASSIGN_OR_RETURN(const Workload workload, FromProto(proto));
    for (size_t i = 0; i < records.size() && static_cast<int64_t>(i) < arguments.top_k; ++i) {
      out.push_back({std::move(records[i]), workload});
    }
  }
  return out;
}

// The farm measures; the server keeps the verified records.
absl::Status VerifyOnServer(const Arguments& arguments) {
  HONE_ASSIGN_OR_RETURN(const std::shared_ptr<Connection> server, arguments.source.server.Open());
  HONE_ASSIGN_OR_RETURN(const std::vector<Claim> claims, ClaimsOfServer(server, arguments));
  HONE_ASSIGN_OR_RETURN(const auto builder, meta_schedule::Builder::Create("remote"));
  meta_schedule::RunnerOptions options;
  options.server = server;
  HONE_ASSIGN_OR_RETURN(const auto runner, meta_schedule::Runner::Create("rpc", options));
  std::vector<meta_schedule::BuilderInput> inputs;
  for (const Claim& claim : claims) {
    HONE_ASSIGN_OR_RETURN(const ir::IRModule module, script::ParseModule(claim.workload.script));
    HONE_ASSIGN_OR_RETURN(const Target target, Target::Parse(TargetOf(claim.record)));
    meta_schedule::BuilderInput input{module, target};
    input.workload = module;
    input.trace_json = claim.record.trace_json;
    inputs.push_back(std::move(input));
  }
  const std::vector<meta_schedule::BuilderResult> packed = builder->Build(inputs);
  std::vector<meta_schedule::RunnerInput> runs;
  for (size_t i = 0; i < packed.size(); ++i) {
    if (packed[i].error_msg.has_value()) return absl::UnavailableError(*packed[i].error_msg);
    runs.push_back({*packed[i].artifact_path, inputs[i].target.kind(), {}});
  }
  Table table = NewTable();
  const auto futures = runner->Run(runs);
  for (size_t i = 0; i < futures.size(); ++i) {
    const meta_schedule::RunnerResult result = futures[i]->Result();
    Outcome outcome;
    if (result.measured != nullptr) {
      outcome = {result.measured->failure, result.measured->median};
    } else {
      outcome.failure = Failure{FailureKind::kDeviceLost, result.error_msg.value_or("")};
    }
    if (outcome.failure.has_value()) {
      std::fprintf(stderr, "%s: %s\n", claims[i].record.id.Hex().substr(0, 12).c_str(),
                   outcome.failure->message.c_str());
    }
    AddRow(table, claims[i], outcome);
    std::error_code error;
    std::filesystem::remove_all(std::filesystem::path(*packed[i].artifact_path).parent_path(), error);
  }
  std::fputs(table.empty() ? "no imported record to verify\n" : table.ToString().c_str(), stdout);
  return absl::OkStatus();
}

}  // namespace

void AddRecordsVerifyCommand(Flags& records) {
  auto arguments = std::make_shared<Arguments>();
  Flags flags = records.Command("verify", "Measure imported records; what agrees with its workload becomes verified");
  arguments->source.Declare(flags);
  flags.Add("top-k", &arguments->top_k, "How many of each workload, fastest first");
  flags.Add("workload", &arguments->workload, "Only this workload (start of its id)");
  flags.Run([arguments] {
    const bool on_server = arguments->source.work_dir.empty() && !arguments->source.server.server.empty();
    return Report(on_server ? VerifyOnServer(*arguments) : VerifyFolder(*arguments));
  });
}

}  // namespace hone::cli
