#include "server/cost_model/feature/interval.h"

#include <algorithm>

#include "common/ir/ops.h"

namespace hone {
namespace {

using ir::BinaryNode;
using ir::Expr;
using ir::ExprKind;

constexpr int64_t kInf = Interval::kInf;

int64_t Clamp(__int128 v) {
  if (v >= kInf) return kInf;
  if (v <= -kInf) return -kInf;
  return static_cast<int64_t>(v);
}
int64_t Add(int64_t a, int64_t b) {
  if (a == kInf || b == kInf) return kInf;
  if (a == -kInf || b == -kInf) return -kInf;
  return Clamp(static_cast<__int128>(a) + b);
}
int64_t Mul(int64_t a, int64_t b) { return Clamp(static_cast<__int128>(a) * b); }

Interval Everything(ir::DataType t) {
  if (t.is_bool()) return {0, 1};
  if ((t.is_int() || t.is_uint()) && t.bits < 63) return {ir::MinInt(t), ir::MaxInt(t)};
  return t.is_uint() ? Interval{0, kInf} : Interval{};
}

// The hull of f over the corners of a and b.
template <typename F>
Interval Corners(Interval a, Interval b, F f) {
  const int64_t v[4] = {f(a.min, b.min), f(a.min, b.max), f(a.max, b.min), f(a.max, b.max)};
  return {*std::min_element(v, v + 4), *std::max_element(v, v + 4)};
}

int64_t InfFloorDiv(int64_t a, int64_t b) {
  if (a == kInf || a == -kInf) return b > 0 ? a : -a;
  if (b == kInf || b == -kInf) return (a < 0) != (b < 0) && a != 0 ? -1 : 0;
  return ir::FloorDivInt(a, b);
}
int64_t InfTruncDiv(int64_t a, int64_t b) {
  if (a == kInf || a == -kInf) return b > 0 ? a : -a;
  if (b == kInf || b == -kInf) return 0;
  return a / b;
}

Interval Division(Interval a, Interval b, int64_t (*div)(int64_t, int64_t), ir::DataType t) {
  if (b.min <= 0 && b.max >= 0) {
    if (b.min != 0 || b.max == 0) return Everything(t);
    b.min = 1;  // Not zero, or the program has no meaning.
  }
  return Corners(a, b, div);
}

Interval EvaluateBinary(const BinaryNode* node, Interval a, Interval b) {
  switch (node->kind) {
    case ExprKind::kAdd:
      return {Add(a.min, b.min), Add(a.max, b.max)};
    case ExprKind::kSub:
      return {Add(a.min, -b.max), Add(a.max, -b.min)};
    case ExprKind::kMul:
      return Corners(a, b, Mul);
    case ExprKind::kDiv:
      return Division(a, b, InfTruncDiv, node->dtype);
    case ExprKind::kFloorDiv:
      return Division(a, b, InfFloorDiv, node->dtype);
    case ExprKind::kMod:
      if (b.min > 0) {
        const int64_t cap = Add(b.max, -1);
        if (a.min >= 0) return a.max < b.min ? a : Interval{0, std::min(a.max, cap)};
        return {std::max(a.min, -cap), std::min(std::max<int64_t>(a.max, 0), cap)};
      }
      return Everything(node->dtype);
    case ExprKind::kFloorMod:
      if (b.min > 0) {
        const int64_t cap = Add(b.max, -1);
        if (a.min >= 0) return a.max < b.min ? a : Interval{0, std::min(a.max, cap)};
        return {0, cap};
      }
      return Everything(node->dtype);
    case ExprKind::kMin:
      return {std::min(a.min, b.min), std::min(a.max, b.max)};
    case ExprKind::kMax:
      return {std::max(a.min, b.min), std::max(a.max, b.max)};
    default:
      return {0, 1};  // Comparisons and logic.
  }
}

}  // namespace

Interval EvaluateInterval(Expr e, const VarIntervals& bounds) {
  switch (e.kind()) {
    case ExprKind::kIntImm: {
      const int64_t v = e.as<ir::IntImmNode>()->value;
      return {v, v};
    }
    case ExprKind::kVar: {
      const auto* var = e.as<ir::VarNode>();
      auto it = bounds.find(var);
      if (it != bounds.end()) return it->second;
      Interval all = Everything(var->dtype);
      if (var->is_size_var) all.min = std::max<int64_t>(all.min, 0);
      return all;
    }
    case ExprKind::kCast: {
      const Interval v = EvaluateInterval(e.as<ir::CastNode>()->value, bounds);
      const Interval t = Everything(e.dtype());
      return v.min >= t.min && v.max <= t.max ? v : t;
    }
    case ExprKind::kSelect: {
      const auto* node = e.as<ir::SelectNode>();
      const Interval a = EvaluateInterval(node->true_value, bounds);
      const Interval b = EvaluateInterval(node->false_value, bounds);
      return {std::min(a.min, b.min), std::max(a.max, b.max)};
    }
    case ExprKind::kBroadcast:
      return EvaluateInterval(e.as<ir::BroadcastNode>()->value, bounds);
    case ExprKind::kRamp: {
      // Linear in the lane: the hull of the first and the last one.
      const auto* ramp = e.as<ir::RampNode>();
      const Interval first = EvaluateInterval(ramp->base, bounds);
      const Interval stride = EvaluateInterval(ramp->stride, bounds);
      const int64_t steps = e.dtype().lanes - 1;
      const Interval reach = {Mul(stride.min, steps), Mul(stride.max, steps)};
      const Interval last = {Add(first.min, reach.min), Add(first.max, reach.max)};
      return {std::min(first.min, last.min), std::max(first.max, last.max)};
    }
    case ExprKind::kCall: {
      const auto* call = e.as<ir::CallNode>();
      if (call->Is(ir::Builtin::if_then_else)) {
        const Interval a = EvaluateInterval(call->args[1], bounds);
        const Interval b = EvaluateInterval(call->args[2], bounds);
        return {std::min(a.min, b.min), std::max(a.max, b.max)};
      }
      if (call->Is(ir::Builtin::likely)) return EvaluateInterval(call->args[0], bounds);
      const int64_t* shift = call->Is(ir::Builtin::shift_right) || call->Is(ir::Builtin::shift_left)
                                 ? ir::ConstInt(call->args[1])
                                 : nullptr;
      if (shift != nullptr && *shift >= 0 && *shift < 62) {
        const Interval a = EvaluateInterval(call->args[0], bounds);
        const int64_t scale = int64_t{1} << *shift;
        if (call->Is(ir::Builtin::shift_left)) return Corners(a, {scale, scale}, Mul);
        return Corners(a, {scale, scale}, InfFloorDiv);
      }
      return Everything(e.dtype());
    }
    default:
      if (const auto* binary = e.as<BinaryNode>()) {
        return EvaluateBinary(binary, EvaluateInterval(binary->a, bounds), EvaluateInterval(binary->b, bounds));
      }
      return Everything(e.dtype());
  }
}

}  // namespace hone
