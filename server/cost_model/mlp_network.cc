#include "server/cost_model/mlp_network.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "common/support/random.h"

namespace hone {
namespace {

using Matrix = MlpNetwork::Matrix;

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kAdamEpsilon = 1e-8;
constexpr double kRankEpsilon = 1e-10;

Matrix Uniform(int rows, int columns, double bound, CounterRandom& random) {
  Matrix out(rows, columns);
  for (Eigen::Index i = 0; i < out.size(); ++i) out.data()[i] = static_cast<float>((2 * random.Unit() - 1) * bound);
  return out;
}

Matrix Relu(const Matrix& x) { return x.cwiseMax(0.0f); }
// `gradient` where `relu` let something through.
Matrix ThroughRelu(const Matrix& gradient, const Matrix& relu) {
  return (relu.array() > 0.0f).select(gradient, Matrix::Zero(gradient.rows(), gradient.cols()));
}

void Put(std::string& out, const Matrix& m) {
  const int64_t shape[2] = {m.rows(), m.cols()};
  out.append(reinterpret_cast<const char*>(shape), sizeof shape);
  out.append(reinterpret_cast<const char*>(m.data()), static_cast<size_t>(m.size()) * sizeof(float));
}

bool Take(std::string_view& in, Matrix& m) {
  int64_t shape[2];
  if (in.size() < sizeof shape) return false;
  std::memcpy(shape, in.data(), sizeof shape);
  in.remove_prefix(sizeof shape);
  constexpr int64_t kMax = 1 << 16;
  if (shape[0] < 0 || shape[1] < 0 || shape[0] > kMax || shape[1] > kMax) return false;
  const size_t bytes = static_cast<size_t>(shape[0]) * static_cast<size_t>(shape[1]) * sizeof(float);
  if (in.size() < bytes) return false;
  m.resize(shape[0], shape[1]);
  std::memcpy(m.data(), in.data(), bytes);
  in.remove_prefix(bytes);
  return true;
}

struct Gradient {
  Matrix weight, bias;
};

}  // namespace

MlpNetwork::MlpNetwork(int input_dim, int hidden_dim, uint64_t seed) {
  CounterRandom random({seed, 0x6d6c70});
  for (int i = 0; i < kLayers; ++i) {
    const int inputs = i == kEncode0 ? input_dim : hidden_dim;
    const int outputs = i == kDecode ? 1 : hidden_dim;
    const double bound = 1 / std::sqrt(static_cast<double>(std::max(inputs, 1)));
    Layer& layer = layers_[i];
    layer.weight = Uniform(inputs, outputs, bound, random);
    layer.bias = Uniform(1, outputs, bound, random);
    layer.weight_m = layer.weight_v = Matrix::Zero(inputs, outputs);
    layer.bias_m = layer.bias_v = Matrix::Zero(1, outputs);
  }
}

MlpNetwork::Activations MlpNetwork::Run(absl::Span<const FeatureMatrix* const> candidates) const {
  Activations a;
  a.row_begin = {0};
  for (const FeatureMatrix* one : candidates) a.row_begin.push_back(a.row_begin.back() + one->rows);
  a.rows.resize(a.row_begin.back(), input_dim());
  for (size_t i = 0; i < candidates.size(); ++i) {
    std::copy(candidates[i]->values.begin(), candidates[i]->values.end(),
              a.rows.data() + static_cast<size_t>(a.row_begin[i]) * input_dim());
  }
  auto linear = [&](const Matrix& x, LayerName name) -> Matrix {
    return (x * layers_[name].weight).rowwise() + layers_[name].bias.row(0);
  };
  a.hidden = Relu(linear(a.rows, kEncode0));
  a.encoded = linear(a.hidden, kEncode1);
  a.sum = Matrix::Zero(static_cast<Eigen::Index>(candidates.size()), hidden_dim());
  for (size_t i = 0; i < candidates.size(); ++i) {
    for (int r = a.row_begin[i]; r < a.row_begin[i + 1]; ++r)
      a.sum.row(static_cast<Eigen::Index>(i)) += a.encoded.row(r);
  }
  a.first_relu = Relu(linear(a.sum, kResidual0));
  a.first = a.first_relu + a.sum;
  a.second_relu = Relu(linear(a.first, kResidual1));
  a.second = a.second_relu + a.first;
  a.scores = linear(a.second, kDecode);
  return a;
}

std::vector<double> MlpNetwork::Forward(absl::Span<const FeatureMatrix* const> candidates) const {
  const Activations a = Run(candidates);
  return std::vector<double>(a.scores.data(), a.scores.data() + a.scores.size());
}

void MlpNetwork::Train(absl::Span<const FeatureMatrix* const> candidates, absl::Span<const double> score_gradients,
                       const Step& step) {
  const Activations a = Run(candidates);
  std::array<Gradient, kLayers> gradients;
  // d loss / d input of a layer from d loss / d output; notes the layer's own gradient.
  auto back = [&](const Matrix& input, const Matrix& output_gradient, LayerName name) -> Matrix {
    gradients[name].weight = input.transpose() * output_gradient;
    gradients[name].bias = output_gradient.colwise().sum();
    return output_gradient * layers_[name].weight.transpose();
  };
  Matrix scores(static_cast<Eigen::Index>(score_gradients.size()), 1);
  for (size_t i = 0; i < score_gradients.size(); ++i)
    scores(static_cast<Eigen::Index>(i), 0) = static_cast<float>(score_gradients[i]);
  const Matrix second = back(a.second, scores, kDecode);
  const Matrix first = second + back(a.first, ThroughRelu(second, a.second_relu), kResidual1);
  const Matrix sum = first + back(a.sum, ThroughRelu(first, a.first_relu), kResidual0);
  Matrix encoded(a.encoded.rows(), a.encoded.cols());
  for (size_t i = 0; i < candidates.size(); ++i) {
    for (int r = a.row_begin[i]; r < a.row_begin[i + 1]; ++r) encoded.row(r) = sum.row(static_cast<Eigen::Index>(i));
  }
  const Matrix hidden = back(a.hidden, encoded, kEncode1);
  back(a.rows, ThroughRelu(hidden, a.hidden), kEncode0);

  double squares = 0;
  for (const Gradient& g : gradients)
    squares += g.weight.cast<double>().squaredNorm() + g.bias.cast<double>().squaredNorm();
  const double norm = std::sqrt(squares);
  const double scale = norm > step.clip_norm ? step.clip_norm / norm : 1;
  ++steps_;
  const double correction1 = 1 - std::pow(kBeta1, static_cast<double>(steps_));
  const double correction2 = 1 - std::pow(kBeta2, static_cast<double>(steps_));
  auto adam = [&](Matrix& value, const Matrix& gradient, Matrix& m, Matrix& v) {
    const Matrix g = gradient * static_cast<float>(scale) + value * static_cast<float>(step.weight_decay);
    m = m * static_cast<float>(kBeta1) + g * static_cast<float>(1 - kBeta1);
    v = v * static_cast<float>(kBeta2) + g.cwiseAbs2() * static_cast<float>(1 - kBeta2);
    value.array() -= static_cast<float>(step.rate / correction1) * m.array() /
                     ((v.array() / static_cast<float>(correction2)).sqrt() + static_cast<float>(kAdamEpsilon));
  };
  for (int i = 0; i < kLayers; ++i) {
    Layer& layer = layers_[i];
    adam(layer.weight, gradients[i].weight, layer.weight_m, layer.weight_v);
    adam(layer.bias, gradients[i].bias, layer.bias_m, layer.bias_v);
  }
}

std::string MlpNetwork::Save() const {
  std::string out;
  out.append(reinterpret_cast<const char*>(&steps_), sizeof steps_);
  for (const Layer& layer : layers_) {
    for (const Matrix* m :
         {&layer.weight, &layer.bias, &layer.weight_m, &layer.weight_v, &layer.bias_m, &layer.bias_v}) {
      Put(out, *m);
    }
  }
  return out;
}

bool MlpNetwork::Load(std::string_view bytes, MlpNetwork& network) {
  MlpNetwork loaded(0, 0, 0);
  if (bytes.size() < sizeof loaded.steps_) return false;
  std::memcpy(&loaded.steps_, bytes.data(), sizeof loaded.steps_);
  bytes.remove_prefix(sizeof loaded.steps_);
  for (Layer& layer : loaded.layers_) {
    for (Matrix* m : {&layer.weight, &layer.bias, &layer.weight_m, &layer.weight_v, &layer.bias_m, &layer.bias_v}) {
      if (!Take(bytes, *m)) return false;
    }
  }
  if (!bytes.empty()) return false;
  const Eigen::Index hidden = loaded.layers_[kEncode0].weight.cols();
  for (int i = 0; i < kLayers; ++i) {
    const Layer& layer = loaded.layers_[i];
    const Eigen::Index inputs = i == kEncode0 ? layer.weight.rows() : hidden;
    const Eigen::Index outputs = i == kDecode ? 1 : hidden;
    for (const Matrix* m : {&layer.weight, &layer.weight_m, &layer.weight_v}) {
      if (m->rows() != inputs || m->cols() != outputs) return false;
    }
    for (const Matrix* m : {&layer.bias, &layer.bias_m, &layer.bias_v}) {
      if (m->rows() != 1 || m->cols() != outputs) return false;
    }
  }
  network = std::move(loaded);
  return true;
}

RankLoss LambdaRank(absl::Span<const double> scores, absl::Span<const double> labels) {
  const size_t n = scores.size();
  RankLoss out;
  out.gradients.assign(n, 0.0);
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  std::vector<double> discount(n);  // 1 / log2(1 + rank)
  for (size_t rank = 0; rank < n; ++rank) discount[order[rank]] = 1 / std::log2(static_cast<double>(rank) + 2);
  std::vector<double> ideal(labels.begin(), labels.end());
  std::sort(ideal.begin(), ideal.end(), std::greater<double>());
  double max_dcg = 0;
  for (size_t rank = 0; rank < n; ++rank) {
    max_dcg += (std::exp2(ideal[rank]) - 1) / std::log2(static_cast<double>(rank) + 2);
  }
  max_dcg = std::max(max_dcg, kRankEpsilon);
  std::vector<double> gain(n);
  for (size_t i = 0; i < n; ++i) gain[i] = (std::exp2(labels[i]) - 1) / max_dcg;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      if (!(labels[i] > labels[j])) continue;
      const double weight = std::abs(discount[i] - discount[j]) * std::abs(gain[i] - gain[j]);
      const double difference = std::clamp(scores[i] - scores[j], -1e8, 1e8);
      const double probability = std::max(1 / (1 + std::exp(-difference)), kRankEpsilon);
      const double powered = std::pow(probability, weight);
      out.loss -= std::log2(std::max(powered, kRankEpsilon));
      if (powered <= kRankEpsilon || probability <= kRankEpsilon) continue;  // Clamped: flat.
      const double slope = weight * (1 - probability) / std::log(2.0);
      out.gradients[i] -= slope;
      out.gradients[j] += slope;
    }
  }
  return out;
}

}  // namespace hone
