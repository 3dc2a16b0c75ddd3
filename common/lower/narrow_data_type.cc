// NarrowDataType: int64 loop variables and index arithmetic become int32 where every value provably fits. Data types of
// buffers, parameters and stored values stay.
#include <cstdint>
#include <limits>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/linear_mutator.h"
#include "common/lower/passes.h"

namespace hone::lower {
namespace {

class Narrower final : public LinearMutator {
 private:
  using LinearMutator::Mutate;

  bool Fits(ir::Expr e) {
    const Bounds bounds = context_.BoundsOf(e);
    return bounds.lo >= std::numeric_limits<int32_t>::min() && bounds.hi <= std::numeric_limits<int32_t>::max();
  }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    context_.BindLoop(node->loop_var, node->min, node->extent);
    const bool narrow = node->loop_var.dtype() == ir::kInt64 && Fits(ir::Expr(node->loop_var)) && Fits(node->min) &&
                        Fits(node->extent) && Fits(ir::Add(node->min, node->extent));
    if (!narrow) return LinearMutator::Mutate(node);
    const ir::Expr min = Narrow(node->min), extent = Narrow(node->extent);
    if (!min || !extent) return LinearMutator::Mutate(node);
    const ir::Var var = ir::MakeVar(node->loop_var.name(), ir::kInt32);
    narrowed_[node->loop_var.get()] = var;
    context_.BindLoop(var, min, extent);
    auto* copy = ir::CopyNode(node);
    copy->loop_var = var;
    copy->min = min;
    copy->extent = extent;
    copy->body = MutateStmt(node->body);
    return copy;
  }

  // What is left of an int64 variable where its expression is not narrowed as a whole.
  ir::Expr Mutate(const ir::VarNode* node) override {
    auto it = narrowed_.find(node);
    return it != narrowed_.end() ? ir::Cast(ir::kInt64, ir::Expr(it->second)) : ir::Expr(node);
  }

  // `e`, int64, as int32; null when that is not possible.
  ir::Expr Narrow(ir::Expr e) {
    if (e.dtype() != ir::kInt64 || !Fits(e)) return {};
    if (const int64_t* value = ir::ConstInt(e)) return ir::Int32(*value);
    if (const auto* var = e.as<ir::VarNode>()) {
      auto it = narrowed_.find(var);
      return it != narrowed_.end() ? ir::Expr(it->second) : ir::Expr();
    }
    if (const auto* cast = e.as<ir::CastNode>()) {
      return cast->value.dtype() == ir::kInt32 ? MutateExpr(cast->value) : ir::Expr();
    }
    const auto* binary = e.as<ir::BinaryNode>();
    if (binary == nullptr) return {};
    const ir::Expr a = Narrow(binary->a);
    if (!a) return {};
    const ir::Expr b = Narrow(binary->b);
    return b ? ir::MakeBinary(binary->kind, a, b) : ir::Expr();
  }

  ir::Expr Mutate(const ir::BinaryNode* node) override {
    if (ir::IsComparison(node->kind) && node->a.dtype() == ir::kInt64) {
      const ir::Expr a = Narrow(node->a);
      const ir::Expr b = a ? Narrow(node->b) : ir::Expr();
      if (b) return ir::MakeBinary(node->kind, a, b);
    }
    return LinearMutator::Mutate(node);
  }

  ir::Expr NarrowIndex(ir::Expr index) {
    if (const auto* ramp = index.as<ir::RampNode>(); ramp != nullptr && ramp->base.dtype() == ir::kInt64) {
      const ir::Expr base = Narrow(ramp->base), stride = Narrow(ramp->stride);
      if (base && stride) return ir::MakeRamp(base, stride, ramp->lanes);
    }
    const ir::Expr narrow = Narrow(index);
    return narrow ? narrow : MutateExpr(index);
  }
  ir::Array<ir::Expr> NarrowIndices(ir::Array<ir::Expr> indices) {
    return ir::MapArray(indices, [&](ir::Expr index) { return NarrowIndex(index); });
  }

  ir::Expr Mutate(const ir::BufferLoadNode* node) override {
    return ir::MakeBufferLoad(node->buffer, NarrowIndices(node->indices),
                              node->predicate ? MutateExpr(node->predicate) : node->predicate);
  }
  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    const ir::Expr value = MutateExpr(node->value);
    return ir::MakeBufferStore(node->buffer, value, NarrowIndices(node->indices),
                               node->predicate ? MutateExpr(node->predicate) : node->predicate);
  }

  absl::flat_hash_map<const ir::VarNode*, ir::Var> narrowed_;
};

bool HasWideLoops(ir::Stmt body) {
  bool wide = false;
  ir::PreOrderVisitStmts(body, [&](ir::Stmt stmt) {
    const auto* loop = stmt.as<ir::ForNode>();
    wide |= loop != nullptr && loop->loop_var.dtype() == ir::kInt64;
    return !wide;
  });
  return wide;
}

}  // namespace

absl::StatusOr<ir::PrimFunc> NarrowDataType(ir::PrimFunc func, const PassContext&) {
  if (!HasWideLoops(func->body)) return func;
  return WithBody(func, Narrower().MutateStmt(func->body));
}

}  // namespace hone::lower
