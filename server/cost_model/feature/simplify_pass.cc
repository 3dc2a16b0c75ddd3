#include "server/cost_model/feature/simplify_pass.h"

#include "common/arith/analyzer.h"
#include "common/arith/deep_equal.h"
#include "common/arith/plain_division.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"

namespace hone {
namespace {

using namespace ir;  // NOLINT: an internal file about these nodes.

// Divisions by literals become products, and what the operators fold is folded.
class ReciprocalMutator final : public ExprMutator {
  using ExprMutator::Mutate;
  Expr Mutate(const BinaryNode* node) override {
    const Expr visited = ExprMutator::Mutate(node);
    if (!visited.dtype().is_any_float()) return visited;
    const auto* binary = visited.as<BinaryNode>();
    const Expr folded = Binary(binary->kind, binary->a, binary->b);
    if (folded.kind() != binary->kind) return folded;  // x * 1, x + 0, ...
    const auto* div = visited.as<DivNode>();
    if (div == nullptr) return visited;
    const auto* divisor = div->b.as<FloatImmNode>();
    if (divisor == nullptr || divisor->value == 0) return visited;
    return MakeBinary(ExprKind::kMul, div->a, FloatImm(divisor->dtype, 1.0 / divisor->value));
  }
};

// Sums and products of integer variables and literals: nothing in them divides floats.
bool IsPlainIndex(Expr e) {
  switch (e.kind()) {
    case ExprKind::kIntImm:
    case ExprKind::kVar:
      return true;
    case ExprKind::kAdd:
    case ExprKind::kSub:
    case ExprKind::kMul:
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod:
      return IsPlainIndex(e.as<BinaryNode>()->a) && IsPlainIndex(e.as<BinaryNode>()->b);
    default:
      return false;
  }
}

class Pass final : public StmtExprMutator {
 public:
  Expr MutateExpr(Expr e) override { return e ? SimplifyOne(analyzer_, e) : e; }

 private:
  using StmtExprMutator::Mutate;

  Stmt Mutate(const ForNode* loop) override {
    analyzer_.Bind(loop->loop_var, Range{loop->min, loop->extent});
    return StmtExprMutator::Mutate(loop);
  }

  // Regions are left as they are: nobody reads them any more.
  Stmt Mutate(const BlockNode* block) override {
    if (!block->match_buffers.empty()) return StmtExprMutator::Mutate(block);
    const Stmt init = MutateStmt(block->init);
    const Stmt body = MutateStmt(block->body);
    if (init == block->init && body == block->body) return block;
    auto* copy = CopyNode(block);
    copy->init = init;
    copy->body = body;
    return copy;
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

  // What is a number, a variable or a pure integer goes where it is used.
  Stmt Mutate(const LetStmtNode* node) override {
    const Expr value = MutateExpr(node->value);
    const bool number = value.kind() == ExprKind::kIntImm || value.kind() == ExprKind::kFloatImm;
    const bool inlined =
        number || value.kind() == ExprKind::kVar || (value.dtype().is_int() && SideEffect(value) <= CallEffect::kPure);
    if (inlined) return MutateStmt(Substitute(node->body, {{node->var.get(), value}}));
    const Stmt body = MutateStmt(node->body);
    return value == node->value && body == node->body ? Stmt(node) : MakeLetStmt(node->var, value, body);
  }

  const arith::PlainDivisionScope plain_division_;
  arith::Analyzer analyzer_;
};

}  // namespace

Expr SimplifyOne(arith::Analyzer& analyzer, Expr e) {
  const arith::PlainDivisionScope plain_division;
  const Expr simple = analyzer.Simplify(e);
  return IsPlainIndex(simple) ? simple : ReciprocalMutator().MutateExpr(simple);
}

Expr SimplifyTwice(arith::Analyzer& analyzer, Expr e) {
  if (e.dtype().is_index()) return SimplifyOne(analyzer, SimplifyOne(analyzer, e));
  const arith::PlainDivisionScope plain_division;
  // As Analyzer::Simplify: canonical form, rewriting, canonical form again. What is in canonical form stays so.
  const Expr rewritten = analyzer.RewriteSimplify(analyzer.CanonicalSimplify(e));
  const Expr once = analyzer.CanonicalSimplify(rewritten);
  if (ReciprocalMutator().MutateExpr(once) != once) return SimplifyOne(analyzer, SimplifyOne(analyzer, e));
  const Expr again = analyzer.RewriteSimplify(once);
  if (again == once || arith::DeepEqual(again, rewritten)) return once;
  const Expr twice = analyzer.CanonicalSimplify(again);
  return ReciprocalMutator().MutateExpr(twice);
}

PrimFunc SimplifyPass(PrimFunc func) {
  Pass pass;
  auto* copy = CopyNode(func);
  copy->body = pass.MutateStmt(func->body);
  return copy;
}

}  // namespace hone
