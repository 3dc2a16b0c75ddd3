#include "common/ir/ops.h"

#include <algorithm>
#include <cmath>

namespace hone::ir {
namespace {

bool IsIntLike(DataType t) { return t.is_int() || t.is_uint(); }

// Sign- or zero-extends the low `bits` of a folded value, as the dtype would hold it.
int64_t Wrap(DataType dtype, int64_t value) {
  if (dtype.bits >= 64) return value;
  const uint64_t mask = (uint64_t{1} << dtype.bits) - 1;
  uint64_t low = static_cast<uint64_t>(value) & mask;
  if (dtype.is_int() && (low >> (dtype.bits - 1)) != 0) low |= ~mask;
  return static_cast<int64_t>(low);
}

const IntImmNode* IntOf(Expr e) { return e.as<IntImmNode>(); }
const FloatImmNode* FloatOf(Expr e) {
  const auto* imm = e.as<FloatImmNode>();
  if (imm == nullptr || !imm->dtype.is_float() || (imm->dtype.bits != 32 && imm->dtype.bits != 64)) return nullptr;
  return imm;
}

Expr FoldedFloat(DataType dtype, double value) {
  return FloatImm(dtype, dtype.bits == 32 ? static_cast<double>(static_cast<float>(value)) : value);
}

// What identities ask of a literal; neither for what is no literal.
struct ZeroOrOne {
  bool zero = false;
  bool one = false;
};

ZeroOrOne IsZeroOrOne(Expr e) {
  if (const auto* i = IntOf(e)) return {i->value == 0, i->value == 1};
  if (const auto* f = FloatOf(e)) return {f->value == 0, f->value == 1};
  return {};
}

int64_t AddInt(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
int64_t SubInt(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
int64_t MulInt(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

// Both literals of the same dtype: the folded expression, or null when this kind does not fold them.
Expr FoldInts(ExprKind kind, DataType dtype, int64_t a, int64_t b) {
  switch (kind) {
    case ExprKind::kAdd:
      return IntImm(dtype, Wrap(dtype, AddInt(a, b)));
    case ExprKind::kSub:
      return IntImm(dtype, Wrap(dtype, SubInt(a, b)));
    case ExprKind::kMul:
      return IntImm(dtype, Wrap(dtype, MulInt(a, b)));
    case ExprKind::kDiv:
      if (b == 0 || (b == -1 && a == INT64_MIN)) return {};
      return IntImm(dtype, Wrap(dtype, a / b));
    case ExprKind::kMod:
      if (b == 0 || b == -1) return b == 0 ? Expr() : IntImm(dtype, 0);
      return IntImm(dtype, Wrap(dtype, a % b));
    case ExprKind::kFloorDiv:
      if (b == 0 || (b == -1 && a == INT64_MIN)) return {};
      return IntImm(dtype, Wrap(dtype, FloorDivInt(a, b)));
    case ExprKind::kFloorMod:
      if (b == 0) return {};
      return IntImm(dtype, Wrap(dtype, FloorModInt(a, b)));
    case ExprKind::kMin:
      return IntImm(dtype, std::min(a, b));
    case ExprKind::kMax:
      return IntImm(dtype, std::max(a, b));
    case ExprKind::kEQ:
      return BoolImm(a == b);
    case ExprKind::kNE:
      return BoolImm(a != b);
    case ExprKind::kLT:
      return BoolImm(a < b);
    case ExprKind::kLE:
      return BoolImm(a <= b);
    case ExprKind::kGT:
      return BoolImm(a > b);
    case ExprKind::kGE:
      return BoolImm(a >= b);
    default:
      return {};
  }
}

Expr FoldFloats(ExprKind kind, DataType dtype, double a, double b) {
  switch (kind) {
    case ExprKind::kAdd:
      return FoldedFloat(dtype, a + b);
    case ExprKind::kSub:
      return FoldedFloat(dtype, a - b);
    case ExprKind::kMul:
      return FoldedFloat(dtype, a * b);
    case ExprKind::kDiv:
      return b == 0 ? Expr() : FoldedFloat(dtype, a / b);
    case ExprKind::kFloorDiv:
      return b == 0 ? Expr() : FoldedFloat(dtype, std::floor(a / b));
    case ExprKind::kMin:
      return FloatImm(dtype, std::min(a, b));
    case ExprKind::kMax:
      return FloatImm(dtype, std::max(a, b));
    case ExprKind::kEQ:
      return BoolImm(a == b);
    case ExprKind::kNE:
      return BoolImm(a != b);
    case ExprKind::kLT:
      return BoolImm(a < b);
    case ExprKind::kLE:
      return BoolImm(a <= b);
    case ExprKind::kGT:
      return BoolImm(a > b);
    case ExprKind::kGE:
      return BoolImm(a >= b);
    default:
      return {};
  }
}

// x op literal identities; null when none applies. Operands have the same dtype.
Expr FoldIdentity(ExprKind kind, Expr a, Expr b) {
  const ZeroOrOne is_a = IsZeroOrOne(a);
  const ZeroOrOne is_b = IsZeroOrOne(b);
  switch (kind) {
    case ExprKind::kAdd:
      if (is_a.zero) return b;
      if (is_b.zero) return a;
      return {};
    case ExprKind::kSub:
      if (is_b.zero) return a;
      return {};
    case ExprKind::kMul:
      if (is_a.one) return b;
      if (is_b.one) return a;
      if (is_a.zero) return a;
      if (is_b.zero) return b;
      return {};
    case ExprKind::kDiv:
    case ExprKind::kFloorDiv:
      if (is_a.zero && !is_b.zero) return a;
      if (is_b.one) return a;
      return {};
    case ExprKind::kMod:
    case ExprKind::kFloorMod:
      if (IsIntLike(a.dtype())) {
        if (is_a.zero && !is_b.zero) return a;
        if (is_b.one) return ConstOf(a.dtype(), 0);
      }
      return {};
    case ExprKind::kMin:
    case ExprKind::kMax:
      return a.same_as(b) ? a : Expr();
    default:
      return {};
  }
}

Expr Fold(ExprKind kind, Expr a, Expr b) {
  const auto* ia = IntOf(a);
  const auto* ib = IntOf(b);
  if (ia != nullptr && ib != nullptr) {
    if (Expr folded = FoldInts(kind, a.dtype(), ia->value, ib->value)) return folded;
  }
  if (ia == nullptr && ib == nullptr) {
    const auto* fa = FloatOf(a);
    const auto* fb = FloatOf(b);
    if (fa != nullptr && fb != nullptr) {
      if (Expr folded = FoldFloats(kind, a.dtype(), fa->value, fb->value)) return folded;
    }
  }
  return FoldIdentity(kind, a, b);
}

bool IsImm(Expr e) { return e.kind() == ExprKind::kIntImm || e.kind() == ExprKind::kFloatImm; }

Expr MatchedBinary(ExprKind kind, Expr a, Expr b) {
  if (a.dtype() != b.dtype()) MatchTypes(a, b);
  // Without a literal only min and max of one node fold.
  if (IsImm(a) || IsImm(b) || a == b) {
    if (Expr folded = Fold(kind, a, b)) return folded;
  }
  return MakeBinary(kind, a, b);
}

}  // namespace

int64_t FloorDivInt(int64_t a, int64_t b) {
  if (b == -1) return SubInt(0, a);
  const int64_t q = a / b;
  return (a % b != 0 && ((a < 0) != (b < 0))) ? q - 1 : q;
}

int64_t FloorModInt(int64_t a, int64_t b) {
  if (b == -1) return 0;
  const int64_t r = a % b;
  return (r != 0 && ((r < 0) != (b < 0))) ? r + b : r;
}

void MatchTypes(Expr& a, Expr& b) {
  if (a.dtype() == b.dtype()) return;
  DataType ta = a.dtype();
  DataType tb = b.dtype();
  if (ta.is_scalar() && tb.is_vector()) {
    if (ta.element() != tb.element()) a = Cast(tb.element(), a);
    a = MakeBroadcast(a, tb.lanes < 0
                             ? MakeBinary(ExprKind::kMul, Int32(-tb.lanes), MakeCall(kInt32, Builtin::vscale, {}))
                             : Int32(tb.lanes));
    return;
  }
  if (ta.is_vector() && tb.is_scalar()) {
    MatchTypes(b, a);
    return;
  }
  if (ta == tb) return;
  const int lanes = ta.lanes;
  auto convert = [&](DataType t) {
    t = t.with_lanes(lanes);
    a = Cast(t, a);
    b = Cast(t, b);
  };
  if (ta.is_float() && tb.is_float()) return convert(ta.bits >= tb.bits ? ta : tb);
  // IEEE types before bfloat16 before float8 before integers.
  const auto rank = [](DataType t) {
    return t.is_float() ? 3 : t.is_bfloat16() ? 2 : t.is_float8() ? 1 : IsIntLike(t) ? 0 : -1;
  };
  if (rank(ta) != rank(tb) && rank(ta) >= 0 && rank(tb) >= 0) return convert(rank(ta) > rank(tb) ? ta : tb);
  if (IsIntLike(ta) && IsIntLike(tb)) {
    if (ta.bits != tb.bits) return convert(ta.bits > tb.bits ? ta : tb);
    return convert(DataType::UInt(ta.bits));
  }
  HONE_CHECK(false) << "cannot match types " << ta.ToString() << " and " << tb.ToString();
}

Expr Cast(DataType dtype, Expr value) {
  if (value.dtype() == dtype) return value;
  if (dtype.is_scalar()) {
    if (const auto* i = IntOf(value)) {
      if (IsIntLike(dtype)) return IntImm(dtype, dtype.is_bool() ? (i->value != 0) : Wrap(dtype, i->value));
      if (dtype.is_any_float()) return FloatImm(dtype, static_cast<double>(i->value));
    }
    if (const auto* f = value.as<FloatImmNode>()) {
      if (dtype.is_any_float()) return FloatImm(dtype, f->value);
      if (IsIntLike(dtype) && std::abs(f->value) < 9e18) return IntImm(dtype, static_cast<int64_t>(f->value));
    }
  } else if (value.dtype().is_scalar()) {
    return MakeBroadcast(Cast(dtype.element(), value), static_cast<int>(dtype.lanes));
  } else if (const auto* broadcast = value.as<BroadcastNode>()) {
    if (value.dtype().lanes == dtype.lanes)
      return MakeBroadcast(Cast(dtype.element(), broadcast->value), broadcast->lanes);
  }
  return MakeCast(dtype, value);
}

Expr Add(Expr a, Expr b) { return MatchedBinary(ExprKind::kAdd, a, b); }
Expr Sub(Expr a, Expr b) { return MatchedBinary(ExprKind::kSub, a, b); }
Expr Mul(Expr a, Expr b) { return MatchedBinary(ExprKind::kMul, a, b); }
Expr Div(Expr a, Expr b) { return MatchedBinary(ExprKind::kDiv, a, b); }
Expr TruncDiv(Expr a, Expr b) { return MatchedBinary(ExprKind::kDiv, a, b); }
Expr TruncMod(Expr a, Expr b) { return MatchedBinary(ExprKind::kMod, a, b); }
Expr FloorDiv(Expr a, Expr b) { return MatchedBinary(ExprKind::kFloorDiv, a, b); }
Expr FloorMod(Expr a, Expr b) { return MatchedBinary(ExprKind::kFloorMod, a, b); }
Expr Min(Expr a, Expr b) { return MatchedBinary(ExprKind::kMin, a, b); }
Expr Max(Expr a, Expr b) { return MatchedBinary(ExprKind::kMax, a, b); }
Expr EQ(Expr a, Expr b) { return MatchedBinary(ExprKind::kEQ, a, b); }
Expr NE(Expr a, Expr b) { return MatchedBinary(ExprKind::kNE, a, b); }
Expr LT(Expr a, Expr b) { return MatchedBinary(ExprKind::kLT, a, b); }
Expr LE(Expr a, Expr b) { return MatchedBinary(ExprKind::kLE, a, b); }
Expr GT(Expr a, Expr b) { return MatchedBinary(ExprKind::kGT, a, b); }
Expr GE(Expr a, Expr b) { return MatchedBinary(ExprKind::kGE, a, b); }

Expr And(Expr a, Expr b) {
  if (IsTrue(a)) return b;
  if (IsFalse(a)) return a;
  if (IsTrue(b)) return a;
  if (IsFalse(b)) return b;
  return MakeBinary(ExprKind::kAnd, a, b);
}

Expr Or(Expr a, Expr b) {
  if (IsTrue(a)) return a;
  if (IsFalse(a)) return b;
  if (IsTrue(b)) return b;
  if (IsFalse(b)) return a;
  return MakeBinary(ExprKind::kOr, a, b);
}

Expr Not(Expr a) {
  if (IsTrue(a)) return BoolImm(false);
  if (IsFalse(a)) return BoolImm(true);
  return MakeNot(a);
}

Expr Neg(Expr a) {
  if (const auto* i = IntOf(a)) return IntImm(a.dtype(), Wrap(a.dtype(), SubInt(0, i->value)));
  if (const auto* f = a.as<FloatImmNode>()) return FloatImm(a.dtype(), -f->value);
  return Sub(ConstOf(a.dtype(), 0), a);
}

Expr Select(Expr condition, Expr true_value, Expr false_value) {
  MatchTypes(true_value, false_value);
  if (IsTrue(condition)) return true_value;
  if (IsFalse(condition)) return false_value;
  return MakeSelect(condition, true_value, false_value);
}

Expr IfThenElse(Expr condition, Expr true_value, Expr false_value) {
  MatchTypes(true_value, false_value);
  if (IsTrue(condition)) return true_value;
  if (IsFalse(condition)) return false_value;
  return MakeCall(true_value.dtype(), Builtin::if_then_else, {condition, true_value, false_value});
}

Expr Binary(ExprKind kind, Expr a, Expr b) {
  if (kind == ExprKind::kAnd) return And(a, b);
  if (kind == ExprKind::kOr) return Or(a, b);
  return MatchedBinary(kind, a, b);
}

Expr ConstOf(DataType dtype, int64_t value) {
  const DataType element = dtype.element();
  const Expr scalar = element.is_any_float() ? FloatImm(element, static_cast<double>(value)) : IntImm(element, value);
  return dtype.is_scalar() ? scalar : MakeBroadcast(scalar, static_cast<int>(dtype.lanes));
}

Expr Const(DataType dtype, double value) {
  const DataType element = dtype.element();
  const Expr scalar = element.is_any_float() ? FloatImm(element, value) : IntImm(element, static_cast<int64_t>(value));
  return dtype.is_scalar() ? scalar : MakeBroadcast(scalar, static_cast<int>(dtype.lanes));
}

}  // namespace hone::ir
