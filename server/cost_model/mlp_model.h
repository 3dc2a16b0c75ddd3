// A multi-layer perceptron over per-store features with workload embedding (reference/costmodel.md section 3): rows are
// encoded one by one and summed, the sum is decoded to a score. Trained by LambdaRank on the groups of measured
// candidates.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/cost_model/cost_model.h"
#include "server/cost_model/sample_groups.h"

namespace hone {

struct MlpConfig {
  int hidden_dim = 256;
  int batch_size = 128;
  double learning_rate = 7e-4;
  double weight_decay = 1e-6;
  int num_epoch_full = 50;
  int num_epoch_incremental = 5;
  double grad_clip_norm = 0.5;
  double test_split = 0.2;  // Share of the groups held back in full training.
  bool frozen = false;      // Takes no updates.
};

// The network, its optimiser and their arithmetic; see mlp_network.h.
class MlpNetwork;

class MlpModel final : public CostModel {
 public:
  MlpModel(const MlpConfig& config, uint64_t seed);
  ~MlpModel() override;

  // Adds the batch to its group. Trains on everything when more than a fifth of the data is untrained, else a few
  // epochs on the batch alone.
  absl::Status Update(uint64_t group, absl::Span<const FeatureMatrix> candidates,
                      absl::Span<const double> costs) override;
  std::vector<double> Predict(absl::Span<const FeatureMatrix> candidates, uint64_t draw) override;
  bool NeedsFeatures() const override { return true; }
  bool NeedsWorkloadEmbedding() const override { return true; }
  absl::Status Save(const std::string& path) const override;
  absl::Status Load(const std::string& path) override;
  std::string Describe() const override;

  int data_size() const { return data_size_; }
  double loss() const { return loss_; }

 private:
  // A candidate with normalised features and the group's best cost over its own.
  struct Sample {
    FeatureMatrix features;
    double label;
  };
  using Samples = std::vector<Sample>;

  void TrainFull();
  void TrainIncremental(absl::Span<const FeatureMatrix> candidates, absl::Span<const double> costs);
  // One pass over the samples in an order drawn from `draw`; the mean loss of a batch.
  double Epoch(const Samples& samples, double rate, uint64_t draw);
  double LossOf(const Samples& samples) const;

  MlpConfig config_;
  uint64_t seed_;
  std::unique_ptr<MlpNetwork> network_;  // Null before the first batch.
  std::vector<SampleGroup> groups_;      // In the order of first appearance.
  int data_size_ = 0;
  int untrained_size_ = 0;
  uint64_t trainings_ = 0;
  double loss_ = 0;
};

}  // namespace hone
