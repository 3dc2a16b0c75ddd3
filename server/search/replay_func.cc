#include "server/search/replay_func.h"

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/search/parallel_for.h"

namespace hone {
namespace {

// One attempt: a pure function of (seed, task, round, slot, attempt).
std::shared_ptr<const Individual> Draw(const RoundInput& input, uint64_t slot, uint64_t attempt) {
  CounterRandom random({input.seed, input.task, static_cast<uint64_t>(input.round), slot, attempt});
  auto seed = [&] { return static_cast<int64_t>(1 + random.Below(2147483646)); };
  const std::unique_ptr<SpaceGenerator> generator = input.generator->Clone();
  const auto spaces = generator->Generate(*input.workload, seed());
  if (!spaces.ok() || spaces->empty()) return nullptr;
  const schedule::Schedule& space = (*spaces)[random.Below(spaces->size())];
  return input.factory->Make(space.trace().Simplified(/*remove_postproc=*/true), seed(), /*resample=*/false);
}

}  // namespace

absl::StatusOr<RoundOutput> ReplayFuncStrategy::Propose(const RoundInput& input) const {
  if (input.generator == nullptr || input.workload == nullptr) {
    return absl::FailedPreconditionError("strategy replay-func needs the space generator and the workload");
  }
  std::vector<std::shared_ptr<const Individual>> found(input.num_candidates);
  ParallelFor(input.num_candidates, input.num_threads, [&](int slot) {
    for (int attempt = 0; attempt < max_fail_count_ && found[slot] == nullptr; ++attempt) {
      found[slot] = Draw(input, static_cast<uint64_t>(slot), static_cast<uint64_t>(attempt));
    }
  });
  RoundOutput out;
  absl::flat_hash_set<uint64_t> taken = *input.proposed;
  for (auto& one : found) {
    if (one == nullptr || !taken.insert(one->hash).second) continue;
    out.picks.push_back(std::move(one));
    out.scores.push_back(0);
  }
  StrAppend(&out.log, "generated ", out.picks.size(), " distinct candidates for ", input.num_candidates, " slots\n");
  return out;
}

}  // namespace hone
