#include "server/search/evolution.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "server/search/parallel_for.h"

namespace hone {
namespace {

TEST(WeightedSamplerTest, FollowsTheWeightsAndNeverTakesAZero) {
  const std::vector<double> weights = {0, 1, 3, 0};
  const WeightedSampler sampler(weights);
  CounterRandom random({5});
  int counts[4] = {};
  for (int i = 0; i < 4000; ++i) ++counts[sampler.Draw(random)];
  EXPECT_EQ(counts[0], 0);
  EXPECT_EQ(counts[3], 0);
  EXPECT_NEAR(counts[2] / 4000.0, 0.75, 0.05);
}

TEST(WeightedSamplerTest, AllZeroWeightsGiveTheFirst) {
  const WeightedSampler sampler(std::vector<double>{0, 0, 0});
  CounterRandom random({5});
  EXPECT_EQ(sampler.Draw(random), 0);
}

TEST(BestListTest, KeepsTheLargestAndTheEarlierOfEquals) {
  BestList best(2);
  best.Push(1, 0);
  best.Push(3, 1);
  best.Push(2, 2);
  best.Push(2, 3);  // Not strictly larger than the smallest kept.
  const std::vector<BestList::Item> sorted = best.Sorted();
  ASSERT_EQ(sorted.size(), 2u);
  EXPECT_EQ(sorted[0].index, 1);
  EXPECT_EQ(sorted[1].index, 2);
}

TEST(RandomPermutationTest, IsAPermutation) {
  CounterRandom random({9});
  std::vector<int> p = RandomPermutation(100, random);
  EXPECT_FALSE(std::is_sorted(p.begin(), p.end()));
  std::sort(p.begin(), p.end());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(p[i], i);
}

TEST(ParallelForTest, EveryItemOnceOnAnyNumberOfThreads) {
  for (int threads : {1, 2, 8, 200}) {
    std::vector<std::atomic<int>> hits(100);
    ParallelFor(100, threads, [&](int i) { ++hits[i]; });
    for (const auto& h : hits) EXPECT_EQ(h, 1);
  }
  ParallelFor(0, 4, [](int) { FAIL(); });
}

}  // namespace
}  // namespace hone
