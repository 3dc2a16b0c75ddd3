#include "server/space/mutator/parallel.h"

#include <algorithm>
#include <map>

#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "server/space/cores.h"
#include "server/space/mutator/choice.h"

namespace hone {
namespace {

using schedule::Instruction;
using schedule::Schedule;
using schedule::ScheduleState;
using schedule::SrefId;
using schedule::Trace;
using schedule::Value;

// For each nest below the root: products of the extents of its outermost loops, as far as they may be parallel and
// until the limit is reached.
std::vector<std::vector<int64_t>> PrefixProducts(const ScheduleState& state, SrefId root, int64_t limit) {
  std::vector<std::vector<int64_t>> out;
  for (SrefId block : schedule::ChildBlocks(state, root)) {
    std::vector<int64_t> products;
    const ir::BlockNode* node = state.block(block);
    const ir::BlockRealizeNode* realize = state.at(block).realize;
    int64_t product = 1;
    for (SrefId sref : schedule::LoopsAbove(state, block)) {
      const ir::ForNode* loop = state.loop(sref);
      const int64_t* extent = ir::ConstInt(loop->extent);
      bool usable = extent != nullptr;
      for (size_t i = 0; i < node->iter_vars.size() && usable; ++i) {
        if (node->iter_vars[i]->iter_type == ir::IterType::kSpatial) continue;
        usable = !ir::UsesVar(realize->iter_values[i], loop->loop_var);
      }
      if (!usable) break;
      product *= *extent;
      products.push_back(product);
      if (product >= limit) break;
    }
    if (!products.empty()) out.push_back(std::move(products));
  }
  return out;
}

// How many loops of each nest a limit fuses.
std::vector<int> PlanFor(const std::vector<std::vector<int64_t>>& products, int64_t limit) {
  std::vector<int> plan;
  for (const std::vector<int64_t>& prefix : products) {
    const int n = static_cast<int>(prefix.size());
    int i = static_cast<int>(std::upper_bound(prefix.begin(), prefix.end(), limit) - prefix.begin());
    if (i > 0 && prefix[i - 1] == limit) --i;
    if (i != n) ++i;
    plan.push_back(i);
  }
  return plan;
}

struct Site {
  size_t annotate;   // The instruction that sets meta_schedule.parallel.
  size_t get_block;  // The one its block comes from.
};

}  // namespace

absl::Status MutateParallel::Initialize(const SpaceContext& context, const ir::IRModule& workload) {
  HONE_ASSIGN_OR_RETURN(const int64_t cores, space::NumCores(context.target, name()));
  max_parallel_extent_ = cores * max_jobs_per_core_;
  schedule::ScheduleOptions options;
  options.seed = 1;
  options.intrinsics = context.intrinsics;
  HONE_ASSIGN_OR_RETURN(Schedule start, Schedule::Create(workload, options));
  start_ = std::make_shared<const Schedule>(std::move(start));
  return absl::OkStatus();
}

std::optional<Trace> MutateParallel::Apply(const Trace& trace, CounterRandom& random) const {
  const std::vector<Instruction>& insts = trace.instructions();
  std::vector<Site> sites;
  for (size_t i = 0; i < trace.SizeWithoutPostproc(); ++i) {
    if (insts[i].row->name != "Annotate" || insts[i].attrs[0].text() != "meta_schedule.parallel") continue;
    const int source = mutate::ProducerOf(insts, i, insts[i].inputs[0].rv());
    if (source >= 0 && insts[source].row->name == "GetBlock" && insts[i].inputs[1].is_integral()) {
      sites.push_back({i, static_cast<size_t>(source)});
    }
  }
  if (sites.empty()) return std::nullopt;
  const Site site = sites[random.Below(sites.size())];
  Schedule replay = start_->CopyWithSeed(1);
  if (!trace.ApplyTo(replay, /*remove_postproc=*/true).ok()) return std::nullopt;
  const Instruction& get_block = insts[site.get_block];
  const absl::StatusOr<schedule::BlockRv> root = replay.GetBlock(get_block.attrs[0].text(), get_block.attrs[1].text());
  if (!root.ok()) return std::nullopt;
  const auto root_sref = replay.SrefOf(*root);
  if (!root_sref.ok()) return std::nullopt;
  const auto products = PrefixProducts(replay.state(), *root_sref, max_parallel_extent_);
  std::map<std::vector<int>, int64_t> plans;  // Ordered: the draw does not depend on hashing.
  std::vector<int64_t> limits;
  for (const auto& prefix : products) {
    for (int64_t p : prefix) {
      if (p <= max_parallel_extent_) limits.push_back(p);
    }
  }
  std::sort(limits.begin(), limits.end());
  for (int64_t limit : limits) plans[PlanFor(products, limit)] = limit;
  plans.erase(PlanFor(products, insts[site.annotate].inputs[1].integer()));
  if (plans.empty()) return std::nullopt;
  auto chosen = plans.begin();
  std::advance(chosen, static_cast<int64_t>(random.Below(plans.size())));
  // Not a decision but an argument changes: the instruction is copied with another limit.
  auto arena = std::make_shared<ir::Arena>();
  arena->KeepAlive(trace.arena());
  const ir::ArenaScope scope(arena);
  std::vector<Instruction> changed(insts.begin(),
                                   insts.begin() + static_cast<std::ptrdiff_t>(trace.SizeWithoutPostproc()));
  const Value inputs[] = {changed[site.annotate].inputs[0], Value::Int(chosen->second)};
  changed[site.annotate].inputs = ir::MakeArray(inputs, 2);
  return Trace(std::move(changed), arena);
}

std::string MutateParallel::Signature() const { return StrCat(name(), "(", max_jobs_per_core_, ")"); }

}  // namespace hone
