#include "server/coordinator/failure_tally.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(FailureTallyTest, TheMostFrequentMessagesOfAKindComeFirst) {
  FailureTally tally;
  tally.Add({FailureKind::kBuild, "no memory"});
  for (int i = 0; i < 3; ++i) tally.Add({FailureKind::kBuild, "bad register\nwith a second line"});
  tally.Add({FailureKind::kRun, "it crashed"});
  auto top = tally.Top();
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].first, FailureKind::kBuild);
  EXPECT_EQ(top[0].second.count, 4);
  EXPECT_EQ(top[0].second.example, "no memory");
  ASSERT_EQ(top[0].second.top.size(), 2u);
  EXPECT_EQ(top[0].second.top[0].text, "bad register");
  EXPECT_EQ(top[0].second.top[0].count, 3);
  EXPECT_EQ(top[1].second.top[0].text, "it crashed");
}

TEST(FailureTallyTest, MessagesThatDifferInNumbersOnlyAreOne) {
  FailureTally tally;
  tally.Add({FailureKind::kRunTimeout, "killed after 30 s"});
  tally.Add({FailureKind::kRunTimeout, "killed after 1200 s"});
  auto top = tally.Top();
  ASSERT_EQ(top[0].second.top.size(), 1u);
  EXPECT_EQ(top[0].second.top[0].text, "killed after 30 s");
  EXPECT_EQ(top[0].second.top[0].count, 2);
}

TEST(FailureTallyTest, MessagesWithoutEndTakeBoundedMemoryAndAreAllCounted) {
  FailureTally tally;
  for (size_t i = 0; i < 3 * FailureTally::kMaxMessages; ++i) {
    tally.Add({FailureKind::kCrash, std::string(i + 1, 'x')});
  }
  auto top = tally.Top();
  EXPECT_EQ(top[0].second.count, static_cast<int64_t>(3 * FailureTally::kMaxMessages));
  EXPECT_EQ(top[0].second.top.size(), FailureTally::kTop);
  EXPECT_EQ(top[0].second.top[0].text, "other messages");
}

}  // namespace
}  // namespace hone
