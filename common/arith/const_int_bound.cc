#include "common/arith/const_int_bound.h"

#include <algorithm>

#include "common/arith/analyzer.h"
#include "common/arith/deep_equal.h"
#include "common/arith/inf_int.h"
#include "common/arith/rule_log.h"

namespace hone::arith {

using ir::DataType;
using ir::Expr;
using ir::ExprKind;

ConstIntBound ConstIntBound::Everything(DataType dtype) {
  if (!dtype.is_int() && !dtype.is_uint()) return {};
  const int value_bits = dtype.bits - (dtype.is_int() ? 1 : 0);
  ConstIntBound out;
  if (dtype.is_uint()) out.min_value = 0;
  if (value_bits >= 63) return out;
  out.max_value = (int64_t{1} << value_bits) - 1;
  if (dtype.is_int()) out.min_value = -(int64_t{1} << value_bits);
  return out;
}

ConstIntBound Union(ConstIntBound a, ConstIntBound b) {
  return {std::min(a.min_value, b.min_value), std::max(a.max_value, b.max_value)};
}

ConstIntBound Intersect(ConstIntBound a, ConstIntBound b) {
  return {std::max(a.min_value, b.min_value), std::min(a.max_value, b.max_value)};
}

namespace {

ConstIntBound AddBounds(ConstIntBound a, ConstIntBound b) {
  return {InfAdd(a.min_value, b.min_value), InfAdd(a.max_value, b.max_value)};
}

ConstIntBound SubBounds(ConstIntBound a, ConstIntBound b) {
  return {InfSub(a.min_value, b.max_value), InfSub(a.max_value, b.min_value)};
}

// `op` is monotone in each operand over the box, so its extremes lie in the corners.
template <typename F>
ConstIntBound Corners(ConstIntBound a, ConstIntBound b, F op) {
  const int64_t v[] = {op(a.min_value, b.min_value), op(a.min_value, b.max_value), op(a.max_value, b.min_value),
                       op(a.max_value, b.max_value)};
  return {*std::min_element(v, v + 4), *std::max_element(v, v + 4)};
}

// Divisor zero is left out, and the divisor's two signs are looked at apart.
template <typename F>
ConstIntBound Divide(ConstIntBound a, ConstIntBound b, F op) {
  if (a.min_value > a.max_value || b.min_value > b.max_value || b.is_const(0)) return {};
  const ConstIntBound negative = Intersect(b, {kNegInf, -1});
  const ConstIntBound positive = Intersect(b, {1, kPosInf});
  const bool has_negative = negative.min_value <= negative.max_value;
  const bool has_positive = positive.min_value <= positive.max_value;
  // An infinite dividend keeps its sign only within one side of zero; the corners below see both ends.
  if (has_negative && has_positive) {
    NoteRule("bound of x / y, y of either sign");
    return Union(Corners(a, negative, op), Corners(a, positive, op));
  }
  return Fired("bound of x / y", Corners(a, has_negative ? negative : positive, op));
}

// One less than the largest absolute value of the divisor.
int64_t RemainderCap(ConstIntBound b) { return InfAdd(std::max(InfNeg(b.min_value), b.max_value), -1); }

ConstIntBound TruncModBounds(ConstIntBound a, ConstIntBound b) {
  if (b.is_const(0)) return {};
  if (a.min_value >= 0 && b.min_value > 0 && a.max_value < b.min_value)
    return Fired("bound of truncmod(x, y), x < y", a);
  const int64_t cap = RemainderCap(b);
  NoteRule("bound of truncmod(x, y)");
  return {a.min_value >= 0 ? 0 : std::max(a.min_value, InfNeg(cap)), a.max_value <= 0 ? 0 : std::min(a.max_value, cap)};
}

ConstIntBound FloorModBounds(ConstIntBound a, ConstIntBound b) {
  if (b.is_const(0)) return {};
  if (b.min_value > 0) {
    if (a.min_value >= 0 && a.max_value < b.min_value) return Fired("bound of x % y, x < y", a);
    NoteRule("bound of x % y, y > 0");
    const int64_t cap = InfAdd(b.max_value, -1);
    return {0, a.min_value >= 0 ? std::min(a.max_value, cap) : cap};
  }
  NoteRule("bound of x % y, y of either sign");
  return {std::min<int64_t>(0, InfAdd(b.min_value, 1)), std::max<int64_t>(0, InfAdd(b.max_value, -1))};
}

ConstIntBound ShiftRightBounds(ConstIntBound a, ConstIntBound b) {
  if (a.min_value > a.max_value || b.min_value < 0 || b.max_value > 62 || b.min_value > b.max_value) return {};
  return Fired("bound of x >> y", Corners(a, b, [](int64_t x, int64_t s) { return IsInf(x) ? x : x >> s; }));
}

ConstIntBound ShiftLeftBounds(ConstIntBound a, ConstIntBound b) {
  if (b.min_value < 0 || b.max_value > 61 || b.min_value > b.max_value) return {};
  return Fired("bound of x << y", Corners(a, {int64_t{1} << b.min_value, int64_t{1} << b.max_value}, InfMul));
}

ConstIntBound BitwiseAndBounds(ConstIntBound a, ConstIntBound b) {
  // One operand that is not negative bounds the result.
  if (a.min_value < 0 && b.min_value < 0) return {};
  if (a.min_value < 0) return Fired("bound of x & y, y >= 0", ConstIntBound{0, b.max_value});
  if (b.min_value < 0) return Fired("bound of x & y, x >= 0", ConstIntBound{0, a.max_value});
  return Fired("bound of x & y, both >= 0", ConstIntBound{0, std::min(a.max_value, b.max_value)});
}

}  // namespace

// Bounds of one expression by recursion; nothing is remembered.
class BoundVisitor {
 public:
  explicit BoundVisitor(Analyzer& analyzer) : analyzer_(analyzer) {}

  ConstIntBound Visit(Expr e) {
    ConstIntBound bound = OfNode(e);
    for (const auto& fact : analyzer_.bounds_) {
      if (DeepEqual(fact.expr, e)) bound = Fired("bound of a known condition", Intersect(bound, fact.bound));
    }
    return bound;
  }

 private:
  // Index types do not overflow; the others wrap, so what does not fit may be anything.
  static ConstIntBound Fit(DataType dtype, ConstIntBound bound) {
    if (dtype.is_int() && dtype.bits >= 32) return bound;
    const ConstIntBound all = ConstIntBound::Everything(dtype);
    return all.Contains(bound) ? bound : Fired("bound of what may wrap", all);
  }

  ConstIntBound OfNode(Expr e) {
    const DataType dtype = e.dtype();
    switch (e.kind()) {
      case ExprKind::kVar:
        return OfVar(static_cast<const ir::VarNode*>(e.get()));
      case ExprKind::kIntImm: {
        const int64_t value = static_cast<const ir::IntImmNode*>(e.get())->value;
        if (value < 0 && dtype.is_uint()) return ConstIntBound::Everything(dtype);
        // The infinities are no values.
        if (value >= kPosInf) return {kPosInf - 1, kPosInf};
        if (value <= kNegInf) return {kNegInf, kNegInf + 1};
        return ConstIntBound::Point(value);
      }
      case ExprKind::kCast: {
        const Expr value = static_cast<const ir::CastNode*>(e.get())->value;
        const ConstIntBound all = ConstIntBound::Everything(dtype);
        if (!value.dtype().is_int() && !value.dtype().is_uint()) return all;
        const ConstIntBound bound = Visit(value);
        return all.Contains(bound) ? Fired("bound of a cast that fits", bound)
                                   : Fired("bound of a cast that may wrap", all);
      }
      case ExprKind::kAdd:
      case ExprKind::kSub:
      case ExprKind::kMul:
      case ExprKind::kDiv:
      case ExprKind::kMod:
      case ExprKind::kFloorDiv:
      case ExprKind::kFloorMod:
      case ExprKind::kMin:
      case ExprKind::kMax:
        return OfBinary(static_cast<const ir::BinaryNode*>(e.get()));
      case ExprKind::kSelect: {
        const auto* select = static_cast<const ir::SelectNode*>(e.get());
        return Fired("bound of select(c, x, y)", arith::Union(Visit(select->true_value), Visit(select->false_value)));
      }
      case ExprKind::kLet: {
        const auto* let = static_cast<const ir::LetNode*>(e.get());
        return Fired("bound of let", Visit(let->body));
      }
      case ExprKind::kRamp: {
        const auto* ramp = static_cast<const ir::RampNode*>(e.get());
        const int64_t* lanes = ir::ConstInt(ramp->lanes);
        if (lanes == nullptr) return ConstIntBound::Everything(dtype);
        const ConstIntBound span = Corners(Visit(ramp->stride), {0, *lanes - 1}, InfMul);
        return Fired("bound of ramp", Fit(dtype, AddBounds(Visit(ramp->base), span)));
      }
      case ExprKind::kBroadcast:
        return Fired("bound of broadcast", Visit(static_cast<const ir::BroadcastNode*>(e.get())->value));
      case ExprKind::kCall:
        return OfCall(static_cast<const ir::CallNode*>(e.get()));
      default:
        return ConstIntBound::Everything(dtype);
    }
  }

  ConstIntBound OfVar(const ir::VarNode* var) {
    if (const auto* info = analyzer_.Find(var)) return info->bound;
    const ConstIntBound all = ConstIntBound::Everything(var->dtype);
    if (var->is_size_var) return Fired("bound of a size variable", Intersect(all, {0, kPosInf}));
    return all;
  }

  ConstIntBound OfBinary(const ir::BinaryNode* node) {
    const DataType dtype = node->dtype;
    if (!dtype.is_int() && !dtype.is_uint()) return ConstIntBound::Everything(dtype);
    const ConstIntBound a = Visit(node->a);
    const ConstIntBound b = Visit(node->b);
    switch (node->kind) {
      case ExprKind::kAdd:
        return Fired("bound of x + y", Fit(dtype, AddBounds(a, b)));
      case ExprKind::kSub:
        return Fired("bound of x - y", Fit(dtype, SubBounds(a, b)));
      case ExprKind::kMul:
        return Fired("bound of x * y", Fit(dtype, Corners(a, b, InfMul)));
      case ExprKind::kDiv:
        return Fit(dtype, Divide(a, b, InfDiv));
      case ExprKind::kMod:
        return Fit(dtype, TruncModBounds(a, b));
      case ExprKind::kFloorDiv:
        return Fit(dtype, Divide(a, b, InfFloorDiv));
      case ExprKind::kFloorMod:
        return Fit(dtype, Intersect(FloorModBounds(a, b), ByModularSet(node, b)));
      case ExprKind::kMin:
        NoteRule("bound of min(x, y)");
        return {std::min(a.min_value, b.min_value), std::min(a.max_value, b.max_value)};
      default:
        NoteRule("bound of max(x, y)");
        return {std::max(a.min_value, b.min_value), std::max(a.max_value, b.max_value)};
    }
  }

  // floormod(coeff * k + base, c) steps by g = gcd(coeff, c) from base % g on.
  ConstIntBound ByModularSet(const ir::BinaryNode* node, ConstIntBound divisor) {
    if (!divisor.is_const() || divisor.min_value <= 0) return {};
    const ModularSet a = analyzer_.modular_set(node->a);
    const int64_t step = ZeroAwareGcd(a.coeff, divisor.min_value);
    if (step <= 1) return {};
    const int64_t base = ir::FloorModInt(a.base, step);
    return Fired("bound of x % c by the modular set", ConstIntBound{base, divisor.min_value - step + base});
  }

  ConstIntBound OfCall(const ir::CallNode* call) {
    const ConstIntBound all = ConstIntBound::Everything(call->dtype);
    if (call->function != nullptr) return all;
    const bool integer = call->dtype.is_int() || call->dtype.is_uint();
    if (!integer) return all;
    switch (call->op) {
      case ir::Builtin::shift_right:
        return Fit(call->dtype, ShiftRightBounds(Visit(call->args[0]), Visit(call->args[1])));
      case ir::Builtin::shift_left:
        return Fit(call->dtype, ShiftLeftBounds(Visit(call->args[0]), Visit(call->args[1])));
      case ir::Builtin::bitwise_and:
        return Fit(call->dtype, BitwiseAndBounds(Visit(call->args[0]), Visit(call->args[1])));
      case ir::Builtin::if_then_else:
        return Fired("bound of if_then_else(c, x, y)", arith::Union(Visit(call->args[1]), Visit(call->args[2])));
      case ir::Builtin::likely:
        return Fired("bound of likely(x)", Visit(call->args[0]));
      case ir::Builtin::vscale:
        return {1, 16};
      default:
        return all;
    }
  }

  Analyzer& analyzer_;
};

ConstIntBound Analyzer::const_int_bound(Expr e) { return BoundVisitor(*this).Visit(e); }

}  // namespace hone::arith
