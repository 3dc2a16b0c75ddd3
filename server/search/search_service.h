// What a search worker does for the coordinator, and what embedded mode calls directly: proposes rounds of candidates
// for one task of a job. A round is a pure function of its inputs (design.md section 3, Determinism).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/measure/failure.h"
#include "common/support/sha256.h"

namespace hone {

// A record of an earlier job that the search starts from.
struct WarmStart {
  std::string trace_json;  // Whole.
  double median_secs = 0;  // 0: of a near workload, whose time says nothing here.
};

// Everything that defines a task's search; fixed when the job is created.
struct SearchTaskSpec {
  std::string task_name;
  std::string workload_script;              // TVMScript.
  std::string target_json;                  // Complete target.
  std::string strategy = "evolutionary";    // "evolutionary" | "replay-trace" | "replay-func"
  std::string cost_model = "xgb";           // "xgb" | "mlp" | "random" | "none"
  std::string space = "post-order-apply";   // As MakeSpaceGenerator takes it (server/space/space_factory.h).
  std::string strategy_params_json = "{}";  // Overrides of the strategy's defaults by name.
  int64_t max_trials = 64;
  int trials_per_round = 64;
  uint64_t seed = 0;
  uint64_t task_index = 0;             // Position of the task in its job; part of every random key.
  int num_threads = 1;                 // Never changes the candidates.
  std::vector<std::string> plugins;    // Paths, on the search worker.
  std::vector<WarmStart> warm_starts;  // Proposed first in round 0, and known as measured where they have a time.
};

// One candidate. The skeleton is a whole trace, the postprocs' part included, as JSON with empty decisions; candidates
// share few of them and each is sent once.
struct SearchCandidate {
  Digest skeleton_id;
  std::string decisions_json;  // TVM's decisions list: [[instruction index, decision], ...]
  double predicted_score = 0;  // By the cost model; for the log.
};

// The result of one candidate, as the search learns it.
struct SearchResult {
  std::optional<Failure> failure;
  double median_secs = 0;  // Valid when there is no failure.
};

struct SearchRound {
  std::vector<SearchCandidate> candidates;  // Empty = the strategy has nothing more to propose.
  std::string log;                          // Lines for the job's log: population, rank correlation of the model, ...
  double search_secs = 0;
  double model_secs = 0;
};

// One open task. Not thread-safe.
class SearchSession {
 public:
  virtual ~SearchSession() = default;
  // Skeletons of the candidates proposed so far, the postprocs' part included: id and trace JSON [insts, []].
  virtual std::vector<std::pair<Digest, std::string>> Skeletons() const = 0;
  // Candidates of round `round` (0-based, called in order). `results_so_far[r]` has the results of round r in slot
  // order, for r < round - 1 at least (results of the round before may still be missing: the pipeline is three deep).
  virtual absl::StatusOr<SearchRound> NextRound(int round,
                                                absl::Span<const std::vector<SearchResult>> results_so_far) = 0;
};

// Opens a task: parses the workload, generates its design spaces. InvalidArgument with line and column for a bad
// workload, a bad target, an unknown strategy or model; FailedPrecondition when the space is empty.
absl::StatusOr<std::unique_ptr<SearchSession>> OpenSearchSession(const SearchTaskSpec& spec);

// Joins a skeleton and decisions to TVM's trace JSON [insts, decisions].
std::string JoinTraceJson(std::string_view skeleton_json, std::string_view decisions_json);

}  // namespace hone
