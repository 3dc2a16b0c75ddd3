#include "server/cost_model/feature/direct/expressions.h"

#include <algorithm>

#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "server/cost_model/feature/simplify_pass.h"

namespace hone::direct {

using ir::Expr;
using ir::ExprKind;

constexpr int64_t kLimit = LinearIndex::kLimit;

int Expressions::LoopOf(const ir::VarNode* var) const {
  for (size_t i = program_.loops.size(); i > 0; --i) {
    if (program_.loops[i - 1].node->loop_var.get() == var) return static_cast<int>(i - 1);
  }
  return -1;
}

const Binding* Expressions::Find(const ir::VarNode* var) const {
  for (size_t i = bindings_.size(); i > 0; --i) {
    if (bindings_[i - 1].var == var) return &bindings_[i - 1];
  }
  return nullptr;
}

bool Expressions::Collect(Expr e, int64_t scale, LinearIndex& out) {
  if (scale > kLimit || scale < -kLimit) return false;
  switch (e.kind()) {
    case ExprKind::kIntImm: {
      const int64_t value = static_cast<const ir::IntImmNode*>(e.get())->value;
      return value <= kLimit && value >= -kLimit && out.AddBase(value * scale);
    }
    case ExprKind::kVar: {
      const Binding* binding = Find(static_cast<const ir::VarNode*>(e.get()));
      if (binding != nullptr) return binding->linear && out.Add(binding->value, scale);
      const int loop = finishing_ ? LoopOf(static_cast<const ir::VarNode*>(e.get())) : -1;
      return loop >= 0 && out.Add(loop, program_.loops[loop].extent > 1 ? scale : 0);
    }
    case ExprKind::kAdd:
    case ExprKind::kSub: {
      const auto* op = static_cast<const ir::BinaryNode*>(e.get());
      return Collect(op->a, scale, out) && Collect(op->b, e.kind() == ExprKind::kAdd ? scale : -scale, out);
    }
    case ExprKind::kMul: {
      const auto* op = static_cast<const ir::BinaryNode*>(e.get());
      const bool left = op->a.kind() == ExprKind::kIntImm;
      const auto* literal = (left ? op->a : op->b).as<ir::IntImmNode>();
      if (literal == nullptr || literal->value <= 0 || literal->value > kLimit) return false;
      return Collect(left ? op->b : op->a, scale * literal->value, out);
    }
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod: {
      const auto* op = static_cast<const ir::BinaryNode*>(e.get());
      const auto* literal = op->b.as<ir::IntImmNode>();
      if (literal == nullptr || literal->value <= 0 || literal->value > kLimit) return false;
      LinearIndex inner;
      if (!Collect(op->a, 1, inner) || !inner.Finish()) return false;
      const auto largest = [&](int loop) { return program_.loops[loop].extent - 1; };
      const bool ok = e.kind() == ExprKind::kFloorDiv ? inner.FloorDiv(literal->value, largest, lite_)
                                                      : inner.FloorMod(literal->value, largest, lite_);
      return ok && out.Add(inner, scale);
    }
    default:
      return false;
  }
}

Expr Expressions::OverLoops(Expr e, size_t known) {
  ir::VarMap map;
  ir::UsesVar(e, [&](ir::Var var) {
    for (size_t i = known; i > 0; --i) {
      if (bindings_[i - 1].var != var.get()) continue;
      if (Expr written = Written(i - 1, var)) map[var.get()] = written;
      break;
    }
    return false;
  });
  return map.empty() ? e : ir::Substitute(e, map);
}

Expr Expressions::Written(size_t at, ir::Var var) {
  if (!bindings_[at].source) {
    return bindings_[at].scope_above_loop < 0 ? ir::IntImm(var.dtype(), 0) : Expr();
  }
  if (!bindings_[at].written) bindings_[at].written = OverLoops(bindings_[at].source, at);
  return bindings_[at].written;
}

Expr Expressions::ToExpr(const LinearIndex& index, ir::DataType dtype) const {
  Expr out;
  auto add = [&](Expr e) { out = out ? ir::MakeBinary(ExprKind::kAdd, out, e) : e; };
  for (const LinearIndex::Term& term : index) {
    Expr e = program_.loops[term.key].node->loop_var;
    if (term.upper != 0) e = ir::MakeBinary(ExprKind::kFloorMod, e, ir::IntImm(dtype, term.upper));
    if (term.lower != 1) e = ir::MakeBinary(ExprKind::kFloorDiv, e, ir::IntImm(dtype, term.lower));
    add(term.scale == 1 ? e : ir::MakeBinary(ExprKind::kMul, e, ir::IntImm(dtype, term.scale)));
  }
  if (!out) return ir::IntImm(dtype, index.base());
  if (index.base() > 0) add(ir::IntImm(dtype, index.base()));
  if (index.base() < 0) out = ir::MakeBinary(ExprKind::kSub, out, ir::IntImm(dtype, -index.base()));
  return out;
}

arith::Analyzer& Expressions::KnowLoops(absl::Span<const int> loops) {
  if (!analyzer_.has_value()) analyzer_.emplace();
  known_loops_.resize(program_.loops.size());
  for (int loop : loops) {
    if (known_loops_[loop]) continue;
    known_loops_[loop] = true;
    const ir::ForNode* node = program_.loops[loop].node;
    analyzer_->Bind(node->loop_var, ir::Range{node->min, node->extent});
  }
  return *analyzer_;
}

Expr Expressions::Simplify(Expr e) {
  arith::Analyzer& analyzer = KnowLoops(nest_);
  return SimplifyOne(analyzer, SimplifyOne(analyzer, e));  // The passes do it twice.
}

bool Expressions::IsConditional(int scope) const {
  for (; scope > 0; scope = scopes_[scope].parent) {
    if (scopes_[scope].condition) return true;
  }
  return false;
}
bool Expressions::IsLinear(const Access& access) {
  return std::none_of(access.indices.begin(), access.indices.end(),
                      [](const Index& index) { return static_cast<bool>(index.written); });
}

}  // namespace hone::direct
