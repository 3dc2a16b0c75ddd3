// What is different between two records: their schedules, what a cost model sees of them, and their times.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "hone/v1/records.pb.h"

namespace hone::cli {

// Instructions and decisions by line, features by row and name, and the ratio of the recorded times with its interval.
// InvalidArgument when the records are of different workloads.
absl::StatusOr<std::string> RecordDiff(const v1::Match& a, const v1::Match& b);

// The ratio of mean times of `b` over `a` with its 95 % interval, by Welch's t-test on the logarithms; a sentence.
std::string TimeRatio(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace hone::cli
