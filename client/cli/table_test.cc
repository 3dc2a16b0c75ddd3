#include "client/cli/table.h"

#include <gtest/gtest.h>

namespace hone::cli {
namespace {

TEST(TableTest, FiguresAreSetRightAndTextLeft) {
  Table table({"workload", "best"});
  table.Add({"matmul", "2.48 ms"});
  table.Add({"softmax", "13.1 us"});
  table.Add({"x", "-"});
  EXPECT_EQ(table.ToString(),
            "workload     best\n"
            "matmul    2.48 ms\n"
            "softmax   13.1 us\n"
            "x               -\n");
}

TEST(TableTest, CodePointsAreCountedNotBytes) {
  Table table({"name", "note"});
  table.Add({"\xC3\xA4", "a"});
  EXPECT_EQ(table.ToString(), "name  note\n\xC3\xA4     a\n");
}

TEST(FormatTest, SecondsTakeTheFittingUnit) {
  EXPECT_EQ(FormatSeconds(0.00248), "2.48 ms");
  EXPECT_EQ(FormatSeconds(1.31e-5), "13.1 us");
  EXPECT_EQ(FormatSeconds(120), "120 s");
  EXPECT_EQ(FormatSeconds(0), "-");
}

TEST(FormatTest, AgesAreRounded) {
  EXPECT_EQ(FormatAgo(100, 105), "just now");
  EXPECT_EQ(FormatAgo(100, 100 + 3 * 60), "3 min ago");
  EXPECT_EQ(FormatAgo(0, 100), "-");
}

}  // namespace
}  // namespace hone::cli
