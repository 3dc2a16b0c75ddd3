// The network of MlpModel: Linear ReLU Linear a row, a sum over the rows of a candidate, two residual Linear ReLU
// layers, a Linear to one score. Backward pass and Adam are written out; Eigen does the products.
#pragma once

#include <array>
#include <cstdint>
#include <eigen3/Eigen/Core>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "server/cost_model/features.h"

namespace hone {

// Deterministic: one thread, a fixed order of sums.
class MlpNetwork {
 public:
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  // Weights uniform in +-1/sqrt(inputs), drawn from `seed`.
  MlpNetwork(int input_dim, int hidden_dim, uint64_t seed);

  int input_dim() const { return static_cast<int>(layers_[0].weight.rows()); }
  int hidden_dim() const { return static_cast<int>(layers_[0].weight.cols()); }

  // A score a candidate; every matrix has input_dim columns.
  std::vector<double> Forward(absl::Span<const FeatureMatrix* const> candidates) const;

  // One step of Adam (Kingma and Ba, 2015) against d loss / d score of each candidate, with L2 weight decay and the
  // gradient's norm clipped.
  struct Step {
    double rate;
    double weight_decay;
    double clip_norm;
  };
  void Train(absl::Span<const FeatureMatrix* const> candidates, absl::Span<const double> score_gradients,
             const Step& step);

  // Weights and the optimiser's state.
  std::string Save() const;
  // False when the bytes are not those of a network.
  static bool Load(std::string_view bytes, MlpNetwork& network);

 private:
  struct Layer {
    Matrix weight;                              // inputs x outputs
    Matrix bias;                                // 1 x outputs
    Matrix weight_m, weight_v, bias_m, bias_v;  // Adam's moments.
  };
  // What the backward pass needs of the forward pass.
  struct Activations {
    Matrix rows, hidden, encoded;  // A row of each row.
    Matrix sum, first, second;     // A row of each candidate.
    Matrix first_relu, second_relu;
    std::vector<int> row_begin;  // Of each candidate; one more at the end.
    Matrix scores;
  };
  enum LayerName { kEncode0, kEncode1, kResidual0, kResidual1, kDecode, kLayers };

  Activations Run(absl::Span<const FeatureMatrix* const> candidates) const;

  std::array<Layer, kLayers> layers_;
  int64_t steps_ = 0;
};

// LambdaRank (Burges, 2010) with NDCG gains over one batch: the loss, and its gradient by score. `labels` in (0, 1].
struct RankLoss {
  double loss = 0;
  std::vector<double> gradients;
};
RankLoss LambdaRank(absl::Span<const double> scores, absl::Span<const double> labels);

}  // namespace hone
