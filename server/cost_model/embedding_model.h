// A cost model seen from one task: adds the task's workload embedding to every row (reference/costmodel.md 5.8).
#pragma once

#include <array>

#include "server/cost_model/cost_model.h"

namespace hone {

// As thread-safe as `model`, which it does not own.
class EmbeddingModel final : public CostModel {
 public:
  EmbeddingModel(CostModel& model, const std::array<float, 8>& embedding) : model_(model), embedding_(embedding) {}
  absl::Status Update(uint64_t group, absl::Span<const FeatureMatrix> candidates,
                      absl::Span<const double> costs) override;
  std::vector<double> Predict(absl::Span<const FeatureMatrix> candidates, uint64_t draw) override;
  bool NeedsFeatures() const override { return model_.NeedsFeatures(); }
  absl::Status Save(const std::string& path) const override { return model_.Save(path); }
  absl::Status Load(const std::string& path) override { return model_.Load(path); }
  std::string Describe() const override { return model_.Describe(); }

 private:
  std::vector<FeatureMatrix> Embedded(absl::Span<const FeatureMatrix> candidates) const;

  CostModel& model_;
  const std::array<float, 8> embedding_;
};

// `features` with the columns added to every row.
FeatureMatrix WithEmbedding(const FeatureMatrix& features, const std::array<float, 8>& embedding);

}  // namespace hone
