#include "common/schedule/testing/random_step.h"

#include <algorithm>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/support/status_macros.h"

namespace hone::schedule::testing {
namespace {

using ir::Expr;

constexpr std::string_view kNames[] = {
    "split",
    "fuse",
    "reorder",
    "compute_at",
    "reverse_compute_at",
    "compute_inline",
    "reverse_compute_inline",
    "cache_read",
    "cache_write",
    "decompose_reduction",
    "rfactor",
    "reindex",
    "reindex_cache_read",
    "reindex_cache_write",
    "cache_index",
    "read_at",
    "write_at",
};
static_assert(sizeof(kNames) / sizeof(kNames[0]) == kStepCount);

template <typename T>
const typename T::value_type& Pick(const T& items, CounterRandom& random) {
  return items[random.Below(items.size())];
}

absl::StatusOr<BlockRv> RandomBlock(Schedule& s, CounterRandom& random) {
  const std::vector<std::string> names = BlockNames(s);
  if (names.empty()) return absl::NotFoundError("no blocks");
  return s.GetBlock(Pick(names, random));
}

absl::StatusOr<BlockRv> RandomReduction(Schedule& s, CounterRandom& random) {
  BlockRv block;
  for (int i = 0; i < 6; ++i) {
    HONE_ASSIGN_OR_RETURN(block, RandomBlock(s, random));
    HONE_ASSIGN_OR_RETURN(const ir::BlockNode* node, s.Get(block));
    if (node->init) break;
  }
  return block;
}

absl::StatusOr<LoopRv> RandomLoop(Schedule& s, BlockRv block, CounterRandom& random) {
  HONE_ASSIGN_OR_RETURN(const LoopRvs loops, s.GetLoops(block));
  if (loops.empty()) return absl::NotFoundError("no loops");
  return Pick(loops, random);
}

absl::StatusOr<LoopRv> RandomLoop(Schedule& s, CounterRandom& random) {
  HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
  return RandomLoop(s, block, random);
}

absl::Status Split(Schedule& s, CounterRandom& random) {
  HONE_ASSIGN_OR_RETURN(const LoopRv loop, RandomLoop(s, random));
  const std::vector<Value> factors = {Value::None(), Value::Int(random.Between(1, 4))};
  return s.Split(loop, factors, random.Below(2) == 0).status();
}

absl::Status Fuse(Schedule& s, CounterRandom& random) {
  HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
  HONE_ASSIGN_OR_RETURN(const LoopRvs loops, s.GetLoops(block));
  if (loops.size() < 2) return absl::NotFoundError("too few loops");
  const size_t at = random.Below(loops.size() - 1);
  return s.Fuse(absl::MakeConstSpan(loops).subspan(at, 2), random.Below(2) == 0).status();
}

absl::Status Reorder(Schedule& s, CounterRandom& random) {
  HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
  HONE_ASSIGN_OR_RETURN(const LoopRvs loops, s.GetLoops(block));
  if (loops.size() < 2) return absl::NotFoundError("too few loops");
  const size_t at = random.Below(loops.size() - 1);
  return s.Reorder({loops[at + 1], loops[at]});
}

// Half of the time a consumer (or producer) of the block, with one of its loops.
absl::StatusOr<LoopRv> LoopNear(Schedule& s, BlockRv block, bool consumer, CounterRandom& random) {
  // A consumer that moves away from its producers may pass its own consumers.
  if (consumer && random.Below(6) == 0) return RandomLoop(s, random);
  HONE_ASSIGN_OR_RETURN(const BlockRvs others, consumer ? s.GetConsumers(block) : s.GetProducers(block));
  if (others.empty()) return absl::NotFoundError("no consumers");
  return RandomLoop(s, Pick(others, random), random);
}

// A random permutation of those iters of the block that occur in `region`.
const ir::IndexMapNode* RandomLayout(const ir::BlockNode* block, ir::BufferRegion region, CounterRandom& random) {
  std::vector<ir::Var> inputs;
  std::vector<Expr> outputs;
  for (ir::IterVar iter : block->iter_vars) {
    inputs.push_back(ir::CopyVar(iter->var));
    bool used = false;
    for (const ir::Range& range : region->region) used = used || ir::UsesVar(range.min, iter->var);
    if (used) outputs.push_back(inputs.back());
  }
  for (size_t i = outputs.size(); i > 1; --i) std::swap(outputs[i - 1], outputs[random.Below(i)]);
  if (!outputs.empty() && random.Below(3) == 0) {
    const Expr last = outputs.back();
    outputs.back() = ir::FloorDiv(last, 2);
    outputs.push_back(ir::FloorMod(last, 2));
  }
  if (outputs.empty()) outputs.push_back(ir::Int32(0));
  return ir::MakeIndexMap(ir::MakeArray(inputs), ir::MakeArray(outputs));
}

absl::Status ReindexCache(Schedule& s, bool read, CounterRandom& random) {
  HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
  HONE_ASSIGN_OR_RETURN(const ir::BlockNode* node, s.Get(block));
  const auto& regions = read ? node->reads : node->writes;
  if (regions.empty()) return absl::NotFoundError("no regions");
  const int index = static_cast<int>(random.Below(regions.size()));
  const ir::ArenaScope scope(s.state().arena());
  const ir::IndexMapNode* map = RandomLayout(node, regions[index], random);
  return read ? s.ReindexCacheRead(block, index, "shared", map).status()
              : s.ReindexCacheWrite(block, index, "local", map).status();
}

absl::Status Cache(Schedule& s, bool read, CounterRandom& random) {
  HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
  HONE_ASSIGN_OR_RETURN(const ir::BlockNode* node, s.Get(block));
  const int count = static_cast<int>((read ? node->reads : node->writes).size());
  const int index = static_cast<int>(random.Below(count + (random.Below(8) == 0 ? 1 : 0) + (count == 0 ? 1 : 0)));
  BlockRvs consumers;
  if (random.Below(3) == 0) consumers.push_back(block);
  const std::string_view scope = random.Below(2) == 0 ? "shared" : "global";
  return read ? s.CacheRead(block, index, scope, consumers).status() : s.CacheWrite(block, index, scope, {}).status();
}

absl::Status CopyAt(Schedule& s, bool read, CounterRandom& random) {
  HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
  HONE_ASSIGN_OR_RETURN(const ir::BlockNode* node, s.Get(block));
  HONE_ASSIGN_OR_RETURN(const LoopRv loop, RandomLoop(s, block, random));
  const int count = static_cast<int>((read ? node->reads : node->writes).size());
  const int index = static_cast<int>(random.Below(count + (count == 0 ? 1 : 0)));
  return read ? s.ReadAt(loop, block, index, "shared").status() : s.WriteAt(loop, block, index, "local").status();
}

}  // namespace

std::string_view NameOf(Step step) { return kNames[static_cast<int>(step)]; }

std::vector<std::string> BlockNames(const Schedule& schedule) {
  const ScheduleState& state = schedule.state();
  std::vector<std::string> out;
  for (SrefId block : AllBlocksBelow(state, state.RootOf("main"))) {
    std::string name(state.block(block)->name);
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(std::move(name));
  }
  return out;
}

absl::Status RandomStep(Schedule& s, Step step, CounterRandom& random) {
  switch (step) {
    case Step::kSplit:
      return Split(s, random);
    case Step::kFuse:
      return Fuse(s, random);
    case Step::kReorder:
      return Reorder(s, random);
    case Step::kComputeAt:
    case Step::kReverseComputeAt: {
      const bool forward = step == Step::kComputeAt;
      HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
      HONE_ASSIGN_OR_RETURN(const LoopRv loop, LoopNear(s, block, forward, random));
      const bool preserve = random.Below(2) == 0;
      const int index = random.Below(3) == 0 ? -2 : -1;
      return forward ? s.ComputeAt(block, loop, preserve, index) : s.ReverseComputeAt(block, loop, preserve, index);
    }
    case Step::kComputeInline: {
      HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
      return s.ComputeInline(block);
    }
    case Step::kReverseComputeInline: {
      HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
      // It is the caller's part that nothing else reads what disappears.
      HONE_ASSIGN_OR_RETURN(const BlockRvs producers, s.GetProducers(block));
      if (producers.size() == 1) {
        HONE_ASSIGN_OR_RETURN(const BlockRvs consumers, s.GetConsumers(producers[0]));
        if (consumers.size() > 1) return absl::NotFoundError("the producer has other consumers");
      }
      return s.ReverseComputeInline(block);
    }
    case Step::kCacheRead:
      return Cache(s, /*read=*/true, random);
    case Step::kCacheWrite:
      return Cache(s, /*read=*/false, random);
    case Step::kDecomposeReduction: {
      HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomReduction(s, random));
      HONE_ASSIGN_OR_RETURN(const LoopRv loop, RandomLoop(s, block, random));
      return s.DecomposeReduction(block, loop).status();
    }
    case Step::kRFactor: {
      HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomReduction(s, random));
      HONE_ASSIGN_OR_RETURN(const LoopRv loop, RandomLoop(s, block, random));
      return s.RFactor(loop, static_cast<int>(random.Between(-2, 2))).status();
    }
    case Step::kReIndex: {
      HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
      const BufferSide side = random.Below(2) == 0 ? BufferSide::kRead : BufferSide::kWrite;
      return s.ReIndex(block, static_cast<int>(random.Below(2)) * (side == BufferSide::kRead), side).status();
    }
    case Step::kReindexCacheRead:
      return ReindexCache(s, /*read=*/true, random);
    case Step::kReindexCacheWrite:
      return ReindexCache(s, /*read=*/false, random);
    case Step::kCacheIndex: {
      HONE_ASSIGN_OR_RETURN(const BlockRv block, RandomBlock(s, random));
      return s.CacheIndex(block, "global", static_cast<int>(random.Below(3))).status();
    }
    case Step::kReadAt:
      return CopyAt(s, /*read=*/true, random);
    case Step::kWriteAt:
      return CopyAt(s, /*read=*/false, random);
  }
  return absl::OkStatus();
}

}  // namespace hone::schedule::testing
