// Replays cases {id, module, trace} of a JSON-lines file, one result {id, ok, module, trace | error} a line: the
// developer's short way to `hone inspect replay` while working on a primitive.
#include <fstream>
#include <iostream>
#include <string>

#include "common/intrin/intrin.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace_json.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "nlohmann/json.hpp"

namespace hone::schedule {
namespace {

absl::Status Replay(const nlohmann::json& question, nlohmann::json& answer) {
  HONE_ASSIGN_OR_RETURN(const ir::IRModule module, script::ParseModule(question["module"].get<std::string>()));
  ScheduleOptions options;
  options.seed = 42;
  options.intrinsics = FindTensorIntrin;
  HONE_ASSIGN_OR_RETURN(Schedule schedule, Schedule::Create(module, options));
  HONE_RETURN_IF_ERROR(ApplyTraceJson(schedule, question["trace"].dump()));
  schedule.state().VerifyTree();
  TraceJsonOptions json;
  json.python_objects = true;
  HONE_ASSIGN_OR_RETURN(const std::string trace, TraceToJson(schedule.trace(), json));
  answer["module"] = script::PrintModule(schedule.module());
  answer["trace"] = nlohmann::json::parse(trace);
  return absl::OkStatus();
}

}  // namespace
}  // namespace hone::schedule

int main(int argc, char** argv) {
  std::string file;
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string(argv[i]) == "--cases") file = argv[i + 1];
  }
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    const nlohmann::json question = nlohmann::json::parse(line);
    nlohmann::json answer;
    answer["id"] = question["id"];
    const absl::Status status = hone::schedule::Replay(question, answer);
    answer["ok"] = status.ok();
    if (!status.ok()) answer["error"] = std::string(hone::ToStd(status.message()));
    std::cout << answer.dump() << std::endl;
  }
  return 0;
}
