#include "server/cost_model/mlp_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/support/random.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/cost_model/mlp_network.h"

namespace hone {
namespace {

constexpr char kMagic[] = "hone-mlp-model 1\n";

// The columns' largest values in a set; 1 where that is 0.
std::vector<float> ColumnScale(absl::Span<const FeatureMatrix* const> set) {
  std::vector<float> scale;
  for (const FeatureMatrix* one : set) {
    scale.resize(std::max<size_t>(scale.size(), one->columns), 0.0f);
    for (int r = 0; r < one->rows; ++r) {
      for (int c = 0; c < one->columns; ++c) scale[c] = std::max(scale[c], one->Row(r)[c]);
    }
  }
  for (float& s : scale) s = s == 0.0f ? 1.0f : s;
  return scale;
}

FeatureMatrix Scaled(const FeatureMatrix& features, const std::vector<float>& scale) {
  FeatureMatrix out = features;
  for (size_t i = 0; i < out.values.size(); ++i) out.values[i] /= scale[i % out.columns];
  return out;
}

std::vector<const FeatureMatrix*> Pointers(absl::Span<const FeatureMatrix> set) {
  std::vector<const FeatureMatrix*> out;
  for (const FeatureMatrix& one : set) out.push_back(&one);
  return out;
}

}  // namespace

MlpModel::MlpModel(const MlpConfig& config, uint64_t seed) : config_(config), seed_(seed) {}
MlpModel::~MlpModel() = default;

absl::Status MlpModel::Update(uint64_t key, absl::Span<const FeatureMatrix> candidates,
                              absl::Span<const double> costs) {
  if (candidates.size() != costs.size()) {
    return absl::InvalidArgumentError(StrCat(candidates.size(), " candidates but ", costs.size(), " costs"));
  }
  std::vector<FeatureMatrix> kept;
  std::vector<double> kept_costs;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].rows == 0) continue;
    if (network_ != nullptr && candidates[i].columns != network_->input_dim()) {
      return absl::InvalidArgumentError(
          StrCat("features have ", candidates[i].columns, " columns, the model expects ", network_->input_dim()));
    }
    kept.push_back(candidates[i]);
    kept_costs.push_back(costs[i]);
  }
  if (kept.empty() || config_.frozen) return absl::OkStatus();
  if (network_ == nullptr) network_ = std::make_unique<MlpNetwork>(kept[0].columns, config_.hidden_dim, seed_);
  SampleGroup& group = GroupOf(key, groups_);
  group.features.insert(group.features.end(), kept.begin(), kept.end());
  group.costs.insert(group.costs.end(), kept_costs.begin(), kept_costs.end());
  const int added = static_cast<int>(kept.size());
  data_size_ += added;
  untrained_size_ += added;
  ++trainings_;
  if (untrained_size_ > 0.2 * data_size_) {
    TrainFull();
    untrained_size_ = 0;
  } else {
    TrainIncremental(kept, kept_costs);
    untrained_size_ -= added;
  }
  return absl::OkStatus();
}

double MlpModel::Epoch(const Samples& samples, double rate, uint64_t draw) {
  std::vector<size_t> order(samples.size());
  std::iota(order.begin(), order.end(), 0);
  CounterRandom random({seed_, 0x65706f6368, trainings_, draw});
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
  double total = 0;
  int batches = 0;
  for (size_t begin = 0; begin < order.size(); begin += config_.batch_size) {
    const size_t end = std::min(order.size(), begin + config_.batch_size);
    std::vector<const FeatureMatrix*> features;
    std::vector<double> labels;
    for (size_t i = begin; i < end; ++i) {
      features.push_back(&samples[order[i]].features);
      labels.push_back(samples[order[i]].label);
    }
    const RankLoss rank = LambdaRank(network_->Forward(features), labels);
    network_->Train(features, rank.gradients, {rate, config_.weight_decay, config_.grad_clip_norm});
    total += rank.loss;
    ++batches;
  }
  return batches > 0 ? total / batches : 0;
}

double MlpModel::LossOf(const Samples& samples) const {
  double total = 0;
  int batches = 0;
  for (size_t begin = 0; begin < samples.size(); begin += config_.batch_size) {
    const size_t end = std::min(samples.size(), begin + config_.batch_size);
    if (begin > 0 && end - begin < static_cast<size_t>(config_.batch_size)) break;  // A short last batch.
    std::vector<const FeatureMatrix*> features;
    std::vector<double> labels;
    for (size_t i = begin; i < end; ++i) {
      features.push_back(&samples[i].features);
      labels.push_back(samples[i].label);
    }
    total += LambdaRank(network_->Forward(features), labels).loss;
    ++batches;
  }
  return batches > 0 ? total / batches : 0;
}

void MlpModel::TrainFull() {
  std::vector<size_t> order(groups_.size());
  std::iota(order.begin(), order.end(), 0);
  CounterRandom random({seed_, 0x73706c6974, trainings_});
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
  const size_t held_back = static_cast<size_t>(static_cast<double>(groups_.size()) * config_.test_split);
  auto collect = [&](size_t begin, size_t end) {
    std::vector<const FeatureMatrix*> all;
    for (size_t g = begin; g < end; ++g) {
      for (const FeatureMatrix& one : groups_[order[g]].features) all.push_back(&one);
    }
    const std::vector<float> scale = ColumnScale(all);
    Samples out;
    for (size_t g = begin; g < end; ++g) {
      const SampleGroup& group = groups_[order[g]];
      const double best = group.BestCost();
      for (size_t i = 0; i < group.features.size(); ++i) {
        out.push_back({Scaled(group.features[i], scale), best / group.costs[i]});
      }
    }
    return out;
  };
  const Samples test = collect(0, held_back);
  const Samples train = collect(held_back, groups_.size());
  MlpNetwork best = *network_;
  double best_loss = HUGE_VAL;
  double rate = config_.learning_rate;
  const int step = std::max(1, config_.num_epoch_full / 10);
  for (int epoch = 0; epoch < config_.num_epoch_full; ++epoch) {
    if (epoch > 0 && epoch % step == 0) rate *= 0.8;
    const double loss = Epoch(train, rate, static_cast<uint64_t>(epoch));
    const double judged = test.empty() ? loss : LossOf(test);
    if (judged < best_loss) {
      best_loss = judged;
      best = *network_;
    }
  }
  if (!test.empty()) *network_ = std::move(best);
  loss_ = best_loss;
}

void MlpModel::TrainIncremental(absl::Span<const FeatureMatrix> candidates, absl::Span<const double> costs) {
  const std::vector<float> scale = ColumnScale(Pointers(candidates));
  const double best = *std::min_element(costs.begin(), costs.end());
  Samples samples;
  for (size_t i = 0; i < candidates.size(); ++i) samples.push_back({Scaled(candidates[i], scale), best / costs[i]});
  for (int epoch = 0; epoch < config_.num_epoch_incremental; ++epoch) {
    loss_ = Epoch(samples, config_.learning_rate, static_cast<uint64_t>(epoch));
  }
}

std::vector<double> MlpModel::Predict(absl::Span<const FeatureMatrix> candidates, uint64_t draw) {
  std::vector<double> out(candidates.size(), 0.0);
  if (network_ == nullptr) {  // Nothing was seen yet, not even how wide a row is.
    CounterRandom random({seed_, 0x6d6c70, draw});
    for (double& score : out) score = random.Unit();
    return out;
  }
  std::vector<FeatureMatrix> scaled;
  std::vector<size_t> of;  // Position of each scaled one.
  const std::vector<float> scale = ColumnScale(Pointers(candidates));
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].rows == 0 || candidates[i].columns != network_->input_dim()) continue;
    scaled.push_back(Scaled(candidates[i], scale));
    of.push_back(i);
  }
  const std::vector<double> scores = network_->Forward(Pointers(scaled));
  for (size_t i = 0; i < of.size(); ++i) out[of[i]] = scores[i];
  return out;
}

std::string MlpModel::Describe() const { return StrCat("mlp: ", data_size_, " samples, rank loss ", loss_); }

absl::Status MlpModel::Save(const std::string& path) const {
  std::string out = kMagic;
  PutValue(out, data_size_);
  PutValue(out, untrained_size_);
  PutValue(out, trainings_);
  PutGroups(out, groups_);
  if (network_ != nullptr) out += network_->Save();
  return WriteModelFile(path, out);
}

absl::Status MlpModel::Load(const std::string& path) {
  HONE_ASSIGN_OR_RETURN(const std::string content, ReadModelFile(path));
  const absl::Status bad = absl::InvalidArgumentError(StrCat(path, " is no saved mlp model, or is cut short"));
  std::string_view in = content;
  if (!in.starts_with(kMagic)) return bad;
  in.remove_prefix(sizeof(kMagic) - 1);
  int data_size = 0;
  int untrained = 0;
  uint64_t trainings = 0;
  std::vector<SampleGroup> groups;
  if (!TakeValue(in, data_size) || !TakeValue(in, untrained) || !TakeValue(in, trainings) || !TakeGroups(in, groups))
    return bad;
  if (in.empty() && !groups.empty()) return bad;  // The first samples make the network.
  std::unique_ptr<MlpNetwork> network;
  if (!in.empty()) {
    network = std::make_unique<MlpNetwork>(1, 1, 0);
    if (!MlpNetwork::Load(in, *network)) return bad;
  }
  network_ = std::move(network);
  groups_ = std::move(groups);
  data_size_ = data_size;
  untrained_size_ = untrained;
  trainings_ = trainings;
  return absl::OkStatus();
}

}  // namespace hone
