// Rule-based simplification of one node after the other, children first. Internal to the analyzer.
#pragma once

#include <optional>

#include "common/arith/analyzer.h"
#include "common/arith/deep_equal.h"
#include "common/arith/rule_log.h"
#include "common/ir/ops.h"

namespace hone::arith {

// The rules are plain code on node kinds, grouped by operator. Every ...Rules method gets simplified operands and
// returns the rewritten expression, or null when no rule applies.
class RewriteSimplifier {
 public:
  explicit RewriteSimplifier(Analyzer& analyzer) : analyzer_(analyzer) {}
  virtual ~RewriteSimplifier() = default;

  // The simplified form of `e`, not null; `e` itself when nothing changed.
  virtual ir::Expr Visit(ir::Expr e);

  // Sums of products of variables with positive literals, the bulk of all index expressions, go a short way, in one
  // pass (linear_simplify.cc). CanonicalLinear gives their canonical form, which is also what canonical, rewrite and
  // canonical simplification give together: rewriting does nothing to them that the last step would not undo. Null for
  // any other form. IsSimpleLinear: no rule rewrites `e` and it is canonical.
  static ir::Expr CanonicalLinear(const Analyzer& analyzer, ir::Expr e);
  static bool IsSimpleLinear(const Analyzer& analyzer, ir::Expr e);

 protected:
  // Children through Visit(), then the rules of the node.
  ir::Expr VisitNode(ir::Expr e);
  // Visits the result of a rule again, up to a depth.
  ir::Expr Again(ir::Expr e);
  // The order of the simplified `x` and `value`.
  CompareResult CompareToConst(ir::Expr x, int64_t value);
  CompareResult Compare(ir::Expr x, ir::Expr y);

  // rewrite_simplify.cc
  ir::Expr VisitBinary(const ir::BinaryNode* node);
  ir::Expr VisitNot(const ir::NotNode* node);
  ir::Expr VisitSelect(const ir::SelectNode* node);
  ir::Expr VisitCall(const ir::CallNode* node);
  ir::Expr VisitIfThenElse(const ir::CallNode* node);
  ir::Expr VisitCast(const ir::CastNode* node);
  ir::Expr VisitLet(const ir::LetNode* node);
  ir::Expr VisitLoad(const ir::BufferLoadNode* node);
  ir::Expr VisitRamp(const ir::RampNode* node);
  ir::Expr VisitBroadcast(const ir::BroadcastNode* node);
  ir::Expr VisitShuffle(const ir::ShuffleNode* node);
  ir::Array<ir::Expr> VisitArray(ir::Array<ir::Expr> exprs);
  ir::Expr Apply(const ir::BinaryNode* node);
  // The truth of a comparison by the literal constraints of the context; null when unknown.
  ir::Expr MatchConstraint(ir::Expr condition);

  // rewrite_vector.cc
  ir::Expr VectorRules(ir::ExprKind kind, ir::Expr a, ir::Expr b);
  ir::Expr VectorDivModRules(ir::ExprKind kind, ir::Expr a, ir::Expr b);
  // rewrite_add_sub.cc
  ir::Expr AddRules(ir::Expr a, ir::Expr b);
  ir::Expr SubRules(ir::Expr a, ir::Expr b);
  ir::Expr AddMinMaxRules(ir::Expr a, ir::Expr b);
  ir::Expr SubMinMaxRules(ir::Expr a, ir::Expr b);
  ir::Expr AddDivModRules(ir::Expr a, ir::Expr b);
  ir::Expr SubDivModRules(ir::Expr a, ir::Expr b);
  ir::Expr SubProductRules(ir::Expr a, ir::Expr b);
  // rewrite_mul_div.cc
  ir::Expr MulRules(ir::Expr a, ir::Expr b);
  ir::Expr DivRules(ir::Expr a, ir::Expr b, bool floor);
  ir::Expr DivByConstRules(ir::Expr a, int64_t divisor, bool floor);
  ir::Expr ModRules(ir::Expr a, ir::Expr b, bool floor);
  ir::Expr ModByConstRules(ir::Expr a, int64_t divisor, bool floor);
  // rewrite_min_max.cc
  ir::Expr MinMaxRules(ir::ExprKind kind, ir::Expr a, ir::Expr b);
  ir::Expr MinMaxDivModRules(ir::ExprKind kind, ir::Expr a, ir::Expr b);
  ir::Expr MinMaxShareRules(ir::ExprKind kind, ir::Expr a, ir::Expr b);
  ir::Expr MinMaxConstRules(ir::ExprKind kind, ir::Expr a, ir::Expr b);
  // rewrite_compare.cc
  ir::Expr EqualRules(ir::Expr a, ir::Expr b);
  ir::Expr NotEqualRules(ir::Expr a, ir::Expr b);
  ir::Expr LessRules(ir::Expr a, ir::Expr b);
  ir::Expr LessShareRules(ir::Expr a, ir::Expr b);
  ir::Expr LessScaledRules(ir::Expr a, ir::Expr b);
  ir::Expr LessDivRules(ir::Expr a, ir::Expr b);
  ir::Expr LessMinMaxRules(ir::Expr a, ir::Expr b);
  ir::Expr LessConstRules(ir::Expr a, ir::Expr b);
  ir::Expr LessEqualRules(ir::Expr a, ir::Expr b);
  // rewrite_logic.cc
  ir::Expr AndRules(ir::Expr a, ir::Expr b);
  ir::Expr OrRules(ir::Expr a, ir::Expr b);

  bool NonNegative(ir::Expr e) { return analyzer_.const_int_bound(e).min_value >= 0; }

  Analyzer& analyzer_;
};

// The negation of a comparison or logic expression without a Not where possible; not simplified.
ir::Expr Negate(ir::Expr condition);

// Evaluating `e` changes nothing: it may be dropped, and equal ones merged.
bool Pure(ir::Expr e);

// ---- small matchers

inline const ir::BinaryNode* Match(ir::ExprKind kind, ir::Expr e) {
  return e.kind() == kind ? static_cast<const ir::BinaryNode*>(e.get()) : nullptr;
}
inline bool Same(ir::Expr a, ir::Expr b) { return DeepEqual(a, b); }
inline bool IsConst(ir::Expr e) { return e.kind() == ir::ExprKind::kIntImm; }
inline int64_t ConstOfNode(ir::Expr e) { return static_cast<const ir::IntImmNode*>(e.get())->value; }
// x * c with a literal c: its two parts.
struct Scaled {
  ir::Expr x;
  int64_t c;
};
inline std::optional<Scaled> MatchScaled(ir::Expr e) {
  const auto* mul = Match(ir::ExprKind::kMul, e);
  if (mul == nullptr || !IsConst(mul->b)) return std::nullopt;
  return Scaled{mul->a, ConstOfNode(mul->b)};
}
// x + c or x - c with a literal c (c negated for x - c).
inline std::optional<Scaled> MatchOffset(ir::Expr e) {
  if (const auto* add = Match(ir::ExprKind::kAdd, e); add != nullptr && IsConst(add->b)) {
    return Scaled{add->a, ConstOfNode(add->b)};
  }
  if (const auto* sub = Match(ir::ExprKind::kSub, e);
      sub != nullptr && IsConst(sub->b) && ConstOfNode(sub->b) != INT64_MIN) {
    return Scaled{sub->a, -ConstOfNode(sub->b)};
  }
  return std::nullopt;
}
// c - x with a literal c.
inline std::optional<Scaled> MatchReversed(ir::Expr e) {
  const auto* sub = Match(ir::ExprKind::kSub, e);
  if (sub == nullptr || !IsConst(sub->a)) return std::nullopt;
  return Scaled{sub->b, ConstOfNode(sub->a)};
}
// True when `value` can be a literal of `dtype`.
inline bool FitsType(ir::DataType dtype, __int128 value) {
  return value >= ir::MinInt(dtype) && value <= ir::MaxInt(dtype);
}
// A literal, or null when `value` does not fit.
inline ir::Expr Imm(ir::DataType dtype, __int128 value) {
  return FitsType(dtype, value) ? ir::IntImm(dtype, static_cast<int64_t>(value)) : ir::Expr();
}

}  // namespace hone::arith
