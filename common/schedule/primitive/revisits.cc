#include <algorithm>

#include "common/arith/index_map.h"
#include "common/ir/ops.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/relaxed_loops.h"
#include "common/schedule/rebind.h"

namespace hone::schedule {
namespace {

// Each thread of the loop has a buffer of its own for everything that the block writes.
bool HasOwnCopies(const ir::ForNode* loop, const ir::BlockNode* block) {
  return loop->thread_binding != nullptr &&
         std::none_of(block->writes.begin(), block->writes.end(), [&](ir::BufferRegion write) {
           return RelaxesOver(write->buffer->scope(), loop->thread_binding->thread_tag);
         });
}

bool RevisitsIn(const ScheduleState& state, SrefId block, SrefId top, bool count_own_copies) {
  const ir::BlockRealizeNode* realize = state.at(block).realize;
  absl::InlinedVector<ir::Var, 8> inner;
  for (SrefId id = block; id != top;) {
    id = state.parent(id);
    const ir::ForNode* loop = state.loop(id);
    if (ir::IsOne(loop->extent) || (!count_own_copies && HasOwnCopies(loop, realize->block))) continue;
    inner.push_back(loop->loop_var);
  }
  arith::Analyzer analyzer;
  return !arith::TellsApart(absl::MakeConstSpan(realize->iter_values.data(), realize->iter_values.size()),
                            DomainsAbove(state, block), inner, realize->predicate, analyzer);
}

}  // namespace

bool Revisits(const ScheduleState& state, SrefId block, SrefId top) {
  return RevisitsIn(state, block, top, /*count_own_copies=*/true);
}

bool RevisitsInOneStorage(const ScheduleState& state, SrefId block, SrefId top) {
  return RevisitsIn(state, block, top, /*count_own_copies=*/false);
}

}  // namespace hone::schedule
