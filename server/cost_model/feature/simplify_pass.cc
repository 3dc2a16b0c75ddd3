#include "server/cost_model/feature/simplify_pass.h"

#include "common/arith/analyzer.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"

namespace hone {
namespace {

using namespace ir;  // NOLINT: an internal file about these nodes.

class ReciprocalMutator final : public ExprMutator {
  using ExprMutator::Mutate;
  Expr Mutate(const BinaryNode* node) override {
    const Expr visited = ExprMutator::Mutate(node);
    const auto* div = visited.as<DivNode>();
    if (div == nullptr || !div->dtype.is_any_float()) return visited;
    const auto* divisor = div->b.as<FloatImmNode>();
    if (divisor == nullptr || divisor->value == 0) return visited;
    return MakeBinary(ExprKind::kMul, div->a, FloatImm(divisor->dtype, 1.0 / divisor->value));
  }
};

class Pass final : public StmtExprMutator {
 public:
  Expr MutateExpr(Expr e) override {
    if (!e) return e;
    return ReciprocalMutator().MutateExpr(analyzer_.Simplify(e));
  }

 private:
  using StmtExprMutator::Mutate;

  Stmt Mutate(const ForNode* loop) override {
    analyzer_.Bind(loop->loop_var, Range{loop->min, loop->extent});
    return StmtExprMutator::Mutate(loop);
  }

  Stmt Mutate(const IfThenElseNode* node) override {
    const Expr condition = MutateExpr(node->condition);
    if (IsTrue(condition)) return MutateStmt(node->then_case);
    if (IsFalse(condition)) return node->else_case ? MutateStmt(node->else_case) : MakeNop();
    Stmt then_case;
    {
      const arith::ConstraintScope scope = analyzer_.EnterConstraint(condition);
      then_case = MutateStmt(node->then_case);
    }
    Stmt else_case = node->else_case;
    if (else_case) {
      const arith::ConstraintScope scope = analyzer_.EnterConstraint(Not(condition));
      else_case = MutateStmt(else_case);
    }
    if (condition == node->condition && then_case == node->then_case && else_case == node->else_case) return node;
    return MakeIfThenElse(condition, then_case, else_case);
  }

  arith::Analyzer analyzer_;
};

}  // namespace

PrimFunc SimplifyPass(PrimFunc func) {
  Pass pass;
  auto* copy = CopyNode(func);
  copy->body = pass.MutateStmt(func->body);
  return copy;
}

}  // namespace hone
