// Cost models (reference/costmodel.md section 1).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/cpp/feature_extractor.h"
#include "client/cpp/measure_candidate.h"
#include "client/cpp/runner.h"
#include "server/cost_model/cost_model.h"

namespace hone::meta_schedule {

// Derive from it for a model of your own. Called from one thread at a time.
class CostModel {
 public:
  virtual ~CostModel() = default;
  virtual absl::Status Load(const std::string& path) = 0;
  virtual absl::Status Save(const std::string& path) = 0;
  // Learns from a measured batch; as many results as candidates.
  virtual absl::Status Update(const TuneContext& context, absl::Span<const MeasureCandidate> candidates,
                              absl::Span<const RunnerResult> results) = 0;
  // A normalised score a candidate, higher is better.
  virtual absl::StatusOr<std::vector<double>> Predict(const TuneContext& context,
                                                      absl::Span<const MeasureCandidate> candidates) = 0;

  // The model over features behind a stock kind, which strategies ask without making candidates; null for others.
  virtual ::hone::CostModel* FeatureModel() { return nullptr; }

  // "xgb" (default), "mlp", "random"; null for "none". InvalidArgument, naming the kinds, for another.
  static absl::StatusOr<std::shared_ptr<CostModel>> Create(std::string_view kind = "xgb", uint64_t seed = 43);
  // The same over features of one's own, which the model then sees in place of the stock ones. Candidates are made into
  // schedules before they are scored, as for a model of one's own. Predict and Update are InvalidArgument when the
  // extractor gives another number of matrices than candidates, or rows of different widths.
  static absl::StatusOr<std::shared_ptr<CostModel>> Create(std::string_view kind,
                                                           std::shared_ptr<FeatureExtractor> extractor,
                                                           uint64_t seed = 43);
};

}  // namespace hone::meta_schedule
