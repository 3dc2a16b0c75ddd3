#include "server/service/batcher.h"

#include <gtest/gtest.h>

#include <future>
#include <numeric>

namespace hone {
namespace {

TEST(BatcherTest, WhatCameWhileABatchRanIsTheNextOnesUpToTheLimit) {
  std::promise<void> started, go_on;
  std::vector<std::vector<int>> batches;
  {
    Batcher<int> batcher(1, 4, [&](std::vector<int> batch) {
      batches.push_back(std::move(batch));
      if (batches.size() > 1) return;
      started.set_value();
      go_on.get_future().wait();
    });
    for (int i = 0; i < 8; ++i) {
      int task = i;
      ASSERT_TRUE(batcher.Add(task));
      if (i == 0) started.get_future().wait();
    }
    go_on.set_value();
  }
  EXPECT_EQ(batches, (std::vector<std::vector<int>>{{0}, {1, 2, 3, 4}, {5, 6, 7}}));
}

TEST(BatcherTest, EveryTaskRunsOnceOnSomeThread) {
  std::vector<std::atomic<int>> runs(20'000);
  std::atomic<int> refused{0};
  {
    Batcher<int> batcher(4, 16, [&](std::vector<int> batch) {
      EXPECT_LE(batch.size(), 16);
      for (int task : batch) ++runs[task];
    });
    std::vector<std::thread> adders;
    for (int first : {0, 1, 2}) {
      adders.emplace_back([&, first] {
        for (int i = first; i < static_cast<int>(runs.size()); i += 3) {
          int task = i;
          while (!batcher.Add(task)) ++refused;
        }
      });
    }
    for (std::thread& adder : adders) adder.join();
  }
  for (const std::atomic<int>& count : runs) ASSERT_EQ(count, 1);
}

}  // namespace
}  // namespace hone
