#include "server/cost_model/mlp_model.h"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <numeric>

#include "common/support/random.h"
#include "common/support/status_matchers.h"
#include "server/cost_model/embedding_model.h"
#include "server/cost_model/mlp_network.h"

namespace hone {
namespace {

FeatureMatrix RandomFeatures(int rows, int columns, CounterRandom& random) {
  FeatureMatrix out{rows, columns, {}};
  for (int i = 0; i < rows * columns; ++i) out.values.push_back(static_cast<float>(random.Unit() * 8));
  return out;
}

// Time falls with the first column and rises with the second, summed over the rows.
double CostOf(const FeatureMatrix& m) {
  double cost = 10;
  for (int r = 0; r < m.rows; ++r) cost += m.Row(r)[1] - 0.5 * m.Row(r)[0];
  return std::max(cost, 0.1) * 1e-3;
}

TEST(LambdaRankTest, GradientIsTheDerivativeOfTheLoss) {
  CounterRandom random({1});
  std::vector<double> scores(6), labels(6);
  for (double& s : scores) s = random.Unit() * 4 - 2;
  for (double& l : labels) l = random.Unit();
  const RankLoss at = LambdaRank(scores, labels);
  EXPECT_GT(at.loss, 0);
  for (size_t i = 0; i < scores.size(); ++i) {
    const double step = 1e-6;  // Too small to change an order.
    std::vector<double> moved = scores;
    moved[i] += step;
    const double up = LambdaRank(moved, labels).loss;
    moved[i] -= 2 * step;
    const double down = LambdaRank(moved, labels).loss;
    EXPECT_NEAR(at.gradients[i], (up - down) / (2 * step), 1e-5) << i;
  }
}

TEST(MlpNetworkTest, TrainingStepsAlongTheGradient) {
  CounterRandom random({2});
  const FeatureMatrix a = RandomFeatures(3, 5, random);
  const FeatureMatrix b = RandomFeatures(1, 5, random);
  const std::vector<const FeatureMatrix*> both = {&a, &b};
  MlpNetwork network(5, 16, 7);
  const std::vector<double> before = network.Forward(both);
  const std::vector<double> gradients = {1.0, -1.0};  // Lower the first score, raise the second.
  for (int i = 0; i < 20; ++i) network.Train(both, gradients, {1e-3, 0, 1e9});
  const std::vector<double> after = network.Forward(both);
  EXPECT_LT(after[0] - after[1], before[0] - before[1]);
}

TEST(MlpModelTest, LearnsToRank) {
  CounterRandom random({3});
  MlpConfig config;
  config.hidden_dim = 32;
  MlpModel model(config, 11);
  auto batch = [&](int n) {
    std::vector<FeatureMatrix> out;
    for (int i = 0; i < n; ++i) out.push_back(RandomFeatures(1 + static_cast<int>(random.Below(3)), 6, random));
    return out;
  };
  auto costs_of = [](const std::vector<FeatureMatrix>& set) {
    std::vector<double> out;
    for (const FeatureMatrix& m : set) out.push_back(CostOf(m));
    return out;
  };
  for (int round = 0; round < 3; ++round) {
    const std::vector<FeatureMatrix> seen = batch(96);
    ASSERT_OK(model.Update(1, seen, costs_of(seen)));
  }
  const std::vector<FeatureMatrix> fresh = batch(128);
  const RankQuality quality = MeasureRanking(model.Predict(fresh, 0), costs_of(fresh));
  EXPECT_GT(quality.spearman, 0.7);
}

TEST(MlpModelTest, SameCallsGiveTheSameScoresAndSavingKeepsThem) {
  CounterRandom random({4});
  std::vector<FeatureMatrix> set;
  std::vector<double> costs;
  for (int i = 0; i < 40; ++i) {
    set.push_back(RandomFeatures(2, 6, random));
    costs.push_back(CostOf(set.back()));
  }
  MlpConfig config;
  config.hidden_dim = 16;
  MlpModel one(config, 5), two(config, 5), loaded(config, 6);
  ASSERT_OK(one.Update(9, set, costs));
  ASSERT_OK(two.Update(9, set, costs));
  EXPECT_EQ(one.Predict(set, 0), two.Predict(set, 1));
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/model";
  ASSERT_OK(one.Save(path));
  ASSERT_OK(loaded.Load(path));
  EXPECT_EQ(loaded.Predict(set, 0), one.Predict(set, 0));
  EXPECT_EQ(loaded.data_size(), 40);
  std::string whole;
  {
    std::ifstream file(path, std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(file), {});
  }
  for (size_t length = 0; length < whole.size(); length += whole.size() / 97) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << whole.substr(0, length);
    EXPECT_STATUS(loaded.Load(path), absl::StatusCode::kInvalidArgument, "cut short");
  }
  EXPECT_EQ(loaded.Predict(set, 0), one.Predict(set, 0));
}

TEST(MlpModelTest, RefusesWhatItCannotLearnFrom) {
  MlpModel model({}, 5);
  CounterRandom random({5});
  const std::vector<FeatureMatrix> six = {RandomFeatures(1, 6, random)};
  const std::vector<FeatureMatrix> seven = {RandomFeatures(1, 7, random)};
  const std::vector<double> cost = {1.0};
  ASSERT_OK(model.Update(1, six, cost));
  EXPECT_STATUS(model.Update(1, seven, cost), absl::StatusCode::kInvalidArgument, "expects 6");
  EXPECT_STATUS(model.Load("/nonexistent/model"), absl::StatusCode::kNotFound, "cannot read");
}

TEST(EmbeddingModelTest, AddsTheColumnsToEveryRow) {
  CounterRandom random({6});
  const FeatureMatrix plain = RandomFeatures(2, 3, random);
  const FeatureMatrix wide = WithEmbedding(plain, {1, 0, 0, 0, 0, 0, 0, 1});
  ASSERT_EQ(wide.columns, 11);
  EXPECT_EQ(wide.Row(1)[2], plain.Row(1)[2]);
  EXPECT_EQ(wide.Row(1)[3], 1);
  EXPECT_EQ(wide.Row(0)[10], 1);
}

}  // namespace
}  // namespace hone
