#include "server/search/replay_trace.h"

#include "common/support/strings.h"
#include "server/search/parallel_for.h"

namespace hone {

absl::StatusOr<RoundOutput> ReplayTraceStrategy::Propose(const RoundInput& input) const {
  RoundOutput out;
  std::vector<std::shared_ptr<const Individual>> found(input.num_candidates);
  absl::flat_hash_set<uint64_t> taken = *input.proposed;
  std::vector<int> open(input.num_candidates);
  for (int i = 0; i < input.num_candidates; ++i) open[i] = i;
  int rejected = 0;
  for (uint64_t attempt = 0; attempt < static_cast<uint64_t>(max_fail_count_) && !open.empty(); ++attempt) {
    ParallelFor(static_cast<int>(open.size()), input.num_threads, [&](int k) {
      const int slot = open[k];
      CounterRandom random(
          {input.seed, input.task, static_cast<uint64_t>(input.round), 0, attempt, static_cast<uint64_t>(slot)});
      const size_t space = random.Below(input.spaces->size());
      const int64_t seed = static_cast<int64_t>(1 + random.Below(2147483646));
      found[slot] = input.factory->Make((*input.spaces)[space], seed, /*resample=*/true);
    });
    std::vector<int> still_open;
    for (int slot : open) {
      if (found[slot] == nullptr || !taken.insert(found[slot]->hash).second) {
        rejected += found[slot] == nullptr;
        found[slot] = nullptr;
        still_open.push_back(slot);
      }
    }
    open = std::move(still_open);
  }
  for (auto& one : found) {
    if (one == nullptr) continue;
    out.picks.push_back(std::move(one));
    out.scores.push_back(0);
  }
  StrAppend(&out.log, "sampled ", out.picks.size(), " candidates, ", rejected, " draws rejected\n");
  return out;
}

}  // namespace hone
