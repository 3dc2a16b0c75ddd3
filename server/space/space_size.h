// How many points a design space has.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/schedule/schedule.h"

namespace hone::space {

// Ways to write `extent` as an ordered product of `parts` numbers whose last is at most `max_last` (-1: no limit).
double CountPerfectTiles(int64_t extent, int parts, int64_t max_last = -1);
// Those of them in which the product of parts `position` and later is a multiple of `factor`.
double CountPartitionedTiles(int64_t extent, int parts, int position, int64_t factor);

// The number of combinations of decisions, counting the choices of each sampling instruction of `trace` with the
// decisions before it as they are: exact unless a choice depends on an earlier one (the inner tiles of a tiled
// reduction, a location in a nest that was tiled before). `start` is a schedule of the workload. FailedPrecondition
// when the trace does not apply to it.
absl::StatusOr<double> CountPoints(const schedule::Schedule& start, const schedule::Trace& trace);

// "1,234,567", or "1.23e+21" where a double no longer holds every digit.
std::string PointsText(double points);

}  // namespace hone::space
