#include "server/cost_model/embedding_model.h"

namespace hone {

FeatureMatrix WithEmbedding(const FeatureMatrix& features, const std::array<float, 8>& embedding) {
  FeatureMatrix out;
  out.rows = features.rows;
  out.columns = features.columns + static_cast<int>(embedding.size());
  out.values.reserve(static_cast<size_t>(out.rows) * out.columns);
  for (int r = 0; r < features.rows; ++r) {
    out.values.insert(out.values.end(), features.Row(r), features.Row(r) + features.columns);
    out.values.insert(out.values.end(), embedding.begin(), embedding.end());
  }
  return out;
}

std::vector<FeatureMatrix> EmbeddingModel::Embedded(absl::Span<const FeatureMatrix> candidates) const {
  std::vector<FeatureMatrix> out;
  out.reserve(candidates.size());
  for (const FeatureMatrix& one : candidates) out.push_back(WithEmbedding(one, embedding_));
  return out;
}

absl::Status EmbeddingModel::Update(uint64_t group, absl::Span<const FeatureMatrix> candidates,
                                    absl::Span<const double> costs) {
  return model_.Update(group, Embedded(candidates), costs);
}

std::vector<double> EmbeddingModel::Predict(absl::Span<const FeatureMatrix> candidates, uint64_t draw) {
  return model_.Predict(Embedded(candidates), draw);
}

}  // namespace hone
