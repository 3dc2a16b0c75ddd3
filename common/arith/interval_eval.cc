// Evaluation of expressions over intervals with symbolic ends.
#include <optional>

#include "common/arith/analyzer.h"
#include "common/arith/int_set.h"
#include "common/arith/rewrite_simplify.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"

namespace hone::arith {

using ir::DataType;
using ir::Expr;
using ir::ExprKind;
using ir::Range;

namespace {

bool IsIntLike(DataType t) { return t.is_int() || t.is_uint(); }

Expr MaybeBinary(ExprKind kind, Expr a, Expr b) { return a && b ? ir::Binary(kind, a, b) : Expr(); }

bool FitsIfLiteral(Expr end, DataType type) {
  const int64_t* literal = end ? ir::ConstInt(end) : nullptr;
  return literal == nullptr || ConstIntBound::Everything(type).Contains(ConstIntBound::Point(*literal));
}

}  // namespace

class IntervalEvaluator {
 public:
  IntervalEvaluator(const DomMap& domains, Analyzer& analyzer) : domains_(domains), analyzer_(analyzer) {}

  IntSet Eval(const IntSet& set) {
    if (set.IsNothing() || set.IsEverything()) return set;
    // A domain may mention variables that have domains themselves, but no chain is longer than there are domains.
    if (depth_ >= domains_.size()) return set;
    ++depth_;
    const IntSet low = set.min() ? Eval(set.min()) : IntSet();
    const IntSet high = set.IsSinglePoint() ? low : set.max() ? Eval(set.max()) : IntSet();
    --depth_;
    if (low.IsSinglePoint() && low.same_as(high)) return low;
    return IntSet::Interval(low.min(), high.max());
  }

  IntSet Eval(Expr e) {
    switch (e.kind()) {
      case ExprKind::kIntImm:
        return IntSet::SinglePoint(e);
      case ExprKind::kVar:
        return OfVar(e);
      case ExprKind::kCast: {
        const Expr value = static_cast<const ir::CastNode*>(e.get())->value;
        return OfCast(e, value);
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
      case ExprKind::kEQ:
      case ExprKind::kNE:
      case ExprKind::kLT:
      case ExprKind::kLE:
      case ExprKind::kGT:
      case ExprKind::kGE:
      case ExprKind::kAnd:
      case ExprKind::kOr:
        return OfBinary(static_cast<const ir::BinaryNode*>(e.get()));
      case ExprKind::kSelect: {
        const auto* select = static_cast<const ir::SelectNode*>(e.get());
        if (!MentionsDomains(e)) return IntSet::SinglePoint(e);
        return Fired("set of select(c, x, y)", Union(Eval(select->true_value), Eval(select->false_value), analyzer_));
      }
      case ExprKind::kRamp:
        return OfRamp(static_cast<const ir::RampNode*>(e.get()));
      case ExprKind::kBroadcast:
        return Fired("set of broadcast", Eval(static_cast<const ir::BroadcastNode*>(e.get())->value));
      case ExprKind::kBufferLoad:
        return IsIntLike(e.dtype()) && e.dtype().is_scalar() && !MentionsDomains(e) ? IntSet::SinglePoint(e)
                                                                                    : IntSet::Everything();
      case ExprKind::kCall: {
        const auto* call = static_cast<const ir::CallNode*>(e.get());
        if (call->Is(ir::Builtin::vscale)) return IntSet::SinglePoint(e);
        if (call->Is(ir::Builtin::likely)) return Fired("set of likely(x)", Eval(call->args[0]));
        return IntSet::Everything();
      }
      default:
        return IntSet::Everything();
    }
  }

 private:
  bool MentionsDomains(Expr e) const {
    return ir::UsesVar(e, [&](ir::Var var) { return domains_.Contains(var.get()); });
  }

  IntSet OfVar(Expr e) {
    const IntSet* domain = domains_.Find(static_cast<const ir::VarNode*>(e.get()));
    if (domain == nullptr || (domain->IsSinglePoint() && domain->min() == e)) return IntSet::SinglePoint(e);
    return Fired("set of a variable", Eval(*domain));
  }

  IntSet OfCast(Expr e, Expr value) {
    const IntSet set = Eval(value);
    if (set.IsSinglePoint() && set.min() == value) return IntSet::SinglePoint(e);
    const DataType to = e.dtype().element();
    const DataType from = value.dtype().element();
    if (!IsIntLike(from) || !IsIntLike(to)) return IntSet::Everything();
    if (!from.is_index() || !to.is_index()) {
      // A value, or an end of its set, that does not fit wraps; then order is lost.
      const ConstIntBound all = ConstIntBound::Everything(to);
      auto fits = [&](Expr end) { return !end || all.Contains(analyzer_.const_int_bound(end)); };
      if (!fits(value) || !fits(set.min()) || !fits(set.max()))
        return Fired("set of a cast that may wrap", IntSet::Everything());
    } else if (!FitsIfLiteral(set.min(), to) || !FitsIfLiteral(set.max(), to)) {
      // Casts of indices are taken not to wrap, but this one would.
      return IntSet::Everything();
    }
    NoteRule("set of a cast");
    if (set.IsSinglePoint()) return IntSet::SinglePoint(ir::Cast(to, set.min()));
    return IntSet::Interval(set.min() ? ir::Cast(to, set.min()) : Expr(), set.max() ? ir::Cast(to, set.max()) : Expr());
  }

  IntSet OfRamp(const ir::RampNode* ramp) {
    const IntSet base = Eval(ramp->base);
    const int64_t* stride = ir::ConstInt(ramp->stride);
    const int64_t* lanes = ir::ConstInt(ramp->lanes);
    if (stride == nullptr || lanes == nullptr) return IntSet::Everything();
    const Expr zero = ir::IntImm(ramp->base.dtype(), 0);
    const Expr last = ir::IntImm(ramp->base.dtype(), *stride * (*lanes - 1));
    NoteRule("set of ramp");
    return Add(base, *stride >= 0 ? IntSet::Interval(zero, last) : IntSet::Interval(last, zero));
  }

  static IntSet Add(const IntSet& a, const IntSet& b) {
    NoteRule("set of x + y");
    return IntSet::Interval(MaybeBinary(ExprKind::kAdd, a.min(), b.min()),
                            MaybeBinary(ExprKind::kAdd, a.max(), b.max()));
  }

  IntSet OfBinary(const ir::BinaryNode* node) {
    const IntSet a = Eval(node->a);
    const IntSet b = Eval(node->b);
    if (a.IsNothing() || b.IsNothing()) return IntSet::Nothing();
    if (a.IsSinglePoint() && b.IsSinglePoint()) {
      if (a.min() == node->a && b.min() == node->b) return IntSet::SinglePoint(node);
      return Fired("set of points", IntSet::SinglePoint(ir::Binary(node->kind, a.min(), b.min())));
    }
    // Narrow and unsigned types may wrap; only order-keeping operations are safe on them.
    const DataType type = node->a.dtype().element();
    const bool exact = type.is_int() && type.bits >= 32;
    switch (node->kind) {
      case ExprKind::kAdd:
        return exact ? Add(a, b) : IntSet::Everything();
      case ExprKind::kSub:
        if (!exact) return IntSet::Everything();
        NoteRule("set of x - y");
        return IntSet::Interval(MaybeBinary(ExprKind::kSub, a.min(), b.max()),
                                MaybeBinary(ExprKind::kSub, a.max(), b.min()));
      case ExprKind::kMul:
        return exact ? Mul(a, b) : IntSet::Everything();
      case ExprKind::kDiv:
      case ExprKind::kFloorDiv:
        return exact ? Div(node->kind, a, b) : IntSet::Everything();
      case ExprKind::kMod:
      case ExprKind::kFloorMod:
        return exact ? Mod(node->kind, a, b) : IntSet::Everything();
      case ExprKind::kMin:
        NoteRule("set of min(x, y)");
        return IntSet::Interval(MaybeBinary(ExprKind::kMin, a.min(), b.min()), !a.max()   ? b.max()
                                                                               : !b.max() ? a.max()
                                                                                          : ir::Min(a.max(), b.max()));
      case ExprKind::kMax:
        NoteRule("set of max(x, y)");
        return IntSet::Interval(!a.min()   ? b.min()
                                : !b.min() ? a.min()
                                           : ir::Max(a.min(), b.min()),
                                MaybeBinary(ExprKind::kMax, a.max(), b.max()));
      default:
        return Fired("set of a condition", IntSet::Interval(ir::BoolImm(false), ir::BoolImm(true)));
    }
  }

  // -1, 1 or 0 when the sign of `e` is not known; zero counts as positive.
  int Sign(Expr e) {
    if (analyzer_.CanProveGreaterEqual(e, 0)) return 1;
    if (analyzer_.CanProveLess(e, 0)) return -1;
    return 0;
  }

  // x op factor for a set of x, where op is monotone in x: rising for a positive factor, falling for a negative one.
  IntSet Monotone(ExprKind kind, const IntSet& x, Expr factor) {
    const Expr low = MaybeBinary(kind, x.min(), factor);
    const Expr high = MaybeBinary(kind, x.max(), factor);
    const int sign = Sign(factor);
    if (sign > 0) return Fired("set of x * c, rising", IntSet::Interval(low, high));
    if (sign < 0) return Fired("set of x * c, falling", IntSet::Interval(high, low));
    if (!low || !high) return IntSet::Everything();
    NoteRule("set of x * y, sign unknown");
    const Expr positive = ir::GE(factor, ir::IntImm(factor.dtype(), 0));
    return IntSet::Interval(ir::Select(positive, low, high), ir::Select(positive, high, low));
  }

  IntSet Mul(IntSet a, IntSet b) {
    if (a.IsSinglePoint()) std::swap(a, b);
    if (!b.IsSinglePoint()) return IntSet::Everything();
    if (ir::IsZero(b.min())) return Fired("set of x * 0", b);
    if (ir::IsOne(b.min())) return Fired("set of x * 1", a);
    return Monotone(ExprKind::kMul, a, b.min());
  }

  IntSet Div(ExprKind kind, const IntSet& a, const IntSet& b) {
    if (!b.IsSinglePoint() || ir::IsZero(b.min())) return IntSet::Everything();
    if (ir::IsOne(b.min())) return Fired("set of x / 1", a);
    return Monotone(kind, a, b.min());
  }

  IntSet Mod(ExprKind kind, const IntSet& a, const IntSet& b) {
    if (!b.IsSinglePoint() || ir::IsZero(b.min())) return IntSet::Everything();
    const Expr divisor = b.min();
    const int sign = Sign(divisor);
    const Expr one = ir::IntImm(divisor.dtype(), 1);
    const Expr zero = ir::IntImm(divisor.dtype(), 0);
    const bool floor = kind == ExprKind::kFloorMod;
    if (sign > 0 && (floor || a.CanProveNonNegative(analyzer_))) {
      if (floor && IsConst(divisor) && a.IsBounded()) {
        // All between two multiples of the divisor: the remainder keeps the order.
        const Expr low = ir::FloorDiv(a.min(), divisor);
        const Expr high = ir::FloorDiv(a.max(), divisor);
        if (analyzer_.CanProveEqual(high, low)) {
          const Expr whole = ir::Mul(divisor, low);
          return Fired("set of x % c, one quotient",
                       IntSet::Interval(ir::Sub(a.min(), whole), ir::Sub(a.max(), whole)));
        }
      }
      return Fired("set of x % c", IntSet::Interval(zero, ir::Sub(divisor, one)));
    }
    const Expr size = sign > 0 ? divisor : sign < 0 ? ir::Sub(zero, divisor) : ir::Max(divisor, ir::Sub(zero, divisor));
    NoteRule("set of x % y, sign unknown");
    const Expr bound = ir::Sub(size, one);
    return IntSet::Interval(ir::Sub(zero, bound), bound);
  }

  const DomMap& domains_;
  Analyzer& analyzer_;
  size_t depth_ = 0;
};

IntSet EvalSet(Expr e, const DomMap& domains, Analyzer& analyzer) {
  return IntervalEvaluator(domains, analyzer).Eval(e);
}

IntSet EvalSet(Expr e, const DomMap& domains) {
  Analyzer analyzer;
  return EvalSet(e, domains, analyzer);
}

IntSet EvalSet(const Range& range, const DomMap& domains, Analyzer& analyzer) {
  if (ir::IsOne(range.extent)) return EvalSet(range.min, domains, analyzer);
  IntervalEvaluator evaluator(domains, analyzer);
  const Expr end = ir::Add(range.min, range.extent);
  const Expr last = analyzer.Simplify(ir::Sub(end, ir::ConstOf(end.dtype(), 1)));
  const IntSet low = evaluator.Eval(range.min);
  const IntSet high = evaluator.Eval(last);
  if (low.IsNothing() || high.IsNothing()) return IntSet::Nothing();
  return IntSet::Interval(low.min(), high.max());
}

IntSet EvalSet(const Range& range, const DomMap& domains) {
  Analyzer analyzer;
  return EvalSet(range, domains, analyzer);
}

IntSet EvalSet(const IntSet& set, const DomMap& domains, Analyzer& analyzer) {
  IntervalEvaluator evaluator(domains, analyzer);
  if (set.IsNothing()) return set;
  const IntSet low = set.min() ? evaluator.Eval(set.min()) : IntSet();
  const IntSet high = set.IsSinglePoint() ? low : set.max() ? evaluator.Eval(set.max()) : IntSet();
  if (set.IsSinglePoint()) return low;
  return IntSet::Interval(low.min(), high.max());
}

IntSet Analyzer::int_set(Expr e) {
  DomMap domains;
  for (const VarInfo& info : vars_) {
    if (info.value) {
      domains.Set(ir::Var(info.var), IntSet::SinglePoint(info.value));
    } else if (info.range) {
      domains.Set(ir::Var(info.var), info.range);
    }
  }
  return EvalSet(e, domains, *this);
}

}  // namespace hone::arith
