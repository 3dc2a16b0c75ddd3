#include "server/cost_model/feature/operation_counts.h"

#include "common/ir/builtin.h"

namespace hone {

using ir::ExprKind;

void CountOperation(ir::Expr e, int64_t times, OperationCounts& counts) {
  const int base = e.dtype().is_float() ? 0 : 7;
  switch (e.kind()) {
    case ExprKind::kAdd:
    case ExprKind::kSub:
      counts[base + 1] += times;
      break;
    case ExprKind::kMul:
      counts[base + 2] += times;
      break;
    case ExprKind::kDiv:
    case ExprKind::kMod:
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod:
      counts[base + 3] += times;
      break;
    case ExprKind::kMin:
    case ExprKind::kMax:
    case ExprKind::kEQ:
    case ExprKind::kNE:
    case ExprKind::kLT:
    case ExprKind::kLE:
    case ExprKind::kGT:
    case ExprKind::kGE:
      counts[base + 4] += times;
      break;
    case ExprKind::kAnd:
    case ExprKind::kOr:
    case ExprKind::kNot:
      counts[14] += times;
      break;
    case ExprKind::kSelect:
      counts[15] += times;
      break;
    case ExprKind::kCall: {
      const auto* call = e.as<ir::CallNode>();
      const ir::CallEffect effect =
          call->function != nullptr ? ir::CallEffect::kUpdateState : ir::InfoOf(call->op).effect;
      const bool math = effect == ir::CallEffect::kPure || effect == ir::CallEffect::kExprAnnotation;
      counts[base + (math ? 5 : 6)] += times;
      break;
    }
    default:
      break;
  }
}

}  // namespace hone
