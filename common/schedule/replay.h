// Replaying a trace in parts: a schedule that has replayed the first part can be copied and go on with others that
// begin alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "common/schedule/trace.h"

namespace hone::schedule {

// Random variables of a trace to those of the schedule that replays it.
class RvMap {
 public:
  explicit RvMap(size_t expected = 96) { map_.reserve(expected); }
  void Set(Rv from, Rv to) {
    if (from.id < 0) return;
    if (static_cast<size_t>(from.id) >= map_.size()) map_.resize(static_cast<size_t>(from.id) + 1, kUnknown);
    map_[from.id] = to.id;
  }
  // False when it is unknown.
  bool Get(Rv from, Rv* to) const {
    if (static_cast<size_t>(from.id) >= map_.size() || map_[from.id] == kUnknown) return false;
    to->id = map_[from.id];
    return true;
  }

 private:
  static constexpr int32_t kUnknown = -2;
  std::vector<int32_t> map_;
};

// Applies the instructions [begin, end) of `trace` to `schedule`, which has replayed those before with `map`.
// `provider` as in Trace::ApplyTo, null for the trace's own decisions. Errors as there.
absl::Status ReplayPart(const Trace& trace, size_t begin, size_t end, Schedule& schedule, RvMap& map,
                        const Trace::DecisionProvider* provider = nullptr);

}  // namespace hone::schedule
