#include "common/arith/testing/random_expr.h"

#include "common/ir/ops.h"

namespace hone::arith::testing {

using ir::Expr;
using ir::ExprKind;

RandomExpr::RandomExpr(CounterRandom& random, int num_vars) : random_(random) {
  static constexpr const char* kNames[] = {"x", "y", "z", "w", "u", "v"};
  static constexpr int64_t kExtents[] = {1, 2, 3, 4, 5, 7, 8, 8, 12, 16, 16, 32, 33, 64};
  for (int i = 0; i < num_vars; ++i) {
    const int64_t min = random_.Below(3) == 0 ? random_.Between(-9, 9) : 0;
    vars_.push_back({ir::MakeVar(kNames[i], ir::kInt32), min, kExtents[random_.Below(14)]});
  }
}

Environment RandomExpr::Sample() {
  Environment out;
  for (const RandomVar& v : vars_) out.emplace_back(v.var.get(), v.min + static_cast<int64_t>(random_.Below(v.extent)));
  return out;
}

Expr RandomExpr::Literal() {
  static constexpr int64_t kValues[] = {0, 1,  1,  2,  2,  3,  4,  4,  5,  6,  7,  8,
                                        8, 12, 15, 16, 32, 64, -1, -1, -2, -3, -4, -8};
  if (extreme_ && random_.Below(3) == 0) {
    static constexpr int64_t kExtremes[] = {INT32_MAX, INT32_MIN, INT32_MAX - 1, INT32_MIN + 1, 65536, -65536, 1 << 30};
    return ir::Int32(kExtremes[random_.Below(7)]);
  }
  return ir::Int32(kValues[random_.Below(24)]);
}

Expr RandomExpr::Leaf() { return random_.Below(3) == 0 ? Literal() : Expr(vars_[random_.Below(vars_.size())].var); }

Expr RandomExpr::Divisor(int depth) {
  if (random_.Below(8) == 0) return Int(depth - 1);
  if (extreme_) return Literal();
  static constexpr int64_t kValues[] = {2, 2, 3, 4, 4, 5, 6, 8, 8, 12, 16, 32, -2, -3, 1, 7};
  return ir::Int32(kValues[random_.Below(16)]);
}

Expr RandomExpr::Int(int depth) {
  if (depth <= 0 || random_.Below(8) == 0) return Leaf();
  auto sub = [&] { return Int(depth - 1); };
  switch (random_.Below(22)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return ir::MakeBinary(ExprKind::kAdd, sub(), sub());
    case 4:
    case 5:
      return ir::MakeBinary(ExprKind::kSub, sub(), sub());
    case 6:
    case 7:
    case 8:
      return ir::MakeBinary(ExprKind::kMul, sub(), random_.Below(4) == 0 ? Leaf() : Literal());
    case 9:
    case 10:
    case 11:
      return ir::MakeBinary(ExprKind::kFloorDiv, sub(), Divisor(depth));
    case 12:
    case 13:
    case 14:
      return ir::MakeBinary(ExprKind::kFloorMod, sub(), Divisor(depth));
    case 15:
      return ir::MakeBinary(ExprKind::kDiv, sub(), Divisor(depth));
    case 16:
      return ir::MakeBinary(ExprKind::kMod, sub(), Divisor(depth));
    case 17:
      return ir::MakeBinary(ExprKind::kMin, sub(), sub());
    case 18:
      return ir::MakeBinary(ExprKind::kMax, sub(), sub());
    case 19:
      return ir::MakeSelect(Bool(depth - 1), sub(), sub());
    case 20: {
      const Expr condition = Bool(depth - 1);
      const Expr a = sub();
      const Expr b = sub();
      return ir::MakeCall(ir::kInt32, ir::Builtin::if_then_else, {condition, a, b});
    }
    default: {
      static constexpr ir::DataType kTypes[] = {ir::kInt64, ir::DataType::Int(8), ir::DataType::UInt(8),
                                                ir::DataType::UInt(32)};
      const ir::DataType type = kTypes[random_.Below(8) < 5 ? 0 : random_.Below(4)];
      Expr inner = ir::MakeCast(type, sub());
      if (random_.Below(2) == 0) {
        const ExprKind kind = static_cast<ExprKind>(static_cast<int>(ExprKind::kAdd) + random_.Below(9));
        inner = ir::MakeBinary(kind, inner, ir::Cast(type, Divisor(0)));
      }
      return ir::MakeCast(ir::kInt32, inner);
    }
  }
}

Expr RandomExpr::Bool(int depth) {
  if (depth > 0 && random_.Below(3) == 0) {
    const Expr a = Bool(depth - 1);
    if (random_.Below(5) == 0) return ir::MakeNot(a);
    return ir::MakeBinary(random_.Below(2) == 0 ? ExprKind::kAnd : ExprKind::kOr, a, Bool(depth - 1));
  }
  const ExprKind kind = static_cast<ExprKind>(static_cast<int>(ExprKind::kEQ) + random_.Below(6));
  const Expr a = Int(depth - 1);
  return ir::MakeBinary(kind, a, random_.Below(2) == 0 ? Literal() : Int(depth - 1));
}

Expr RandomExpr::Vector(int depth) {
  if (depth <= 0 || random_.Below(4) == 0) {
    if (random_.Below(3) == 0) return ir::MakeBroadcast(Int(1), 4);
    return ir::MakeRamp(Int(2), Literal(), 4);
  }
  static constexpr ExprKind kKinds[] = {ExprKind::kAdd,      ExprKind::kSub,      ExprKind::kMul,
                                        ExprKind::kFloorDiv, ExprKind::kFloorMod, ExprKind::kDiv,
                                        ExprKind::kMod,      ExprKind::kMin,      ExprKind::kMax};
  const ExprKind kind = kKinds[random_.Below(9)];
  const Expr a = Vector(depth - 1);
  if (kind >= ExprKind::kDiv && kind <= ExprKind::kFloorMod)
    return ir::MakeBinary(kind, a, ir::MakeBroadcast(Divisor(0), 4));
  return ir::MakeBinary(kind, a, Vector(depth - 1));
}

Expr RandomExpr::Index() {
  auto fused = [&] {
    Expr sum = vars_[random_.Below(vars_.size())].var;
    const int more = static_cast<int>(random_.Below(3));
    for (int i = 0; i < more; ++i) {
      const RandomVar& next = vars_[random_.Below(vars_.size())];
      sum = ir::Add(ir::Mul(sum, ir::Int32(next.extent)), next.var);
    }
    return sum;
  };
  static constexpr int64_t kFactors[] = {2, 3, 4, 8, 16, 32};
  auto factor = [&] { return ir::Int32(kFactors[random_.Below(6)]); };
  Expr out;
  const int terms = 1 + static_cast<int>(random_.Below(4));
  for (int i = 0; i < terms; ++i) {
    Expr term = fused();
    if (random_.Below(2) == 0) term = ir::FloorMod(term, factor());
    if (random_.Below(2) == 0) term = ir::FloorDiv(term, factor());
    if (random_.Below(2) == 0) term = ir::Mul(term, factor());
    out = !out ? term : random_.Below(5) == 0 ? ir::Sub(out, term) : ir::Add(out, term);
  }
  if (random_.Below(3) == 0) out = ir::Add(out, Literal());
  if (random_.Below(3) == 0) out = ir::FloorMod(out, factor());
  if (random_.Below(4) == 0) out = ir::FloorDiv(out, factor());
  return out;
}

}  // namespace hone::arith::testing
