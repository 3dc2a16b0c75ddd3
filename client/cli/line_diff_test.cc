#include "client/cli/line_diff.h"

#include <gtest/gtest.h>

namespace hone::cli {
namespace {

TEST(LineDiffTest, EqualListsDifferInNothing) { EXPECT_EQ(LineDiff({"a", "b"}, {"a", "b"}), ""); }

TEST(LineDiffTest, CommonLinesStayInPlace) {
  EXPECT_EQ(LineDiff({"a", "b", "c"}, {"a", "x", "c", "d"}), "  a\n- b\n+ x\n  c\n+ d\n");
  EXPECT_EQ(LineDiff({}, {"a"}), "+ a\n");
}

TEST(TraceLinesTest, DecisionsStandAtTheirInstruction) {
  EXPECT_EQ(TraceLines(R"([[["GetBlock", [], ["C", "main"], ["b0"]], ["SamplePerfectTile", ["l1"], [4, 64], ["v2"]]],)"
                       R"( [[1, [2, 4]]]])"),
            (std::vector<std::string>{R"(["GetBlock",[],["C","main"],["b0"]])",
                                      R"(["SamplePerfectTile",["l1"],[4,64],["v2"]] decision [2,4])"}));
  EXPECT_EQ(TraceLines("x"), std::vector<std::string>{"x"});
}

}  // namespace
}  // namespace hone::cli
