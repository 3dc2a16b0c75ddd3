#include "common/record/tvm_line.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"
#include "common/record/json_scan.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {
namespace {

constexpr double kTvmFailed = 1e10;

std::string LengthPrefixed(std::string_view text) {
  uint64_t size = text.size();
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(size >> (8 * i));
  return bytes + std::string(text);
}

absl::StatusOr<std::string> StripLength(const std::string& bytes) {
  uint64_t size = 0;
  for (int i = 0; i < 8 && i < static_cast<int>(bytes.size()); ++i) {
    size |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  if (bytes.size() < 8 || size != bytes.size() - 8) {
    return absl::InvalidArgumentError(StrCat("a workload of ", bytes.size(), " bytes says ", size, " bytes of text"));
  }
  return bytes.substr(8);
}

std::string Middle(const TuningRecord& record) {
  auto run_secs = TvmRunSecs(record);
  if (!run_secs) return "null";
  std::string text = "[";
  for (size_t i = 0; i < run_secs->size(); ++i) StrAppend(&text, i ? "," : "", TvmJsonNumber((*run_secs)[i]));
  return text + "]";
}

std::string ArgsText(const TuningRecord& record) {
  if (!record.args_info) return "null";
  std::string text = "[";
  for (const TensorInfo& arg : *record.args_info) {
    StrAppend(&text, text.size() > 1 ? "," : "", "[\"TENSOR\",", TvmJsonString(arg.dtype), ",[",
              absl::StrJoin(arg.shape, ","), "]]");
  }
  return text + "]";
}

absl::StatusOr<std::vector<double>> ParseRunSecs(std::string_view text) {
  HONE_ASSIGN_OR_RETURN(std::vector<std::string_view> parts, SplitJsonArray(text));
  std::vector<double> values;
  for (std::string_view part : parts) {
    HONE_ASSIGN_OR_RETURN(double value, ParseJsonNumber(part));
    values.push_back(value);
  }
  return values;
}

absl::StatusOr<std::vector<TensorInfo>> ParseArgs(std::string_view text) {
  HONE_ASSIGN_OR_RETURN(std::vector<std::string_view> parts, SplitJsonArray(text));
  std::vector<TensorInfo> args;
  for (std::string_view part : parts) {
    HONE_ASSIGN_OR_RETURN(std::vector<std::string_view> fields, SplitJsonArray(part));
    if (fields.size() != 3 || fields[0] != "\"TENSOR\"") {
      return absl::InvalidArgumentError(StrCat("argument ", args.size(), " is not [\"TENSOR\", dtype, shape]"));
    }
    TensorInfo arg;
    HONE_ASSIGN_OR_RETURN(arg.dtype, ParseJsonString(fields[1]));
    HONE_ASSIGN_OR_RETURN(std::vector<std::string_view> dims, SplitJsonArray(fields[2]));
    for (std::string_view dim : dims) {
      HONE_ASSIGN_OR_RETURN(int64_t extent, ParseJsonInteger(dim));
      arg.shape.push_back(extent);
    }
    args.push_back(std::move(arg));
  }
  return args;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t n = values.size();
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

// What the numbers of a file mean to us: times, or a failure without a kind.
void TakeRunSecs(std::optional<std::vector<double>> run_secs, TuningRecord& record) {
  std::vector<double> times;
  for (double secs : run_secs.value_or(std::vector<double>{})) {
    if (secs != kTvmFailed && std::isfinite(secs) && secs > 0) times.push_back(secs);
  }
  record.file_run_secs = std::move(run_secs);
  if (times.empty()) {
    record.trust = Trust::kFailed;
    record.run.failure = Failure{FailureKind::kRun, "the file has no time for it"};
    return;
  }
  record.trust = Trust::kImported;
  record.run.median = Median(times);
  record.run.samples = std::move(times);
}

}  // namespace

absl::StatusOr<std::string> TvmWorkloadLine(const Workload& workload, const ModuleCodec& codec) {
  std::string payload = workload.script;
  if (codec.graph_json_of_script) {
    HONE_ASSIGN_OR_RETURN(payload, codec.graph_json_of_script(workload.script));
  }
  uint64_t hash = codec.structural_hash ? codec.structural_hash(workload.script) : 0;
  return StrCat("[\"", hash, "\",\"", ToStd(absl::Base64Escape(ToAbsl(LengthPrefixed(payload)))), "\"]");
}

absl::StatusOr<Workload> ParseTvmWorkloadLine(std::string_view line, const ModuleCodec& codec) {
  HONE_ASSIGN_OR_RETURN(std::vector<std::string_view> parts, SplitJsonArray(line));
  if (parts.size() != 2) return absl::InvalidArgumentError("a workload is [\"hash\", \"base64\"]");
  HONE_ASSIGN_OR_RETURN(std::string base64, ParseJsonString(parts[1]));
  std::string bytes;
  if (!absl::Base64Unescape(base64, &bytes)) return absl::InvalidArgumentError("the workload is not base64");
  HONE_ASSIGN_OR_RETURN(std::string payload, StripLength(bytes));
  bool is_graph =
      payload.find_first_not_of(" \t\r\n") != std::string::npos && payload[payload.find_first_not_of(" \t\r\n")] == '{';
  if (!is_graph) {
    return codec.workload_of_script ? codec.workload_of_script(payload) : WorkloadFromScript(std::move(payload));
  }
  if (!codec.workload_of_graph_json) return absl::UnimplementedError("no reader of node-graph JSON is linked in");
  return codec.workload_of_graph_json(payload);
}

std::string TvmRecordLine(int64_t workload_index, const TuningRecord& record) {
  return StrCat("[", workload_index, ",[", record.trace_json.empty() ? "[[],[]]" : record.trace_json, ",",
                Middle(record), ",", record.target_json.empty() ? "null" : record.target_json, ",", ArgsText(record),
                "]]");
}

absl::StatusOr<IndexedRecord> ParseTvmRecordLine(std::string_view line) {
  HONE_ASSIGN_OR_RETURN(std::vector<std::string_view> outer, SplitJsonArray(line));
  if (outer.size() != 2) return absl::InvalidArgumentError("a record line is [workload index, record]");
  IndexedRecord result;
  HONE_ASSIGN_OR_RETURN(result.workload_index, ParseJsonInteger(outer[0]));
  HONE_ASSIGN_OR_RETURN(std::vector<std::string_view> fields, SplitJsonArray(outer[1]));
  if (fields.size() != 4) {
    return absl::InvalidArgumentError(StrCat("a record has ", fields.size(), " fields, expected 4"));
  }
  HONE_RETURN_IF_ERROR(SplitTraceJson(fields[0]).status());
  result.record.trace_json = std::string(fields[0]);
  std::optional<std::vector<double>> run_secs;
  if (fields[1] != "null") {
    HONE_ASSIGN_OR_RETURN(run_secs, ParseRunSecs(fields[1]));
  }
  TakeRunSecs(std::move(run_secs), result.record);
  if (fields[2] != "null") {
    if (fields[2].front() != '{') return absl::InvalidArgumentError("the target is not an object");
    result.record.target_json = std::string(fields[2]);
  }
  if (fields[3] != "null") {
    HONE_ASSIGN_OR_RETURN(result.record.args_info, ParseArgs(fields[3]));
  }
  return result;
}

}  // namespace hone
