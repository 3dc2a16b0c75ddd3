// The short way to simplify linear index expressions.
#include "common/arith/rewrite_simplify.h"

namespace hone::arith {
namespace {

using ir::DataType;
using ir::Expr;
using ir::ExprKind;

// A sum of products of distinct variables with positive literals, in the order in which the variables appear, and a
// literal that is not negative. Also finds out whether the expression is written in just that way already:
// x0 * s0 + x1 * s1 + ... + base, added from the left, without literals 1 and 0.
class LinearSum {
 public:
  explicit LinearSum(DataType dtype) : dtype_(dtype) {}

  struct Term {
    const ir::VarNode* var;
    int64_t scale;
  };

  // False when the expression is not of the form, or too long.
  template <typename ValueOf>
  bool Collect(Expr e, int64_t scale, const ValueOf& value_of) {
    switch (e.kind()) {
      case ExprKind::kIntImm:
        return AddLiteral(e.as<ir::IntImmNode>()->value, scale);
      case ExprKind::kVar: {
        const auto* var = static_cast<const ir::VarNode*>(e.get());
        if (var->dtype != dtype_) return false;
        const Expr value = value_of(var);
        if (!value) return AddVar(var, scale);
        normal_ = false;
        return value.kind() == ExprKind::kIntImm && AddLiteral(value.as<ir::IntImmNode>()->value, scale);
      }
      case ExprKind::kAdd: {
        const auto* add = static_cast<const ir::BinaryNode*>(e.get());
        if (scale != 1 || add->b.kind() == ExprKind::kAdd) normal_ = false;
        return Collect(add->a, scale, value_of) && Collect(add->b, scale, value_of);
      }
      case ExprKind::kMul: {
        const auto* mul = static_cast<const ir::BinaryNode*>(e.get());
        const auto* literal = mul->b.as<ir::IntImmNode>();
        Expr factor = mul->a;
        if (literal == nullptr) {
          literal = mul->a.as<ir::IntImmNode>();
          factor = mul->b;
          normal_ = false;
        }
        if (literal == nullptr || literal->value <= 0 || literal->value > kLimit) return false;
        if (literal->value == 1 || factor.kind() != ExprKind::kVar) normal_ = false;
        return Collect(factor, scale * literal->value, value_of);
      }
      default:
        return false;
    }
  }

  bool is_normal() const { return normal_; }
  bool starts_with_shared_factor() const {
    return size_ >= 2 && terms_[0].scale == terms_[1].scale && terms_[0].scale != 1;
  }

  Expr Make() const {
    Expr out;
    auto add = [&](Expr e) { out = out ? ir::MakeBinary(ExprKind::kAdd, out, e) : e; };
    for (int i = 0; i < size_; ++i) {
      const Expr var(terms_[i].var);
      add(terms_[i].scale == 1 ? var : ir::MakeBinary(ExprKind::kMul, var, ir::IntImm(dtype_, terms_[i].scale)));
    }
    if (base_ != 0 || !out) add(ir::IntImm(dtype_, base_));
    return out;
  }

 private:
  // Products of two such numbers fit 64 bits, sums of a few 32.
  static constexpr int64_t kLimit = int64_t{1} << 27;
  static constexpr int kMaxTerms = 16;

  bool AddLiteral(int64_t value, int64_t scale) {
    if (value < 0 || value > kLimit || scale > kLimit) return false;
    if (value == 0 || any_) normal_ = false;
    any_ = true;
    base_ += value * scale;
    return base_ <= kLimit;
  }

  bool AddVar(const ir::VarNode* var, int64_t scale) {
    if (scale > kLimit) return false;
    if (any_) normal_ = false;  // Literals come last.
    for (int i = 0; i < size_; ++i) {
      if (terms_[i].var != var) continue;
      normal_ = false;
      terms_[i].scale += scale;
      return terms_[i].scale <= kLimit;
    }
    if (size_ == kMaxTerms) return false;
    terms_[size_++] = {var, scale};
    return true;
  }

  const DataType dtype_;
  int64_t base_ = 0;
  bool any_ = false;  // A literal was added.
  bool normal_ = true;
  int size_ = 0;
  Term terms_[kMaxTerms];
};

}  // namespace

Expr RewriteSimplifier::CanonicalLinear(const Analyzer& analyzer, Expr e) {
  if (!e.dtype().is_index() || (e.kind() != ExprKind::kAdd && e.kind() != ExprKind::kMul)) return {};
  LinearSum sum(e.dtype());
  const auto value_of = [&](const ir::VarNode* var) {
    const auto* info = analyzer.Find(var);
    return info != nullptr ? info->value : Expr();
  };
  if (!sum.Collect(e, 1, value_of)) return {};
  return sum.is_normal() ? e : sum.Make();
}

bool RewriteSimplifier::IsSimpleLinear(const Analyzer& analyzer, Expr e) {
  if (!e.dtype().is_index() || e.kind() != ExprKind::kAdd) return false;
  LinearSum sum(e.dtype());
  const auto value_of = [&](const ir::VarNode* var) {
    const auto* info = analyzer.Find(var);
    return info != nullptr ? info->value : Expr();
  };
  // x * c + y * c becomes (x + y) * c.
  return sum.Collect(e, 1, value_of) && sum.is_normal() && !sum.starts_with_shared_factor();
}

}  // namespace hone::arith
