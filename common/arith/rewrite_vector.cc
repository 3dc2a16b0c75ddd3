// Algebra of Ramp and Broadcast.
#include "common/arith/inf_int.h"
#include "common/arith/rewrite_simplify.h"

namespace hone::arith {

using ir::DataType;
using ir::Expr;
using ir::ExprKind;

namespace {

bool SameLanes(Expr a, Expr b) { return a.dtype().lanes == b.dtype().lanes; }

}  // namespace

Expr RewriteSimplifier::VectorRules(ExprKind kind, Expr a, Expr b) {
  const auto* ba = a.as<ir::BroadcastNode>();
  const auto* bb = b.as<ir::BroadcastNode>();
  const auto* ra = a.as<ir::RampNode>();
  const auto* rb = b.as<ir::RampNode>();
  if (!SameLanes(a, b)) return {};
  if (ba != nullptr && bb != nullptr) {
    return Fired("broadcast op broadcast", ir::MakeBroadcast(Again(ir::Binary(kind, ba->value, bb->value)), ba->lanes));
  }
  switch (kind) {
    case ExprKind::kAdd:
      if (ra != nullptr && rb != nullptr) {
        return Fired("ramp + ramp",
                     Again(ir::MakeRamp(ir::Add(ra->base, rb->base), ir::Add(ra->stride, rb->stride), ra->lanes)));
      }
      if (ra != nullptr && bb != nullptr) {
        return Fired("ramp + broadcast", Again(ir::MakeRamp(ir::Add(ra->base, bb->value), ra->stride, ra->lanes)));
      }
      if (ba != nullptr && rb != nullptr) {
        return Fired("broadcast + ramp", Again(ir::MakeRamp(ir::Add(ba->value, rb->base), rb->stride, rb->lanes)));
      }
      return {};
    case ExprKind::kSub:
      if (ra != nullptr && rb != nullptr) {
        return Fired("ramp - ramp",
                     Again(ir::MakeRamp(ir::Sub(ra->base, rb->base), ir::Sub(ra->stride, rb->stride), ra->lanes)));
      }
      if (ra != nullptr && bb != nullptr) {
        return Fired("ramp - broadcast", Again(ir::MakeRamp(ir::Sub(ra->base, bb->value), ra->stride, ra->lanes)));
      }
      if (ba != nullptr && rb != nullptr) {
        const Expr zero = ir::ConstOf(rb->stride.dtype(), 0);
        return Fired("broadcast - ramp",
                     Again(ir::MakeRamp(ir::Sub(ba->value, rb->base), ir::Sub(zero, rb->stride), rb->lanes)));
      }
      return {};
    case ExprKind::kMul:
      if (ra != nullptr && bb != nullptr) {
        return Fired("ramp * broadcast",
                     Again(ir::MakeRamp(ir::Mul(ra->base, bb->value), ir::Mul(ra->stride, bb->value), ra->lanes)));
      }
      if (ba != nullptr && rb != nullptr) {
        return Fired("broadcast * ramp",
                     Again(ir::MakeRamp(ir::Mul(ba->value, rb->base), ir::Mul(ba->value, rb->stride), rb->lanes)));
      }
      return {};
    case ExprKind::kDiv:
    case ExprKind::kMod:
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod:
      if (ra != nullptr && bb != nullptr) return VectorDivModRules(kind, a, b);
      return {};
    case ExprKind::kMin:
    case ExprKind::kMax: {
      // op(op(x, broadcast), broadcast).
      const auto* inner = Match(kind, a);
      const auto* kept = inner != nullptr ? inner->b.as<ir::BroadcastNode>() : nullptr;
      if (kept != nullptr && bb != nullptr) {
        return Fired("min(min(x, broadcast), broadcast)",
                     ir::MakeBinary(kind, inner->a,
                                    ir::MakeBroadcast(Again(ir::Binary(kind, kept->value, bb->value)), bb->lanes)));
      }
      return {};
    }
    case ExprKind::kLT:
    case ExprKind::kLE:
    case ExprKind::kGT:
    case ExprKind::kGE:
    case ExprKind::kEQ:
    case ExprKind::kNE:
      // Only where nothing wraps do the lanes compare as the bases do.
      if (ra != nullptr && rb != nullptr && Same(ra->stride, rb->stride) && ra->base.dtype().is_index()) {
        return Fired("ramp < ramp", ir::MakeBroadcast(Again(ir::MakeBinary(kind, ra->base, rb->base)), ra->lanes));
      }
      return {};
    default:
      return {};
  }
}

// ramp(base, stride, lanes) op broadcast(c).
Expr RewriteSimplifier::VectorDivModRules(ExprKind kind, Expr a, Expr b) {
  const auto* ramp = a.as<ir::RampNode>();
  const auto* broadcast = b.as<ir::BroadcastNode>();
  const int64_t* stride = ir::ConstInt(ramp->stride);
  const int64_t* divisor = ir::ConstInt(broadcast->value);
  const int64_t* lanes = ir::ConstInt(ramp->lanes);
  if (stride == nullptr || divisor == nullptr || *divisor <= 0 || !ramp->base.dtype().is_index()) return {};
  const bool floor = kind == ExprKind::kFloorDiv || kind == ExprKind::kFloorMod;
  const bool mod = kind == ExprKind::kMod || kind == ExprKind::kFloorMod;
  // Truncation and floor agree where no lane is negative.
  if (!floor && (!NonNegative(ramp->base) || *stride < 0)) return {};
  const DataType dtype = ramp->base.dtype();
  const Expr base_op = ir::MakeBinary(kind, ramp->base, broadcast->value);
  if (*stride % *divisor == 0) {
    if (mod)
      return Fired("ramp % broadcast, the divisor divides the stride", ir::MakeBroadcast(Again(base_op), ramp->lanes));
    return Fired("ramp / broadcast, the divisor divides the stride",
                 Again(ir::MakeRamp(base_op, ir::IntImm(dtype, *stride / *divisor), ramp->lanes)));
  }
  if (lanes == nullptr || *lanes < 1) return {};
  // All lanes fall between the same two multiples of the divisor.
  const ModularSet set = analyzer_.modular_set(ramp->base);
  const __int128 last = static_cast<__int128>(set.base) + static_cast<__int128>(*lanes - 1) * *stride;
  if (last > INT64_MAX || last < INT64_MIN || set.coeff == 0) return {};
  const bool whole = set.coeff % *divisor == 0 &&
                     ir::FloorDivInt(set.base, *divisor) == ir::FloorDivInt(static_cast<int64_t>(last), *divisor);
  const bool part = *divisor % set.coeff == 0 && last >= 0 && last < set.coeff;
  if (!whole && !part) return {};
  if (!mod) return Fired("ramp / broadcast, one quotient", ir::MakeBroadcast(Again(base_op), ramp->lanes));
  if (whole) {
    return Fired("ramp % broadcast, the lanes do not wrap",
                 ir::MakeRamp(ir::IntImm(dtype, ir::FloorModInt(set.base, *divisor)), ramp->stride, ramp->lanes));
  }
  return Fired("ramp % broadcast, the lanes of any base do not wrap",
               ir::MakeRamp(Again(base_op), ramp->stride, ramp->lanes));
}

}  // namespace hone::arith
