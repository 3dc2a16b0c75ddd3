#include "common/lower/uniform_condition.h"

#include <numeric>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"

namespace hone::lower {
namespace {

// Whether difference < 0 holds for all lanes or for none, whatever the other variables are. With
// difference = G * t + r + stride * lane, 0 <= r < G, it does when r + stride * lane stays within [0, G): then it holds
// exactly when t < 0.
bool SignIsUniform(LinearContext& context, const Linear& difference, ir::Var lane, int64_t lanes) {
  const int lane_atom = context.OfVar(lane).terms[0].atom;
  int64_t stride = 0, gcd = 0;
  Linear rest;
  for (const Linear::Term& term : difference.terms) {
    if (term.atom == lane_atom) {
      stride = term.coef;
    } else {
      rest.terms.push_back(term);
      gcd = std::gcd(gcd, term.coef);
    }
  }
  if (context.Mentions(rest, [lane](ir::Var v) { return v == lane; })) return false;
  if (gcd == 0 || stride == 0) return stride == 0;
  const int64_t first = ((difference.constant % gcd) + gcd) % gcd;
  const int64_t last = first + stride * (lanes - 1);
  return last >= 0 && last < gcd;
}

bool IsUniform(LinearContext& context, const ir::BinaryNode* comparison, ir::Var lane, int64_t lanes) {
  if (!comparison->a.dtype().is_index()) return false;
  const Linear a = context.Of(comparison->a), b = context.Of(comparison->b);
  switch (comparison->kind) {
    case ir::ExprKind::kLT:
    case ir::ExprKind::kGE:
      return SignIsUniform(context, a - b, lane, lanes);
    case ir::ExprKind::kGT:
    case ir::ExprKind::kLE:
      return SignIsUniform(context, b - a, lane, lanes);
    default:
      return false;
  }
}

}  // namespace

ir::Expr WithoutLane(LinearContext& context, ir::Expr condition, ir::Var lane, int64_t lanes) {
  const auto uses_lane = [lane](ir::Var v) { return v == lane; };
  if (!ir::UsesVar(condition, uses_lane)) return condition;
  if (const auto* negation = condition.as<ir::NotNode>()) {
    const ir::Expr a = WithoutLane(context, negation->a, lane, lanes);
    return a == negation->a ? condition : ir::MakeNot(a);
  }
  if (const auto* call = condition.as<ir::CallNode>(); call != nullptr && call->Is(ir::Builtin::likely)) {
    const ir::Expr a = WithoutLane(context, call->args[0], lane, lanes);
    return a == call->args[0] ? condition : ir::MakeCall(call->dtype, ir::Builtin::likely, {a});
  }
  const auto* binary = condition.as<ir::BinaryNode>();
  if (binary == nullptr) return condition;
  if (binary->kind == ir::ExprKind::kAnd || binary->kind == ir::ExprKind::kOr) {
    const ir::Expr a = WithoutLane(context, binary->a, lane, lanes);
    const ir::Expr b = WithoutLane(context, binary->b, lane, lanes);
    return a == binary->a && b == binary->b ? condition : ir::MakeBinary(binary->kind, a, b);
  }
  if (!IsUniform(context, binary, lane, lanes)) return condition;
  return context.Simplify(ir::Substitute(condition, {{lane.get(), ir::IntImm(lane.dtype(), 0)}}));
}

}  // namespace hone::lower
