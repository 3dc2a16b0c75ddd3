#include "client/cli/record_diff.h"

#include <nlohmann/json.hpp>

#include "common/support/status_matchers.h"

namespace hone::cli {
namespace {

TEST(TimeRatioTest, SaysWhichIsFasterOnlyWhenTheIntervalShowsIt) {
  const std::vector<double> fast = {1.00e-3, 1.01e-3, 0.99e-3, 1.00e-3};
  const std::vector<double> slow = {2.00e-3, 2.02e-3, 1.98e-3};
  EXPECT_NE(TimeRatio(fast, slow).find("a is faster"), std::string::npos) << TimeRatio(fast, slow);
  EXPECT_NE(TimeRatio(slow, fast).find("b is faster"), std::string::npos);
  const std::vector<double> scattered = {0.5e-3, 1.5e-3, 1.1e-3};
  EXPECT_NE(TimeRatio(fast, scattered).find("no difference is shown"), std::string::npos);
  EXPECT_NE(TimeRatio({1e-3}, slow).find("too few samples"), std::string::npos);
  EXPECT_NE(TimeRatio({}, slow).find("none"), std::string::npos);
}

v1::Match MatchOf(const std::string& trace, double secs) {
  v1::Match match;
  match.mutable_workload()->set_script(R"(@T.prim_func
def main(A: T.Buffer((64,), "float32"), B: T.Buffer((64,), "float32")):
    for i in range(64):
        with T.block("B"):
            vi = T.axis.spatial(64, i)
            B[vi] = A[vi] * T.float32(2)
)");
  match.mutable_record()->set_id(std::string(32, 'i'));
  match.mutable_record()->set_workload_id(std::string(32, 'w'));
  match.mutable_record()->set_trace_json(trace);
  match.mutable_record()->set_target_json(R"({"kind":"llvm","keys":["cpu"],"mcpu":"haswell","num-cores":2})");
  for (int i = 0; i < 3; ++i) match.mutable_record()->mutable_measurement()->add_samples(secs * (1 + 0.001 * i));
  match.mutable_record()->mutable_measurement()->set_median(secs);
  return match;
}

constexpr char kSplit[] =
    R"([[["GetBlock",[],["B","main"],["b0"]],["GetLoops",["b0"],[],["l1"]],["SamplePerfectTile",["l1"],[2,64],["v2","v3"]],)"
    R"(["Split",["l1","v2","v3"],[1,0],["l4","l5"]],["Vectorize",["l5"],[],[]]],[[2,[%]]]])";

std::string Split(const std::string& tiles) {
  std::string text = kSplit;
  return text.replace(text.find('%'), 1, tiles);
}

TEST(RecordDiffTest, ShowsDecisionsFeaturesAndTimes) {
  auto diff = CompareRecords(MatchOf(Split("8,8"), 1e-3), MatchOf(Split("4,16"), 2e-3));
  ASSERT_OK(diff);
  const std::string text = DifferenceText(*diff);
  for (const char* part : {"[4,16]", "vectorize.length", "a is faster"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
}

TEST(RecordDiffTest, JsonHasTheSame) {
  auto diff = CompareRecords(MatchOf(Split("8,8"), 1e-3), MatchOf(Split("4,16"), 2e-3));
  ASSERT_OK(diff);
  const nlohmann::json json = nlohmann::json::parse(DifferenceJson(*diff));
  EXPECT_FALSE(json["trace"].empty());
  EXPECT_EQ(json["features"].size(), diff->moves.size());
  EXPECT_FALSE(json["features"].empty());
  EXPECT_NEAR(json["times"]["ratio"].get<double>(), 2, 0.01);
  EXPECT_EQ(json["times"]["verdict"], "a is faster");
  diff->times.reset();
  EXPECT_TRUE(nlohmann::json::parse(DifferenceJson(*diff))["times"].is_null());
}

TEST(RecordDiffTest, RefusesDifferentWorkloads) {
  v1::Match other = MatchOf(Split("8,8"), 1e-3);
  other.mutable_record()->set_workload_id(std::string(32, 'x'));
  EXPECT_STATUS(CompareRecords(MatchOf(Split("8,8"), 1e-3), other), absl::StatusCode::kInvalidArgument, "same");
}

}  // namespace
}  // namespace hone::cli
