// Predicts how good candidates are from their features, and learns from measurements.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/cost_model/features.h"

namespace hone {

// The cost of a failed candidate, in seconds, as TVM's models take it. It never leaves the model.
inline constexpr double kFailedCost = 1e10;

// How well a model ranks, on candidates it had not seen.
struct RankQuality {
  int candidates = 0;
  double spearman = 0;  // Rank correlation of score and speed, -1..1.
  double top_1 = 0;     // Best cost / cost of the best-scored one; top_k: best within the k best-scored.
  double top_8 = 0;
};
// `scores` higher is better, `costs` in seconds; failed candidates count as slowest.
RankQuality MeasureRanking(absl::Span<const double> scores, absl::Span<const double> costs);

// Not thread-safe. Deterministic: the same calls give the same answers on any machine with any number of threads.
class CostModel {
 public:
  virtual ~CostModel() = default;
  // Learns from one measured batch of the workload `group`. `costs` are seconds (kFailedCost for failures), one a
  // candidate. Candidates without rows are ignored.
  virtual absl::Status Update(uint64_t group, absl::Span<const FeatureMatrix> candidates,
                              absl::Span<const double> costs) = 0;
  // A score each, higher is better. `draw` keys what is random (design.md: counter-based).
  virtual std::vector<double> Predict(absl::Span<const FeatureMatrix> candidates, uint64_t draw) = 0;
  // True when Predict reads features; otherwise callers need not extract them.
  virtual bool NeedsFeatures() const = 0;
  // True when rows also carry the eight columns of the task's workload embedding (see embedding_model.h).
  virtual bool NeedsWorkloadEmbedding() const { return false; }
  virtual absl::Status Save(const std::string& path) const = 0;
  virtual absl::Status Load(const std::string& path) = 0;
  // One line for the job's log: samples, rounds trained, training error.
  virtual std::string Describe() const = 0;
};

// "xgb", "mlp" or "random". InvalidArgument, naming the kinds, for another; null for "none". With a `prior` (prior.h),
// which outlives the model, xgb ranks by it from the start and learns from few samples.
absl::StatusOr<std::unique_ptr<CostModel>> MakeCostModel(std::string_view kind, uint64_t seed,
                                                         std::string_view prior = {});

}  // namespace hone
