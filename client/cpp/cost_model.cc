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
  FeatureCostModel(std::unique_ptr<::hone::CostModel> model, std::unique_ptr<FeatureExtractor> extractor)
      : model_(std::move(model)), extractor_(std::move(extractor)) {}

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

  ::hone::CostModel* FeatureModel() override { return model_.get(); }

 private:
  absl::StatusOr<std::vector<FeatureMatrix>> Features(const TuneContext& context,
                                                      absl::Span<const MeasureCandidate> candidates) {
    if (!model_->NeedsFeatures()) return std::vector<FeatureMatrix>(candidates.size());
    return extractor_->ExtractFrom(context, candidates);
  }

  const std::unique_ptr<::hone::CostModel> model_;
  const std::unique_ptr<FeatureExtractor> extractor_;
  uint64_t draws_ = 0;
};

}  // namespace

absl::StatusOr<std::shared_ptr<CostModel>> CostModel::Create(std::string_view kind, uint64_t seed) {
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<::hone::CostModel> model, MakeCostModel(kind, seed));
  if (model == nullptr) return std::shared_ptr<CostModel>();
  HONE_ASSIGN_OR_RETURN(std::unique_ptr<FeatureExtractor> extractor, FeatureExtractor::Create());
  return std::shared_ptr<CostModel>(std::make_shared<FeatureCostModel>(std::move(model), std::move(extractor)));
}

}  // namespace hone::meta_schedule
