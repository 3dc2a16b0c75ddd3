#include "bench/candidates.h"

#include <map>
#include <memory>
#include <utility>

#include "common/intrin/intrin.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace_json.h"
#include "common/script/parser.h"
#include "common/support/status_macros.h"
#include "server/search/search_service.h"

namespace hone::bench {

absl::StatusOr<std::vector<BuildRequest>> RandomCandidates(const std::string& workload_script, const Target& target,
                                                           int count, uint64_t seed, const std::string& space) {
  SearchTaskSpec spec;
  spec.task_name = "random";
  spec.workload_script = workload_script;
  spec.target_json = target.ToJson();
  spec.strategy = "replay-trace";
  spec.cost_model = "none";
  spec.space = space;
  spec.max_trials = count;
  spec.trials_per_round = count;
  spec.seed = seed;
  HONE_ASSIGN_OR_RETURN(const std::unique_ptr<SearchSession> session, OpenSearchSession(spec));
  HONE_ASSIGN_OR_RETURN(const SearchRound round, session->NextRound(0, {}));
  std::map<Digest, std::string> skeletons;
  for (const auto& [id, json] : session->Skeletons()) skeletons[id] = json;
  std::vector<BuildRequest> requests;
  for (const SearchCandidate& candidate : round.candidates) {
    BuildRequest request;
    request.workload_script = workload_script;
    request.trace_json = JoinTraceJson(skeletons[candidate.skeleton_id], candidate.decisions_json);
    request.target_json = spec.target_json;
    requests.push_back(std::move(request));
  }
  return requests;
}

absl::StatusOr<ir::IRModule> ScheduledModule(const BuildRequest& request) {
  HONE_ASSIGN_OR_RETURN(const ir::IRModule module, script::ParseModule(request.workload_script));
  schedule::ScheduleOptions options;
  options.intrinsics = FindTensorIntrin;
  HONE_ASSIGN_OR_RETURN(schedule::Schedule schedule, schedule::Schedule::Create(module, options));
  HONE_RETURN_IF_ERROR(schedule::ApplyTraceJson(schedule, request.trace_json));
  return schedule.module();
}

}  // namespace hone::bench
