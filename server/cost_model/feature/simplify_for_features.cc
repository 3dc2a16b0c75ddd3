#include "server/cost_model/feature/simplify_for_features.h"

#include "absl/container/flat_hash_map.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"

namespace hone {
namespace {

using namespace ir;  // NOLINT: an internal file about these nodes.

bool HasLoad(Expr e) {
  bool found = false;
  PostOrderVisitExprs(e, [&](Expr x) { found = found || x.kind() == ExprKind::kBufferLoad; });
  return found;
}

class Simplifier final : public StmtExprMutator {
  using StmtExprMutator::Mutate;

  Expr Mutate(const SelectNode* node) override {
    if (HasLoad(node->condition) || HasLoad(node->true_value) || HasLoad(node->false_value)) return node;
    return ConstOf(node->dtype, 1);
  }

  Stmt Mutate(const ForNode* loop) override {
    if (loop->for_kind != ForKind::kSerial || !IsZero(loop->min) || !IsOne(loop->extent) ||
        !loop->annotations.empty()) {
      return StmtExprMutator::Mutate(loop);
    }
    unit_[loop->loop_var.get()] = IntImm(loop->loop_var.dtype(), 0);
    return MutateStmt(loop->body);
  }

  Expr Mutate(const VarNode* var) override {
    auto it = unit_.find(var);
    return it != unit_.end() ? it->second : Expr(var);
  }

  absl::flat_hash_map<const VarNode*, Expr> unit_;
};

}  // namespace

PrimFunc SimplifyForFeatures(PrimFunc func) {
  Simplifier simplifier;
  auto* copy = CopyNode(func);
  copy->body = simplifier.MutateStmt(func->body);
  return copy;
}

}  // namespace hone
