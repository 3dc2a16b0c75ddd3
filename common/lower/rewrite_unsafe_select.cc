// RewriteUnsafeSelect: a Select evaluates both sides, so one with a scalar condition whose sides load from memory or
// call something that is not pure becomes if_then_else, which evaluates the chosen side only.
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/passes.h"

namespace hone::lower {
namespace {

bool IsUnsafe(ir::Expr e) {
  bool unsafe = false;
  ir::PostOrderVisitExprs(e, [&](ir::Expr node) {
    unsafe |= node.kind() == ir::ExprKind::kBufferLoad;
    const auto* call = node.as<ir::CallNode>();
    unsafe |= call != nullptr && !call->Is(ir::Builtin::if_then_else) &&
              (call->function != nullptr || ir::SideEffect(node) > ir::CallEffect::kPure);
  });
  return unsafe;
}

class SelectRewriter final : public ir::StmtExprMutator {
 private:
  using ir::StmtExprMutator::Mutate;

  ir::Expr Mutate(const ir::SelectNode* node) override {
    const ir::Expr visited = ir::StmtExprMutator::Mutate(node);
    const auto* select = visited.as<ir::SelectNode>();
    if (select == nullptr || !select->condition.dtype().is_scalar()) return visited;
    if (!IsUnsafe(select->true_value) && !IsUnsafe(select->false_value)) return visited;
    return ir::MakeCall(select->dtype, ir::Builtin::if_then_else,
                        {select->condition, select->true_value, select->false_value});
  }
};

}  // namespace

absl::StatusOr<ir::PrimFunc> RewriteUnsafeSelect(ir::PrimFunc func, const PassContext&) {
  return WithBody(func, SelectRewriter().MutateStmt(func->body));
}

}  // namespace hone::lower
