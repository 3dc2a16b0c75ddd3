// Schedules that have replayed what all traces of a design space have in common: the instructions before the first
// sampling.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "common/schedule/replay.h"
#include "common/schedule/schedule.h"

namespace hone {

// Thread-safe, without locks. Keeps what it has made until it goes.
class PrefixCache {
 public:
  PrefixCache() = default;
  ~PrefixCache();
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  // A copy, seeded, of the schedule that replayed the common part, and how to go on.
  struct Started {
    schedule::Schedule schedule;
    schedule::RvMap map;
    size_t next;  // Instruction.
    // A trace that began alike, kept by the cache; null when none is kept.
    const schedule::Trace* kept;
  };
  // nullopt when the common part does not replay on `start`, which is the same in all calls.
  std::optional<Started> Start(const schedule::Schedule& start, const schedule::Trace& trace, int64_t seed);

 private:
  struct Entry {
    schedule::Trace trace;  // Keeps the values of its instructions alive.
    size_t size;
    schedule::Schedule schedule;
    schedule::RvMap map;
    const Entry* next;
  };
  const Entry* Find(const schedule::Trace& trace, size_t size) const;

  std::atomic<const Entry*> entries_{nullptr};
  std::atomic<int> count_{0};
};

}  // namespace hone
