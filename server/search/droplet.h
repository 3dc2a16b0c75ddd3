// Droplet search (Zhang et al., ACM TACO 2023; reference/post_optimization.md): a walk from a good candidate along the
// coordinates of its own decisions, to better neighbours only. Where the peer proposes powers of two that replay
// repairs, a coordinate here is the sorted list of that decision's legal values, and the walk goes both ways.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/schedule/trace.h"

namespace hone {

// One number of a trace that can take other values.
struct DropletCoordinate {
  size_t instruction;
  int part;                     // Of a tile's decision; -1 for other decisions and for an annotation's value.
  std::vector<int64_t> values;  // Rising.
  size_t origin;                // Index of the trace's own value.
};

// Coordinates in the order of the instructions:
//   SamplePerfectTile  one for each part but the first, which takes up the rest: the divisors of the extent within the
//                      limit of the innermost part
//   SampleCategorical  the index of the choice
//   Annotate           meta_schedule.parallel, .vectorize, pragma_auto_unroll_max_step, .thread_extent_low_inclusive,
//                      .thread_extent_high_inclusive with a number: the reference's values and its own
std::vector<DropletCoordinate> DropletCoordinates(const schedule::Trace& trace);

// Not thread-safe.
class DropletSearch {
 public:
  using Point = std::vector<uint16_t>;  // An index into the values of each coordinate.

  // `trace`: decisions, without the postprocs' part. `cost`: its time, in any unit. At most `budget` points are given
  // out, about `cores` or as many as there are coordinates at a time.
  DropletSearch(schedule::Trace trace, double cost, int budget, int cores);

  // Points to measure; empty when the walk is over.
  std::vector<Point> NextBatch();
  // The trace of a point; nullopt when its tiles do not multiply to the extent.
  std::optional<schedule::Trace> TraceOf(const Point& point) const;
  // The costs of the last batch in order; nullopt for one that failed. `improves(i)`: whether point i of the batch, the
  // best of those below the best cost so far, is better beyond doubt.
  template <typename Improves>
  void Report(const std::vector<std::optional<double>>& costs, Improves improves) {
    const int best = BestBelow(costs);
    Advance(costs, best >= 0 && improves(best) ? best : -1);
  }

  const Point& best() const { return best_; }
  double best_cost() const { return best_cost_; }
  bool moved() const { return moved_; }  // Away from where it began.

 private:
  int BestBelow(const std::vector<std::optional<double>>& costs) const;
  void Advance(const std::vector<std::optional<double>>& costs, int accepted);
  void AddNeighbours(int step, size_t limit, std::vector<Point>& out);
  uint64_t KeyOf(const Point& point) const;

  const schedule::Trace trace_;
  const std::vector<DropletCoordinate> coordinates_;
  Point best_;
  double best_cost_;
  int budget_;
  size_t batch_size_;
  int longest_ = 0;  // Length of the longest coordinate.
  int next_step_ = 1;
  bool done_ = false;
  bool moved_ = false;
  std::vector<Point> batch_;
  absl::flat_hash_set<uint64_t> visited_;
};

}  // namespace hone
