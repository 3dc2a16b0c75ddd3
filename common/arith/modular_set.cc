#include "common/arith/modular_set.h"

#include <cstdlib>

#include "common/arith/analyzer.h"
#include "common/arith/inf_int.h"
#include "common/arith/rule_log.h"

namespace hone::arith {

using ir::DataType;
using ir::Expr;
using ir::ExprKind;

ModularSet MakeModularSet(int64_t coeff, int64_t base) {
  if (coeff == INT64_MIN) return {};
  if (coeff < 0) coeff = -coeff;
  if (coeff != 0) base = ir::FloorModInt(base, coeff);
  return {coeff, base};
}

namespace {

// Everything when a product or sum does not fit.
bool MulFits(int64_t a, int64_t b, int64_t* out) { return !__builtin_mul_overflow(a, b, out) && *out != INT64_MIN; }
bool AddFits(int64_t a, int64_t b, int64_t* out) { return !__builtin_add_overflow(a, b, out) && *out != INT64_MIN; }

ModularSet AddSets(ModularSet a, ModularSet b) {
  int64_t base;
  if (!AddFits(a.base, b.base, &base)) return {};
  return MakeModularSet(ZeroAwareGcd(a.coeff, b.coeff), base);
}

ModularSet SubSets(ModularSet a, ModularSet b) {
  int64_t base;
  if (!AddFits(a.base, -b.base, &base)) return {};
  return MakeModularSet(ZeroAwareGcd(a.coeff, b.coeff), base);
}

// (p x + n) (q y + m) = pq xy + pm x + qn y + nm.
ModularSet MulSets(ModularSet a, ModularSet b) {
  int64_t pq, pm, qn, nm;
  if (!MulFits(a.coeff, b.coeff, &pq) || !MulFits(a.coeff, b.base, &pm) || !MulFits(b.coeff, a.base, &qn) ||
      !MulFits(a.base, b.base, &nm)) {
    return {};
  }
  return MakeModularSet(ZeroAwareGcd(pq, ZeroAwareGcd(pm, qn)), nm);
}

}  // namespace

ModularSet Union(ModularSet a, ModularSet b) {
  int64_t distance;
  if (!AddFits(a.base, -b.base, &distance)) return {};
  return MakeModularSet(ZeroAwareGcd(ZeroAwareGcd(a.coeff, b.coeff), std::abs(distance)), a.base);
}

class ModularVisitor {
 public:
  explicit ModularVisitor(Analyzer& analyzer) : analyzer_(analyzer) {}

  ModularSet Visit(Expr e) {
    // Types that may wrap have no modular structure that survives (except literals).
    switch (e.kind()) {
      case ExprKind::kIntImm: {
        const int64_t value = static_cast<const ir::IntImmNode*>(e.get())->value;
        return value == INT64_MIN ? ModularSet{} : ModularSet{0, value};
      }
      case ExprKind::kVar: {
        const auto* info = analyzer_.Find(static_cast<const ir::VarNode*>(e.get()));
        return info != nullptr ? info->modular : ModularSet{};
      }
      case ExprKind::kCast: {
        const auto* cast = static_cast<const ir::CastNode*>(e.get());
        return Exact(cast->dtype) && Exact(cast->value.dtype()) ? Fired("modular set of a cast", Visit(cast->value))
                                                                : ModularSet{};
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
        return Fired("modular set of select(c, x, y)", Either(select->true_value, select->false_value));
      }
      case ExprKind::kCall: {
        const auto* call = static_cast<const ir::CallNode*>(e.get());
        if (!Exact(call->dtype)) return {};
        if (call->Is(ir::Builtin::shift_left)) return OfShiftLeft(call);
        if (call->Is(ir::Builtin::if_then_else)) {
          return Fired("modular set of if_then_else(c, x, y)", Either(call->args[1], call->args[2]));
        }
        return {};
      }
      default:
        return {};
    }
  }

 private:
  static bool Exact(DataType dtype) { return dtype.is_index(); }

  ModularSet Either(Expr a, Expr b) {
    const ModularSet x = Visit(a);
    return x.is_everything() ? x : Union(x, Visit(b));
  }

  ModularSet OfBinary(const ir::BinaryNode* node) {
    if (!Exact(node->dtype)) return {};
    switch (node->kind) {
      case ExprKind::kAdd:
        return Fired("modular set of x + y", AddSets(Visit(node->a), Visit(node->b)));
      case ExprKind::kSub:
        return Fired("modular set of x - y", SubSets(Visit(node->a), Visit(node->b)));
      case ExprKind::kMul:
        return Fired("modular set of x * y", MulSets(Visit(node->a), Visit(node->b)));
      case ExprKind::kDiv:
        return DivByConst(node, /*floor=*/false);
      case ExprKind::kFloorDiv:
        return DivByConst(node, /*floor=*/true);
      case ExprKind::kMod:
        return ModByConst(node, /*floor=*/false);
      case ExprKind::kFloorMod:
        return ModByConst(node, /*floor=*/true);
      default:
        return Fired("modular set of min(x, y)", Either(node->a, node->b));
    }
  }

  ModularSet DivByConst(const ir::BinaryNode* node, bool floor) {
    const int64_t* divisor = ir::ConstInt(node->b);
    if (divisor == nullptr || *divisor == 0 || *divisor == INT64_MIN) return {};
    const ModularSet a = Visit(node->a);
    if (a.coeff % *divisor != 0) return {};
    if (a.base % *divisor == 0) {
      return Fired("modular set of x / c, divisible", MakeModularSet(a.coeff / *divisor, a.base / *divisor));
    }
    // Rounds down only with the floor form, or when nothing is negative.
    if (*divisor > 0 && (floor || analyzer_.CanProveGreaterEqual(node->a, 0))) {
      return Fired("modular set of x / c, rounded down",
                   MakeModularSet(a.coeff / *divisor, ir::FloorDivInt(a.base, *divisor)));
    }
    return {};
  }

  ModularSet ModByConst(const ir::BinaryNode* node, bool floor) {
    const int64_t* divisor = ir::ConstInt(node->b);
    if (divisor == nullptr || *divisor == 0 || *divisor == INT64_MIN) return {};
    const ModularSet a = Visit(node->a);
    // Both forms subtract a multiple of the divisor.
    const int64_t step = ZeroAwareGcd(a.coeff, std::abs(*divisor));
    if (a.coeff == 0) NoteRule("modular set of a literal % c");
    if (a.coeff == 0) return {0, floor ? ir::FloorModInt(a.base, *divisor) : a.base % *divisor};
    return Fired("modular set of x % c", MakeModularSet(step, a.base));
  }

  ModularSet OfShiftLeft(const ir::CallNode* call) {
    const int64_t* shift = ir::ConstInt(call->args[1]);
    if (shift == nullptr || *shift < 0 || *shift > 61) return {};
    return Fired("modular set of x << c", MulSets(Visit(call->args[0]), {0, int64_t{1} << *shift}));
  }

  Analyzer& analyzer_;
};

ModularSet Analyzer::modular_set(Expr e) { return ModularVisitor(*this).Visit(e); }

}  // namespace hone::arith
