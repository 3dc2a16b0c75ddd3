#include "common/record/tuning_record.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "common/record/json_scan.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {
namespace {

constexpr std::array<std::string_view, 3> kTrustNames = {"verified", "imported", "failed"};
constexpr double kTvmFailed = 1e10;  // TVM's mark of a failure in files.

// Reads no further than the first instruction's name: whoever made the record has read the trace.
bool HasScheduling(std::string_view trace_json) {
  size_t at = 0;
  for (int open = 0; open < 3; ++open, ++at) {  // Of the trace, the instructions, the first of them.
    at = trace_json.find_first_not_of(" \t\r\n", at);
    if (at == std::string_view::npos || trace_json[at] != '[') return false;
  }
  size_t quote = trace_json.find_first_not_of(" \t\r\n", at);
  return quote != std::string_view::npos && trace_json[quote] == '"' &&
         trace_json.substr(quote, 15) != "\"EnterPostproc\"";
}

}  // namespace

std::string_view TrustName(Trust trust) { return kTrustNames[static_cast<int>(trust)]; }

std::optional<Trust> TrustFromName(std::string_view name) {
  for (int i = 0; i < 3; ++i) {
    if (kTrustNames[i] == name) return static_cast<Trust>(i);
  }
  return std::nullopt;
}

Digest RecordId(const TuningRecord& r) {
  if (!r.slot.job_id.empty()) {
    return Sha256(StrCat("hone-record-slot-1\n", r.pool, "\n", r.slot.job_id, "\n", r.slot.task, " ", r.slot.round, " ",
                         r.slot.slot));
  }
  std::string text =
      StrCat("hone-record-1\n", r.pool, "\n", r.workload_id.Hex(), "\n", r.trace_json, "\n", r.target_json, "\n");
  std::optional<std::vector<double>> run_secs = TvmRunSecs(r);
  if (!run_secs) text += "null";
  for (double secs : run_secs.value_or(std::vector<double>{})) StrAppend(&text, TvmJsonNumber(secs), " ");
  return Sha256(text);
}

std::optional<std::vector<double>> TvmRunSecs(const TuningRecord& record) {
  if (record.file_run_secs) return *record.file_run_secs;
  if (record.run.failure) return std::vector<double>{kTvmFailed};
  return record.run.samples;
}

bool IsValid(const TuningRecord& record) {
  auto run_secs = TvmRunSecs(record);
  if (!run_secs) return false;
  bool timed = std::any_of(run_secs->begin(), run_secs->end(), [](double secs) { return secs != kTvmFailed; });
  return timed && HasScheduling(record.trace_json);
}

double SortKey(const TuningRecord& record) {
  auto run_secs = TvmRunSecs(record);
  if (!run_secs || run_secs->empty()) return kTvmFailed;
  double sum = 0;
  for (double secs : *run_secs) sum += secs;
  return std::isnan(sum) ? HUGE_VAL : sum / static_cast<double>(run_secs->size());  // Orders must be total.
}

absl::StatusOr<SplitTrace> SplitTraceJson(std::string_view trace_json) {
  HONE_ASSIGN_OR_RETURN(std::vector<std::string_view> parts, SplitJsonArray(trace_json));
  if (parts.size() != 2 || parts[0].front() != '[' || parts[1].front() != '[') {
    return absl::InvalidArgumentError("a trace is [instructions, decisions], two lists");
  }
  return SplitTrace{StrCat("[", parts[0], ",[]]"), std::string(parts[1])};
}

absl::StatusOr<std::string> JoinSkeleton(std::string_view skeleton_json, std::string_view decisions_json) {
  if (skeleton_json.empty()) return std::string();
  HONE_ASSIGN_OR_RETURN(std::vector<std::string_view> parts, SplitJsonArray(skeleton_json));
  if (parts.size() != 2) return absl::InvalidArgumentError("a skeleton is [instructions, []]");
  return StrCat("[", parts[0], ",", decisions_json.empty() ? "[]" : decisions_json, "]");
}

Digest SkeletonId(std::string_view skeleton_json) { return Sha256(StrCat("hone-skeleton-1\n", skeleton_json)); }

}  // namespace hone
