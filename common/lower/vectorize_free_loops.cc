// VectorizeFreeLoops: serial loops that a schedule left scalar although nothing forbids vectors become vectorized:
// constant extents, each iteration writes places of its own one after the other in memory, nothing inside needs lanes
// one by one. The deepest such loop of a nest is taken; a reduction loop inside of it is fine (every lane runs it).
// The peer leaves this to LLVM's vectorizers; done here it costs nothing and unrolling makes fewer copies.
#include <algorithm>
#include <numeric>

#include "absl/container/flat_hash_set.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/linear_mutator.h"
#include "common/lower/passes.h"

namespace hone::lower {
namespace {

constexpr int64_t kLeastExtent = 4;

// Decides whether the iterations of one loop may run as lanes.
class FreedomCheck final : public ir::StmtExprVisitor {
 public:
  FreedomCheck(LinearContext& context, const ir::ForNode* loop, int64_t extent)
      : context_(context), loop_(loop), extent_(extent) {
    inner_.insert(loop->loop_var.get());
    VisitStmt(loop->body);
    for (const auto& [data, places] : places_) ok_ = ok_ && (!places.stored || Disjoint(places));
    ok_ = ok_ && stores_ > 0;
  }
  bool free() const { return ok_ && cheap_loads_ >= strided_loads_; }

 private:
  using ir::StmtExprVisitor::Visit;

  struct Places {
    bool stored = false;
    bool odd = false;  // An access of unknown form.
    std::vector<Linear> at;
  };

  void Visit(const ir::VarNode* node) override { ok_ &= !node->dtype.is_handle(); }
  void Visit(const ir::CallNode* node) override {
    using ir::Builtin;
    const bool elementwise = node->function == nullptr && node->op >= Builtin::abs && node->op <= Builtin::shift_right;
    const bool control = node->Is(Builtin::if_then_else) || node->Is(Builtin::likely);
    ok_ &= elementwise || control;
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::ShuffleNode*) override { ok_ = false; }
  void Visit(const ir::RampNode*) override { ok_ = false; }
  void Visit(const ir::BroadcastNode*) override { ok_ = false; }
  void Visit(const ir::LetNode*) override { ok_ = false; }
  void Visit(const ir::WhileNode*) override { ok_ = false; }
  void Visit(const ir::EvaluateNode*) override { ok_ = false; }
  void Visit(const ir::AssertStmtNode*) override { ok_ = false; }
  void Visit(const ir::LetStmtNode*) override { ok_ = false; }
  void Visit(const ir::AllocateNode*) override { ok_ = false; }
  void Visit(const ir::AllocateConstNode*) override { ok_ = false; }
  void Visit(const ir::AttrStmtNode*) override { ok_ = false; }

  void Visit(const ir::ForNode* node) override {
    if (node->for_kind != ir::ForKind::kSerial && node->for_kind != ir::ForKind::kUnrolled) ok_ = false;
    if (ir::UsesVar(node->min, loop_->loop_var) || ir::UsesVar(node->extent, loop_->loop_var)) ok_ = false;
    inner_.insert(node->loop_var.get());
    context_.BindLoop(node->loop_var, node->min, node->extent);
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::IfThenElseNode* node) override {
    // A condition that differs between lanes costs masks; the schedule knows better.
    if (ir::UsesVar(node->condition, loop_->loop_var)) ok_ = false;
    ir::StmtExprVisitor::Visit(node);
  }

  // Coefficient of the loop variable; nullopt when it occurs in another way.
  std::optional<int64_t> Stride(const Linear& place) {
    const Linear self = context_.OfVar(loop_->loop_var);
    int64_t stride = 0;
    for (const auto& term : place.terms) {
      if (term.atom == self.terms[0].atom) {
        stride = term.coef;
        continue;
      }
      Linear single;
      single.terms.push_back(term);
      if (context_.Mentions(single, [&](ir::Var v) { return v == loop_->loop_var; })) return std::nullopt;
    }
    return stride;
  }

  void Access(ir::Buffer buffer, ir::Array<ir::Expr> indices, ir::Expr predicate, bool is_store) {
    Places& places = places_[buffer->data.get()];
    places.stored |= is_store;
    if (predicate || indices.size() != 1 || buffer->dtype.lanes != 1 || !indices[0].dtype().is_index()) {
      ok_ = false;
      return;
    }
    const Linear place = context_.Of(indices[0]);
    const std::optional<int64_t> stride = Stride(place);
    if (is_store) {
      ++stores_;
      ok_ &= stride == 1;
    } else if (!stride || (*stride != 0 && *stride != 1)) {
      ++strided_loads_;
    } else {
      ++cheap_loads_;
    }
    places.odd |= stride != 1;
    places.at.push_back(place);
  }
  void Visit(const ir::BufferLoadNode* node) override {
    Access(node->buffer, node->indices, node->predicate, false);
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::BufferStoreNode* node) override {
    Access(node->buffer, node->indices, node->predicate, true);
    ir::StmtExprVisitor::Visit(node);
  }

  // The place without what varies inside of the loop; the steps of that go into step_.
  Linear WithoutInner(const Linear& place) {
    const int self = context_.OfVar(loop_->loop_var).terms[0].atom;
    Linear rest = ConstLinear(place.constant);
    for (const auto& term : place.terms) {
      if (term.atom == self) continue;
      Linear single;
      single.terms.push_back(term);
      if (context_.Mentions(single, [&](ir::Var v) { return inner_.contains(v.get()); })) {
        step_ = std::gcd(step_, term.coef);
      } else {
        rest = rest + single;
      }
    }
    return rest;
  }

  // Iterations v != v' never touch one place: every access is at v + rest up to multiples of a step of at least the
  // extent.
  bool Disjoint(const Places& places) {
    if (places.odd) return false;
    step_ = 0;
    std::vector<Linear> rests(places.at.size());
    for (size_t i = 0; i < places.at.size(); ++i) rests[i] = WithoutInner(places.at[i]);
    for (size_t i = 1; i < rests.size(); ++i) {
      const Linear difference = rests[i] - rests[0];
      if (!difference.is_const()) return false;
      step_ = std::gcd(step_, difference.constant);
    }
    return step_ == 0 || step_ >= extent_;
  }

  LinearContext& context_;
  const ir::ForNode* const loop_;
  const int64_t extent_;
  bool ok_ = true;
  int stores_ = 0;
  int cheap_loads_ = 0;
  int strided_loads_ = 0;
  int64_t step_ = 0;
  absl::flat_hash_set<const ir::VarNode*> inner_;
  absl::flat_hash_map<const ir::VarNode*, Places> places_;
};

class FreeLoopVectorizer final : public LinearMutator {
 private:
  using LinearMutator::Mutate;

  ir::Stmt Mutate(const ir::ForNode* node) override {
    const bool outer = std::exchange(has_vectors_, false);
    const ir::Stmt visited = LinearMutator::Mutate(node);
    const auto* loop = visited.as<ir::ForNode>();
    const int64_t* extent = ir::ConstInt(loop->extent);
    const bool candidate = !has_vectors_ && extent != nullptr && *extent >= kLeastExtent &&
                           loop->for_kind == ir::ForKind::kSerial && loop->annotations.empty();
    ir::Stmt out = visited;
    if (candidate && FreedomCheck(context_, loop, *extent).free()) {
      auto* copy = ir::CopyNode(loop);
      copy->for_kind = ir::ForKind::kVectorized;
      out = copy;
      has_vectors_ = true;
    }
    has_vectors_ |= outer || loop->for_kind == ir::ForKind::kVectorized;
    return out;
  }

  bool has_vectors_ = false;  // Met since the enclosing loop was entered.
};

}  // namespace

absl::StatusOr<ir::PrimFunc> VectorizeFreeLoops(ir::PrimFunc func, const PassContext&) {
  if (func->attrs.GetInt("tir.noalias", 1) == 0) return func;
  return WithBody(func, FreeLoopVectorizer().MutateStmt(func->body));
}

}  // namespace hone::lower
