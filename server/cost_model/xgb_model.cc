#include "server/cost_model/xgb_model.h"

#include <xgboost/c_api.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "common/support/check.h"
#include "common/support/random.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {
namespace {

absl::Status Check(int rc, const char* what) {
  if (rc == 0) return absl::OkStatus();
  return absl::InternalError(StrCat("xgboost: ", what, ": ", XGBGetLastError()));
}

// All rows of the candidates stacked, and which candidate each row belongs to.
struct Packed {
  std::vector<float> values;
  std::vector<int> sample_of_row;
  int columns = 0;

  void Append(const FeatureMatrix& m, int sample) {
    columns = m.columns;
    values.insert(values.end(), m.values.begin(), m.values.end());
    sample_of_row.insert(sample_of_row.end(), m.rows, sample);
  }
  size_t rows() const { return sample_of_row.size(); }
};

struct MatrixCloser {
  void operator()(void* handle) const { XGDMatrixFree(handle); }
};
using Matrix = std::unique_ptr<void, MatrixCloser>;

absl::StatusOr<Matrix> MakeMatrix(const Packed& packed) {
  DMatrixHandle handle = nullptr;
  HONE_RETURN_IF_ERROR(Check(
      XGDMatrixCreateFromMat(packed.values.data(), packed.rows(), packed.columns, std::nanf(""), &handle), "matrix"));
  return Matrix(handle);
}

// Raw row predictions summed a sample.
absl::StatusOr<std::vector<double>> PackSum(BoosterHandle booster, DMatrixHandle matrix, const Packed& packed,
                                            size_t samples, bool training) {
  bst_ulong length = 0;
  const float* rows = nullptr;
  HONE_RETURN_IF_ERROR(
      Check(XGBoosterPredict(booster, matrix, /*option_mask=*/1, 0, training ? 1 : 0, &length, &rows), "predict"));
  std::vector<double> sums(samples, 0.0);
  for (size_t r = 0; r < packed.rows(); ++r) sums[packed.sample_of_row[r]] += rows[r];
  return sums;
}

// Lets the trees that use `matrix` start from what the prior's say of its rows.
absl::Status StartFrom(BoosterHandle prior, DMatrixHandle matrix) {
  bst_ulong length = 0;
  const float* rows = nullptr;
  HONE_RETURN_IF_ERROR(Check(XGBoosterPredict(prior, matrix, /*option_mask=*/1, 0, 0, &length, &rows), "predict"));
  return Check(XGDMatrixSetFloatInfo(matrix, "base_margin", rows, length), "base margin");
}

constexpr char kMagic[] = "hone-xgb-model 1\n";

}  // namespace

XgbModel::XgbModel(const XgbConfig& config, uint64_t seed) : config_(config), seed_(seed) {
  if (config.prior.empty()) return;
  HONE_CHECK(XGBoosterCreate(nullptr, 0, &prior_) == 0 &&
             XGBoosterLoadModelFromBuffer(prior_, config.prior.data(), config.prior.size()) == 0)
      << XGBGetLastError();
}

XgbModel::~XgbModel() {
  if (prior_ != nullptr) XGBoosterFree(prior_);
  if (booster_ != nullptr) XGBoosterFree(booster_);
}

absl::Status XgbModel::Update(uint64_t key, absl::Span<const FeatureMatrix> candidates,
                              absl::Span<const double> costs) {
  if (candidates.size() != costs.size()) {
    return absl::InvalidArgumentError(StrCat(candidates.size(), " candidates but ", costs.size(), " costs"));
  }
  int added = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].rows == 0) continue;
    SampleGroup& group = GroupOf(key, groups_);
    group.features.push_back(candidates[i]);
    group.costs.push_back(costs[i]);
    ++added;
  }
  if (added == 0) return absl::OkStatus();
  data_size_ += added;
  if (!config_.train_on_update) return absl::OkStatus();
  if (config_.adaptive_training && data_size_ - last_train_size_ < last_train_size_ / 5) return absl::OkStatus();
  return Retrain();
}

absl::Status XgbModel::Retrain() {
  last_train_size_ = data_size_;
  return Train();
}

absl::Status XgbModel::Train() {
  Packed packed;
  std::vector<double> labels;
  for (const SampleGroup& group : groups_) {
    const double best = group.BestCost();
    for (size_t i = 0; i < group.features.size(); ++i) {
      packed.Append(group.features[i], static_cast<int>(labels.size()));
      labels.push_back(best / group.costs[i]);
    }
  }
  HONE_ASSIGN_OR_RETURN(const Matrix matrix, MakeMatrix(packed));
  DMatrixHandle handle = matrix.get();
  if (prior_ != nullptr) HONE_RETURN_IF_ERROR(StartFrom(prior_, handle));
  BoosterHandle booster = nullptr;
  HONE_RETURN_IF_ERROR(Check(XGBoosterCreate(&handle, 1, &booster), "create"));
  // One thread: histogram sums then do not depend on how rows were shared out.
  const std::pair<const char*, std::string> params[] = {{"max_depth", StrCat(config_.max_depth)},
                                                        {"gamma", StrCat(config_.gamma)},
                                                        {"min_child_weight", StrCat(config_.min_child_weight)},
                                                        {"eta", StrCat(config_.eta)},
                                                        {"seed", StrCat(config_.seed)},
                                                        {"nthread", "1"},
                                                        {"tree_method", "hist"},
                                                        {"verbosity", "0"},
                                                        {"disable_default_eval_metric", "1"},
                                                        {"base_score", "0.5"}};
  absl::Status status;
  for (const auto& [name, value] : params) status.Update(Check(XGBoosterSetParam(booster, name, value.c_str()), name));
  double best = HUGE_VAL;
  int best_round = 0;
  int round = 0;
  std::vector<float> gradient(packed.rows());
  std::vector<float> hessian(packed.rows());
  for (; status.ok() && round < config_.max_rounds; ++round) {
    auto sums = PackSum(booster, handle, packed, labels.size(), /*training=*/true);
    if (!sums.ok()) {
      status = sums.status();
      break;
    }
    double squares = 0;
    for (size_t r = 0; r < packed.rows(); ++r) {
      const int sample = packed.sample_of_row[r];
      const double difference = (*sums)[sample] - labels[sample];
      squares += difference * difference;
      gradient[r] = static_cast<float>(difference * labels[sample]);
      hessian[r] = static_cast<float>(labels[sample]);
    }
    const double rmse = std::sqrt(squares / static_cast<double>(packed.rows()));
    // The rmse here is that of the rounds so far: round 0 has no tree yet.
    if (round > 0 && rmse < best) {
      best = rmse;
      best_round = round;
    } else if (round > 0 && round - best_round >= config_.early_stopping_rounds) {
      break;
    }
    status = Check(XGBoosterBoostOneIter(booster, handle, gradient.data(), hessian.data(), packed.rows()), "boost");
  }
  if (!status.ok()) {
    XGBoosterFree(booster);
    return status;
  }
  if (booster_ != nullptr) XGBoosterFree(booster_);
  booster_ = booster;
  rounds_ = round;
  rmse_ = best;
  return absl::OkStatus();
}

std::vector<double> XgbModel::RawScores(void* booster, absl::Span<const FeatureMatrix> candidates) const {
  Packed packed;
  for (size_t i = 0; i < candidates.size(); ++i) packed.Append(candidates[i], static_cast<int>(i));
  if (packed.rows() == 0) return std::vector<double>(candidates.size(), 0.0);
  auto matrix = MakeMatrix(packed);
  if (!matrix.ok()) return std::vector<double>(candidates.size(), 0.0);
  if (prior_ != nullptr && booster != prior_ && !StartFrom(prior_, matrix->get()).ok()) {
    return std::vector<double>(candidates.size(), 0.0);
  }
  auto sums = PackSum(booster, matrix->get(), packed, candidates.size(), /*training=*/false);
  return sums.ok() ? *std::move(sums) : std::vector<double>(candidates.size(), 0.0);
}

std::vector<double> XgbModel::Predict(absl::Span<const FeatureMatrix> candidates, uint64_t draw) {
  if (booster_ != nullptr && data_size_ >= config_.num_warmup_samples) return RawScores(booster_, candidates);
  if (prior_ != nullptr) return RawScores(prior_, candidates);
  std::vector<double> scores;
  scores.reserve(candidates.size());
  CounterRandom random({seed_, 0x786762, draw});
  for (size_t i = 0; i < candidates.size(); ++i) scores.push_back(random.Unit());
  return scores;
}

std::string XgbModel::Describe() const {
  return StrCat("xgb: ", data_size_, " samples, ", rounds_, " rounds, training p-rmse ", rmse_);
}

absl::StatusOr<std::string> XgbModel::BoosterBytes() const {
  if (booster_ == nullptr) return absl::FailedPreconditionError("the xgb model has no trees yet");
  bst_ulong length = 0;
  const char* bytes = nullptr;
  HONE_RETURN_IF_ERROR(Check(XGBoosterSaveModelToBuffer(booster_, "{\"format\": \"ubj\"}", &length, &bytes), "save"));
  return std::string(bytes, length);
}

absl::Status XgbModel::Save(const std::string& path) const {
  std::string out = kMagic;
  PutValue(out, data_size_);
  PutValue(out, last_train_size_);
  PutGroups(out, groups_);
  std::string booster;
  if (booster_ != nullptr) {
    HONE_ASSIGN_OR_RETURN(booster, BoosterBytes());
  }
  PutValue(out, static_cast<uint64_t>(booster.size()));
  out += booster;
  return WriteModelFile(path, out);
}

absl::Status XgbModel::Load(const std::string& path) {
  HONE_ASSIGN_OR_RETURN(const std::string content, ReadModelFile(path));
  const absl::Status bad = absl::InvalidArgumentError(StrCat(path, " is no saved xgb model, or is cut short"));
  std::string_view in = content;
  if (!in.starts_with(kMagic)) return bad;
  in.remove_prefix(sizeof(kMagic) - 1);
  int data_size = 0;
  int last_train_size = 0;
  std::vector<SampleGroup> groups;
  if (!TakeValue(in, data_size) || !TakeValue(in, last_train_size) || !TakeGroups(in, groups)) return bad;
  uint64_t length = 0;
  if (!TakeValue(in, length) || in.size() != length) return bad;
  BoosterHandle booster = nullptr;
  if (length != 0) {
    HONE_RETURN_IF_ERROR(Check(XGBoosterCreate(nullptr, 0, &booster), "create"));
    if (absl::Status s = Check(XGBoosterLoadModelFromBuffer(booster, in.data(), in.size()), "load"); !s.ok()) {
      XGBoosterFree(booster);
      return s;
    }
  }
  if (booster_ != nullptr) XGBoosterFree(booster_);
  booster_ = booster;
  groups_ = std::move(groups);
  data_size_ = data_size;
  last_train_size_ = last_train_size;
  return absl::OkStatus();
}

}  // namespace hone
