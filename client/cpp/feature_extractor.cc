#include "client/cpp/feature_extractor.h"

#include <mutex>
#include <optional>

#include "client/cpp/tune_context.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/cost_model/embedding_model.h"
#include "server/cost_model/feature/extract.h"
#include "server/cost_model/feature/workload_embedding.h"
#include "server/search/parallel_for.h"

namespace hone::meta_schedule {
namespace {

class PerStoreFeature final : public FeatureExtractor {
 public:
  explicit PerStoreFeature(bool extract_workload) : extract_workload_(extract_workload) {}

  absl::StatusOr<std::vector<FeatureMatrix>> ExtractFrom(const TuneContext& context,
                                                         absl::Span<const MeasureCandidate> candidates) override {
    const bool is_gpu = context.target().HasKey("gpu");
    std::vector<FeatureMatrix> out(candidates.size());
    std::mutex mutex;
    absl::Status status;
    ParallelFor(static_cast<int>(candidates.size()), context.num_threads(), [&](int i) {
      absl::StatusOr<FeatureMatrix> features = ExtractFeatures(candidates[i].sch->module(), is_gpu);
      if (features.ok()) {
        out[i] = *std::move(features);
        return;
      }
      std::lock_guard lock(mutex);
      status.Update(features.status());
    });
    HONE_RETURN_IF_ERROR(status);
    if (extract_workload_) {
      const std::array<float, 8> embedding = WorkloadEmbedding(context.mod());
      for (FeatureMatrix& matrix : out) matrix = WithEmbedding(matrix, embedding);
    }
    return out;
  }

 private:
  const bool extract_workload_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<FeatureExtractor>> FeatureExtractor::Create(std::string_view kind,
                                                                           bool extract_workload) {
  if (kind != "per-store-feature") {
    return absl::InvalidArgumentError(StrCat("feature extractor \"", kind, "\", expected per-store-feature"));
  }
  return std::unique_ptr<FeatureExtractor>(std::make_unique<PerStoreFeature>(extract_workload));
}

}  // namespace hone::meta_schedule
