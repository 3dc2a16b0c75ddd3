#include "common/schedule/primitive/rolling_buffer.h"

#include <algorithm>
#include <vector>

#include "common/arith/access_region.h"
#include "common/arith/int_set.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/schedule/analysis.h"
#include "common/schedule/buffer_rewriter.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"

namespace hone::schedule {
namespace {

using ir::Buffer;
using ir::Expr;
using ir::Stmt;

// A dimension of the region that one iteration writes: begins at var * stride and overlaps the next one's.
struct Axis {
  ir::Var var;  // Null: nothing to roll over.
  int64_t overlap = 0;
};

struct Plan {
  Buffer from;
  Buffer to;
  std::vector<Axis> axes;
  size_t rolling = 0;
  Expr extent;
};

// min is v, v * stride or v * stride // divisor: the variable and the stride, rounded up. False for another form.
bool MatchMin(Expr min, ir::Var* var, int64_t* stride) {
  int64_t divisor = 1;
  if (const auto* div = min.as<ir::FloorDivNode>()) {
    const int64_t* by = ir::ConstInt(div->b);
    if (by == nullptr || *by <= 0) return false;
    divisor = *by;
    min = div->a;
    if (min.as<ir::MulNode>() == nullptr) return false;
  }
  *stride = 1;
  if (const auto* mul = min.as<ir::MulNode>()) {
    const int64_t* by = ir::ConstInt(mul->b);
    if (by == nullptr) return false;
    *stride = *by;
    min = mul->a;
  }
  *stride = (*stride + divisor - 1) / divisor;
  const auto* node = min.as<ir::VarNode>();
  if (node == nullptr) return false;
  *var = ir::Var(node);
  return true;
}

constexpr std::string_view kNoRolling =
    "The region that the block writes must slide along an enclosing loop and overlap from one iteration to the next";

absl::StatusOr<Plan> MakePlan(const ScheduleState& state, SrefId block, ir::BufferRegion region, SrefId lca) {
  const ir::BlockRealizeNode* realize = state.at(block).realize;
  ir::VarMap bindings;
  for (size_t i = 0; i < realize->iter_values.size(); ++i) {
    bindings[realize->block->iter_vars[i]->var.get()] = realize->iter_values[i];
  }
  arith::DomMap domains;
  for (SrefId id = state.parent(block); id != lca; id = state.parent(id)) {
    const ir::ForNode* loop = state.loop(id);
    domains.Set(loop->loop_var, ir::Range{loop->min, loop->extent});
  }
  arith::Analyzer analyzer;
  Plan plan;
  plan.from = region->buffer;
  const ir::BufferRegion unbound = ir::Substitute(region, bindings);
  std::vector<Expr> shape = region->buffer->shape.ToVector();
  std::vector<Expr> extents;
  for (size_t i = 0; i < unbound->region.size(); ++i) {
    const ir::Range range =
        arith::EvalSet(unbound->region[i], domains, analyzer).CoverRange(ir::RangeFromExtent(shape[i]), analyzer);
    extents.push_back(range.extent);
    Axis axis;
    int64_t stride = 0;
    if (ir::ConstInt(range.min) == nullptr) {
      const int64_t* extent = ir::ConstInt(range.extent);
      if (!MatchMin(range.min, &axis.var, &stride) || extent == nullptr) return state.Refuse(kNoRolling, {block});
      axis.overlap = *extent - stride;
      if (axis.overlap <= 0) axis.var = ir::Var();
    }
    plan.axes.push_back(axis);
  }
  for (SrefId loop : LoopsAbove(state, block)) {
    for (size_t i = 0; i < plan.axes.size(); ++i) {
      if (!plan.axes[i].var || !(plan.axes[i].var == state.loop(loop)->loop_var)) continue;
      plan.rolling = i;
      plan.extent = extents[i];
      shape[i] = extents[i];
      auto* to = ir::CopyNode(plan.from.get());
      to->shape = ir::MakeArray(shape);
      plan.to = to;
      return plan;
    }
  }
  return state.Refuse(kNoRolling, {block});
}

class Roller final : public ir::StmtExprMutator {
 public:
  Roller(const Plan& plan, const ir::BlockNode* scope, const ir::BlockNode* writer)
      : plan_(plan), scope_(scope), writer_(writer) {}
  const BlockReuses& reuses() const { return reuses_; }

 private:
  using StmtExprMutator::Mutate;

  ir::Array<Expr> Roll(ir::Array<Expr> indices) const {
    std::vector<Expr> out = indices.ToVector();
    out[plan_.rolling] = ir::FloorMod(out[plan_.rolling], plan_.extent);
    return ir::MakeArray(out);
  }
  Expr Mutate(const ir::BufferLoadNode* node) override {
    const Expr out = StmtExprMutator::Mutate(node);
    const auto* load = out.as<ir::BufferLoadNode>();
    return load->buffer == plan_.from.get() ? ir::MakeBufferLoad(plan_.to, Roll(load->indices)) : out;
  }
  Stmt Mutate(const ir::BufferStoreNode* node) override {
    const Stmt out = StmtExprMutator::Mutate(node);
    const auto* store = out.as<ir::BufferStoreNode>();
    return store->buffer == plan_.from ? ir::MakeBufferStore(plan_.to, store->value, Roll(store->indices)) : out;
  }

  Stmt Mutate(const ir::BlockNode* node) override {
    const Stmt inner = StmtExprMutator::Mutate(node);
    auto* copy = ir::CopyNode(inner.as<ir::BlockNode>());
    if (node == scope_) {
      copy->alloc_buffers =
          ir::MapArray(node->alloc_buffers, [this](Buffer b) { return b == plan_.from ? plan_.to : b; });
    } else {
      std::vector<ir::IterVar> iters = node->iter_vars.ToVector();
      if (plan_.rolling < iters.size()) {
        auto* iter = ir::CopyNode(iters[plan_.rolling]);
        iter->iter_type = ir::IterType::kOpaque;
        iters[plan_.rolling] = iter;
      }
      copy->iter_vars = ir::MakeArray(iters);
      const arith::BlockReadWrite regions = arith::GetBlockReadWriteRegion(
          copy, [this](ir::Var data) { return data == plan_.to->data ? plan_.to : Buffer(); });
      copy->reads = WithInferred(node->reads, regions.reads);
      copy->writes = WithInferred(node->writes, regions.writes);
    }
    reuses_.emplace_back(node, copy);
    return copy;
  }

  ir::Array<ir::BufferRegion> WithInferred(ir::Array<ir::BufferRegion> old,
                                           const std::vector<ir::BufferRegion>& inferred) const {
    return ir::MapArray(old, [&](ir::BufferRegion region) -> ir::BufferRegion {
      if (!(region->buffer == plan_.from)) return region;
      return inferred.empty() ? ir::FullRegion(plan_.to) : inferred[0];
    });
  }

  Stmt Mutate(const ir::BlockRealizeNode* node) override {
    const Stmt out = StmtExprMutator::Mutate(node);
    if (node->block != writer_) return out;
    auto* copy = ir::CopyNode(out.as<ir::BlockRealizeNode>());
    arith::Analyzer analyzer;
    for (size_t i = 0; i < plan_.axes.size() && i < node->iter_values.size(); ++i) {
      const Axis& axis = plan_.axes[i];
      if (!axis.var) continue;
      const ir::DataType dtype = axis.var.dtype();
      arith::DomMap first;
      first.Set(axis.var, arith::IntSet::SinglePoint(ir::IntImm(dtype, 0)));
      const Expr low = arith::EvalSet(node->iter_values[i], first, analyzer).min();
      const Expr fresh =
          ir::Or(ir::LT(axis.var, ir::IntImm(dtype, 1)), ir::GE(low, ir::IntImm(low.dtype(), axis.overlap)));
      copy->predicate = analyzer.Simplify(ir::And(copy->predicate, fresh));
    }
    return copy;
  }

  const Plan& plan_;
  const ir::BlockNode* scope_;
  const ir::BlockNode* writer_;
  BlockReuses reuses_;
};

}  // namespace

absl::Status RollingBuffer(ScheduleState& state, SrefId block, int write_buffer_index) {
  HONE_RETURN_IF_ERROR(AccessedBuffer(state, block, write_buffer_index, /*write=*/true).status());
  HONE_ASSIGN_OR_RETURN(const SrefId scope, RequireScopeRoot(state, block));
  HONE_RETURN_IF_ERROR(CheckNotOutputBlock(state, block, scope));
  for (const Dependency& d : state.ScopeOf(scope).dependencies) {
    if ((d.src == block || d.dst == block) && d.kind != DependencyKind::kRaw) {
      return state.Refuse("The block may only have read-after-write dependencies", {block});
    }
  }
  SrefList family = Consumers(state, block);
  family.push_back(block);
  const SrefId lca = LowestCommonAncestor(state, family);
  if (family.size() < 2 || lca == kNoSref || state.loop(lca) == nullptr) {
    return state.Refuse("The block and its consumers must stand under a common loop", {block});
  }
  const ir::BufferRegion region = state.block(block)->writes[static_cast<size_t>(write_buffer_index)];
  HONE_ASSIGN_OR_RETURN(const Plan plan, MakePlan(state, block, region, lca));
  Roller roller(plan, state.block(scope), state.block(block));
  const auto* rolled = roller.MutateStmt(state.block(scope)).as<ir::BlockNode>();
  state.ReplaceBlock(scope, rolled, roller.reuses());
  state.RecomputeScope(scope);
  return absl::OkStatus();
}

absl::Status Schedule::RollingBuffer(BlockRv block, int write_buffer_index) {
  const PrimitiveScope scope(*this, kRollingBufferRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_RETURN_IF_ERROR(schedule::RollingBuffer(state_, id, write_buffer_index));
  Record(kRollingBufferRow, {Value::OfRv(block)}, {Value::Int(write_buffer_index)}, {});
  return absl::OkStatus();
}

const InstructionRow kRollingBufferRow = {
    .name = "RollingBuffer",
    .pure = false,
    .inputs = "b",
    .attrs = "n",
    .outputs = Outputs::kNone,
    .output_kind = ' ',
    .method = "rolling_buffer",
    .arguments = "block,write_buffer_index",
    .apply = [](Schedule& s, Call& c) { return s.RollingBuffer(BlockOf(c, 0), IntOf(c.attrs[0])); }};

}  // namespace hone::schedule
