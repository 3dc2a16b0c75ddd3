#include "common/schedule/primitive/compute_inline.h"

#include "common/arith/iter_map.h"
#include "common/ir/ops.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/primitive/inline_rewrite.h"
#include "common/schedule/primitive/iter_bindings.h"
#include "common/schedule/primitive/location_checks.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"

namespace hone::schedule {
namespace {

using ir::BlockNode;
using ir::Buffer;
using ir::Expr;
using ir::Var;

// The inlined value as a function of the indices of a load.
struct InlinedValue {
  Expr value;
  // What each index stands for in `value`; null where it does not occur.
  absl::InlinedVector<Var, 6> parameters;
};

bool IsUnit(ir::IterVar iter) { return ir::IsOne(iter->dom.extent) && ir::ConstInt(iter->dom.min) != nullptr; }

// The stored indices are the iters in order; a 0 stands for an iter over [0, 1).
bool MatchTrivialStore(const BlockNode* block, const ir::BufferStoreNode* store, InlinedValue* out) {
  if (block->iter_vars.size() != store->indices.size()) return false;
  IterBindings fixed;
  for (size_t i = 0; i < store->indices.size(); ++i) {
    const ir::IterVar iter = block->iter_vars[i];
    if (store->indices[i] == iter->var) {
      out->parameters.push_back(iter->var);
    } else if (ir::IsZero(store->indices[i]) && ir::IsZero(iter->dom.min) && ir::IsOne(iter->dom.extent)) {
      fixed.Add(iter->var, iter->dom.min);
      out->parameters.emplace_back();
    } else {
      out->parameters.clear();
      return false;
    }
  }
  out->value = fixed.Apply(store->value);
  return true;
}

// The stored indices are a bijective affine map of the iters.
bool MatchAffineStore(const BlockNode* block, const ir::BufferStoreNode* store, InlinedValue* out) {
  absl::InlinedVector<arith::IterDomain, 8> domains;
  for (ir::IterVar iter : block->iter_vars) domains.push_back({iter->var, iter->dom});
  arith::Analyzer analyzer;
  const auto map = arith::DetectIterMap(absl::MakeSpan(store->indices.data(), store->indices.size()), domains,
                                        ir::BoolImm(true), arith::IterMapLevel::kBijective, analyzer,
                                        /*simplify_trivial_iterators=*/false);
  if (!map.ok) return false;
  absl::InlinedVector<Expr, 6> outputs;
  for (Expr index : store->indices) {
    out->parameters.push_back(ir::MakeVar("index", index.dtype()));
    outputs.push_back(out->parameters.back());
  }
  ir::VarMap inverse;
  if (!arith::InverseAffineIterMap(map.indices, outputs, analyzer, &inverse)) return false;
  for (ir::IterVar iter : block->iter_vars) {
    if (IsUnit(iter)) inverse[iter->var.get()] = iter->dom.min;
    if (!inverse.contains(iter->var.get())) return false;
  }
  out->value = ir::Substitute(store->value, inverse);
  return true;
}

class LoadInliner : public BufferEliminator {
 public:
  LoadInliner(Buffer buffer, const BlockNode* inlined, const InlinedValue& value)
      : BufferEliminator(buffer, inlined), value_(value) {}

 protected:
  using BufferEliminator::Mutate;
  Expr Mutate(const ir::BufferLoadNode* node) override {
    const Expr load = BufferEliminator::Mutate(node);
    if (node->buffer != buffer_.get()) return load;
    const auto* rewritten = load.as<ir::BufferLoadNode>();
    IterBindings indices;
    for (size_t i = 0; i < value_.parameters.size(); ++i) {
      if (value_.parameters[i]) indices.Add(value_.parameters[i], rewritten->indices[i]);
    }
    return indices.Apply(value_.value);
  }

 private:
  const InlinedValue& value_;
};

struct Plan {
  SrefId scope_root = kNoSref;
  SrefId removal_top = kNoSref;
  Buffer buffer;
  InlinedValue value;
};

absl::StatusOr<Plan> MakePlan(const ScheduleState& state, SrefId id) {
  const BlockNode* block = state.block(id);
  Plan plan;
  if (block->init) return state.Refuse("The block has an init statement", {id});
  if (block->writes.size() != 1) return state.Refuse("The block is required to write exactly one buffer region", {id});
  plan.buffer = block->writes[0]->buffer;
  HONE_ASSIGN_OR_RETURN(plan.scope_root, RequireScopeRoot(state, id, /*require_stage_pipeline=*/true));
  HONE_RETURN_IF_ERROR(CheckNotOutputBlock(state, id, plan.scope_root));
  HONE_RETURN_IF_ERROR(CheckCompleteBlock(state, id, plan.scope_root));
  const auto* store = block->body.as<ir::BufferStoreNode>();
  if (store == nullptr || !(store->buffer == plan.buffer) || store->predicate ||
      !(MatchTrivialStore(block, store, &plan.value) || MatchAffineStore(block, store, &plan.value))) {
    return state.Refuse(
        "The body pattern does not meet the condition: one store whose indices are the block's iters or a bijective "
        "affine map of them",
        {id});
  }
  HONE_ASSIGN_OR_RETURN(plan.removal_top, RemovalTop(state, id, plan.scope_root));
  return plan;
}

struct Rewritten {
  SrefId id;
  const BlockNode* block;
};
using RewrittenBlocks = absl::InlinedVector<Rewritten, 4>;

absl::Status RewriteUsers(const ScheduleState& state, SrefId id, const Plan& plan, LoadInliner& inliner,
                          RewrittenBlocks* out) {
  for (SrefId user : ChildBlocks(state, plan.scope_root)) {
    if (user == id || !AccessesBuffer(state.block(user), plan.buffer)) continue;
    const ir::Stmt rewritten = inliner.MutateStmt(state.block(user));
    out->push_back({user, rewritten.as<BlockNode>()});
  }
  if (!inliner.found_opaque_use()) return absl::OkStatus();
  return state.Refuse("The buffer is used other than by loads: through its pointer or a view", {id});
}

}  // namespace

absl::Status CheckComputeInline(const ScheduleState& state, SrefId block) {
  HONE_ASSIGN_OR_RETURN(const Plan plan, MakePlan(state, block));
  LoadInliner inliner(plan.buffer, state.block(block), plan.value);
  RewrittenBlocks users;
  return RewriteUsers(state, block, plan, inliner, &users);
}

absl::Status ComputeInline(ScheduleState& state, SrefId block) {
  HONE_ASSIGN_OR_RETURN(const Plan plan, MakePlan(state, block));
  LoadInliner inliner(plan.buffer, state.block(block), plan.value);
  RewrittenBlocks users;
  HONE_RETURN_IF_ERROR(RewriteUsers(state, block, plan, inliner, &users));
  state.Remove(plan.removal_top);
  for (const Rewritten& user : users) state.ReplaceBlock(user.id, user.block, inliner.reuse());
  DropAllocation(state, plan.scope_root, plan.buffer);
  return absl::OkStatus();
}

bool CanComputeInline(ScheduleState& state, SrefId block) { return CheckComputeInline(state, block).ok(); }

// ---- method

absl::Status Schedule::ComputeInline(BlockRv block) {
  const PrimitiveScope scope(*this, kComputeInlineRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_RETURN_IF_ERROR(schedule::ComputeInline(state_, id));
  Record(kComputeInlineRow, {Value::OfRv(block)}, {}, {});
  return absl::OkStatus();
}

const InstructionRow kComputeInlineRow = {.name = "ComputeInline",
                                          .pure = false,
                                          .inputs = "b",
                                          .attrs = "",
                                          .outputs = Outputs::kNone,
                                          .output_kind = ' ',
                                          .method = "compute_inline",
                                          .arguments = "block",
                                          .apply = [](Schedule& s, Call& c) { return s.ComputeInline(BlockOf(c, 0)); }};

}  // namespace hone::schedule
