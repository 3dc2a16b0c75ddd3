// Search strategies with a life cycle (reference/search.md section 2). The stock ones drive the pure rounds of
// server/search.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/cpp/cost_model.h"
#include "client/cpp/database.h"
#include "client/cpp/measure_candidate.h"
#include "client/cpp/runner.h"

namespace hone::meta_schedule {

class TuneContext;

// What a stock strategy was made of; a server makes the same of it.
struct StockStrategy {
  std::string kind;
  std::string params_json;
  bool operator==(const StockStrategy&) const = default;
};

struct PreTuningOptions {
  int64_t max_trials = 0;
  int num_trials_per_iter = 64;
  std::vector<schedule::Schedule> design_spaces;
  std::shared_ptr<Database> database = nullptr;
  std::shared_ptr<CostModel> cost_model = nullptr;
};

// Derive from it for a strategy of your own. Not thread-safe.
class SearchStrategy {
 public:
  virtual ~SearchStrategy() = default;
  // Before anything else, and again after Clone: learns of its context, which outlives it.
  virtual absl::Status Initialize(TuneContext& context) = 0;
  // FailedPrecondition when called twice without PostTuning between.
  virtual absl::Status PreTuning(PreTuningOptions options) = 0;
  // The next batch, maybe empty; nullopt when there is nothing more to do.
  virtual absl::StatusOr<std::optional<std::vector<MeasureCandidate>>> GenerateMeasureCandidates() = 0;
  // The results of the last batch.
  virtual absl::Status NotifyRunnerResults(absl::Span<const MeasureCandidate> candidates,
                                           absl::Span<const RunnerResult> results) = 0;
  virtual absl::Status PostTuning() = 0;
  // The same configuration without state.
  virtual std::unique_ptr<SearchStrategy> Clone() const = 0;
  // Of a stock strategy; nullopt for one's own.
  virtual std::optional<StockStrategy> Stock() const { return std::nullopt; }

  // "evolutionary" (default), "replay-trace", "replay-func". `params_json` overrides their parameters by name, e.g.
  // {"population_size": 256}. InvalidArgument for an unknown kind or parameter.
  static absl::StatusOr<std::unique_ptr<SearchStrategy>> Create(std::string_view kind = "evolutionary",
                                                                std::string_view params_json = "{}");
};

}  // namespace hone::meta_schedule
