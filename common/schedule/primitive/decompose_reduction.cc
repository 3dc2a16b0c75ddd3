#include "common/schedule/primitive/decompose_reduction.h"

#include <algorithm>
#include <string>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/primitive/conjuncts.h"
#include "common/schedule/primitive/iter_bindings.h"
#include "common/schedule/primitive/relaxed_loops.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using ir::BlockNode;
using ir::BlockRealizeNode;
using ir::Expr;
using ir::ForNode;
using ir::IterType;

// Whether the value changes with a loop or an iter around the scope: the init would then begin the sum anew each time.
bool ChangesAround(const ScheduleState& state, SrefId scope_root, Expr value) {
  for (SrefId at = scope_root; at != kNoSref; at = state.parent(at)) {
    if (const BlockNode* block = state.block(at)) {
      for (ir::IterVar iter : block->iter_vars) {
        if (!ir::IsOne(iter->dom.extent) && ir::UsesVar(value, iter->var)) return true;
      }
    } else if (!ir::IsOne(state.loop(at)->extent) && ir::UsesVar(value, state.loop(at)->loop_var)) {
      return true;
    }
  }
  return false;
}

absl::Status Check(const ScheduleState& state, SrefId block, SrefId loop, SrefId scope_root, const SrefList& loops) {
  if (std::find(loops.begin(), loops.end(), loop) == loops.end()) {
    return state.Refuse("The loop is required to be above the block", {block, loop});
  }
  if (!state.enable_check()) {
    if (!state.block(block)->init) return state.Refuse("The block has no init statement", {block});
    return absl::OkStatus();
  }
  HONE_RETURN_IF_ERROR(CheckReductionBlock(state, block, scope_root));
  const BlockRealizeNode* realize = state.at(block).realize;
  for (size_t i = 0; i < realize->iter_values.size(); ++i) {
    if (realize->block->iter_vars[i]->iter_type != IterType::kReduce) continue;
    for (SrefId higher : loops) {
      if (higher == loop) break;
      if (!ir::UsesVar(realize->iter_values[i], state.loop(higher)->loop_var)) continue;
      return state.Refuse("The loop is expected to be higher than all the loops related to reduce iters",
                          {block, loop, higher});
    }
    if (ChangesAround(state, scope_root, realize->iter_values[i])) {
      return state.Refuse("The reduce iters are expected to depend on loops of the scope only", {block, loop});
    }
  }
  if (RevisitsInOneStorage(state, block, loop)) {
    return state.Refuse("The block reduces over the same elements more than once under the loop", {block, loop});
  }
  return absl::OkStatus();
}

bool UsesAny(Expr e, const absl::InlinedVector<ir::Var, 8>& vars) {
  return ir::UsesVar(e, [&](ir::Var var) { return std::find(vars.begin(), vars.end(), var) != vars.end(); });
}

// The init with its spatial iters under the loops they need.
ir::Stmt InitNest(const ScheduleState& state, const BlockRealizeNode* realize, SrefId loop, const SrefList& loops) {
  const BlockNode* block = realize->block;
  absl::InlinedVector<ir::IterVar, 8> iters;
  absl::InlinedVector<Expr, 8> values;
  IterBindings renamed;
  for (size_t i = 0; i < block->iter_vars.size(); ++i) {
    const ir::IterVar iter = block->iter_vars[i];
    if (iter->iter_type != IterType::kSpatial) continue;
    const ir::Var var = ir::CopyVar(iter->var);
    iters.push_back(ir::MakeIterVar(iter->dom, var, iter->iter_type, iter->thread_tag));
    values.push_back(realize->iter_values[i]);
    renamed.Add(iter->var, var);
  }
  absl::InlinedVector<const ForNode*, 8> chosen;  // Innermost first.
  absl::InlinedVector<ir::Var, 8> discarded;
  absl::InlinedVector<ir::Var, 8> dropped_units;  // Of extent 1: they stand at their only point.
  IterBindings loop_vars;
  for (size_t i = loops.size(); i-- > 0;) {
    const ForNode* node = state.loop(loops[i]);
    const bool used = std::any_of(values.begin(), values.end(), [&](Expr e) { return ir::UsesVar(e, node->loop_var); });
    if (used) {
      chosen.push_back(node);
      const std::string name = StrCat(node->loop_var.name(), "_init");
      loop_vars.Add(node->loop_var, ir::CopyVar(node->loop_var, ir::CopyString(name)));
    } else if (ir::IsOne(node->extent)) {
      dropped_units.push_back(node->loop_var);
      loop_vars.Add(node->loop_var, node->min);
    } else {
      discarded.push_back(node->loop_var);
    }
    if (loops[i] == loop) break;
  }
  std::vector<ir::BufferRegion> writes;
  for (ir::BufferRegion write : block->writes) writes.push_back(renamed.Apply(write));
  const BlockNode* init = ir::MakeBlock(ir::MakeArray(iters.data(), iters.size()), {}, ir::MakeArray(writes),
                                        ir::CopyString(StrCat(block->name, "_init")), renamed.Apply(block->init), {},
                                        {}, {}, block->annotations);
  for (Expr& value : values) value = loop_vars.Apply(value);
  const Expr predicate = loop_vars.Apply(ConjunctsWhere(realize->predicate, [&](Expr e) {
    if (UsesAny(e, discarded)) return false;
    // Of the dropped loops alone: true.
    return !UsesAny(e, dropped_units) || ir::UsesVar(e, [&](ir::Var var) {
      return std::find(dropped_units.begin(), dropped_units.end(), var) == dropped_units.end();
    });
  }));
  ir::Stmt nest = ir::MakeBlockRealize(ir::MakeArray(values.data(), values.size()), predicate, init);
  for (const ForNode* node : chosen) {
    auto* copy = ir::CopyNode(node);
    copy->loop_var = static_cast<const ir::VarNode*>(loop_vars.Find(node->loop_var).get());
    copy->min = loop_vars.Apply(node->min);
    copy->extent = loop_vars.Apply(node->extent);
    copy->annotations = {};
    if (node->thread_binding != nullptr) {
      const ir::IterVar thread = node->thread_binding;
      copy->thread_binding =
          ir::MakeIterVar(thread->dom, ir::CopyVar(thread->var), thread->iter_type, thread->thread_tag);
    }
    copy->body = nest;
    nest = copy;
  }
  return nest;
}

const BlockNode* UpdateBlock(const BlockNode* block) {
  std::vector<ir::BufferRegion> reads;
  for (ir::BufferRegion write : block->writes) {
    const bool read = std::any_of(block->reads.begin(), block->reads.end(),
                                  [&](ir::BufferRegion r) { return r->buffer == write->buffer; });
    if (!read) reads.push_back(write);
  }
  reads.insert(reads.end(), block->reads.begin(), block->reads.end());
  auto* update = ir::CopyNode(block);
  update->name = ir::CopyString(StrCat(block->name, "_update"));
  update->init = {};
  update->reads = ir::MakeArray(reads);
  return update;
}

}  // namespace

absl::StatusOr<SrefId> DecomposeReduction(ScheduleState& state, SrefId block, SrefId loop) {
  HONE_ASSIGN_OR_RETURN(const SrefId scope_root, RequireScopeRoot(state, block));
  const SrefList loops = LoopsAbove(state, block);
  HONE_RETURN_IF_ERROR(Check(state, block, loop, scope_root, loops));
  const ir::Stmt init = InitNest(state, state.at(block).realize, loop, loops);
  state.ReplaceBlock(block, UpdateBlock(state.block(block)));
  SrefId init_block = state.Replace(loop, ir::MakeSeq({init, state.loop(loop)}));
  while (state.block(init_block) == nullptr) init_block = state.at(init_block).first_child;
  state.RecomputeFlagsLater(scope_root);
  return init_block;
}

// ---- method

absl::StatusOr<BlockRv> Schedule::DecomposeReduction(BlockRv block, LoopRv loop) {
  const PrimitiveScope scope(*this, kDecomposeReductionRow);
  HONE_ASSIGN_OR_RETURN(const SrefId block_id, SrefOf(block));
  HONE_ASSIGN_OR_RETURN(const SrefId loop_id, SrefOf(loop));
  HONE_ASSIGN_OR_RETURN(const SrefId init, schedule::DecomposeReduction(state_, block_id, loop_id));
  const BlockRv out = NewBlockRv(init);
  Record(kDecomposeReductionRow, {Value::OfRv(block), Value::OfRv(loop)}, {}, {out});
  return out;
}

const InstructionRow kDecomposeReductionRow = {
    .name = "DecomposeReduction",
    .pure = false,
    .inputs = "bl",
    .attrs = "",
    .outputs = Outputs::kOne,
    .output_kind = 'b',
    .method = "decompose_reduction",
    .arguments = "block,loop",
    .apply = [](Schedule& s, Call& c) { return Put(s.DecomposeReduction(BlockOf(c, 0), LoopOf(c, 1)), c); }};

}  // namespace hone::schedule
