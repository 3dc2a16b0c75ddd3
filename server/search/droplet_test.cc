#include "server/search/droplet.h"

#include <cmath>

#include "common/schedule/trace_json.h"
#include "common/support/status_matchers.h"

namespace hone {
namespace {

// A tile of 96 into three parts, a choice of four, and annotations.
constexpr char kTrace[] =
    R"([[["GetBlock",[],["C","main"],["b0"]],["GetLoops",["b0"],[],["l1"]],)"
    R"(["SamplePerfectTile",["l1"],[3,16],["v2","v3","v4"]],["SampleCategorical",[],[[0,16,64,512],[0.25,0.25,0.25,0.25]],["v5"]],)"
    R"(["Annotate",["b0",32],["meta_schedule.parallel"],[]],["Annotate",["b0",7],["other"],[]]],[[2,[12,4,2]],[3,1]]])";

schedule::Trace Parse() {
  auto trace = schedule::TraceFromJson(kTrace);
  EXPECT_OK(trace);
  return *trace;
}

TEST(DropletTest, CoordinatesAreTheLegalValues) {
  const std::vector<DropletCoordinate> c = DropletCoordinates(Parse());
  ASSERT_EQ(c.size(), 4u);
  EXPECT_EQ(c[0].values, (std::vector<int64_t>{1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 96}));
  EXPECT_EQ(c[0].values[c[0].origin], 4);
  EXPECT_EQ(c[1].values, (std::vector<int64_t>{1, 2, 3, 4, 6, 8, 12, 16}));  // The innermost part is limited.
  EXPECT_EQ(c[2].values, (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(c[3].values, (std::vector<int64_t>{32, 64, 128, 256, 512}));
}

TEST(DropletTest, TheOriginIsTheTraceItself) {
  DropletSearch search(Parse(), 1.0, 100, 1);
  const auto trace = search.TraceOf(search.best());
  ASSERT_TRUE(trace.has_value());
  EXPECT_EQ(*schedule::TraceToJson(*trace), *schedule::TraceToJson(Parse()));
}

TEST(DropletTest, PointsWhoseTilesDoNotDivideHaveNoTrace) {
  DropletSearch search(Parse(), 1.0, 100, 1);
  DropletSearch::Point point = search.best();
  point[0] = 11;  // 96 x 2
  EXPECT_FALSE(search.TraceOf(point).has_value());
  for (const DropletSearch::Point& p : search.NextBatch()) EXPECT_TRUE(search.TraceOf(p).has_value());
}

// A bowl with its bottom away from the origin.
double Bowl(const DropletSearch::Point& p) {
  const double bottom[] = {5, 3, 3, 2};
  double cost = 1;
  for (size_t i = 0; i < p.size(); ++i) cost += std::abs(static_cast<double>(p[i]) - bottom[i]);
  return cost;
}

TEST(DropletTest, WalksToTheBottom) {
  DropletSearch search(Parse(), 100.0, 1000, 1);
  for (auto batch = search.NextBatch(); !batch.empty(); batch = search.NextBatch()) {
    std::vector<std::optional<double>> costs;
    for (const auto& p : batch) costs.push_back(Bowl(p));
    search.Report(costs, [](int) { return true; });
  }
  EXPECT_TRUE(search.moved());
  EXPECT_EQ(search.best_cost(), 1.0);
}

TEST(DropletTest, StaysWhereNothingIsBetterBeyondDoubt) {
  DropletSearch search(Parse(), 100.0, 1000, 1);
  const auto start = search.best();
  const auto batch = search.NextBatch();
  search.Report(std::vector<std::optional<double>>(batch.size(), 99.0), [](int) { return false; });
  EXPECT_EQ(search.best(), start);
  EXPECT_FALSE(search.moved());
  EXPECT_TRUE(search.NextBatch().empty());
}

TEST(DropletTest, LooksFurtherOutWhenAllFailAndKeepsToItsBudget) {
  DropletSearch search(Parse(), 1.0, 25, 1);
  size_t given = 0;
  int batches = 0;
  for (auto batch = search.NextBatch(); !batch.empty(); batch = search.NextBatch()) {
    given += batch.size();
    ++batches;
    search.Report(std::vector<std::optional<double>>(batch.size()), [](int) { return true; });
  }
  EXPECT_GT(batches, 1);
  EXPECT_LE(given, 25u);
}

}  // namespace
}  // namespace hone
