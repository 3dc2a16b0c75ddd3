#include "server/search/strategy.h"

#include <nlohmann/json.hpp>

#include "common/schedule/trace_json.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/search/evolutionary.h"
#include "server/search/given_traces.h"
#include "server/search/replay_func.h"
#include "server/search/replay_trace.h"

namespace hone {
namespace {

using Json = nlohmann::json;

// Takes numbers out of an object by name; what is left over is unknown.
class Params {
 public:
  explicit Params(Json object) : object_(std::move(object)) {}
  template <typename T>
  void Take(const char* name, T& value, double min, double max) {
    auto it = object_.find(name);
    if (it == object_.end()) return;
    if (!it->is_number() || it->get<double>() < min || it->get<double>() > max) {
      status_.Update(absl::InvalidArgumentError(
          StrCat("strategy parameter ", name, " is ", it->dump(), ", expected a number in [", min, ", ", max, "]")));
      return;
    }
    value = it->get<T>();
    object_.erase(it);
  }
  // Whole traces as JSON texts.
  absl::StatusOr<std::vector<schedule::Trace>> TakeTraces() {
    const absl::Status bad =
        absl::InvalidArgumentError("strategy parameter traces, expected a list of trace JSON texts with at least one");
    auto it = object_.find("traces");
    if (it == object_.end() || !it->is_array() || it->empty()) return bad;
    std::vector<schedule::Trace> out;
    for (const Json& text : *it) {
      if (!text.is_string()) return bad;
      HONE_ASSIGN_OR_RETURN(schedule::Trace trace, schedule::TraceFromJson(text.get<std::string>()));
      out.push_back(std::move(trace));
    }
    object_.erase(it);
    return out;
  }
  absl::Status Finish() {
    HONE_RETURN_IF_ERROR(status_);
    if (object_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(StrCat("unknown strategy parameter \"", object_.begin().key(), "\""));
  }

 private:
  Json object_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Strategy>> MakeStrategy(std::string_view kind, std::string_view params_json) {
  Json object = Json::parse(params_json.empty() ? "{}" : params_json, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    return absl::InvalidArgumentError(StrCat("strategy parameters ", params_json, " are no JSON object"));
  }
  Params params(std::move(object));
  std::unique_ptr<Strategy> strategy;
  if (kind == "evolutionary") {
    EvolutionaryParams p;
    params.Take("population_size", p.population_size, 1, 100000);
    params.Take("init_measured_ratio", p.init_measured_ratio, 0, 1);
    params.Take("init_min_unmeasured", p.init_min_unmeasured, 0, 100000);
    params.Take("max_fail_count", p.max_fail_count, 1, 1000);
    params.Take("genetic_num_iters", p.genetic_num_iters, 0, 1000);
    params.Take("genetic_mutate_prob", p.genetic_mutate_prob, 0, 1);
    params.Take("genetic_max_fail_count", p.genetic_max_fail_count, 0, 1000);
    params.Take("eps_greedy", p.eps_greedy, 0, 1);
    strategy = std::make_unique<EvolutionaryStrategy>(p);
  } else if (kind == "replay-trace") {
    int max_fail_count = 100;
    params.Take("max_fail_count", max_fail_count, 1, 100000);
    strategy = std::make_unique<ReplayTraceStrategy>(max_fail_count);
  } else if (kind == "replay-func") {
    int max_fail_count = 1000;
    params.Take("max_fail_count", max_fail_count, 1, 100000);
    strategy = std::make_unique<ReplayFuncStrategy>(max_fail_count);
  } else if (kind == "given-traces") {
    HONE_ASSIGN_OR_RETURN(std::vector<schedule::Trace> traces, params.TakeTraces());
    strategy = std::make_unique<GivenTracesStrategy>(std::move(traces));
  } else {
    return absl::InvalidArgumentError(
        StrCat("search strategy \"", kind, "\", expected evolutionary, replay-trace, replay-func or given-traces"));
  }
  HONE_RETURN_IF_ERROR(params.Finish());
  return strategy;
}

}  // namespace hone
