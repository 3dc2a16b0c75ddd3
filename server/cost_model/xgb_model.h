// Gradient-boosted trees over per-store features (XGBoost), with the pack-sum objective of reference/costmodel.md: a
// candidate's score is the sum of its rows' predictions, its label the group's best cost over its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/cost_model/cost_model.h"
#include "server/cost_model/sample_groups.h"

namespace hone {

struct XgbConfig {
  int max_depth = 10;
  double gamma = 0.001;
  double min_child_weight = 0;
  double eta = 0.2;
  int seed = 43;
  int num_warmup_samples = 100;  // Below this many samples scores are random.
  int early_stopping_rounds = 50;
  int max_rounds = 10000;
  bool adaptive_training = true;  // Retrain only when the data has grown by a fifth.
  bool train_on_update = true;    // False: only Retrain does.
  // Boosted trees as BoosterBytes gave them, of what is known of speed before a workload was measured (prior.h). Its
  // predictions rank candidates until there are num_warmup_samples; trees learn what is left to explain then.
  std::string_view prior = {};
};

class XgbModel final : public CostModel {
 public:
  XgbModel(const XgbConfig& config, uint64_t seed);
  ~XgbModel() override;

  absl::Status Update(uint64_t group, absl::Span<const FeatureMatrix> candidates,
                      absl::Span<const double> costs) override;
  std::vector<double> Predict(absl::Span<const FeatureMatrix> candidates, uint64_t draw) override;
  bool NeedsFeatures() const override { return true; }
  absl::Status Save(const std::string& path) const override;
  absl::Status Load(const std::string& path) override;
  std::string Describe() const override;

  bool trained() const { return booster_ != nullptr; }
  // Trains on all that Update brought, whether or not it trained already.
  absl::Status Retrain();
  // The trees alone, as XgbConfig::prior takes them. FailedPrecondition before there are any.
  absl::StatusOr<std::string> BoosterBytes() const;

  int data_size() const { return data_size_; }
  int rounds() const { return rounds_; }
  double training_rmse() const { return rmse_; }

 private:
  absl::Status Train();
  // By the trees of `booster`, which may be the prior itself.
  std::vector<double> RawScores(void* booster, absl::Span<const FeatureMatrix> candidates) const;

  XgbConfig config_;
  uint64_t seed_;
  std::vector<SampleGroup> groups_;  // In the order of first appearance.
  int data_size_ = 0;
  int last_train_size_ = 0;
  int rounds_ = 0;
  double rmse_ = 0;
  void* booster_ = nullptr;  // BoosterHandle
  void* prior_ = nullptr;    // BoosterHandle
};

}  // namespace hone
