#include "client/cli/records_verify.h"

#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "client/cli/exit_code.h"
#include "client/cli/hex.h"
#include "client/cli/record_source.h"
#include "client/cli/table.h"
#include "client/cpp/builder.h"
#include "client/cpp/record_client.h"
#include "client/cpp/runner.h"
#include "common/schedule/trace_json.h"
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
  bool json = false;
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

// One row a claim, for people or as JSON.
class Outcomes {
 public:
  void Add(const Claim& claim, const Outcome& outcome) {
    const std::string said =
        outcome.failure.has_value() ? std::string(FailureKindName(outcome.failure->kind)) : "verified";
    AddRow(claim, outcome.failure.has_value() ? 0 : outcome.median, said,
           outcome.failure.has_value() ? outcome.failure->message : "");
  }
  // There is a verified record of the same kernel.
  void AddKnown(const Claim& claim) { AddRow(claim, 0, "verified before", ""); }

  void Print(bool json) const {
    if (json) {
      std::printf("%s\n", nlohmann::ordered_json({{"outcomes", json_}}).dump().c_str());
    } else {
      std::fputs(table_.empty() ? "no imported record to verify\n" : table_.ToString().c_str(), stdout);
    }
  }

 private:
  void AddRow(const Claim& claim, double median, const std::string& said, const std::string& message) {
    const std::string name = claim.workload.name;
    table_.Add({claim.record.id.Hex().substr(0, 12), name.empty() ? "-" : name, FormatSeconds(claim.record.run.median),
                FormatSeconds(median), said});
    const auto number = [](double value) {
      return value > 0 ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
    };
    json_.push_back({{"record", claim.record.id.Hex()},
                     {"workload", name},
                     {"claimed", number(claim.record.run.median)},
                     {"measured", number(median)},
                     {"outcome", said},
                     {"message", message}});
  }

  Table table_{{"record", "workload", "claimed", "measured", "outcome"}};
  nlohmann::ordered_json json_ = nlohmann::ordered_json::array();
};

// What the record was made for, or this machine where it does not say.
std::string TargetOf(const TuningRecord& record) {
  return record.target_json.empty() ? DetectHost().ToJson() : record.target_json;
}

// What makes two records ones of the same kernel. Traces of files may be spelt otherwise than ours.
std::string KernelOf(const TuningRecord& record) {
  const absl::StatusOr<schedule::Trace> trace = schedule::TraceFromJson(record.trace_json);
  const absl::StatusOr<std::string> text =
      trace.ok() ? schedule::TraceToJson(*trace) : absl::StatusOr<std::string>(trace.status());
  const absl::StatusOr<Target> target = Target::Parse(TargetOf(record));
  return StrCat(record.workload_id.Hex(), "\n", target.ok() ? target->ToJson() : record.target_json, "\n",
                text.ok() ? *text : record.trace_json);
}

using Kernels = std::set<std::string>;

void NoteVerified(const TuningRecord& record, Kernels& verified) {
  if (record.trust == Trust::kVerified) verified.insert(KernelOf(record));
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
  Outcomes outcomes;
  for (const Workload& workload : workloads) {
    if (!arguments.workload.empty() && workload.id.Hex().rfind(arguments.workload, 0) != 0) continue;
    HONE_ASSIGN_OR_RETURN(const std::vector<TuningRecord> records, database->GetTopK(workload, 1 << 30));
    Kernels verified_here;
    for (const TuningRecord& record : records) {
      if (record.device.device_class == DeviceClassOf(device_json)) NoteVerified(record, verified_here);
    }
    int64_t left = arguments.top_k;
    for (const TuningRecord& record : records) {
      if (record.trust != Trust::kImported || left-- <= 0) continue;
      if (verified_here.contains(KernelOf(record))) {
        outcomes.AddKnown({record, workload});
        continue;
      }
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
      outcomes.Add({record, workload}, {verified.run.failure, verified.run.median});
      std::fprintf(stderr, "%s: %s\n", record.id.Hex().substr(0, 12).c_str(),
                   verified.run.failure.has_value() ? verified.run.failure->message.c_str()
                                                    : FormatSeconds(verified.run.median).c_str());
      HONE_RETURN_IF_ERROR(database->CommitRecords(absl::MakeConstSpan(&verified, 1)).status());
    }
  }
  outcomes.Print(arguments.json);
  return absl::OkStatus();
}

// The claims to measure; those that the farm has verified before go to `outcomes`.
absl::StatusOr<std::vector<Claim>> ClaimsOfServer(const std::shared_ptr<Connection>& server, const Arguments& arguments,
                                                  Outcomes& outcomes) {
  RecordClient client(server);
  v1::ListRecordsRequest request;
  request.set_limit(1000);
  std::map<Digest, std::vector<TuningRecord>> by_workload;
  Kernels verified;
  while (true) {
    HONE_ASSIGN_OR_RETURN(const v1::ListRecordsResponse page, client.ListRecords(request));
    for (const v1::TuningRecord& proto : page.records()) {
      HONE_ASSIGN_OR_RETURN(TuningRecord record, FromProto(proto));
      if (!arguments.workload.empty() && record.workload_id.Hex().rfind(arguments.workload, 0) != 0) continue;
      NoteVerified(record, verified);
      if (record.trust != Trust::kImported) continue;
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
      if (verified.contains(KernelOf(records[i]))) {
        outcomes.AddKnown({std::move(records[i]), workload});
      } else {
        out.push_back({std::move(records[i]), workload});
      }
    }
  }
  return out;
}

// The farm measures; the server keeps the verified records.
absl::Status VerifyOnServer(const Arguments& arguments) {
  HONE_ASSIGN_OR_RETURN(const std::shared_ptr<Connection> server, arguments.source.server.Open());
  Outcomes outcomes;
  HONE_ASSIGN_OR_RETURN(const std::vector<Claim> claims, ClaimsOfServer(server, arguments, outcomes));
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
    outcomes.Add(claims[i], outcome);
    std::error_code error;
    std::filesystem::remove_all(std::filesystem::path(*packed[i].artifact_path).parent_path(), error);
  }
  outcomes.Print(arguments.json);
  return absl::OkStatus();
}

}  // namespace

void AddRecordsVerifyCommand(Flags& records) {
  auto arguments = std::make_shared<Arguments>();
  Flags flags = records.Command("verify", "Measure imported records; what agrees with its workload becomes verified");
  arguments->source.Declare(flags);
  flags.Add("top-k", &arguments->top_k, "How many of each workload, fastest first");
  flags.Add("workload", &arguments->workload, "Only this workload (start of its id)");
  flags.Add("json", &arguments->json, "Print JSON");
  flags.Run([arguments] {
    const bool on_server = arguments->source.work_dir.empty() && !arguments->source.server.server.empty();
    return Report(on_server ? VerifyOnServer(*arguments) : VerifyFolder(*arguments));
  });
}

}  // namespace hone::cli
