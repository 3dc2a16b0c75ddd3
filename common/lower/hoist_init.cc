// HoistReductionInit: the condition that LowerInitBlock leaves at the head of a loop,
//   for k in [m, m + n): { if k == m and rest: init; body }
// goes in front of it, { if rest: init }; for k: body, when the loop surely runs and the init does not depend on k.
// Without it the init would be tested in the innermost loop and the accumulator could not stay in a register.
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/linear_mutator.h"
#include "common/lower/passes.h"

namespace hone::lower {
namespace {

class InitHoister final : public LinearMutator {
 private:
  using LinearMutator::Mutate;

  ir::Stmt Mutate(const ir::ForNode* node) override {
    const ir::Stmt visited = LinearMutator::Mutate(node);
    const auto* loop = visited.as<ir::ForNode>();
    if (loop == nullptr || loop->for_kind == ir::ForKind::kThreadBinding || loop->for_kind == ir::ForKind::kParallel ||
        loop->for_kind == ir::ForKind::kVectorized) {
      return visited;
    }
    const auto* seq = loop->body.as<ir::SeqNode>();
    if (seq == nullptr || context_.BoundsOf(loop->extent).lo < 1) return visited;
    const auto* branch = seq->seq[0].as<ir::IfThenElseNode>();
    if (branch == nullptr || branch->else_case ||
        ir::UsesVar(branch->then_case, [&](ir::Var v) { return v == loop->loop_var; })) {
      return visited;
    }
    std::vector<ir::Expr> rest;
    if (!SplitOffFirst(branch->condition, loop, rest)) return visited;
    ir::Stmt init = branch->then_case;
    for (size_t i = rest.size(); i-- > 0;) {
      if (ir::UsesVar(rest[i], loop->loop_var)) return visited;
      init = ir::MakeIfThenElse(rest[i], init);
    }
    auto* remaining = ir::CopyNode(loop);
    remaining->body = ir::MakeSeq(std::vector<ir::Stmt>(seq->seq.begin() + 1, seq->seq.end()));
    return ir::MakeSeq({init, remaining});
  }

  // Whether one conjunct of `condition` says that the loop is at its first iteration; the others go to `rest`.
  bool SplitOffFirst(ir::Expr condition, const ir::ForNode* loop, std::vector<ir::Expr>& rest) {
    if (condition.kind() == ir::ExprKind::kAnd) {
      const auto* both = condition.as<ir::BinaryNode>();
      const bool a = SplitOffFirst(both->a, loop, rest);
      const bool b = SplitOffFirst(both->b, loop, rest);
      return a || b;
    }
    if (SaysFirst(condition, loop, rest)) return true;
    rest.push_back(condition);
    return false;
  }

  // sum of non-negative terms == 0 holds only where each term is 0: k can be split off from k * 4 + k1 == 0.
  bool SaysFirst(ir::Expr condition, const ir::ForNode* loop, std::vector<ir::Expr>& rest) {
    if (condition.kind() != ir::ExprKind::kEQ || !condition.as<ir::BinaryNode>()->a.dtype().is_index()) return false;
    const auto* eq = condition.as<ir::BinaryNode>();
    const Linear difference = context_.Of(eq->a) - context_.Of(eq->b);
    const Linear var = context_.OfVar(loop->loop_var);
    const Bounds min = context_.BoundsOf(loop->min);
    if (var.is_const() || min.lo != min.hi) return false;
    // Every term at its smallest value gives 0?
    const Bounds bounds = context_.BoundsOf(difference);
    Linear signed_difference = difference;
    if (bounds.hi == 0) {
      signed_difference = difference * -1;
    } else if (bounds.lo != 0) {
      return false;
    }
    for (const auto& term : signed_difference.terms) {
      if (term.atom != var.terms[0].atom) continue;
      if (term.coef <= 0) return false;
      // The others must be at their minimum, too.
      Linear others = signed_difference;
      others.terms.erase(others.terms.begin() + (&term - signed_difference.terms.data()));
      others.constant += term.coef * min.lo;
      if (others.is_const()) return true;
      if (context_.Mentions(others, [&](ir::Var v) { return v == loop->loop_var; })) return false;
      const ir::DataType dtype = eq->a.dtype();
      rest.push_back(ir::MakeBinary(ir::ExprKind::kEQ, context_.ToExpr(others, dtype), ir::IntImm(dtype, 0)));
      return true;
    }
    return false;
  }
};

}  // namespace

absl::StatusOr<ir::PrimFunc> HoistReductionInit(ir::PrimFunc func, const PassContext&) {
  return WithBody(func, InitHoister().MutateStmt(func->body));
}

}  // namespace hone::lower
