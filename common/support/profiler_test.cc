#include "common/support/profiler.h"

#include <gtest/gtest.h>

#include <thread>

namespace hone {
namespace {

// Lets the clock go on by `duration` at least; the seconds that it did.
double Pass(std::chrono::duration<double> duration) {
  using std::chrono::steady_clock;
  const auto start = steady_clock::now();
  while (steady_clock::now() - start < duration) {
  }
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

TEST(ProfilerTest, ScopesAddUpUnderTheirNames) {
  Profiler profiler;
  double inside = 0;
  for (int i = 0; i < 2; ++i) {
    const auto scope = Profiler::Timeit("SendToBuilder");
    inside += Pass(std::chrono::microseconds(500));
  }
  profiler.Stop();
  EXPECT_GE(profiler.Get().at("SendToBuilder"), inside);
  EXPECT_GE(profiler.Get().at("Total"), profiler.Get().at("SendToBuilder"));
}

TEST(ProfilerTest, InnermostProfilerCollects) {
  Profiler outer;
  {
    Profiler inner;
    EXPECT_EQ(Profiler::Current(), &inner);
    { const Profiler::Scope scope("work"); }
    EXPECT_EQ(inner.Get().count("work"), 1u);
  }
  EXPECT_EQ(Profiler::Current(), &outer);
  EXPECT_EQ(outer.Get().count("work"), 0u);
}

TEST(ProfilerTest, OtherThreadsAndNoProfilerCollectNothing) {
  Profiler profiler;
  std::thread([] {
    EXPECT_EQ(Profiler::Current(), nullptr);
    const Profiler::Scope scope("elsewhere");
  }).join();
  EXPECT_TRUE(profiler.Get().empty());
}

TEST(ProfilerTest, TableHasTotalFirstAndThenTheLargest) {
  Profiler profiler;
  { const Profiler::Scope scope("short"); }
  const double short_secs = profiler.Get().at("short");
  {
    const Profiler::Scope scope("long");
    Pass(std::chrono::duration<double>(2 * short_secs));
  }
  profiler.Stop();
  const std::string table = profiler.Table();
  EXPECT_EQ(table.rfind(" ID |", 0), 0u) << table;
  EXPECT_LT(table.find("Total"), table.find("long"));
  EXPECT_LT(table.find("long"), table.find("short"));
  EXPECT_NE(table.find("100.0000"), std::string::npos);
}

TEST(PeerTableTest, CellsAreRightAlignedAndSeparatorsSpanTheLine) {
  EXPECT_EQ(FormatPeerTable({{"ID", "Name"}, {}, {"7", "a"}}), " ID | Name \n-----------\n  7 |    a ");
}

}  // namespace
}  // namespace hone
