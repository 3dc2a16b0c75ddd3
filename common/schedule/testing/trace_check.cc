// Reads the traces of recorded cases and writes them again: the JSON form; the Python form of cases that have one,
// which must give the same trace as the JSON form; and what simplification leaves of those that were simplified. Exits
// 1 when one comes out otherwise. usage: trace_check FILE.jsonl...
#include <cstdio>
#include <fstream>
#include <string>

#include "common/schedule/schedule.h"
#include "common/schedule/trace_from_python.h"
#include "common/schedule/trace_json.h"
#include "common/support/strings.h"
#include "nlohmann/json.hpp"

namespace hone::schedule {
namespace {

struct Counts {
  int json = 0;
  int python = 0;
  int simplified = 0;
  int different = 0;
};

void Report(const std::string& what, std::string_view why, Counts& counts) {
  if (++counts.different <= 20) std::printf("%s: %.*s\n", what.c_str(), static_cast<int>(why.size()), why.data());
}

// The JSON of a trace with integers for booleans, as the recorded cases have it.
std::string JsonOf(const Trace& trace) {
  TraceJsonOptions options;
  options.python_objects = true;
  const absl::StatusOr<std::string> json = TraceToJson(trace, options);
  return json.ok() ? *json : StrCat("no JSON: ", ToStd(json.status().message()));
}

void CheckPython(const std::string& where, const nlohmann::json& lines, const Trace& trace, Counts& counts) {
  std::string text;
  for (const auto& line : lines) StrAppend(&text, line.get<std::string>(), "\n");
  ++counts.python;
  const absl::StatusOr<Trace> read = TraceFromPython(text);
  if (!read.ok()) return Report(where, ToStd(read.status().message()), counts);
  std::string again;
  for (const std::string& line : read->AsPython()) StrAppend(&again, line, "\n");
  if (again != text) return Report(where, "the Python form comes back differently", counts);
  std::string ours;
  for (const std::string& line : trace.AsPython()) StrAppend(&ours, line, "\n");
  if (ours != text) return Report(where, "the JSON form has another Python form", counts);
  // Index maps lose the types of their variables.
  if (text.find("lambda") == std::string::npos && JsonOf(*read) != JsonOf(trace)) {
    Report(where, "the Python form is another trace than the JSON form", counts);
  }
}

void CheckCase(const std::string& where, const nlohmann::json& question, Counts& counts) {
  if (question.contains("accepted") && !question["accepted"].get<bool>()) return;  // The refused call has no outputs.
  for (const char* key : {"trace", "final_trace"}) {
    if (!question.contains(key)) continue;
    ++counts.json;
    const absl::StatusOr<Trace> trace = TraceFromJson(question[key].dump());
    if (!trace.ok()) {
      Report(where, ToStd(trace.status().message()), counts);
      continue;
    }
    if (nlohmann::json::parse(JsonOf(*trace), nullptr, false) != question[key]) {
      Report(where, "the JSON form comes back differently", counts);
    }
    const absl::StatusOr<Trace> joined = WithDecisions(SkeletonOf(*trace), DecisionsToJson(*trace));
    if (!joined.ok() || JsonOf(*joined) != JsonOf(*trace)) {
      Report(where, "skeleton and decisions give another trace", counts);
    }
    const bool last = std::string(key) == "final_trace" || !question.contains("final_trace");
    if (question.contains("python") && last) CheckPython(where, question["python"], *trace, counts);
    if (question.contains("simplified") && last) {
      ++counts.simplified;
      const std::string ours = JsonOf(trace->Simplified(/*remove_postproc=*/true));
      if (nlohmann::json::parse(ours, nullptr, false) != question["simplified"]) {
        Report(where, StrCat("simplified differently: ", ours), counts);
      }
    }
    std::string own;
    for (const std::string& line : trace->AsPython()) StrAppend(&own, line, "\n");
    if (!TraceFromPython(own).ok()) Report(where, "the own Python form is not read", counts);
  }
}

}  // namespace
}  // namespace hone::schedule

int main(int argc, char** argv) {
  hone::schedule::Counts counts;
  for (int i = 1; i < argc; ++i) {
    std::ifstream in(argv[i]);
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
      const auto question = nlohmann::json::parse(line, nullptr, false);
      if (question.is_object()) {
        hone::schedule::CheckCase(hone::StrCat(std::string_view(argv[i]), ":", number), question, counts);
      }
    }
  }
  std::printf("%d traces as JSON, %d as Python, %d simplified, %d differ\n", counts.json, counts.python,
              counts.simplified, counts.different);
  return counts.different == 0 ? 0 : 1;
}
