// Builds, checks and times programs: reads {"id", "module", "trace", "target"} a line from stdin and writes
// {"id", "ok", "run_secs", "verdict", "build_ms", "spread", "disturbed"} or {"id", "ok": false, "kind", "error"} a
// line.
//   measure_cases [--quick]        --quick takes few samples of each: for correctness, not for figures.
// With "workload" the module is held against that program instead of against its own unscheduled form.
#include <cstring>
#include <iostream>
#include <string>

#include "common/measure/verdict_name.h"
#include "common/support/log.h"
#include "common/support/strings.h"
#include "nlohmann/json.hpp"
#include "worker/local/local_measure.h"

namespace hone {
namespace {

using Json = nlohmann::json;

std::string TextOf(const Json& object, const char* name) {
  auto it = object.find(name);
  if (it == object.end() || it->is_null()) return "";
  return it->is_string() ? it->get<std::string>() : it->dump();
}

Json Answer(LocalMeasure& measure, const Json& question, const MeasurementPolicy& policy) {
  Json answer = {{"id", question.value("id", Json())}};
  const std::string workload = TextOf(question, "workload");
  const RunResult result = BuildAndRun(measure, TextOf(question, "module"), TextOf(question, "trace"),
                                       TextOf(question, "target"), policy, workload);
  answer["ok"] = !result.failure.has_value();
  answer["verdict"] = VerdictName(result.verdict);
  if (result.failure.has_value()) {
    answer["kind"] = FailureKindName(result.failure->kind);
    answer["error"] = result.failure->message;
    return answer;
  }
  answer["run_secs"] = result.samples;
  answer["median"] = result.median;
  answer["spread"] = result.spread;
  answer["max_rel_error"] = result.errors.max_rel;
  answer["disturbed"] = result.disturbance.disturbed;
  return answer;
}

int Main(int argc, char** argv) {
  SetLogLevel(LogLevel::kWarning);
  auto measure = LocalMeasure::Create({});
  if (!measure.ok()) {
    std::cerr << measure.status().ToString() << "\n";
    return 1;
  }
  MeasurementPolicy policy;
  if (argc > 1 && std::strcmp(argv[1], "--quick") == 0) {
    policy.repeat = 1;
    policy.max_repeat = 1;
    policy.number = 1;
    policy.timeout = absl::Seconds(60);
  }
  std::string line;
  while (std::getline(std::cin, line)) {
    const Json question = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    const Json answer = question.is_object() ? Answer(**measure, question, policy)
                                             : Json{{"id", nullptr}, {"ok", false}, {"error", "not a JSON object"}};
    std::cout << answer.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace hone

int main(int argc, char** argv) { return hone::Main(argc, argv); }
