#include "common/arith/rewrite_simplify.h"

#include <cmath>
#include <vector>

#include "common/ir/visitor.h"

namespace hone::arith {

using ir::Array;
using ir::DataType;
using ir::Expr;
using ir::ExprKind;

namespace {

// How often the result of a rule is visited again below itself.
constexpr int kMaxDepth = 5;

template <typename T>
const T* Cast(Expr e) {
  return static_cast<const T*>(e.get());
}

// `a` is literally the negation of `b`.
bool IsNegation(Expr a, Expr b) {
  if (const auto* n = a.as<ir::NotNode>()) {
    if (Same(n->a, b)) return true;
  }
  if (const auto* n = b.as<ir::NotNode>()) {
    if (Same(n->a, a)) return true;
  }
  const auto* x = a.as<ir::BinaryNode>();
  const auto* y = b.as<ir::BinaryNode>();
  if (x == nullptr || y == nullptr) return false;
  auto straight = [&](ExprKind p, ExprKind q) {
    return ((x->kind == p && y->kind == q) || (x->kind == q && y->kind == p)) && Same(x->a, y->a) && Same(x->b, y->b);
  };
  auto crossed = [&](ExprKind p, ExprKind q) {
    return ((x->kind == p && y->kind == q) || (x->kind == q && y->kind == p)) && Same(x->a, y->b) && Same(x->b, y->a);
  };
  return straight(ExprKind::kEQ, ExprKind::kNE) || straight(ExprKind::kLT, ExprKind::kGE) ||
         straight(ExprKind::kGT, ExprKind::kLE) || crossed(ExprKind::kLT, ExprKind::kLE) ||
         crossed(ExprKind::kGT, ExprKind::kGE);
}

// Evaluating `e` with other values than it was written for may fail: it loads, calls or divides by what is no literal.
bool MayTrap(Expr e) {
  bool found = false;
  ir::PostOrderVisitExprs(e, [&](Expr part) {
    const ExprKind kind = part.kind();
    if (kind == ExprKind::kBufferLoad || kind == ExprKind::kCall) found = true;
    if (kind >= ExprKind::kDiv && kind <= ExprKind::kFloorMod && !IsConst(part.as<ir::BinaryNode>()->b)) found = true;
  });
  return found;
}

}  // namespace

bool Pure(Expr e) {
  switch (e.kind()) {
    case ExprKind::kVar:
    case ExprKind::kIntImm:
      return true;
    case ExprKind::kCast:
      return Pure(Cast<ir::CastNode>(e)->value);
    case ExprKind::kNot:
      return Pure(Cast<ir::NotNode>(e)->a);
    case ExprKind::kSelect: {
      const auto* select = Cast<ir::SelectNode>(e);
      return Pure(select->condition) && Pure(select->true_value) && Pure(select->false_value);
    }
    default:
      break;
  }
  if (const auto* op = e.as<ir::BinaryNode>()) return Pure(op->a) && Pure(op->b);
  return ir::SideEffect(e) <= ir::CallEffect::kReadState;
}

Expr Negate(Expr condition) {
  const auto* x = condition.as<ir::BinaryNode>();
  if (const auto* n = condition.as<ir::NotNode>()) return n->a;
  if (x == nullptr) return ir::Not(condition);
  // Negating a comparison of floats would change what a NaN gives.
  const bool exact = !x->a.dtype().is_any_float();
  switch (x->kind) {
    case ExprKind::kEQ:
      return ir::MakeBinary(ExprKind::kNE, x->a, x->b);
    case ExprKind::kNE:
      return ir::MakeBinary(ExprKind::kEQ, x->a, x->b);
    case ExprKind::kLT:
      if (exact) return ir::MakeBinary(ExprKind::kLE, x->b, x->a);
      break;
    case ExprKind::kLE:
      if (exact) return ir::MakeBinary(ExprKind::kLT, x->b, x->a);
      break;
    case ExprKind::kGT:
      if (exact) return ir::MakeBinary(ExprKind::kLE, x->a, x->b);
      break;
    case ExprKind::kGE:
      if (exact) return ir::MakeBinary(ExprKind::kLT, x->a, x->b);
      break;
    default:
      break;
  }
  return ir::Not(condition);
}

Expr RewriteSimplifier::Visit(Expr e) { return VisitNode(e); }

Expr RewriteSimplifier::VisitNode(Expr e) {
  switch (e.kind()) {
    case ExprKind::kVar: {
      const auto* info = analyzer_.Find(Cast<ir::VarNode>(e));
      return info != nullptr && info->value ? Fired("a variable of known value", info->value) : e;
    }
    case ExprKind::kIntImm:
    case ExprKind::kFloatImm:
    case ExprKind::kStringImm:
    case ExprKind::kAny:
    case ExprKind::kReduce:
      return e;
    case ExprKind::kCast:
      return VisitCast(Cast<ir::CastNode>(e));
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
      return VisitBinary(Cast<ir::BinaryNode>(e));
    case ExprKind::kNot:
      return VisitNot(Cast<ir::NotNode>(e));
    case ExprKind::kSelect:
      return VisitSelect(Cast<ir::SelectNode>(e));
    case ExprKind::kBufferLoad:
      return VisitLoad(Cast<ir::BufferLoadNode>(e));
    case ExprKind::kRamp:
      return VisitRamp(Cast<ir::RampNode>(e));
    case ExprKind::kBroadcast:
      return VisitBroadcast(Cast<ir::BroadcastNode>(e));
    case ExprKind::kLet:
      return VisitLet(Cast<ir::LetNode>(e));
    case ExprKind::kCall:
      return VisitCall(Cast<ir::CallNode>(e));
    case ExprKind::kShuffle:
      return VisitShuffle(Cast<ir::ShuffleNode>(e));
  }
  return e;
}

Expr RewriteSimplifier::Again(Expr e) {
  if (analyzer_.depth_ >= kMaxDepth) return e;
  ++analyzer_.depth_;
  const Expr out = Visit(e);
  --analyzer_.depth_;
  return out;
}

Expr RewriteSimplifier::VisitBinary(const ir::BinaryNode* node) {
  if (node->kind == ExprKind::kAdd && IsSimpleLinear(analyzer_, node)) return node;
  const Expr a = Visit(node->a);
  const Expr b = Visit(node->b);
  const bool same = a == node->a && b == node->b;
  if (!same || IsConst(a) || IsConst(b) || a == b || a.kind() == ExprKind::kFloatImm) {
    const Expr folded = ir::Binary(node->kind, a, b);
    const auto* made = folded.as<ir::BinaryNode>();
    if (made == nullptr || made->kind != node->kind || made->a != a || made->b != b) return Fired("literals", folded);
    if (!same) node = made;
  }
  return Apply(node);
}

// The operands of `node` are simplified and not both literals.
Expr RewriteSimplifier::Apply(const ir::BinaryNode* node) {
  const Expr a = node->a;
  const Expr b = node->b;
  const DataType dtype = a.dtype();
  Expr out;
  if (dtype.is_vector()) {
    out = VectorRules(node->kind, a, b);
    return out ? out : Expr(node);
  }
  switch (node->kind) {
    case ExprKind::kAdd:
      if (dtype.is_index()) out = AddRules(a, b);
      break;
    case ExprKind::kSub:
      if (dtype.is_index()) out = SubRules(a, b);
      break;
    case ExprKind::kMul:
      if (dtype.is_index()) out = MulRules(a, b);
      break;
    case ExprKind::kDiv:
      if (dtype.is_index()) {
        out = DivRules(a, b, /*floor=*/false);
      } else if (const auto* imm = b.as<ir::FloatImmNode>();
                 imm != nullptr && imm->value != 0 && (dtype.is_float() || dtype.is_bfloat16())) {
        // As the peer does: a product with the rounded reciprocal.
        out = Fired("float x / c", ir::Mul(a, ir::FloatImm(dtype, 1.0 / imm->value)));
      }
      break;
    case ExprKind::kMod:
      if (dtype.is_index()) out = ModRules(a, b, /*floor=*/false);
      break;
    case ExprKind::kFloorDiv:
      if (dtype.is_index()) out = DivRules(a, b, /*floor=*/true);
      break;
    case ExprKind::kFloorMod:
      if (dtype.is_index()) out = ModRules(a, b, /*floor=*/true);
      break;
    case ExprKind::kMin:
    case ExprKind::kMax:
      if (dtype.is_index()) out = MinMaxRules(node->kind, a, b);
      break;
    case ExprKind::kEQ:
      if ((out = MatchConstraint(node))) return out;
      if (dtype.is_index()) out = EqualRules(a, b);
      break;
    case ExprKind::kNE:
      if ((out = MatchConstraint(node))) return out;
      if (dtype.is_index()) out = NotEqualRules(a, b);
      break;
    case ExprKind::kLT:
      if ((out = MatchConstraint(node))) return out;
      if (dtype.is_index()) out = LessRules(a, b);
      break;
    case ExprKind::kLE:
      if ((out = MatchConstraint(node))) return out;
      if (dtype.is_index()) out = LessEqualRules(a, b);
      break;
    case ExprKind::kGT:
      if ((out = MatchConstraint(node))) return out;
      if (!dtype.is_any_float()) return Fired("x > y", Visit(ir::MakeBinary(ExprKind::kLT, b, a)));
      break;
    case ExprKind::kGE:
      if ((out = MatchConstraint(node))) return out;
      if (!dtype.is_any_float()) return Fired("x >= y", Visit(ir::MakeBinary(ExprKind::kLE, b, a)));
      break;
    case ExprKind::kAnd:
      if ((out = MatchConstraint(node))) return out;
      out = AndRules(a, b);
      break;
    case ExprKind::kOr:
      if ((out = MatchConstraint(node))) return out;
      out = OrRules(a, b);
      break;
    default:
      break;
  }
  return out ? out : Expr(node);
}

Expr RewriteSimplifier::MatchConstraint(Expr condition) {
  for (Expr known : analyzer_.literals_) {
    if (Same(known, condition)) return Fired("a known condition", ir::BoolImm(true));
    if (IsNegation(known, condition)) return Fired("not a known condition", ir::BoolImm(false));
  }
  return {};
}

Expr RewriteSimplifier::VisitNot(const ir::NotNode* node) {
  const Expr a = Visit(node->a);
  if (a.dtype().is_vector()) {
    if (const auto* broadcast = a.as<ir::BroadcastNode>()) {
      return Fired("not broadcast", ir::MakeBroadcast(Visit(ir::MakeNot(broadcast->value)), broadcast->lanes));
    }
    return a == node->a ? Expr(node) : ir::MakeNot(a);
  }
  if (IsConst(a)) return Fired("not literal", ir::Not(a));
  if (a.kind() == ExprKind::kNot || IsComparison(a.kind())) {
    const Expr negated = Negate(a);
    if (negated.kind() != ExprKind::kNot) return Fired("not x < y", negated);
  }
  const Expr out = a == node->a ? Expr(node) : ir::MakeNot(a);
  if (const Expr known = MatchConstraint(out)) return Fired("not a comparison, known", known);
  return out;
}

Expr RewriteSimplifier::VisitSelect(const ir::SelectNode* node) {
  const Expr condition = Visit(node->condition);
  if (ir::IsTrue(condition)) return Fired("select(true, x, y)", Visit(node->true_value));
  if (ir::IsFalse(condition)) return Fired("select(false, x, y)", Visit(node->false_value));
  // A branch is evaluated even where it is not taken: there the condition must not be used to drop what keeps a
  // load in bounds or a divisor from zero.
  auto visit = [&](Expr value, Expr known) {
    if (condition.dtype().is_vector() || value.as<ir::IntImmNode>() || MayTrap(value)) return Visit(value);
    ConstraintScope scope(analyzer_, known);
    return Visit(value);
  };
  const Expr true_value = visit(node->true_value, condition);
  const Expr false_value = visit(node->false_value, Negate(condition));
  if (Same(true_value, false_value)) return Fired("select(c, x, x)", true_value);
  if (condition == node->condition && true_value == node->true_value && false_value == node->false_value) return node;
  return ir::MakeSelect(condition, true_value, false_value);
}

Expr RewriteSimplifier::VisitIfThenElse(const ir::CallNode* node) {
  const Expr condition = Visit(node->args[0]);
  if (ir::IsTrue(condition)) return Fired("if_then_else(true, x, y)", Visit(node->args[1]));
  if (ir::IsFalse(condition)) return Fired("if_then_else(false, x, y)", Visit(node->args[2]));
  // A literal is the same under every condition.
  const auto visit_under = [&](Expr assumed, Expr value) {
    const ConstraintScope scope(analyzer_, assumed);
    return Visit(value);
  };
  const auto literal_value = [](Expr e) { return IsConst(e) || e.kind() == ExprKind::kFloatImm; };
  const Expr true_value = literal_value(node->args[1]) ? node->args[1] : visit_under(condition, node->args[1]);
  const Expr false_value = literal_value(node->args[2]) ? node->args[2] : visit_under(Negate(condition), node->args[2]);
  if (Same(true_value, false_value) && Pure(condition)) return Fired("if_then_else(c, x, x)", true_value);
  // if c then (if d then x else k) else k, with a literal k; d is then evaluated where c is false.
  const auto* inner = true_value.as<ir::CallNode>();
  if (inner != nullptr && inner->Is(ir::Builtin::if_then_else) && literal_value(false_value) &&
      Same(inner->args[2], false_value) && !MayTrap(inner->args[0])) {
    return Fired("if_then_else(c, if_then_else(d, x, k), k)",
                 ir::IfThenElse(ir::And(condition, inner->args[0]), inner->args[1], false_value));
  }
  if (condition == node->args[0] && true_value == node->args[1] && false_value == node->args[2]) return node;
  return ir::MakeCall(node->dtype, ir::Builtin::if_then_else, {condition, true_value, false_value});
}

Expr RewriteSimplifier::VisitCall(const ir::CallNode* node) {
  if (node->Is(ir::Builtin::if_then_else)) return VisitIfThenElse(node);
  const Array<Expr> args = VisitArray(node->args);
  if (node->function == nullptr && !args.empty()) {
    if (node->op == ir::Builtin::likely && IsConst(args[0])) return Fired("likely(literal)", args[0]);
    const bool both = args.size() == 2 && IsConst(args[0]) && IsConst(args[1]) && node->dtype.is_int();
    if (both) {
      const int64_t x = ConstOfNode(args[0]);
      const int64_t y = ConstOfNode(args[1]);
      Expr folded;
      if (node->op == ir::Builtin::shift_right && y >= 0 && y < node->dtype.bits) {
        folded = Fired("literal >> literal", Imm(node->dtype, x >> y));
      }
      if (node->op == ir::Builtin::shift_left && y >= 0 && y < node->dtype.bits) {
        folded = Fired("literal << literal", Imm(node->dtype, static_cast<__int128>(x) << y));
      }
      if (node->op == ir::Builtin::bitwise_and) folded = Fired("literal & literal", Imm(node->dtype, x & y));
      if (node->op == ir::Builtin::bitwise_or) folded = Fired("literal | literal", Imm(node->dtype, x | y));
      if (node->op == ir::Builtin::bitwise_xor) folded = Fired("literal ^ literal", Imm(node->dtype, x ^ y));
      if (folded) return folded;
    }
  }
  if (args.same_as(node->args)) return node;
  auto* copy = ir::CopyNode(node);
  copy->args = args;
  return Expr(copy);
}

Expr RewriteSimplifier::VisitCast(const ir::CastNode* node) {
  const Expr value = Visit(node->value);
  if (value == node->value && !IsConst(value)) return node;
  return Fired("cast of a literal or a changed value", ir::Cast(node->dtype, value));
}

Expr RewriteSimplifier::VisitLet(const ir::LetNode* node) {
  const Expr value = Visit(node->value);
  if (IsConst(value) || value.kind() == ExprKind::kVar || value.kind() == ExprKind::kFloatImm) {
    analyzer_.InfoOf(node->var.get()).value = value;
    return Fired("let x = literal or variable", Visit(node->body));
  }
  const Expr body = Visit(node->body);
  if (value == node->value && body == node->body) return node;
  return ir::MakeLet(node->var, value, body);
}

Expr RewriteSimplifier::VisitLoad(const ir::BufferLoadNode* node) {
  const Array<Expr> indices = VisitArray(node->indices);
  const Expr predicate = node->predicate ? Visit(node->predicate) : Expr();
  if (indices.same_as(node->indices) && predicate == node->predicate) return node;
  auto* copy = ir::CopyNode(node);
  copy->indices = indices;
  copy->predicate = predicate;
  return Expr(copy);
}

Expr RewriteSimplifier::VisitRamp(const ir::RampNode* node) {
  const Expr base = Visit(node->base);
  const Expr stride = Visit(node->stride);
  if (ir::IsZero(stride)) return Fired("ramp of stride 0", ir::MakeBroadcast(base, node->lanes));
  if (base == node->base && stride == node->stride) return node;
  return ir::MakeRamp(base, stride, node->lanes);
}

Expr RewriteSimplifier::VisitBroadcast(const ir::BroadcastNode* node) {
  const Expr value = Visit(node->value);
  return value == node->value ? Expr(node) : ir::MakeBroadcast(value, node->lanes);
}

Expr RewriteSimplifier::VisitShuffle(const ir::ShuffleNode* node) {
  const Array<Expr> vectors = VisitArray(node->vectors);
  const Array<Expr> indices = VisitArray(node->indices);
  if (vectors.same_as(node->vectors) && indices.same_as(node->indices)) return node;
  return ir::MakeShuffle(vectors, indices);
}

Array<Expr> RewriteSimplifier::VisitArray(Array<Expr> exprs) {
  for (size_t i = 0; i < exprs.size(); ++i) {
    const Expr first = Visit(exprs[i]);
    if (first == exprs[i]) continue;
    std::vector<Expr> out(exprs.begin(), exprs.begin() + i);
    out.push_back(first);
    for (size_t j = i + 1; j < exprs.size(); ++j) out.push_back(Visit(exprs[j]));
    return ir::MakeArray(out);
  }
  return exprs;
}

CompareResult RewriteSimplifier::CompareToConst(Expr x, int64_t value) {
  if (IsConst(x)) {
    const int64_t v = ConstOfNode(x);
    return v == value ? CompareResult::kEQ : v > value ? CompareResult::kGT : CompareResult::kLT;
  }
  const ConstIntBound bound = analyzer_.const_int_bound(x);
  if (bound.min_value > bound.max_value) return CompareResult::kUnknown;
  if (bound.is_const(value)) return CompareResult::kEQ;
  if (bound.min_value > value) return CompareResult::kGT;
  if (bound.max_value < value) return CompareResult::kLT;
  if (bound.min_value >= value) return CompareResult::kGE;
  if (bound.max_value <= value) return CompareResult::kLE;
  if (value == 0) {
    const ModularSet modular = analyzer_.modular_set(x);
    if (modular.base != 0) return CompareResult::kNE;
  }
  return CompareResult::kUnknown;
}

CompareResult RewriteSimplifier::Compare(Expr x, Expr y) {
  if (IsConst(y)) {
    // x is simplified already.
    const CompareResult direct = CompareToConst(x, ConstOfNode(y));
    if (direct == CompareResult::kEQ || direct == CompareResult::kLT || direct == CompareResult::kGT) return direct;
    if (!analyzer_.facts_.empty()) {
      return static_cast<CompareResult>(static_cast<int>(direct) & static_cast<int>(analyzer_.CompareByFacts(x, y)));
    }
    if (direct != CompareResult::kUnknown || ConstOfNode(y) == 0) return direct;
    const ModularSet modular = analyzer_.modular_set(x);
    if (!modular.is_everything() && modular.coeff != 0 &&
        ir::FloorModInt(ConstOfNode(y), modular.coeff) != modular.base) {
      return CompareResult::kNE;
    }
    return direct;
  }
  if (Same(x, y)) return Pure(x) ? CompareResult::kEQ : CompareResult::kUnknown;
  const CompareResult result = CompareToConst(Again(ir::Sub(x, y)), 0);
  if (result == CompareResult::kEQ || result == CompareResult::kLT || result == CompareResult::kGT ||
      analyzer_.facts_.empty()) {
    return result;
  }
  return static_cast<CompareResult>(static_cast<int>(result) & static_cast<int>(analyzer_.CompareByFacts(x, y)));
}

}  // namespace hone::arith
