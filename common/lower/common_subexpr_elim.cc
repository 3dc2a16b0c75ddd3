// CommonSubexprElimTIR: a value that one store computes more than once is computed in front of it:
//   B[i] = A[i] * exp(A[i]) / (1 + exp(A[i]))   =>   cse_v1 = exp(A[i]); B[i] = A[i] * cse_v1 / (1 + cse_v1)
// Only values with a call or a division in them: the rest costs LLVM nothing to find again. Never what stands under a
// condition within the expression, as that may not be evaluated; nor indices, which the emitter shares by itself.
#include <string>
#include <vector>

#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/structural_equal.h"
#include "common/ir/visitor.h"
#include "common/lower/passes.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

// Beyond so many candidates in one store comparing them costs more than it saves.
constexpr size_t kMostCandidates = 64;

// Collects the costly values of an expression that are evaluated whenever it is, outer ones before inner ones.
void CollectCostly(ir::Expr e, std::vector<ir::Expr>& out) {
  switch (e.kind()) {
    case ir::ExprKind::kSelect:
      return CollectCostly(e.as<ir::SelectNode>()->condition, out);
    case ir::ExprKind::kAnd:
    case ir::ExprKind::kOr:
    case ir::ExprKind::kBufferLoad:
    case ir::ExprKind::kLet:
      return;
    case ir::ExprKind::kCall: {
      const auto* call = e.as<ir::CallNode>();
      if (call->function != nullptr || ir::InfoOf(call->op).effect > ir::CallEffect::kPure) return;
      if (call->Is(ir::Builtin::if_then_else)) return CollectCostly(call->args[0], out);
      if (e.dtype().is_float()) out.push_back(e);
      for (ir::Expr arg : call->args) CollectCostly(arg, out);
      return;
    }
    case ir::ExprKind::kCast:
      return CollectCostly(e.as<ir::CastNode>()->value, out);
    case ir::ExprKind::kBroadcast:
      return CollectCostly(e.as<ir::BroadcastNode>()->value, out);
    case ir::ExprKind::kDiv:
      if (e.dtype().is_float()) out.push_back(e);
      break;
    default:
      break;
  }
  if (ir::BinaryNode::Is(e.kind())) {
    const auto* binary = e.as<ir::BinaryNode>();
    CollectCostly(binary->a, out);
    CollectCostly(binary->b, out);
  }
}

// The first value that occurs again; null when none does.
ir::Expr Repeated(const std::vector<ir::Expr>& values) {
  if (values.size() > kMostCandidates) return {};
  for (size_t i = 0; i < values.size(); ++i) {
    for (size_t j = i + 1; j < values.size(); ++j) {
      if (values[i] == values[j] || ir::StructuralEqual(values[i], values[j])) return values[i];
    }
  }
  return {};
}

class Replacer final : public ir::ExprMutator {
 public:
  Replacer(ir::Expr from, ir::Var to) : from_(from), to_(to) {}

  ir::Expr MutateExpr(ir::Expr e) override {
    if (!e) return e;
    if (e == from_ || (e.kind() == from_.kind() && e.dtype() == from_.dtype() && ir::StructuralEqual(e, from_))) {
      return to_;
    }
    return ir::ExprMutator::MutateExpr(e);
  }

 private:
  const ir::Expr from_;
  const ir::Var to_;
};

class Eliminator final : public ir::StmtExprMutator {
 private:
  using ir::StmtExprMutator::Mutate;

  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    ir::Expr stored = node->value;
    std::vector<std::pair<ir::Var, ir::Expr>> lets;
    while (true) {
      std::vector<ir::Expr> values;
      CollectCostly(stored, values);
      const ir::Expr value = Repeated(values);
      if (!value) break;
      const ir::Var var = ir::MakeVar(StrCat("cse_v", ++count_), value.dtype());
      stored = Replacer(value, var).MutateExpr(stored);
      lets.emplace_back(var, value);
    }
    if (lets.empty()) return node;
    ir::Stmt out = ir::MakeBufferStore(node->buffer, stored, node->indices, node->predicate);
    // What was found later may use what was found first.
    for (auto let = lets.rbegin(); let != lets.rend(); ++let) out = ir::MakeLetStmt(let->first, let->second, out);
    return out;
  }

  int count_ = 0;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> CommonSubexprElim(ir::PrimFunc func, const PassContext&) {
  return WithBody(func, Eliminator().MutateStmt(func->body));
}

}  // namespace hone::lower
