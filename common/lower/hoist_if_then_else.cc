// HoistIfThenElse: a condition that does not change in a loop and is all that the loop's body consists of moves in
// front of it:
//   for i: if c: body [else: other]   =>   if c: for i: body [else: for i: other]
// Only conditions without memory accesses and effects: the body could change what they read. Loops inside out, so that
// a condition climbs as far as it can.
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/passes.h"
#include "common/lower/renew.h"

namespace hone::lower {
namespace {

bool IsPureWithoutLoads(ir::Expr e) {
  bool pure = ir::SideEffect(e) <= ir::CallEffect::kPure;
  ir::PostOrderVisitExprs(e, [&](ir::Expr node) { pure &= node.kind() != ir::ExprKind::kBufferLoad; });
  return pure;
}

class ConditionHoister final : public ir::StmtExprMutator {
 private:
  using ir::StmtExprMutator::Mutate;

  static ir::Stmt WithBody(const ir::ForNode* loop, ir::Stmt body) {
    auto* copy = ir::CopyNode(loop);
    copy->body = body;
    return copy;
  }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    const auto* loop = visited.as<ir::ForNode>();
    const auto* branch = loop != nullptr ? loop->body.as<ir::IfThenElseNode>() : nullptr;
    if (branch == nullptr || ir::UsesVar(branch->condition, loop->loop_var) || !IsPureWithoutLoads(branch->condition)) {
      return visited;
    }
    const ir::Stmt then_loop = WithBody(loop, branch->then_case);
    if (!branch->else_case) return ir::MakeIfThenElse(branch->condition, then_loop);
    return ir::MakeIfThenElse(branch->condition, then_loop, RenewDefinitions(WithBody(loop, branch->else_case)));
  }
};

}  // namespace

absl::StatusOr<ir::PrimFunc> HoistIfThenElse(ir::PrimFunc func, const PassContext&) {
  return WithBody(func, ConditionHoister().MutateStmt(func->body));
}

}  // namespace hone::lower
