#include "common/schedule/primitive/reorder.h"

#include <algorithm>

#include "common/ir/visitor.h"
#include "common/schedule/affine.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/primitive/relaxed_loops.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"

namespace hone::schedule {
namespace {

using ir::ForNode;

// All loops from the topmost to the bottommost of `loops`, outermost first.
absl::StatusOr<SrefList> ChainOf(const ScheduleState& state, absl::Span<const SrefId> loops) {
  SrefId bottom = loops[0];
  for (SrefId loop : loops.subspan(1)) {
    if (IsAtOrBelow(state, loop, bottom)) bottom = loop;
  }
  SrefList chain;
  size_t found = 0;
  for (SrefId id = bottom; id != kNoSref && state.loop(id) != nullptr; id = state.parent(id)) {
    chain.push_back(id);
    if (std::find(loops.begin(), loops.end(), id) != loops.end() && ++found == loops.size()) break;
  }
  if (found < loops.size()) return state.Refuse("The loops are not in a chain", {loops[0], bottom});
  std::reverse(chain.begin(), chain.end());
  for (size_t i = 0; i + 1 < chain.size(); ++i) {
    if (state.loop(chain[i])->body.get() != state.at(chain[i + 1]).stmt) {
      return state.Refuse("The loops are not in a chain: one between them has more than one child", {chain[i]});
    }
  }
  return chain;
}

absl::Status CheckBlocksBelow(const ScheduleState& state, SrefId bottom, SrefId above_top) {
  for (SrefId block : ChildBlocks(state, bottom)) {
    for (ir::IterVar iter : state.block(block)->iter_vars) {
      if (iter->iter_type != ir::IterType::kSpatial && iter->iter_type != ir::IterType::kReduce) {
        return state.Refuse("The block below the loops must have spatial and reduce iters only", {block});
      }
    }
    HONE_RETURN_IF_ERROR(CheckPartialAffineBinding(state, block, above_top));
  }
  return absl::OkStatus();
}

absl::Status CheckRanges(const ScheduleState& state, const SrefList& order) {
  for (size_t i = 0; i < order.size(); ++i) {
    const ForNode* loop = state.loop(order[i]);
    if (ir::ConstInt(loop->min) != nullptr && ir::ConstInt(loop->extent) != nullptr) continue;
    for (size_t inner = i; inner < order.size(); ++inner) {
      const ir::Var var = state.loop(order[inner])->loop_var;
      if (ir::UsesVar(loop->min, var) || ir::UsesVar(loop->extent, var)) {
        return state.Refuse("The range of the outer loop would depend on the inner loop", {order[i], order[inner]});
      }
    }
  }
  return absl::OkStatus();
}

// Whether a loop of a reduce iter changes places with one that no reduce iter uses.
bool TurnsReduction(const ScheduleState& state, const ir::BlockRealizeNode* realize, const SrefList& before,
                    const SrefList& after) {
  const auto reduces = [&](SrefId loop) {
    for (size_t i = 0; i < realize->iter_values.size(); ++i) {
      if (realize->block->iter_vars[i]->iter_type != ir::IterType::kReduce) continue;
      if (ir::UsesVar(realize->iter_values[i], state.loop(loop)->loop_var)) return true;
    }
    return false;
  };
  const auto place = [&](SrefId loop) { return std::find(after.begin(), after.end(), loop) - after.begin(); };
  for (size_t i = 0; i < before.size(); ++i) {
    for (size_t j = i + 1; j < before.size(); ++j) {
      if (place(before[i]) < place(before[j])) continue;
      if (ir::IsOne(state.loop(before[i])->extent) || ir::IsOne(state.loop(before[j])->extent)) continue;
      if (reduces(before[i]) != reduces(before[j])) return true;
    }
  }
  return false;
}

// A reduction that visits an element several times begins anew with each visit, as long as the loops of its reduce
// iters stay inside of those that come back.
absl::Status CheckRevisits(const ScheduleState& state, const SrefList& before, const SrefList& after) {
  for (SrefId block : ChildBlocks(state, after.back())) {
    const ir::BlockRealizeNode* realize = state.at(block).realize;
    if (!realize->block->init || !TurnsReduction(state, realize, before, after)) continue;
    if (!Revisits(state, block, before.front())) continue;
    return state.Refuse("The reduction visits elements more than once and would no longer begin anew each time",
                        {block, before.front()});
  }
  return absl::OkStatus();
}

// A reduction's init runs where its reduce iters are at their minimum, which must stay the first point of each element.
// It does not where a quotient or remainder of two loops (a loop over spatial and reduce points, split again) feeds the
// reduce iters, spatial ones use these loops, too, and the loops change places.
absl::Status CheckReductionsBegin(const ScheduleState& state, const SrefList& before, const SrefList& after) {
  const auto swapped = [&](ir::Var a, ir::Var b) {
    const auto place = [&](const SrefList& order, ir::Var var) {
      const auto it =
          std::find_if(order.begin(), order.end(), [&](SrefId id) { return state.loop(id)->loop_var == var; });
      return it - order.begin();
    };
    return (place(before, a) < place(before, b)) != (place(after, a) < place(after, b));
  };
  for (SrefId block : ChildBlocks(state, after.back())) {
    if (!state.block(block)->init) continue;
    const ir::BlockRealizeNode* realize = state.at(block).realize;
    const auto in_spatial = [&](ir::Var var) {
      for (size_t i = 0; i < realize->iter_values.size(); ++i) {
        const bool spatial = realize->block->iter_vars[i]->iter_type == ir::IterType::kSpatial;
        if (spatial && ir::UsesVar(realize->iter_values[i], var)) return true;
      }
      return false;
    };
    bool mixed = false;
    for (size_t i = 0; i < realize->iter_values.size(); ++i) {
      if (realize->block->iter_vars[i]->iter_type != ir::IterType::kReduce) continue;
      ir::PostOrderVisitExprs(realize->iter_values[i], [&](ir::Expr e) {
        if (e.kind() != ir::ExprKind::kFloorDiv && e.kind() != ir::ExprKind::kFloorMod) return;
        absl::InlinedVector<ir::Var, 4> used;
        for (SrefId loop : before) {
          const ir::Var var = state.loop(loop)->loop_var;
          if (ir::UsesVar(e.as<ir::BinaryNode>()->a, var)) used.push_back(var);
        }
        for (ir::Var a : used) {
          for (ir::Var b : used) mixed = mixed || (swapped(a, b) && (in_spatial(a) || in_spatial(b)));
        }
      });
    }
    if (mixed) {
      return state.Refuse("In the new order the reduction would not begin with its first point",
                          {block, before.front()});
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Reorder(ScheduleState& state, absl::Span<const SrefId> loops) {
  if (loops.size() <= 1) return absl::OkStatus();
  for (size_t i = 0; i < loops.size(); ++i) {
    if (std::find(loops.begin(), loops.begin() + i, loops[i]) != loops.begin() + i) {
      return state.Refuse("The loop appears in the input array for multiple times", {loops[i]});
    }
  }
  HONE_ASSIGN_OR_RETURN(const SrefList chain, ChainOf(state, loops));
  HONE_RETURN_IF_ERROR(CheckBlocksBelow(state, chain.back(), state.parent(chain.front())));
  SrefList order = chain;
  size_t next = 0;
  for (SrefId& id : order) {
    if (std::find(loops.begin(), loops.end(), id) != loops.end()) id = loops[next++];
  }
  HONE_RETURN_IF_ERROR(CheckRanges(state, order));
  HONE_RETURN_IF_ERROR(CheckRevisits(state, chain, order));
  HONE_RETURN_IF_ERROR(CheckReductionsBegin(state, chain, order));
  ir::Stmt nest = state.loop(chain.back())->body;
  for (size_t i = order.size(); i-- > 0;) {
    auto* copy = ir::CopyNode(state.loop(order[i]));
    copy->body = nest;
    nest = copy;
  }
  state.Replace(chain.front(), nest);
  return absl::OkStatus();
}

absl::Status ReorderBlockIterVar(ScheduleState& state, SrefId block, absl::Span<const int64_t> new_order) {
  const ir::BlockNode* old = state.block(block);
  const ir::BlockRealizeNode* realize = state.at(block).realize;
  const auto n = static_cast<int64_t>(old->iter_vars.size());
  std::vector<bool> seen(static_cast<size_t>(n), false);
  bool permutation = static_cast<int64_t>(new_order.size()) == n;
  for (int64_t i : new_order) {
    permutation = permutation && i >= 0 && i < n && !seen[static_cast<size_t>(i)];
    if (permutation) seen[static_cast<size_t>(i)] = true;
  }
  if (!permutation) return state.Refuse("The new order is not a permutation of the block's iters", {block});
  std::vector<ir::IterVar> iters;
  std::vector<ir::Expr> values;
  for (int64_t i : new_order) {
    iters.push_back(old->iter_vars[static_cast<size_t>(i)]);
    values.push_back(realize->iter_values[static_cast<size_t>(i)]);
  }
  auto* copy = ir::CopyNode(old);
  copy->iter_vars = ir::MakeArray(iters);
  auto* new_realize = ir::CopyNode(realize);
  new_realize->iter_values = ir::MakeArray(values);
  new_realize->block = copy;
  state.Replace(block, new_realize, {{old, copy}});
  return absl::OkStatus();
}

absl::StatusOr<SrefId> AddUnitLoop(ScheduleState& state, SrefId id) {
  if (state.parent(id) == kNoSref) return absl::InvalidArgumentError("a root block takes no loop above it");
  const ir::Stmt old = StatementOf(state, id);
  return state.Replace(
      id, ir::MakeFor(ir::MakeVar("u", ir::kInt32), ir::Int32(0), ir::Int32(1), ir::ForKind::kSerial, old));
}

// ---- methods

absl::Status Schedule::Reorder(absl::Span<const LoopRv> loops) {
  const PrimitiveScope scope(*this, kReorderRow);
  SrefList ids;
  absl::InlinedVector<Value, 16> inputs;
  for (LoopRv loop : loops) {
    HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(loop));
    ids.push_back(id);
    inputs.push_back(Value::OfRv(loop));
  }
  HONE_RETURN_IF_ERROR(schedule::Reorder(state_, ids));
  Record(kReorderRow, inputs, {}, {});
  return absl::OkStatus();
}

absl::Status Schedule::ReorderBlockIterVar(BlockRv block, absl::Span<const int64_t> new_order) {
  const PrimitiveScope scope(*this, kReorderBlockIterVarRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_RETURN_IF_ERROR(schedule::ReorderBlockIterVar(state_, id, new_order));
  Record(kReorderBlockIterVarRow, {Value::OfRv(block), ListOfInts(new_order)}, {}, {});
  return absl::OkStatus();
}

absl::StatusOr<LoopRv> Schedule::AddUnitLoop(BlockOrLoopRv block_or_loop) {
  const PrimitiveScope scope(*this, kAddUnitLoopRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block_or_loop));
  HONE_ASSIGN_OR_RETURN(const SrefId loop, schedule::AddUnitLoop(state_, id));
  const LoopRv out = NewLoopRv(loop);
  Record(kAddUnitLoopRow, {Value::OfRv(block_or_loop)}, {}, {out});
  return out;
}

// ---- rows

const InstructionRow kReorderRow = {.name = "Reorder",
                                    .pure = false,
                                    .inputs = "l*",
                                    .attrs = "",
                                    .outputs = Outputs::kNone,
                                    .output_kind = ' ',
                                    .method = "reorder",
                                    .arguments = "*",
                                    .apply = [](Schedule& s, Call& c) { return s.Reorder(LoopsOf(c.inputs)); }};

const InstructionRow kReorderBlockIterVarRow = {
    .name = "ReorderBlockIterVar",
    .pure = false,
    .inputs = "b[n]",
    .attrs = "",
    .outputs = Outputs::kNone,
    .output_kind = ' ',
    .method = "reorder_block_iter_var",
    .arguments = "block,new_order",
    .apply = [](Schedule& s, Call& c) { return s.ReorderBlockIterVar(BlockOf(c, 0), IntsOf(c.inputs[1])); }};

const InstructionRow kAddUnitLoopRow = {
    .name = "AddUnitLoop",
    .pure = false,
    .inputs = "x",
    .attrs = "",
    .outputs = Outputs::kOne,
    .output_kind = 'l',
    .method = "add_unit_loop",
    .arguments = "block_or_loop",
    .apply = [](Schedule& s, Call& c) { return Put(s.AddUnitLoop(BlockOrLoopOf(c, 0)), c); }};

}  // namespace hone::schedule
