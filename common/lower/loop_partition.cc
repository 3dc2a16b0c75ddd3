// LoopPartition: a serial loop with a condition marked likely(...) that holds for a first (or last) part of its
// iterations is cut there, and the condition goes from that part:
//   for i in n: if likely(i * 4 + j < m): body   =>   for i in min(n, m // 4 ...): body; for i in the rest: if ...:
//   body
// Candidates are loops whose bounds are not constant, and those that carry the annotation or pragma
// loop_partition_hint. What a condition holds of inner loops counts with its worst value.
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/linear_mutator.h"
#include "common/lower/passes.h"
#include "common/lower/renew.h"

namespace hone::lower {
namespace {

constexpr std::string_view kHint = "pragma_loop_partition_hint";

// One likely(a < b) as: coef * loop_var + rest <= 0.
struct Condition {
  const ir::CallNode* call = nullptr;
  int64_t coef = 0;
  Linear rest;  // Of what is visible outside of the loop.
};

// Replaces one likely(...) by true.
class Assumer final : public ir::StmtExprMutator {
 public:
  explicit Assumer(const ir::CallNode* call) : call_(call) {}

 private:
  using ir::StmtExprMutator::Mutate;
  ir::Expr Mutate(const ir::CallNode* node) override {
    return node == call_ ? ir::BoolImm(true) : ir::StmtExprMutator::Mutate(node);
  }
  const ir::CallNode* const call_;
};

class Partitioner final : public LinearMutator {
 private:
  using LinearMutator::Mutate;

  ir::Stmt Mutate(const ir::AttrStmtNode* node) override {
    if (node->attr_key != kHint) return LinearMutator::Mutate(node);
    hinted_ = true;
    return MutateStmt(node->body);
  }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    const bool hinted = std::exchange(hinted_, false) || node->annotations.Get(kHint) != nullptr;
    const bool constant = ir::ConstInt(node->extent) != nullptr && ir::ConstInt(node->min) != nullptr;
    const ir::Stmt visited = LinearMutator::Mutate(node);
    const auto* loop = visited.as<ir::ForNode>();
    if (loop == nullptr || loop->for_kind != ir::ForKind::kSerial || (constant && !hinted)) return visited;
    const Condition condition = FindCondition(loop);
    return condition.call != nullptr ? Cut(loop, condition) : visited;
  }

  Condition FindCondition(const ir::ForNode* loop) {
    Condition found;
    ir::PostOrderVisitExprs(loop->body, [&](ir::Expr e) {
      const auto* call = e.as<ir::CallNode>();
      if (found.call != nullptr || call == nullptr || !call->Is(ir::Builtin::likely)) return;
      const auto* compare = call->args[0].as<ir::BinaryNode>();
      if (compare == nullptr || !compare->a.dtype().is_index()) return;
      const Linear difference = context_.Of(compare->a) - context_.Of(compare->b);
      Linear at_most_zero = difference;
      switch (compare->kind) {
        case ir::ExprKind::kLE:
          break;
        case ir::ExprKind::kLT:
          at_most_zero.constant += 1;
          break;
        case ir::ExprKind::kGE:
          at_most_zero = difference * -1;
          break;
        case ir::ExprKind::kGT:
          at_most_zero = difference * -1;
          at_most_zero.constant += 1;
          break;
        default:
          return;
      }
      if (Split(at_most_zero, loop, found)) found.call = call;
    });
    return found;
  }

  // Variables defined inside of the loop.
  static bool IsInner(const ir::ForNode* loop, ir::Var var) {
    bool inner = false;
    ir::PreOrderVisitStmts(loop->body, [&](ir::Stmt stmt) {
      const auto* nested = stmt.as<ir::ForNode>();
      const auto* let = stmt.as<ir::LetStmtNode>();
      inner |= (nested != nullptr && nested->loop_var == var) || (let != nullptr && let->var == var);
      return !inner;
    });
    return inner;
  }

  bool Split(const Linear& sum, const ir::ForNode* loop, Condition& out) {
    const Linear self = context_.OfVar(loop->loop_var);
    if (self.terms.size() != 1) return false;
    out.coef = 0;
    out.rest = ConstLinear(sum.constant);
    for (const auto& term : sum.terms) {
      Linear single;
      single.terms.push_back(term);
      if (term.atom == self.terms[0].atom) {
        out.coef = term.coef;
        continue;
      }
      const auto& atom = context_.atom(term.atom);
      if (atom.kind == LinearContext::AtomKind::kOpaque) return false;  // May read memory that the body writes.
      if (context_.Mentions(single, [&](ir::Var v) { return v == loop->loop_var; })) return false;
      if (context_.Mentions(single, [&](ir::Var v) { return IsInner(loop, v); })) {
        const Bounds bounds = context_.BoundsOf(single);
        if (!bounds.bounded()) return false;
        out.rest.constant += bounds.hi;
      } else {
        out.rest = out.rest + single;
      }
    }
    return out.coef != 0;
  }

  static ir::Stmt Part(const ir::ForNode* loop, ir::Expr min, ir::Expr extent, ir::Stmt body) {
    auto* copy = ir::CopyNode(loop);
    copy->min = min;
    copy->extent = extent;
    copy->body = body;
    copy->annotations = copy->annotations.Without(kHint);
    return copy;
  }

  ir::Stmt Cut(const ir::ForNode* loop, const Condition& condition) {
    const ir::DataType dtype = loop->loop_var.dtype();
    const ir::Expr end = ir::Add(loop->min, loop->extent);
    const bool first = condition.coef > 0;
    // coef * v + rest <= 0: v <= floor(-rest / coef), or v >= ceil(rest / -coef).
    const int64_t size = first ? condition.coef : -condition.coef;
    Linear numerator = first ? condition.rest * -1 : condition.rest;
    numerator.constant += first ? size : size - 1;  // One beyond the last; rounded up.
    const ir::Expr bound = context_.ToExpr(context_.FloorDiv(numerator, size), dtype);
    const ir::Expr cut = context_.Simplify(ir::Max(loop->min, ir::Min(end, bound)));
    const ir::Stmt free_body = Assumer(condition.call).MutateStmt(loop->body);
    const ir::Expr low = context_.Simplify(ir::Sub(cut, loop->min)), high = context_.Simplify(ir::Sub(end, cut));
    const ir::Stmt head = Part(loop, loop->min, low, first ? free_body : loop->body);
    const ir::Stmt tail = RenewDefinitions(Part(loop, cut, high, first ? loop->body : free_body));
    return ir::MakeSeq({head, tail});
  }

  bool hinted_ = false;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> LoopPartition(ir::PrimFunc func, const PassContext&) {
  return WithBody(func, Partitioner().MutateStmt(func->body));
}

}  // namespace hone::lower
