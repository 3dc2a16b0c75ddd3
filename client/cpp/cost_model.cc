#include "client/cpp/cost_model.h"

#include <utility>

#include "client/cpp/tune_context.h"
#include "common/ir/module_equality.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::meta_schedule {
namespace {

// A stock model together with the features that it reads.
class FeatureCostModel final : public CostModel {
 public:
  // `stock`: the strategies know the extractor's features themselves.
  FeatureCostModel(std::unique_ptr<::hone::CostModel> model, std::shared_ptr<FeatureExtractor> extractor, bool stock)
      : model_(std::move(model)), extractor_(std::move(extractor)), stock_(stock) {}

  absl::Status Load(const std::string& path) override { return model_->Load(path); }
  absl::Status Save(const std::string& path) override { return model_->Save(path); }

  absl::Status Update(const TuneContext& context, absl::Span<const MeasureCandidate> candidates,
                      absl::Span<const RunnerResult> results) override {
    if (candidates.size() != results.size()) {
      return absl::InvalidArgumentError(StrCat(candidates.size(), " candidates but ", results.size(), " results"));
    }
    if (candidates.empty()) return absl::OkStatus();
    HONE_ASSIGN_OR_RETURN(const std::vector<FeatureMatrix> features, Features(context, candidates));
    std::vector<double> costs;
    for (const RunnerResult& result : results) costs.push_back(MedianSeconds(result));
    return model_->Update(ir::ModuleHash(context.mod(), ir::Equality::kStructural), features, costs);
  }

  absl::StatusOr<std::vector<double>> Predict(const TuneContext& context,
                                              absl::Span<const MeasureCandidate> candidates) override {
    HONE_ASSIGN_OR_RETURN(const std::vector<FeatureMatrix> features, Features(context, candidates));
    return model_->Predict(features, draws_++);
  }

  ::hone::CostModel* FeatureModel() override { return stock_ || !model_->NeedsFeatures() ? model_.get() : nullptr; }

 private:
  absl::StatusOr<std::vector<FeatureMatrix>> Features(const TuneContext& context,
                                                      absl::Span<const MeasureCandidate> candidates) {
    if (!model_->NeedsFeatures()) return std::vector<FeatureMatrix>(candidates.size());
    HONE_ASSIGN_OR_RETURN(std::vector<FeatureMatrix> out, extractor_->ExtractFrom(context, candidates));
    if (out.size() != candidates.size()) {
      return absl::InvalidArgumentError(
          StrCat("the feature extractor gave ", out.size(), " matrices for ", candidates.size(), " candidates"));
    }
    for (const FeatureMatrix& matrix : out) {
      if (columns_ == 0) columns_ = matrix.columns;
      if (matrix.columns == columns_ && matrix.values.size() == static_cast<size_t>(matrix.rows) * matrix.columns) {
        continue;
      }
      return absl::InvalidArgumentError(StrCat("the feature extractor gave ", matrix.values.size(), " values in ",
                                               matrix.rows, " rows of ", matrix.columns, ", expected rows of ",
                                               columns_));
    }
    return out;
  }

  const std::unique_ptr<::hone::CostModel> model_;
  const std::shared_ptr<FeatureExtractor> extractor_;
  const bool stock_;
  int columns_ = 0;  // Of the first matrix.
  uint64_t draws_ = 0;
};

}  // namespace

absl::StatusOr<std::shared_ptr<CostModel>> CostModel::Create(std::string_view kind, uint64_t seed) {
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<::hone::CostModel> model, MakeCostModel(kind, seed));
  if (model == nullptr) return std::shared_ptr<CostModel>();
  // Rows of the width that strategies score.
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<FeatureExtractor> extractor,
                        FeatureExtractor::Create("per-store-feature", model->NeedsWorkloadEmbedding()));
  return std::shared_ptr<CostModel>(
      std::make_shared<FeatureCostModel>(std::move(model), std::move(extractor), /*stock=*/true));
}

absl::StatusOr<std::shared_ptr<CostModel>> CostModel::Create(std::string_view kind,
                                                             std::shared_ptr<FeatureExtractor> extractor,
                                                             uint64_t seed) {
  if (extractor == nullptr) return Create(kind, seed);
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<::hone::CostModel> model, MakeCostModel(kind, seed));
  if (model == nullptr) return std::shared_ptr<CostModel>();
  return std::shared_ptr<CostModel>(
      std::make_shared<FeatureCostModel>(std::move(model), std::move(extractor), /*stock=*/false));
}

}  // namespace hone::meta_schedule
