#include "server/cost_model/cost_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "common/support/random.h"
#include "common/support/status_matchers.h"
#include "server/cost_model/prior.h"
#include "server/cost_model/xgb_model.h"

namespace hone {
namespace {

// Candidates whose cost is a smooth function of a few columns.
void MakeBatch(uint64_t seed, int n, std::vector<FeatureMatrix>& features, std::vector<double>& costs) {
  CounterRandom random({seed});
  for (int i = 0; i < n; ++i) {
    FeatureMatrix m;
    m.rows = 2;
    m.columns = 164;
    m.values.resize(static_cast<size_t>(m.rows) * m.columns);
    double work = 0;
    for (int r = 0; r < m.rows; ++r) {
      for (int c = 0; c < 164; c += 20) m.values[r * 164 + c] = static_cast<float>(random.Unit() * 10);
      m.values[r * 164 + 1] = static_cast<float>(r);  // What the row computes.
      work += std::exp2(m.values[r * 164 + 20] / 3) + m.values[r * 164 + 60];
    }
    features.push_back(m);
    costs.push_back(work * 1e-3);
  }
}

TEST(XgbModelTest, LearnsToRankUnseenCandidates) {
  XgbModel model(XgbConfig{}, 1);
  std::vector<FeatureMatrix> train, test;
  std::vector<double> train_costs, test_costs;
  MakeBatch(1, 256, train, train_costs);
  MakeBatch(2, 128, test, test_costs);
  ASSERT_OK(model.Update(7, train, train_costs));
  const RankQuality quality = MeasureRanking(model.Predict(test, 0), test_costs);
  EXPECT_GT(quality.spearman, 0.6) << model.Describe();
}

TEST(XgbModelTest, ScoresAreRandomButRepeatableBeforeWarmUp) {
  XgbModel model(XgbConfig{}, 1);
  std::vector<FeatureMatrix> train;
  std::vector<double> costs;
  MakeBatch(1, 20, train, costs);
  ASSERT_OK(model.Update(7, train, costs));
  EXPECT_EQ(model.Predict(train, 3), model.Predict(train, 3));
  EXPECT_NE(model.Predict(train, 3), model.Predict(train, 4));
}

TEST(XgbModelTest, RetrainsOnlyAfterAFifthMoreData) {
  XgbModel model(XgbConfig{}, 1);
  std::vector<FeatureMatrix> train;
  std::vector<double> costs;
  MakeBatch(1, 110, train, costs);
  ASSERT_OK(model.Update(7, train, costs));
  const std::vector<double> first = model.Predict(train, 0);
  std::vector<FeatureMatrix> few(train.begin(), train.begin() + 5);
  std::vector<double> few_costs(costs.begin(), costs.begin() + 5);
  ASSERT_OK(model.Update(7, few, few_costs));
  EXPECT_EQ(model.Predict(train, 0), first);
}

TEST(XgbModelTest, SavedModelPredictsTheSame) {
  XgbModel model(XgbConfig{}, 1);
  std::vector<FeatureMatrix> train;
  std::vector<double> costs;
  MakeBatch(1, 120, train, costs);
  ASSERT_OK(model.Update(7, train, costs));
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/model";
  ASSERT_OK(model.Save(path));
  XgbModel loaded(XgbConfig{}, 1);
  ASSERT_OK(loaded.Load(path));
  EXPECT_EQ(loaded.Predict(train, 0), model.Predict(train, 0));
  std::ofstream(path, std::ios::trunc) << "nonsense";
  EXPECT_STATUS(loaded.Load(path), absl::StatusCode::kInvalidArgument, "no saved xgb model");
  EXPECT_EQ(loaded.Predict(train, 0), model.Predict(train, 0));
}

TEST(XgbModelTest, FileCutShortIsRefused) {
  XgbModel model(XgbConfig{}, 1);
  std::vector<FeatureMatrix> train;
  std::vector<double> costs;
  MakeBatch(1, 110, train, costs);
  ASSERT_OK(model.Update(7, train, costs));
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/cut";
  ASSERT_OK(model.Save(path));
  std::string whole;
  {
    std::ifstream file(path, std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(file), {});
  }
  XgbModel loaded(XgbConfig{}, 1);
  for (size_t length = 0; length < whole.size(); length += whole.size() / 97) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << whole.substr(0, length);
    EXPECT_STATUS(loaded.Load(path), absl::StatusCode::kInvalidArgument, "cut short");
  }
  EXPECT_FALSE(loaded.trained());
}

TEST(XgbModelTest, CandidatesWithoutRowsAreIgnoredInTrainingAndScoreZero) {
  XgbModel model(XgbConfig{}, 1);
  std::vector<FeatureMatrix> train;
  std::vector<double> costs;
  MakeBatch(1, 120, train, costs);
  train.push_back(FeatureMatrix{0, 164, {}});
  costs.push_back(kFailedCost);
  ASSERT_OK(model.Update(7, train, costs));
  EXPECT_EQ(model.data_size(), 120);
  EXPECT_EQ(model.Predict(train, 0).back(), 0.0);
  EXPECT_EQ(model.Predict(train, 0).size(), 121u);
}

TEST(XgbModelTest, PriorRanksBeforeWarmUpAndTreesAddToIt) {
  XgbModel teacher(XgbConfig{}, 1);
  std::vector<FeatureMatrix> known, unseen;
  std::vector<double> known_costs, unseen_costs;
  MakeBatch(1, 256, known, known_costs);
  MakeBatch(2, 128, unseen, unseen_costs);
  EXPECT_STATUS(teacher.BoosterBytes(), absl::StatusCode::kFailedPrecondition, "no trees");
  ASSERT_OK(teacher.Update(7, known, known_costs));
  ASSERT_OK_AND_ASSIGN(const std::string prior, teacher.BoosterBytes());
  XgbConfig config;
  config.prior = prior;
  config.num_warmup_samples = 32;
  XgbModel model(config, 1);
  EXPECT_EQ(model.Predict(unseen, 0), teacher.Predict(unseen, 0));
  // Costs that the prior has the wrong way round: what is measured outweighs it.
  std::vector<double> reversed;
  for (double cost : known_costs) reversed.push_back(1 / cost);
  for (double& cost : unseen_costs) cost = 1 / cost;
  EXPECT_LT(MeasureRanking(model.Predict(unseen, 0), unseen_costs).spearman, -0.5);
  ASSERT_OK(model.Update(8, known, reversed));
  EXPECT_GT(MeasureRanking(model.Predict(unseen, 0), unseen_costs).spearman, 0.3) << model.Describe();
}

TEST(PriorTest, ServesX86CpusOnly) {
  ASSERT_OK_AND_ASSIGN(const Target cpu, Target::Parse("llvm -mcpu=haswell -num-cores=4"));
  ASSERT_OK_AND_ASSIGN(const Target gpu, Target::Parse("nvidia/nvidia-a100"));
  EXPECT_TRUE(PriorFor(gpu).empty());
  XgbConfig config;
  config.prior = PriorFor(cpu);
  std::vector<FeatureMatrix> candidates;
  std::vector<double> costs;
  MakeBatch(1, 16, candidates, costs);
  const std::vector<double> scores = XgbModel(config, 1).Predict(candidates, 0);
  EXPECT_NE(scores, std::vector<double>(16, scores[0]));
}

TEST(RankQualityTest, PerfectAndReversedOrders) {
  const std::vector<double> costs = {1, 2, 3, 4};
  EXPECT_DOUBLE_EQ(MeasureRanking(std::vector<double>{4, 3, 2, 1}, costs).spearman, 1);
  EXPECT_DOUBLE_EQ(MeasureRanking(std::vector<double>{1, 2, 3, 4}, costs).spearman, -1);
  EXPECT_DOUBLE_EQ(MeasureRanking(std::vector<double>{1, 2, 3, 4}, costs).top_1, 0.25);
}

TEST(MakeCostModelTest, UnknownKindNamesTheKnownOnes) {
  EXPECT_STATUS(MakeCostModel("forest", 0), absl::StatusCode::kInvalidArgument, "xgb");
}

}  // namespace
}  // namespace hone
