#include "common/schedule/primitive/rfactor.h"

#include <algorithm>
#include <string>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/primitive/inline_rewrite.h"
#include "common/schedule/primitive/iter_bindings.h"
#include "common/schedule/primitive/reducer.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using ir::BlockNode;
using ir::BlockRealizeNode;
using ir::Buffer;
using ir::Expr;
using ir::ForNode;
using ir::IterType;
using ir::IterVar;
using ir::Var;

// What is known of the reduction before anything changes.
struct Plan {
  SrefId block = kNoSref;
  SrefId scope_root = kNoSref;
  SrefList loops;                           // Above the block, outermost first.
  absl::InlinedVector<bool, 16> is_reduce;  // Of each loop: feeds reduce iters.
  const ForNode* loop = nullptr;
  Reduction reduction;
  size_t axis = 0;
};

bool BindingUses(const BlockRealizeNode* realize, IterType type, Var var, bool equal) {
  for (size_t i = 0; i < realize->iter_values.size(); ++i) {
    if ((realize->block->iter_vars[i]->iter_type == type) != equal) continue;
    if (ir::UsesVar(realize->iter_values[i], var)) return true;
  }
  return false;
}

absl::Status CheckLoops(const ScheduleState& state, SrefId rf_loop, Plan* plan) {
  const BlockRealizeNode* realize = state.at(plan->block).realize;
  const SrefList first = ChildBlocks(state, plan->loops[0]);
  if (first[0] != plan->block) {
    return state.Refuse("The block is required to be the first one below its outermost loop", {plan->block});
  }
  bool below_reduce = false;
  for (SrefId id : plan->loops) {
    const ForNode* loop = state.loop(id);
    const bool spatial = BindingUses(realize, IterType::kSpatial, loop->loop_var, true);
    const bool reduce = BindingUses(realize, IterType::kReduce, loop->loop_var, true);
    plan->is_reduce.push_back(reduce);
    if (spatial && reduce) {
      return state.Refuse("A loop is used by both spatial and reduce iters of the block", {id, plan->block});
    }
    if (spatial && id == rf_loop) {
      return state.Refuse("The loop is required not to be used by spatial iters of the block", {id, plan->block});
    }
    if (reduce && !below_reduce) {
      below_reduce = true;
      if (ChildBlocks(state, id).size() != 1) {
        return state.Refuse("The block is required to be the only one below the first reduce loop", {id, plan->block});
      }
    } else if (!spatial && !reduce && below_reduce && !ir::IsOne(loop->extent)) {
      return state.Refuse("A loop below the first reduce loop is used by no iter of the block", {id, plan->block});
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Plan> MakePlan(const ScheduleState& state, SrefId rf_loop, int factor_axis) {
  Plan plan;
  const SrefList blocks = ChildBlocks(state, rf_loop);
  if (blocks.size() != 1) return state.Refuse("Exactly one block is required to be below the loop", {rf_loop});
  plan.block = blocks[0];
  plan.loop = state.loop(rf_loop);
  HONE_ASSIGN_OR_RETURN(plan.scope_root, RequireScopeRoot(state, plan.block, /*require_stage_pipeline=*/true));
  if (state.enable_check()) HONE_RETURN_IF_ERROR(CheckReductionBlock(state, plan.block, plan.scope_root));
  if (plan.loop->for_kind != ir::ForKind::kSerial) {
    return state.Refuse("The loop is required to be kSerial", {rf_loop});
  }
  plan.loops = LoopsAbove(state, plan.block);
  HONE_RETURN_IF_ERROR(CheckLoops(state, rf_loop, &plan));
  const BlockNode* block = state.block(plan.block);
  if (!block->init) return state.Refuse("The block has no init statement", {plan.block});
  if (const std::string_view error = MatchReduction(block->init, block->body, &plan.reduction); !error.empty()) {
    return state.Refuse("The block is no reduction by a known commutative reducer", {plan.block}, std::string(error));
  }
  const int rank = static_cast<int>(plan.reduction.buffers[0]->shape.size());
  if (factor_axis < -(rank + 1) || factor_axis > rank) {
    return state.Refuse("The factor axis is out of range", {plan.block},
                        StrCat(factor_axis, ", expected one in [", -(rank + 1), ", ", rank, "]"));
  }
  plan.axis = static_cast<size_t>(factor_axis < 0 ? factor_axis + rank + 1 : factor_axis);
  return plan;
}

template <typename T>
ir::Array<T> Inserted(ir::Array<T> items, size_t at, T item) {
  std::vector<T> out = items.ToVector();
  out.insert(out.begin() + static_cast<std::ptrdiff_t>(at), item);
  return ir::MakeArray(out);
}

absl::InlinedVector<Buffer, 2> FactoredBuffers(const Plan& plan) {
  absl::InlinedVector<Buffer, 2> out;
  for (Buffer buffer : plan.reduction.buffers) {
    auto* copy = ir::CopyNode(buffer.get());
    copy->shape = Inserted(buffer->shape, plan.axis, plan.loop->extent);
    copy->name = ir::CopyString(StrCat(buffer->name, ".rf"));
    copy->data = ir::CopyVar(buffer->data, ir::CopyString(StrCat(buffer->data.name(), ".rf")));
    out.emplace_back(copy);
  }
  return out;
}

// An iter "v<loop variable>" over the loop's range.
IterVar IterOfLoop(const ForNode* loop, IterType type) {
  const Var var = ir::MakeVar(StrCat("v", loop->loop_var.name()), loop->loop_var.dtype());
  return ir::MakeIterVar({loop->min, loop->extent}, var, type);
}

struct NewBlock {
  absl::InlinedVector<IterVar, 8> iters;
  absl::InlinedVector<Expr, 8> values;
  IterBindings renamed;  // Old iters and, where replaced, what stands for them.

  void Add(IterVar iter, Expr value) {
    iters.push_back(iter);
    values.push_back(value);
  }
  bool HasReduceIter() const {
    return std::any_of(iters.begin(), iters.end(), [](IterVar i) { return i->iter_type == IterType::kReduce; });
  }
};

// The variables of `e` in the order of their first appearance.
absl::InlinedVector<const ir::VarNode*, 8> VarsOf(Expr e) {
  absl::InlinedVector<const ir::VarNode*, 8> out;
  ir::PostOrderVisitExprs(e, [&](Expr sub) {
    const auto* var = sub.as<ir::VarNode>();
    if (var != nullptr && std::find(out.begin(), out.end(), var) == out.end()) out.push_back(var);
  });
  return out;
}

// The iters of the rf block; `factor` is its spatial iter for the factored loop.
NewBlock RfIters(const ScheduleState& state, const Plan& plan, IterVar factor) {
  const BlockRealizeNode* realize = state.at(plan.block).realize;
  NewBlock out;
  out.Add(factor, plan.loop->loop_var);
  IterBindings iter_of_loop;
  iter_of_loop.Add(plan.loop->loop_var, factor->var);
  for (size_t i = 0; i < realize->iter_values.size(); ++i) {
    const IterVar iter = realize->block->iter_vars[i];
    const Expr value = realize->iter_values[i];
    if (iter->iter_type == IterType::kSpatial || !ir::UsesVar(value, plan.loop->loop_var)) {
      out.Add(iter, value);
      continue;
    }
    for (const ir::VarNode* var : VarsOf(value)) {
      for (SrefId id : plan.loops) {
        const ForNode* loop = state.loop(id);
        if (loop->loop_var.get() != var || iter_of_loop.Find(loop->loop_var)) continue;
        const IterVar reduce = IterOfLoop(loop, IterType::kReduce);
        iter_of_loop.Add(loop->loop_var, reduce->var);
        out.Add(reduce, loop->loop_var);
      }
    }
    out.renamed.Add(iter->var, iter_of_loop.Apply(value));
  }
  return out;
}

const BlockNode* MakeReductionBlock(const NewBlock& iters, std::vector<ir::BufferRegion> reads,
                                    std::vector<ir::BufferRegion> writes, std::string_view name, const Plan& plan,
                                    const absl::InlinedVector<Buffer, 2>& buffers, ir::Array<Expr> indices,
                                    const ReducerValues& lhs, const ReducerValues& rhs, ir::Attrs annotations) {
  ReducerValues values = rhs;
  ir::Stmt init;
  if (iters.HasReduceIter()) {
    values = Combine(plan.reduction.kind, lhs, rhs);
    std::vector<ir::Stmt> inits;
    for (size_t i = 0; i < buffers.size(); ++i) {
      inits.push_back(ir::MakeBufferStore(buffers[i], plan.reduction.identity[i], indices));
    }
    init = ir::MakeSeq(inits);
  }
  return ir::MakeBlock(ir::MakeArray(iters.iters.data(), iters.iters.size()), ir::MakeArray(reads),
                       ir::MakeArray(writes), name, StoreAll(buffers, values, indices), init, {}, {}, annotations);
}

// The realize of the rf block, over the old loops' variables.
const BlockRealizeNode* RfBlock(const ScheduleState& state, const Plan& plan, IterVar factor,
                                const absl::InlinedVector<Buffer, 2>& buffers) {
  const BlockRealizeNode* old = state.at(plan.block).realize;
  const BlockNode* block = old->block;
  const NewBlock iters = RfIters(state, plan, factor);
  std::vector<ir::BufferRegion> reads, writes;
  for (ir::BufferRegion read : block->reads) reads.push_back(iters.renamed.Apply(read));
  for (ir::BufferRegion write : block->writes) {
    Buffer rf;
    for (size_t i = 0; i < buffers.size(); ++i) {
      if (plan.reduction.buffers[i] == write->buffer) rf = buffers[i];
    }
    if (!rf) continue;
    const ir::Range point{factor->var, ir::IntImm(factor->var.dtype(), 1)};
    writes.push_back(ir::MakeBufferRegion(rf, iters.renamed.Apply(Inserted(write->region, plan.axis, point))));
  }
  const ir::Array<Expr> indices = Inserted(plan.reduction.indices, plan.axis, Expr(factor->var));
  ReducerValues lhs, rhs;
  for (size_t i = 0; i < buffers.size(); ++i) {
    lhs.push_back(ir::MakeBufferLoad(buffers[i], indices));
    rhs.push_back(iters.renamed.Apply(plan.reduction.rhs[i]));
  }
  const BlockNode* rf_block =
      MakeReductionBlock(iters, std::move(reads), std::move(writes), ir::CopyString(StrCat(block->name, "_rf")), plan,
                         buffers, indices, lhs, rhs, block->annotations);
  return ir::MakeBlockRealize(ir::MakeArray(iters.values.data(), iters.values.size()), old->predicate, rf_block)
      .as<BlockRealizeNode>();
}

// The realize of the block that reduces over the factored loop.
const BlockRealizeNode* WriteBackBlock(const ScheduleState& state, const Plan& plan,
                                       const absl::InlinedVector<Buffer, 2>& buffers) {
  const BlockRealizeNode* old = state.at(plan.block).realize;
  const BlockNode* block = old->block;
  NewBlock iters;
  const IterVar factor = IterOfLoop(plan.loop, IterType::kReduce);
  iters.Add(factor, plan.loop->loop_var);
  for (size_t i = 0; i < old->iter_values.size(); ++i) {
    const IterVar iter = block->iter_vars[i];
    if (iter->iter_type != IterType::kSpatial) continue;
    const Var var = ir::CopyVar(iter->var);
    iters.Add(ir::MakeIterVar(iter->dom, var, IterType::kSpatial, iter->thread_tag), old->iter_values[i]);
    iters.renamed.Add(iter->var, var);
  }
  std::vector<Expr> old_indices;
  for (Expr index : plan.reduction.indices) old_indices.push_back(iters.renamed.Apply(index));
  const ir::Array<Expr> indices = ir::MakeArray(old_indices);
  const ir::Array<Expr> rf_indices = Inserted(indices, plan.axis, Expr(factor->var));
  ReducerValues lhs, rhs;
  std::vector<ir::BufferRegion> reads, writes;
  for (size_t i = 0; i < buffers.size(); ++i) {
    lhs.push_back(ir::MakeBufferLoad(plan.reduction.buffers[i], indices));
    rhs.push_back(ir::MakeBufferLoad(buffers[i], rf_indices));
    reads.push_back(ir::PointRegion(buffers[i], rf_indices));
    writes.push_back(ir::PointRegion(plan.reduction.buffers[i], indices));
  }
  const BlockNode* wb = MakeReductionBlock(iters, std::move(reads), std::move(writes), block->name, plan,
                                           plan.reduction.buffers, indices, lhs, rhs, block->annotations);
  return ir::MakeBlockRealize(ir::MakeArray(iters.values.data(), iters.values.size()), ir::BoolImm(true), wb)
      .as<BlockRealizeNode>();
}

// Copies of all loops, with new variables of the same names, around the rf block.
ir::Stmt RfNest(const ScheduleState& state, const Plan& plan, const BlockRealizeNode* realize) {
  IterBindings renamed;
  for (SrefId id : plan.loops) renamed.Add(state.loop(id)->loop_var, ir::CopyVar(state.loop(id)->loop_var));
  auto* copy = ir::CopyNode(realize);
  absl::InlinedVector<Expr, 8> values;
  for (Expr value : realize->iter_values) values.push_back(renamed.Apply(value));
  copy->iter_values = ir::MakeArray(values.data(), values.size());
  copy->predicate = renamed.Apply(realize->predicate);
  ir::Stmt nest = copy;
  for (size_t i = plan.loops.size(); i-- > 0;) {
    const ForNode* old = state.loop(plan.loops[i]);
    auto* loop = ir::CopyNode(old);
    loop->loop_var = static_cast<const ir::VarNode*>(renamed.Find(old->loop_var).get());
    loop->min = renamed.Apply(old->min);
    loop->extent = renamed.Apply(old->extent);
    loop->body = nest;
    nest = loop;
  }
  return nest;
}

// The old nest with the block replaced and without the reduce loops other than the factored one.
ir::Stmt WriteBackNest(const ScheduleState& state, const Plan& plan, const BlockRealizeNode* realize) {
  ir::Stmt nest = realize;
  SrefId inner = plan.block;
  for (size_t i = plan.loops.size(); i-- > 0;) {
    const ForNode* loop = state.loop(plan.loops[i]);
    // Statements after the nest in the loop's body stay.
    const auto* seq = loop->body.as<ir::SeqNode>();
    ir::Stmt body = nest;
    if (seq != nullptr) {
      std::vector<ir::Stmt> entries = seq->seq.ToVector();
      entries[static_cast<size_t>(std::max(state.at(inner).seq_index, 0))] = nest;
      body = ir::MakeSeq(entries);
    }
    if (loop == plan.loop || !plan.is_reduce[i]) {
      auto* copy = ir::CopyNode(loop);
      copy->body = body;
      body = copy;
    }
    nest = body;
    inner = plan.loops[i];
  }
  return nest;
}

}  // namespace

absl::StatusOr<SrefId> RFactor(ScheduleState& state, SrefId loop, int factor_axis) {
  HONE_ASSIGN_OR_RETURN(const Plan plan, MakePlan(state, loop, factor_axis));
  const absl::InlinedVector<Buffer, 2> buffers = FactoredBuffers(plan);
  const IterVar factor = IterOfLoop(plan.loop, IterType::kSpatial);
  const BlockRealizeNode* rf = RfBlock(state, plan, factor, buffers);
  const BlockRealizeNode* write_back = WriteBackBlock(state, plan, buffers);
  const ir::Stmt both = ir::MakeSeq({RfNest(state, plan, rf), WriteBackNest(state, plan, write_back)});
  const BlockReuse reuse{state.block(plan.block), write_back->block};
  SrefId rf_block = state.Replace(plan.loops[0], both, {reuse});
  for (Buffer buffer : buffers) AddAllocation(state, plan.scope_root, buffer);
  while (state.block(rf_block) == nullptr) rf_block = state.at(rf_block).first_child;
  state.SetFlags(rf_block, true, true, true);
  state.SetFlags(plan.block, true, true, true);
  return rf_block;
}

// ---- method

absl::StatusOr<BlockRv> Schedule::RFactor(LoopRv loop, int factor_axis) {
  const PrimitiveScope scope(*this, kRFactorRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(loop));
  HONE_ASSIGN_OR_RETURN(const SrefId rf, schedule::RFactor(state_, id, factor_axis));
  const BlockRv out = NewBlockRv(rf);
  Record(kRFactorRow, {Value::OfRv(loop)}, {Value::Int(factor_axis)}, {out});
  return out;
}

const InstructionRow kRFactorRow = {
    .name = "RFactor",
    .pure = false,
    .inputs = "l",
    .attrs = "n",
    .outputs = Outputs::kOne,
    .output_kind = 'b',
    .method = "rfactor",
    .arguments = "loop,factor_axis",
    .apply = [](Schedule& s, Call& c) { return Put(s.RFactor(LoopOf(c, 0), IntOf(c.attrs[0])), c); }};

}  // namespace hone::schedule
