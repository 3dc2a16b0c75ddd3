// VectorizeLoop: the variable of a vectorized loop becomes Ramp(0, 1, lanes) and statements widen lane by lane.
// Conditions that differ between lanes become masks on loads and stores (not on a GPU, which has none). What cannot be
// widened (calls with side effects, loops whose range differs between lanes) runs in a serial loop over the lanes,
// around just that statement.
#include <algorithm>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/linear_mutator.h"
#include "common/lower/passes.h"
#include "common/lower/uniform_condition.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

// Builtins that work lane by lane on vectors.
bool IsElementwise(ir::Builtin op) {
  using ir::Builtin;
  if (op >= Builtin::abs && op <= Builtin::shift_right) return true;
  return op == Builtin::likely || op == Builtin::reinterpret || op == Builtin::q_multiply_shift;
}

// Thrown away by the statement that meets it: widening an expression found something that has no vector form.
struct Widening {
  bool failed = false;
};

class Vectorizer final : public ir::StmtExprMutator {
 public:
  Vectorizer(LinearContext& context, ir::Var var, int lanes, bool masks)
      : context_(context), var_(var), lanes_(lanes), allow_masks_(masks) {
    context_.Bind(var, {0, lanes - 1});
  }

  ir::Stmt StmtOf(ir::Stmt body) { return MutateStmt(body); }

 private:
  using ir::StmtExprMutator::Mutate;

  bool Varies(ir::Expr e) const {
    return e && ir::UsesVar(e, [this](ir::Var v) { return v == var_ || vector_lets_.contains(v.get()); });
  }
  bool Varies(ir::Stmt s) const {
    return ir::UsesVar(s, [this](ir::Var v) { return v == var_ || vector_lets_.contains(v.get()); });
  }
  ir::Expr Uniform(ir::Expr condition) { return WithoutLane(context_, condition, var_, lanes_); }
  ir::Expr Widened(ir::Expr e) const { return e.dtype().lanes == lanes_ ? e : ir::MakeBroadcast(e, lanes_); }

  // ---- expressions

  ir::Expr Mutate(const ir::VarNode* node) override {
    if (var_.get() == node) {
      return ir::MakeRamp(ir::IntImm(node->dtype, 0), ir::IntImm(node->dtype, 1), lanes_);
    }
    auto it = vector_lets_.find(node);
    return it != vector_lets_.end() ? ir::Expr(it->second) : ir::Expr(node);
  }

  ir::Expr Mutate(const ir::CastNode* node) override {
    const ir::Expr value = MutateExpr(node->value);
    if (value == node->value) return node;
    return ir::MakeCast(node->dtype.with_lanes(value.dtype().lanes), value);
  }

  ir::Expr Mutate(const ir::BinaryNode* node) override {
    if (node->dtype.is_index() && Varies(ir::Expr(node))) {
      if (ir::Expr ramp = RampOf(node)) return ramp;
    }
    ir::Expr a = MutateExpr(node->a);
    ir::Expr b = MutateExpr(node->b);
    if (a == node->a && b == node->b) return node;
    return ir::MakeBinary(node->kind, Widened(a), Widened(b));
  }

  ir::Expr Mutate(const ir::NotNode* node) override {
    const ir::Expr a = MutateExpr(node->a);
    return a == node->a ? ir::Expr(node) : ir::MakeNot(a);
  }

  ir::Expr Mutate(const ir::SelectNode* node) override {
    const ir::Expr condition = MutateExpr(Uniform(node->condition));
    // Both sides are evaluated in any case, so no mask is needed; but a lane that does not take a load must not fault.
    return Choice(node, condition, node->condition, node->true_value, node->false_value, /*lazy=*/false);
  }

  ir::Expr Choice(const ir::ExprNode* node, ir::Expr condition, ir::Expr old_condition, ir::Expr yes_in, ir::Expr no_in,
                  bool lazy) {
    const bool masked = condition.dtype().is_vector();
    if (masked && !allow_masks_) {
      widening_.failed = true;
      return node;
    }
    if (masked) masks_.push_back(condition);
    const ir::Expr yes = MutateExpr(yes_in);
    if (masked) masks_.back() = ir::MakeNot(condition);
    const ir::Expr no = MutateExpr(no_in);
    if (masked) masks_.pop_back();
    if (condition == old_condition && yes == yes_in && no == no_in) return node;
    const bool vector = masked || yes.dtype().is_vector() || no.dtype().is_vector();
    const ir::Expr wide_yes = vector ? Widened(yes) : yes;
    const ir::Expr wide_no = vector ? Widened(no) : no;
    if (lazy && !masked) {
      return ir::MakeCall(wide_yes.dtype(), ir::Builtin::if_then_else, {condition, wide_yes, wide_no});
    }
    return ir::MakeSelect(vector ? Widened(condition) : condition, wide_yes, wide_no);
  }

  ir::Expr Mutate(const ir::CallNode* node) override {
    if (node->Is(ir::Builtin::if_then_else)) {
      const ir::Expr condition = MutateExpr(Uniform(node->args[0]));
      return Choice(node, condition, node->args[0], node->args[1], node->args[2], /*lazy=*/true);
    }
    if (!Varies(ir::Expr(node))) return node;
    const bool has_vectors =
        std::any_of(node->args.begin(), node->args.end(), [](ir::Expr arg) { return arg.dtype().lanes > 1; });
    if (node->function != nullptr || !IsElementwise(node->op) || node->dtype.lanes != 1 || has_vectors) {
      widening_.failed = true;
      return node;
    }
    std::vector<ir::Expr> args;
    for (ir::Expr arg : node->args) {
      const ir::Expr wide = MutateExpr(arg);
      args.push_back(wide.as<ir::StringImmNode>() != nullptr ? wide : Widened(wide));
    }
    return ir::MakeCall(node->dtype.with_lanes(lanes_), node->op, ir::MakeArray(args));
  }

  ir::Expr Mutate(const ir::LetNode* node) override {
    if (!Varies(ir::Expr(node))) return node;
    return MutateExpr(ir::Substitute(node->body, {{node->var.get(), node->value}}));
  }

  ir::Expr Mutate(const ir::RampNode* node) override { return Fixed(node); }
  ir::Expr Mutate(const ir::BroadcastNode* node) override { return Fixed(node); }
  ir::Expr Mutate(const ir::ShuffleNode* node) override { return Fixed(node); }
  ir::Expr Fixed(const ir::ExprNode* node) {
    if (Varies(ir::Expr(node))) widening_.failed = true;
    return node;
  }

  ir::Expr Mutate(const ir::BufferLoadNode* node) override {
    const bool varies = std::any_of(node->indices.begin(), node->indices.end(), [&](ir::Expr e) { return Varies(e); });
    if (node->dtype.lanes != 1 && (varies || !masks_.empty())) {
      widening_.failed = true;
      return node;
    }
    if (!varies && (masks_.empty() || InBounds(node->buffer, node->indices))) return node;
    ir::Array<ir::Expr> indices = VectorIndices(node->indices);
    if (!indices.back().dtype().is_vector()) {
      std::vector<ir::Expr> wide = indices.ToVector();
      wide.back() = Widened(wide.back());
      indices = ir::MakeArray(wide);
    }
    return ir::MakeBufferLoad(node->buffer, indices, LoadMask(node->predicate));
  }

  bool InBounds(ir::Buffer buffer, ir::Array<ir::Expr> indices) {
    for (size_t d = 0; d < indices.size(); ++d) {
      const Bounds bounds = context_.BoundsOf(indices[d]);
      const int64_t* extent = ir::ConstInt(buffer->shape[d]);
      if (extent == nullptr || bounds.lo < 0 || bounds.hi >= *extent) return false;
    }
    return true;
  }

  ir::Array<ir::Expr> VectorIndices(ir::Array<ir::Expr> indices) {
    std::vector<ir::Expr> out = indices.ToVector();
    for (size_t d = 0; d + 1 < out.size(); ++d) {
      if (Varies(out[d])) widening_.failed = true;
    }
    out.back() = MutateExpr(out.back());
    return ir::MakeArray(out);
  }

  // base + stride * lane, or null when the index is of another form.
  ir::Expr RampOf(ir::Expr index) {
    const Linear linear = context_.Of(index);
    Linear base = linear;
    int64_t stride = 0;
    const Linear self = context_.OfVar(var_);
    for (size_t i = 0; i < base.terms.size(); ++i) {
      if (base.terms[i].atom != self.terms[0].atom) continue;
      stride = base.terms[i].coef;
      base.terms.erase(base.terms.begin() + i);
      break;
    }
    const bool still =
        context_.Mentions(base, [this](ir::Var v) { return v == var_ || vector_lets_.contains(v.get()); });
    if (still) return {};
    const ir::Expr start = context_.ToExpr(base, index.dtype());
    if (stride == 0) return start;
    return ir::MakeRamp(start, ir::IntImm(index.dtype(), stride), lanes_);
  }

  ir::Expr Mask() const {
    ir::Expr mask;
    for (ir::Expr m : masks_) mask = mask ? ir::MakeBinary(ir::ExprKind::kAnd, mask, m) : m;
    return mask;
  }
  ir::Expr LoadMask(ir::Expr predicate) {
    const ir::Expr mask = Mask();
    if (!predicate) return mask;
    const ir::Expr own = Widened(MutateExpr(predicate));
    return mask ? ir::MakeBinary(ir::ExprKind::kAnd, mask, own) : own;
  }

  // ---- statements

  // One lane after the other, under the masks in force.
  ir::Stmt OneByOne(ir::Stmt stmt) {
    const ir::Var lane = ir::CopyVar(var_, StrCat(var_.name(), "_s"));
    ir::VarMap map = {{var_.get(), lane}};
    for (const auto& [var, value] : scalar_lets_) map[var] = ir::Substitute(value, map);
    ir::Stmt body = stmt;
    for (size_t i = scalar_masks_.size(); i-- > 0;) body = ir::MakeIfThenElse(scalar_masks_[i], body);
    const ir::DataType dtype = var_.dtype();
    return ir::MakeFor(lane, ir::IntImm(dtype, 0), ir::IntImm(dtype, lanes_), ir::ForKind::kSerial,
                       ir::Substitute(body, map));
  }

  ir::Stmt MutateStmt(ir::Stmt s) override { return s ? ir::StmtExprMutator::MutateStmt(s) : s; }

  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    if (!Varies(ir::Stmt(node)) && masks_.empty()) return node;
    widening_.failed = node->value.dtype().lanes != 1;
    const ir::Expr value = MutateExpr(node->value);
    ir::Array<ir::Expr> indices = VectorIndices(node->indices);
    // Lanes that write one place must do so in order.
    if (widening_.failed || !indices.back().dtype().is_vector()) return OneByOne(node);
    return ir::MakeBufferStore(node->buffer, Widened(value), indices, LoadMask(node->predicate));
  }

  ir::Stmt Mutate(const ir::EvaluateNode* node) override {
    return Varies(ir::Stmt(node)) || !masks_.empty() ? OneByOne(node) : ir::Stmt(node);
  }

  ir::Stmt Mutate(const ir::IfThenElseNode* node) override {
    widening_.failed = false;
    const ir::Expr condition = MutateExpr(Uniform(node->condition));
    if (widening_.failed || (condition.dtype().is_vector() && !allow_masks_)) return OneByOne(node);
    if (!condition.dtype().is_vector()) {
      const ir::Stmt then_case = MutateStmt(node->then_case);
      const ir::Stmt else_case = MutateStmt(node->else_case);
      return ir::MakeIfThenElse(condition, then_case, else_case);
    }
    std::vector<ir::Stmt> out = {Masked(condition, node->condition, node->then_case)};
    if (node->else_case) {
      out.push_back(Masked(ir::MakeNot(condition), ir::Not(node->condition), node->else_case));
    }
    return ir::MakeSeq(out);
  }

  ir::Stmt Masked(ir::Expr mask, ir::Expr scalar_mask, ir::Stmt body) {
    masks_.push_back(mask);
    scalar_masks_.push_back(scalar_mask);
    context_.EnterCondition(scalar_mask);
    const ir::Stmt out = MutateStmt(body);
    context_.LeaveCondition();
    masks_.pop_back();
    scalar_masks_.pop_back();
    return out;
  }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    if (Varies(node->min) || Varies(node->extent)) return OneByOne(node);
    context_.BindLoop(node->loop_var, node->min, node->extent);
    const ir::Stmt body = MutateStmt(node->body);
    if (body == node->body) return node;
    auto* copy = ir::CopyNode(node);
    copy->body = body;
    return copy;
  }

  ir::Stmt Mutate(const ir::WhileNode* node) override { return OneByOne(node); }
  ir::Stmt Mutate(const ir::AssertStmtNode* node) override {
    return Varies(ir::Stmt(node)) || !masks_.empty() ? OneByOne(node) : ir::Stmt(node);
  }

  ir::Stmt Mutate(const ir::LetStmtNode* node) override {
    widening_.failed = false;
    const ir::Expr value = MutateExpr(node->value);
    const bool varies = Varies(node->value);
    if (widening_.failed || (varies && node->value.dtype().lanes != 1)) return OneByOne(node);
    if (!varies) {
      const ir::Stmt body = MutateStmt(node->body);
      return value == node->value && body == node->body ? ir::Stmt(node) : ir::MakeLetStmt(node->var, value, body);
    }
    const ir::Var wide = ir::MakeVar(node->var.name(), value.dtype());
    vector_lets_[node->var.get()] = wide;
    scalar_lets_.emplace_back(node->var.get(), node->value);
    const ir::Stmt body = MutateStmt(node->body);
    return ir::MakeLetStmt(wide, value, body);
  }

  // Each lane has its own copy: the lanes become the innermost dimension.
  ir::Stmt Mutate(const ir::AllocateNode* node) override {
    std::vector<ir::Expr> extents = node->extents.ToVector();
    extents.back() = ir::Mul(extents.back(), ir::IntImm(extents.back().dtype(), lanes_));
    LaneIndexer indexer(node->buffer_var, var_, lanes_);
    const ir::Stmt body = MutateStmt(indexer.MutateStmt(node->body));
    auto* copy = ir::CopyNode(node);
    copy->extents = ir::MakeArray(extents);
    copy->body = body;
    return copy;
  }

  // idx => idx * lanes + lane for one buffer.
  class LaneIndexer final : public ir::StmtExprMutator {
   public:
    LaneIndexer(ir::Var data, ir::Var var, int lanes) : data_(data), var_(var), lanes_(lanes) {}

   private:
    using ir::StmtExprMutator::Mutate;
    ir::Array<ir::Expr> Spread(ir::Array<ir::Expr> indices) {
      std::vector<ir::Expr> out = indices.ToVector();
      const ir::DataType dtype = out.back().dtype();
      out.back() = ir::Add(ir::Mul(out.back(), ir::IntImm(dtype, lanes_)), ir::Cast(dtype, var_));
      return ir::MakeArray(out);
    }
    ir::Buffer MutateBuffer(ir::Buffer buffer) override {
      if (!(buffer->data == data_)) return buffer;
      auto [it, inserted] = buffers_.try_emplace(buffer.get(), buffer);
      if (inserted) {
        auto* copy = ir::CopyNode(buffer.get());
        std::vector<ir::Expr> shape = buffer->shape.ToVector();
        shape.back() = ir::Mul(shape.back(), ir::IntImm(shape.back().dtype(), lanes_));
        copy->shape = ir::MakeArray(shape);
        it->second = ir::Buffer(copy);
      }
      return it->second;
    }
    ir::Expr Mutate(const ir::BufferLoadNode* node) override {
      const ir::Expr visited = ir::StmtExprMutator::Mutate(node);
      if (!(node->buffer->data == data_)) return visited;
      const auto* load = visited.as<ir::BufferLoadNode>();
      return ir::MakeBufferLoad(load->buffer, Spread(load->indices), load->predicate);
    }
    ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
      const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
      if (!(node->buffer->data == data_)) return visited;
      const auto* store = visited.as<ir::BufferStoreNode>();
      return ir::MakeBufferStore(store->buffer, store->value, Spread(store->indices), store->predicate);
    }
    const ir::Var data_;
    const ir::Var var_;
    const int lanes_;
    absl::flat_hash_map<const ir::BufferNode*, ir::Buffer> buffers_;
  };

  LinearContext& context_;
  const ir::Var var_;
  const int lanes_;
  const bool allow_masks_;  // Otherwise what depends on a condition of single lanes runs lane by lane.
  Widening widening_;
  std::vector<ir::Expr> masks_;         // In force, as vectors ...
  std::vector<ir::Expr> scalar_masks_;  // ... and those of statements as they were, in terms of the loop variable.
  absl::flat_hash_map<const ir::VarNode*, ir::Var> vector_lets_;
  std::vector<std::pair<const ir::VarNode*, ir::Expr>> scalar_lets_;
};

class LoopVectorizer final : public LinearMutator {
 public:
  explicit LoopVectorizer(bool masks) : masks_(masks) {}

  absl::Status status;

 private:
  using LinearMutator::Mutate;

  ir::Stmt Mutate(const ir::ForNode* node) override {
    if (node->for_kind != ir::ForKind::kVectorized) return LinearMutator::Mutate(node);
    const int64_t* extent = ir::ConstInt(node->extent);
    if (extent == nullptr || *extent < 1 || *extent > 4096 || !ir::IsZero(node->min)) {
      status = absl::InvalidArgumentError(
          StrCat("vectorized loop \"", node->loop_var.name(), "\" needs minimum 0 and a constant extent"));
      return node;
    }
    return Vectorizer(context_, node->loop_var, static_cast<int>(*extent), masks_).StmtOf(node->body);
  }

  const bool masks_;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> VectorizeLoop(ir::PrimFunc func, const PassContext& context) {
  LoopVectorizer vectorizer(/*masks=*/context.machine.kind != "cuda");
  const ir::Stmt body = vectorizer.MutateStmt(func->body);
  if (!vectorizer.status.ok()) return vectorizer.status;
  return WithBody(func, body);
}

}  // namespace hone::lower
