// Simplify: index arithmetic and conditions under the bounds of the loops around them; branches that are decided
// disappear, and so do loops that run never or once.
#include "common/ir/ops.h"
#include "common/lower/linear_mutator.h"
#include "common/lower/passes.h"

namespace hone::lower {
namespace {

bool IsNop(ir::Stmt stmt) {
  const auto* evaluate = stmt.as<ir::EvaluateNode>();
  return evaluate != nullptr && ir::ConstInt(evaluate->value) != nullptr;
}

class Simplifier final : public LinearMutator {
 public:
  ir::Expr MutateExpr(ir::Expr e) override { return e ? context_.Simplify(e) : e; }

 private:
  using LinearMutator::Mutate;

  ir::Stmt Mutate(const ir::IfThenElseNode* node) override {
    const ir::Stmt visited = LinearMutator::Mutate(node);
    const auto* branch = visited.as<ir::IfThenElseNode>();
    if (branch == nullptr) return visited;
    if (ir::IsTrue(branch->condition)) return branch->then_case;
    if (ir::IsFalse(branch->condition)) return branch->else_case ? branch->else_case : ir::MakeNop();
    return visited;
  }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    const ir::Expr extent = MutateExpr(node->extent);
    if (const int64_t* number = ir::ConstInt(extent)) {
      if (*number <= 0) return ir::MakeNop();
      const bool plain = node->for_kind != ir::ForKind::kThreadBinding && node->annotations.empty();
      if (*number == 1 && plain) {
        const ir::Expr min = MutateExpr(node->min);
        return MutateStmt(ir::Substitute(node->body, {{node->loop_var.get(), min}}));
      }
    }
    return LinearMutator::Mutate(node);
  }

  ir::Stmt Mutate(const ir::LetStmtNode* node) override {
    const ir::Expr value = MutateExpr(node->value);
    if (ir::ConstInt(value) != nullptr || value.as<ir::VarNode>() != nullptr) {
      return MutateStmt(ir::Substitute(node->body, {{node->var.get(), value}}));
    }
    return LinearMutator::Mutate(node);
  }

  ir::Stmt Mutate(const ir::SeqNode* node) override {
    const ir::Stmt visited = LinearMutator::Mutate(node);
    const auto* seq = visited.as<ir::SeqNode>();
    if (seq == nullptr) return visited;
    std::vector<ir::Stmt> kept;
    for (ir::Stmt stmt : seq->seq) {
      if (!IsNop(stmt)) kept.push_back(stmt);
    }
    return kept.size() == seq->seq.size() ? visited : ir::MakeSeq(kept);
  }
};

}  // namespace

absl::StatusOr<ir::PrimFunc> Simplify(ir::PrimFunc func, const PassContext&) {
  return WithBody(func, Simplifier().MutateStmt(func->body));
}

}  // namespace hone::lower
