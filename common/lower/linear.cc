#include "common/lower/linear.h"

#include <algorithm>
#include <numeric>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"

namespace hone::lower {

using ir::BinaryNode;
using ir::DataType;
using ir::Expr;
using ir::ExprKind;
using ir::Var;

namespace {

int64_t Clamp(__int128 value) {
  constexpr __int128 limit = Bounds::kUnbounded;
  return static_cast<int64_t>(std::clamp<__int128>(value, -limit, limit));
}

// Saturating: anything with an infinite end stays infinite.
int64_t ScaledEnd(int64_t end, int64_t coef) {
  if (end >= Bounds::kUnbounded) return coef > 0 ? Bounds::kUnbounded : -Bounds::kUnbounded;
  if (end <= -Bounds::kUnbounded) return coef > 0 ? -Bounds::kUnbounded : Bounds::kUnbounded;
  return Clamp(static_cast<__int128>(end) * coef);
}

int64_t AddEnds(int64_t a, int64_t b) {
  if (a >= Bounds::kUnbounded || b >= Bounds::kUnbounded) return Bounds::kUnbounded;
  if (a <= -Bounds::kUnbounded || b <= -Bounds::kUnbounded) return -Bounds::kUnbounded;
  return Clamp(static_cast<__int128>(a) + b);
}

int64_t DivEnd(int64_t end, int64_t divisor) {
  if (end >= Bounds::kUnbounded || end <= -Bounds::kUnbounded) return end;
  return ir::FloorDivInt(end, divisor);
}

void AddScaled(Linear& out, const Linear& b, int64_t factor) {
  Linear sum;
  sum.constant = out.constant + b.constant * factor;
  size_t i = 0, j = 0;
  while (i < out.terms.size() || j < b.terms.size()) {
    if (j == b.terms.size() || (i < out.terms.size() && out.terms[i].atom < b.terms[j].atom)) {
      sum.terms.push_back(out.terms[i++]);
    } else if (i == out.terms.size() || b.terms[j].atom < out.terms[i].atom) {
      sum.terms.push_back({b.terms[j].atom, b.terms[j].coef * factor});
      ++j;
    } else {
      const int64_t coef = out.terms[i].coef + b.terms[j].coef * factor;
      if (coef != 0) sum.terms.push_back({out.terms[i].atom, coef});
      ++i;
      ++j;
    }
  }
  out = std::move(sum);
}

size_t HashLinear(const Linear& linear) {
  size_t hash = static_cast<size_t>(linear.constant) * 0x9E3779B97F4A7C15ull;
  for (const auto& term : linear.terms) {
    hash = (hash ^ static_cast<size_t>(term.atom)) * 0xFF51AFD7ED558CCDull;
    hash = (hash ^ static_cast<size_t>(term.coef)) * 0xC4CEB9FE1A85EC53ull;
  }
  return hash;
}

}  // namespace

Linear operator+(const Linear& a, const Linear& b) {
  Linear out = a;
  AddScaled(out, b, 1);
  return out;
}
Linear operator-(const Linear& a, const Linear& b) {
  Linear out = a;
  AddScaled(out, b, -1);
  return out;
}
Linear operator*(const Linear& a, int64_t factor) {
  if (factor == 0) return ConstLinear(0);
  Linear out = a;
  for (auto& term : out.terms) term.coef *= factor;
  out.constant *= factor;
  return out;
}
Linear ConstLinear(int64_t value) {
  Linear out;
  out.constant = value;
  return out;
}

void LinearContext::Bind(Var var, Bounds bounds) { bounds_[var.get()] = bounds; }

void LinearContext::BindLoop(Var var, Expr min, Expr extent) {
  const Bounds low = BoundsOf(min);
  const Bounds high = BoundsOf(Of(min) + Of(extent));
  Bind(var, {low.lo, high.hi >= Bounds::kUnbounded ? Bounds::kUnbounded : high.hi - 1});
}

Bounds LinearContext::BoundsOfVar(Var var) const {
  auto it = bounds_.find(var.get());
  if (it != bounds_.end()) return it->second;
  return var->is_size_var ? Bounds{0, Bounds::kUnbounded} : Bounds{};
}

int LinearContext::InternExpr(Expr e, AtomKind kind) {
  auto [it, inserted] = by_expr_.try_emplace(e, static_cast<int>(atoms_.size()));
  if (inserted) atoms_.push_back(Atom{kind, e, {}, {}, 0});
  return it->second;
}

int LinearContext::Intern(Atom atom) {
  const size_t hash = HashLinear(atom.a) * 31 + HashLinear(atom.b) * 17 + static_cast<size_t>(atom.divisor) * 7 +
                      static_cast<size_t>(atom.kind);
  auto& bucket = by_hash_[hash];
  for (int id : bucket) {
    const Atom& other = atoms_[id];
    if (other.kind == atom.kind && other.divisor == atom.divisor && other.a == atom.a && other.b == atom.b) return id;
  }
  bucket.push_back(static_cast<int>(atoms_.size()));
  atoms_.push_back(std::move(atom));
  return static_cast<int>(atoms_.size()) - 1;
}

Linear LinearContext::OfVar(Var var) {
  const Bounds bounds = BoundsOfVar(var);
  if (bounds.lo == bounds.hi) return ConstLinear(bounds.lo);
  Linear out;
  out.terms.push_back({InternExpr(var, AtomKind::kVar), 1});
  return out;
}

Bounds LinearContext::BoundsOfAtom(const Atom& atom) const {
  switch (atom.kind) {
    case AtomKind::kVar:
      return BoundsOfVar(Var(atom.expr.as<ir::VarNode>()));
    case AtomKind::kOpaque:
      return {};
    case AtomKind::kDiv: {
      const Bounds a = BoundsOf(atom.a);
      return {DivEnd(a.lo, atom.divisor), DivEnd(a.hi, atom.divisor)};
    }
    case AtomKind::kMod: {
      const Bounds a = BoundsOf(atom.a);
      if (a.bounded() && ir::FloorDivInt(a.lo, atom.divisor) == ir::FloorDivInt(a.hi, atom.divisor)) {
        return {ir::FloorModInt(a.lo, atom.divisor), ir::FloorModInt(a.hi, atom.divisor)};
      }
      return {0, atom.divisor - 1};
    }
    case AtomKind::kMin: {
      const Bounds a = BoundsOf(atom.a), b = BoundsOf(atom.b);
      return {std::min(a.lo, b.lo), std::min(a.hi, b.hi)};
    }
    case AtomKind::kMax: {
      const Bounds a = BoundsOf(atom.a), b = BoundsOf(atom.b);
      return {std::max(a.lo, b.lo), std::max(a.hi, b.hi)};
    }
  }
  return {};
}

Bounds LinearContext::BoundsOf(const Linear& linear) const {
  Bounds out{linear.constant, linear.constant};
  for (const auto& term : linear.terms) {
    const Bounds atom = BoundsOfAtom(atoms_[term.atom]);
    const int64_t a = ScaledEnd(atom.lo, term.coef), b = ScaledEnd(atom.hi, term.coef);
    out.lo = AddEnds(out.lo, std::min(a, b));
    out.hi = AddEnds(out.hi, std::max(a, b));
  }
  return out;
}

// a * (x % c) + a * c * (x // c)  =>  a * x
void LinearContext::Recombine(Linear& linear) const {
  for (size_t i = 0; i < linear.terms.size(); ++i) {
    const Atom& mod = atoms_[linear.terms[i].atom];
    if (mod.kind != AtomKind::kMod) continue;
    for (size_t j = 0; j < linear.terms.size(); ++j) {
      const Atom& div = atoms_[linear.terms[j].atom];
      if (div.kind != AtomKind::kDiv || div.divisor != mod.divisor || !(div.a == mod.a)) continue;
      if (linear.terms[j].coef != linear.terms[i].coef * mod.divisor) continue;
      const int64_t coef = linear.terms[i].coef;
      const Linear x = mod.a;
      linear.terms.erase(linear.terms.begin() + std::max(i, j));
      linear.terms.erase(linear.terms.begin() + std::min(i, j));
      AddScaled(linear, x, coef);
      Recombine(linear);
      return;
    }
  }
}

namespace {

// x = divisor * quotient + rest, with every coefficient of rest not divisible.
void SplitBy(const Linear& x, int64_t divisor, Linear& quotient, Linear& rest) {
  for (const auto& term : x.terms) {
    if (term.coef % divisor == 0) {
      quotient.terms.push_back({term.atom, term.coef / divisor});
    } else {
      // Keep the remainder of a large coefficient in the rest.
      const int64_t q = ir::FloorDivInt(term.coef, divisor);
      if (q > 0) quotient.terms.push_back({term.atom, q});
      rest.terms.push_back({term.atom, q > 0 ? term.coef - q * divisor : term.coef});
    }
  }
  quotient.constant = ir::FloorDivInt(x.constant, divisor);
  rest.constant = ir::FloorModInt(x.constant, divisor);
}

// rest = g * out + c0 with 0 <= c0 < g; false when there is no common factor with `divisor` above 1.
bool ReduceByGcd(const Linear& rest, int64_t divisor, int64_t& g, Linear& out, int64_t& c0) {
  g = divisor;
  for (const auto& term : rest.terms) g = std::gcd(g, term.coef);
  if (g <= 1) return false;
  out = rest;
  for (auto& term : out.terms) term.coef /= g;
  out.constant = ir::FloorDivInt(rest.constant, g);
  c0 = ir::FloorModInt(rest.constant, g);
  return true;
}

}  // namespace

bool LinearContext::SplitOffLow(const Linear& x, int64_t divisor, Linear& high, Linear& low, int64_t& scale) const {
  int64_t limit = divisor;
  while (true) {
    scale = 1;
    for (const Linear::Term& term : x.terms) {
      const int64_t size = std::abs(term.coef);
      if (size > scale && size < limit && divisor % size == 0) scale = size;
    }
    if (scale == 1) return false;
    high.terms.clear();
    low.terms.clear();
    for (const Linear::Term& term : x.terms) {
      if (term.coef % scale == 0) {
        high.terms.push_back({term.atom, term.coef / scale});
      } else {
        low.terms.push_back(term);
      }
    }
    high.constant = ir::FloorDivInt(x.constant, scale);
    low.constant = ir::FloorModInt(x.constant, scale);
    const Bounds bounds = BoundsOf(low);
    if (bounds.lo >= 0 && bounds.hi < scale) return true;
    limit = scale;
  }
}

Linear LinearContext::FloorDiv(const Linear& x, int64_t divisor) {
  if (divisor == 1) return x;
  Linear quotient, rest;
  SplitBy(x, divisor, quotient, rest);
  const Bounds bounds = BoundsOf(rest);
  if (bounds.bounded() && ir::FloorDivInt(bounds.lo, divisor) == ir::FloorDivInt(bounds.hi, divisor)) {
    quotient.constant += ir::FloorDivInt(bounds.lo, divisor);
    return quotient;
  }
  int64_t g, c0;
  Linear reduced;
  if (ReduceByGcd(rest, divisor, g, reduced, c0)) return quotient + FloorDiv(reduced, divisor / g);
  // (h * s + l) // c = h // (c / s) for 0 <= l < s, s dividing c.
  Linear high, low;
  int64_t scale;
  if (SplitOffLow(rest, divisor, high, low, scale)) return quotient + FloorDiv(high, divisor / scale);
  if (rest.terms.size() == 1 && rest.terms[0].coef == 1 && rest.constant == 0) {
    const Atom inner = atoms_[rest.terms[0].atom];
    if (inner.kind == AtomKind::kDiv) return quotient + FloorDiv(inner.a, inner.divisor * divisor);
    if (inner.kind == AtomKind::kMod && inner.divisor % divisor == 0) {
      return quotient + FloorMod(FloorDiv(inner.a, divisor), inner.divisor / divisor);
    }
  }
  Linear out;
  out.terms.push_back({Intern(Atom{AtomKind::kDiv, {}, rest, {}, divisor}), 1});
  return quotient + out;
}

Linear LinearContext::FloorMod(const Linear& x, int64_t divisor) {
  if (divisor == 1) return ConstLinear(0);
  Linear quotient, rest;
  SplitBy(x, divisor, quotient, rest);
  const Bounds bounds = BoundsOf(rest);
  if (bounds.bounded() && ir::FloorDivInt(bounds.lo, divisor) == ir::FloorDivInt(bounds.hi, divisor)) {
    rest.constant -= ir::FloorDivInt(bounds.lo, divisor) * divisor;
    return rest;
  }
  int64_t g, c0;
  Linear reduced;
  if (ReduceByGcd(rest, divisor, g, reduced, c0)) {
    Linear out = FloorMod(reduced, divisor / g) * g;
    out.constant += c0;
    return out;
  }
  Linear high, low;
  int64_t scale;
  if (SplitOffLow(rest, divisor, high, low, scale)) return FloorMod(high, divisor / scale) * scale + low;
  if (rest.terms.size() == 1 && rest.terms[0].coef == 1 && rest.constant == 0) {
    const Atom inner = atoms_[rest.terms[0].atom];
    if (inner.kind == AtomKind::kMod && inner.divisor % divisor == 0) return FloorMod(inner.a, divisor);
  }
  Linear out;
  out.terms.push_back({Intern(Atom{AtomKind::kMod, {}, rest, {}, divisor}), 1});
  return out;
}

Linear LinearContext::MinMax(AtomKind kind, const Linear& a, const Linear& b) {
  const Bounds difference = BoundsOf(a - b);
  const bool is_min = kind == AtomKind::kMin;
  if (difference.hi <= 0) return is_min ? a : b;
  if (difference.lo >= 0) return is_min ? b : a;
  Linear out;
  out.terms.push_back({Intern(Atom{kind, {}, a, b, 0}), 1});
  return out;
}

// Simplifies what is below an opaque node, and conditions.
class LinearSimplifier final : public ir::ExprMutator {
 public:
  explicit LinearSimplifier(LinearContext& context) : context_(context) {}
  using ir::ExprMutator::Mutate;

  Expr MutateExpr(Expr e) override {
    if (!e) return e;
    const bool arithmetic = e.dtype().is_index() && ir::BinaryNode::Is(e.kind());
    if (arithmetic) return Rebuilt(e);
    return ExprMutator::MutateExpr(e);
  }

  // The node with its children simplified.
  Expr Leaf(Expr e) { return ExprMutator::MutateExpr(e); }

 private:
  Expr Rebuilt(Expr e) {
    const Linear linear = context_.Of(e);
    return context_.ToExpr(linear, e.dtype());
  }

  Expr Mutate(const ir::VarNode* node) override {
    if (!node->dtype.is_index()) return node;
    const Bounds bounds = context_.BoundsOfVar(node);
    return bounds.lo == bounds.hi ? ir::IntImm(node->dtype, bounds.lo) : Expr(node);
  }

  Expr Mutate(const ir::CastNode* node) override {
    const Expr value = MutateExpr(node->value);
    if (value == node->value && ir::ConstInt(value) == nullptr) return node;
    return ir::Cast(node->dtype, value);
  }

  Expr Mutate(const BinaryNode* node) override {
    const ExprKind kind = node->kind;
    if (ir::IsComparison(kind) && node->a.dtype().is_index()) {
      if (std::optional<bool> known = context_.Decide(node)) return ir::BoolImm(*known);
      return Comparison(node);
    }
    const Expr a = MutateExpr(node->a);
    const Expr b = MutateExpr(node->b);
    if (a == node->a && b == node->b && kind != ExprKind::kAnd && kind != ExprKind::kOr) return node;
    return ir::Binary(kind, a, b);
  }

  // a < b with the constant on the right and common terms gone; sides keep their form when nothing cancels.
  Expr Comparison(const BinaryNode* node) {
    const Expr a = MutateExpr(node->a);
    const Expr b = MutateExpr(node->b);
    const Linear la = context_.Of(a), lb = context_.Of(b);
    const Linear difference = la - lb;
    if (difference.terms.size() >= la.terms.size() + lb.terms.size() || difference.terms.empty()) {
      return a == node->a && b == node->b ? Expr(node) : ir::Binary(node->kind, a, b);
    }
    Linear left = difference;
    left.constant = 0;
    return ir::Binary(node->kind, context_.ToExpr(left, a.dtype()), ir::IntImm(a.dtype(), -difference.constant));
  }

  Expr Mutate(const ir::NotNode* node) override {
    const Expr a = MutateExpr(node->a);
    return a == node->a ? Expr(node) : ir::Not(a);
  }

  Expr Mutate(const ir::SelectNode* node) override {
    const Expr condition = MutateExpr(node->condition);
    const Expr yes = MutateExpr(node->true_value);
    const Expr no = MutateExpr(node->false_value);
    if (ir::IsTrue(condition)) return yes;
    if (ir::IsFalse(condition)) return no;
    if (condition == node->condition && yes == node->true_value && no == node->false_value) return node;
    return ir::MakeSelect(condition, yes, no);
  }

  Expr Mutate(const ir::CallNode* node) override {
    if (!node->Is(ir::Builtin::if_then_else)) return ExprMutator::Mutate(node);
    const Expr condition = MutateExpr(node->args[0]);
    if (ir::IsTrue(condition)) return MutateExpr(node->args[1]);
    if (ir::IsFalse(condition)) return MutateExpr(node->args[2]);
    if (!condition.dtype().is_scalar()) return ExprMutator::Mutate(node);
    context_.EnterCondition(condition);
    const Expr yes = MutateExpr(node->args[1]);
    context_.LeaveCondition();
    const Expr no = MutateExpr(node->args[2]);
    if (condition == node->args[0] && yes == node->args[1] && no == node->args[2]) return node;
    return ir::MakeCall(node->dtype, ir::Builtin::if_then_else, {condition, yes, no});
  }

  LinearContext& context_;
};

Linear LinearContext::Of(Expr e) {
  if (const auto* imm = e.as<ir::IntImmNode>()) return ConstLinear(imm->value);
  if (!e.dtype().is_index()) {
    Linear out;
    out.terms.push_back({InternExpr(e, AtomKind::kOpaque), 1});
    return out;
  }
  if (const auto* var = e.as<ir::VarNode>()) return OfVar(var);
  if (const auto* cast = e.as<ir::CastNode>();
      cast != nullptr && cast->value.dtype().is_index() && cast->dtype.bits >= cast->value.dtype().bits) {
    return Of(cast->value);
  }
  if (const auto* binary = e.as<BinaryNode>()) {
    switch (binary->kind) {
      case ExprKind::kAdd: {
        Linear out = Of(binary->a);
        AddScaled(out, Of(binary->b), 1);
        Recombine(out);
        return out;
      }
      case ExprKind::kSub: {
        Linear out = Of(binary->a);
        AddScaled(out, Of(binary->b), -1);
        Recombine(out);
        return out;
      }
      case ExprKind::kMul: {
        const Linear a = Of(binary->a), b = Of(binary->b);
        if (b.is_const()) return a * b.constant;
        if (a.is_const()) return b * a.constant;
        break;
      }
      case ExprKind::kFloorDiv: {
        const Linear b = Of(binary->b);
        if (b.is_const() && b.constant > 0) return FloorDiv(Of(binary->a), b.constant);
        break;
      }
      case ExprKind::kFloorMod: {
        const Linear b = Of(binary->b);
        if (b.is_const() && b.constant > 0) return FloorMod(Of(binary->a), b.constant);
        break;
      }
      case ExprKind::kDiv:
      case ExprKind::kMod: {
        const Linear b = Of(binary->b);
        if (!b.is_const() || b.constant <= 0) break;
        const Linear a = Of(binary->a);
        if (BoundsOf(a).lo < 0) break;
        return binary->kind == ExprKind::kDiv ? FloorDiv(a, b.constant) : FloorMod(a, b.constant);
      }
      case ExprKind::kMin:
        return MinMax(AtomKind::kMin, Of(binary->a), Of(binary->b));
      case ExprKind::kMax:
        return MinMax(AtomKind::kMax, Of(binary->a), Of(binary->b));
      default:
        break;
    }
  }
  const Expr leaf = LinearSimplifier(*this).Leaf(e);
  if (const auto* imm = leaf.as<ir::IntImmNode>()) return ConstLinear(imm->value);
  Linear out;
  out.terms.push_back({InternExpr(leaf, AtomKind::kOpaque), 1});
  return out;
}

Expr LinearContext::ToExpr(const Linear& linear, DataType dtype) {
  auto term_expr = [&](int id) -> Expr {
    const Atom& atom = atoms_[id];
    const auto number = [&](int64_t value) { return ir::IntImm(dtype, value); };
    switch (atom.kind) {
      case AtomKind::kVar:
      case AtomKind::kOpaque:
        return atom.expr.dtype() == dtype ? atom.expr : ir::MakeCast(dtype, atom.expr);
      case AtomKind::kDiv:
        return ir::MakeBinary(ExprKind::kFloorDiv, ToExpr(atom.a, dtype), number(atom.divisor));
      case AtomKind::kMod:
        return ir::MakeBinary(ExprKind::kFloorMod, ToExpr(atom.a, dtype), number(atom.divisor));
      case AtomKind::kMin:
        return ir::MakeBinary(ExprKind::kMin, ToExpr(atom.a, dtype), ToExpr(atom.b, dtype));
      case AtomKind::kMax:
        return ir::MakeBinary(ExprKind::kMax, ToExpr(atom.a, dtype), ToExpr(atom.b, dtype));
    }
    return {};
  };
  absl::InlinedVector<Linear::Term, 6> terms(linear.terms.begin(), linear.terms.end());
  std::stable_sort(terms.begin(), terms.end(), [](const auto& a, const auto& b) { return a.coef > b.coef; });
  Expr out;
  for (const auto& term : terms) {
    const int64_t magnitude = term.coef < 0 && out ? -term.coef : term.coef;
    Expr e = term_expr(term.atom);
    if (magnitude != 1) e = ir::MakeBinary(ExprKind::kMul, e, ir::IntImm(dtype, magnitude));
    out = !out ? e : ir::MakeBinary(term.coef < 0 ? ExprKind::kSub : ExprKind::kAdd, out, e);
  }
  if (!out) return ir::IntImm(dtype, linear.constant);
  if (linear.constant > 0) return ir::MakeBinary(ExprKind::kAdd, out, ir::IntImm(dtype, linear.constant));
  if (linear.constant < 0) return ir::MakeBinary(ExprKind::kSub, out, ir::IntImm(dtype, -linear.constant));
  return out;
}

std::optional<bool> LinearContext::DecideNonPositive(const Linear& linear) const {
  const Bounds bounds = BoundsOf(linear);
  if (bounds.hi <= 0) return true;
  if (bounds.lo > 0) return false;
  for (const Linear& fact : facts_) {
    // linear <= fact + rest <= rest.
    if (BoundsOf(linear - fact).hi <= 0) return true;
    // linear >= 1 when linear + fact >= 1.
    if (BoundsOf(linear + fact).lo > 0) return false;
  }
  return std::nullopt;
}

std::optional<bool> LinearContext::Decide(Expr condition) {
  if (const auto* imm = condition.as<ir::IntImmNode>()) return imm->value != 0;
  if (const auto* call = condition.as<ir::CallNode>(); call != nullptr && call->Is(ir::Builtin::likely)) {
    return Decide(call->args[0]);
  }
  if (const auto* negation = condition.as<ir::NotNode>()) {
    if (auto a = Decide(negation->a)) return !*a;
    return std::nullopt;
  }
  const auto* binary = condition.as<BinaryNode>();
  if (binary == nullptr) return std::nullopt;
  if (binary->kind == ExprKind::kAnd || binary->kind == ExprKind::kOr) {
    const bool absorbing = binary->kind == ExprKind::kOr;
    const auto a = Decide(binary->a), b = Decide(binary->b);
    if ((a && *a == absorbing) || (b && *b == absorbing)) return absorbing;
    if (a && b) return !absorbing;
    return std::nullopt;
  }
  if (!ir::IsComparison(binary->kind) || !binary->a.dtype().is_index()) return std::nullopt;
  const Linear difference = Of(binary->a) - Of(binary->b);
  const auto shifted = [](Linear x, int64_t by) {
    x.constant += by;
    return x;
  };
  switch (binary->kind) {
    case ExprKind::kLE:
      return DecideNonPositive(difference);
    case ExprKind::kLT:
      return DecideNonPositive(shifted(difference, 1));
    case ExprKind::kGE:
      return DecideNonPositive(difference * -1);
    case ExprKind::kGT:
      return DecideNonPositive(shifted(difference * -1, 1));
    case ExprKind::kEQ:
    case ExprKind::kNE: {
      const bool is_eq = binary->kind == ExprKind::kEQ;
      if (difference.is_const()) return (difference.constant == 0) == is_eq;
      const auto le = DecideNonPositive(difference), ge = DecideNonPositive(difference * -1);
      if ((le && !*le) || (ge && !*ge)) return !is_eq;
      if (le && ge && *le && *ge) return is_eq;
      int64_t g = 0;
      for (const auto& term : difference.terms) g = std::gcd(g, term.coef);
      if (g > 1 && difference.constant % g != 0) return !is_eq;
      return std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

void LinearContext::Assume(Expr condition, bool positive) {
  if (const auto* call = condition.as<ir::CallNode>(); call != nullptr && call->Is(ir::Builtin::likely)) {
    return Assume(call->args[0], positive);
  }
  if (const auto* negation = condition.as<ir::NotNode>()) return Assume(negation->a, !positive);
  const auto* binary = condition.as<BinaryNode>();
  if (binary == nullptr) return;
  if (binary->kind == (positive ? ExprKind::kAnd : ExprKind::kOr)) {
    Assume(binary->a, positive);
    Assume(binary->b, positive);
    return;
  }
  if (!ir::IsComparison(binary->kind) || !binary->a.dtype().is_index()) return;
  ExprKind kind = binary->kind;
  if (!positive) {
    switch (kind) {
      case ExprKind::kLT:
        kind = ExprKind::kGE;
        break;
      case ExprKind::kLE:
        kind = ExprKind::kGT;
        break;
      case ExprKind::kGT:
        kind = ExprKind::kLE;
        break;
      case ExprKind::kGE:
        kind = ExprKind::kLT;
        break;
      case ExprKind::kNE:
        kind = ExprKind::kEQ;
        break;
      default:
        return;
    }
  }
  const Linear difference = Of(binary->a) - Of(binary->b);
  absl::InlinedVector<Linear, 2> facts;
  const auto add = [&](Linear fact, int64_t by) {
    fact.constant += by;
    facts.push_back(std::move(fact));
  };
  if (kind == ExprKind::kLE || kind == ExprKind::kEQ) add(difference, 0);
  if (kind == ExprKind::kGE || kind == ExprKind::kEQ) add(difference * -1, 0);
  if (kind == ExprKind::kLT) add(difference, 1);
  if (kind == ExprKind::kGT) add(difference * -1, 1);
  for (Linear& fact : facts) {
    if (fact.terms.size() == 1 && atoms_[fact.terms[0].atom].kind == AtomKind::kVar) {
      // coef * v + c <= 0 narrows v.
      const Var var(atoms_[fact.terms[0].atom].expr.as<ir::VarNode>());
      const int64_t coef = fact.terms[0].coef;
      Bounds bounds = BoundsOfVar(var);
      auto it = bounds_.find(var.get());
      scopes_.back().saved.emplace_back(var.get(),
                                        it != bounds_.end() ? std::optional<Bounds>(it->second) : std::nullopt);
      if (coef > 0) {
        bounds.hi = std::min(bounds.hi, ir::FloorDivInt(-fact.constant, coef));
      } else {
        bounds.lo = std::max(bounds.lo, -ir::FloorDivInt(-fact.constant, -coef));
      }
      if (bounds.lo <= bounds.hi) bounds_[var.get()] = bounds;
      continue;
    }
    if (!fact.is_const()) facts_.push_back(std::move(fact));
  }
}

void LinearContext::EnterCondition(Expr condition) {
  scopes_.push_back({facts_.size(), {}});
  Assume(condition, true);
}

void LinearContext::LeaveCondition() {
  Scope& scope = scopes_.back();
  facts_.resize(scope.facts);
  for (auto it = scope.saved.rbegin(); it != scope.saved.rend(); ++it) {
    if (it->second) {
      bounds_[it->first] = *it->second;
    } else {
      bounds_.erase(it->first);
    }
  }
  scopes_.pop_back();
}

Expr LinearContext::Simplify(Expr e) { return LinearSimplifier(*this).MutateExpr(e); }

bool LinearContext::Mentions(const Linear& linear, absl::FunctionRef<bool(Var)> wanted) const {
  for (const auto& term : linear.terms) {
    const Atom& atom = atoms_[term.atom];
    switch (atom.kind) {
      case AtomKind::kVar:
        if (wanted(Var(atom.expr.as<ir::VarNode>()))) return true;
        break;
      case AtomKind::kOpaque:
        if (ir::UsesVar(atom.expr, wanted)) return true;
        break;
      case AtomKind::kDiv:
      case AtomKind::kMod:
      case AtomKind::kMin:
      case AtomKind::kMax:
        if (Mentions(atom.a, wanted) || Mentions(atom.b, wanted)) return true;
        break;
    }
  }
  return false;
}

}  // namespace hone::lower
