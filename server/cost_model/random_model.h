// A model that knows nothing: uniform scores in [0, max_range), keyed by (seed, draw, position).
#pragma once

#include "server/cost_model/cost_model.h"

namespace hone {

class RandomModel final : public CostModel {
 public:
  explicit RandomModel(uint64_t seed, double max_range = 100) : seed_(seed), max_range_(max_range) {}
  absl::Status Update(uint64_t, absl::Span<const FeatureMatrix>, absl::Span<const double>) override;
  std::vector<double> Predict(absl::Span<const FeatureMatrix> candidates, uint64_t draw) override;
  bool NeedsFeatures() const override { return false; }
  absl::Status Save(const std::string& path) const override;
  absl::Status Load(const std::string& path) override;
  std::string Describe() const override { return "random scores"; }

 private:
  uint64_t seed_;
  double max_range_;
};

}  // namespace hone
