#include "common/schedule/rebind.h"

#include <vector>

#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/schedule/compact_sum.h"

namespace hone::schedule {

using ir::BlockNode;
using ir::BlockRealizeNode;
using ir::Expr;
using ir::ForNode;
using ir::Stmt;

LoopDomains DomainsAbove(const ScheduleState& state, SrefId id) {
  LoopDomains out;
  for (SrefId loop : LoopsAbove(state, id)) {
    const ForNode* node = state.loop(loop);
    out.push_back({node->loop_var, {node->min, node->extent}});
  }
  return out;
}

namespace {

class Rebinder final : public ir::StmtExprMutator {
 public:
  Rebinder(const Rebinding& rebinding, LoopDomains& domains, BlockReuses& reuses)
      : rebinding_(rebinding), domains_(domains), reuses_(reuses) {}

  Stmt Run(Stmt s) { return MutateStmt(s); }

 private:
  using StmtExprMutator::Mutate;

  Expr Mutate(const ir::VarNode* node) override {
    for (const auto& [from, to] : rebinding_.values) {
      if (from.get() == node) return to;
    }
    return node;
  }

  Stmt Mutate(const ForNode* node) override {
    const Expr min = MutateExpr(node->min);
    const Expr extent = MutateExpr(node->extent);
    domains_.push_back({node->loop_var, {min, extent}});
    const Stmt body = MutateStmt(node->body);
    domains_.pop_back();
    if (min == node->min && extent == node->extent && body == node->body) return node;
    auto* copy = ir::CopyNode(node);
    copy->min = min;
    copy->extent = extent;
    copy->body = body;
    return copy;
  }

  Stmt Mutate(const BlockRealizeNode* node) override {
    // Only a block without iters may use loop variables in itself.
    if (node->iter_values.empty()) return Opaque(node);
    absl::InlinedVector<Expr, 8> values;
    const Expr guard = depth_ == 0 ? rebinding_.guard : Expr();
    const bool simple = rebinding_.simplify && !guard && ir::IsTrue(node->predicate) &&
                        RebindCompactSums(node->iter_values, rebinding_, domains_, values);
    Expr predicate = node->predicate;
    if (!simple) {
      values.clear();
      for (Expr value : node->iter_values) values.push_back(MutateExpr(value));
      predicate = MutateExpr(node->predicate);
      if (guard) predicate = ir::And(predicate, guard);
      if (rebinding_.simplify) Simplify(predicate, values);
    }
    bool same = predicate == node->predicate;
    for (size_t i = 0; i < values.size(); ++i) same = same && values[i] == node->iter_values[i];
    if (same) return node;
    auto* copy = ir::CopyNode(node);
    copy->iter_values = ir::MakeArray(values.data(), values.size());
    copy->predicate = predicate;
    return copy;
  }

  void Simplify(Expr predicate, absl::InlinedVector<Expr, 8>& values) {
    arith::Analyzer analyzer;
    const std::vector<Expr> simplified =
        arith::IterMapSimplify(values, domains_, predicate, arith::IterMapLevel::kSurjective, analyzer,
                               /*simplify_trivial_iterators=*/!rebinding_.preserve_unit_iters);
    values.assign(simplified.begin(), simplified.end());
  }

  Stmt Opaque(const BlockRealizeNode* node) {
    Expr predicate = MutateExpr(node->predicate);
    if (rebinding_.guard && depth_ == 0) predicate = ir::And(predicate, rebinding_.guard);
    ++depth_;
    const Stmt block = MutateStmt(node->block);
    --depth_;
    if (predicate == node->predicate && block.get() == node->block) return node;
    auto* copy = ir::CopyNode(node);
    copy->predicate = predicate;
    copy->block = block.as<BlockNode>();
    if (copy->block != node->block) reuses_.emplace_back(node->block, copy->block);
    return copy;
  }

  const Rebinding& rebinding_;
  LoopDomains& domains_;
  BlockReuses& reuses_;
  int depth_ = 0;  // Opaque blocks around.
};

}  // namespace

Stmt RebindNest(Stmt body, const Rebinding& rebinding, LoopDomains& domains, BlockReuses& reuses) {
  return Rebinder(rebinding, domains, reuses).Run(body);
}

}  // namespace hone::schedule
