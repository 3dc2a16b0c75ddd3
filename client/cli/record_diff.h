// What is different between two records: their schedules, what a cost model sees of them, and their times.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hone/v1/records.pb.h"

namespace hone::cli {

// The ratio of mean times of `b` over `a`, by Welch's t-test on the logarithms.
struct TimeComparison {
  double ratio = 0;          // 0: one of them has no times.
  bool interval = false;     // Both have samples enough for what follows.
  double low = 0, high = 0;  // 95 % interval.
  size_t a_samples = 0, b_samples = 0;
};
TimeComparison CompareTimes(const std::vector<double>& a, const std::vector<double>& b);
// "a is faster", "b is faster", "no difference is shown"; empty without an interval.
std::string VerdictOf(const TimeComparison& times);
// A sentence.
std::string TimesText(const TimeComparison& times);
std::string TimeRatio(const std::vector<double>& a, const std::vector<double>& b);

struct RecordDifference {
  struct Move {
    int store = 0;  // Row of the features.
    std::string feature;
    double from = 0, to = 0;
  };
  v1::QueryResponse records;            // Both.
  std::string trace_lines;              // Instructions and decisions that differ, by line; empty when none does.
  int a_stores = 0, b_stores = 0;       // When they differ, the features are not comparable row by row.
  std::vector<Move> moves;              // The largest first.
  std::optional<TimeComparison> times;  // Of records of one device class.
};
// InvalidArgument when the records are of different workloads.
absl::StatusOr<RecordDifference> CompareRecords(const v1::Match& a, const v1::Match& b);
std::string DifferenceText(const RecordDifference& difference);
std::string DifferenceJson(const RecordDifference& difference);

}  // namespace hone::cli
