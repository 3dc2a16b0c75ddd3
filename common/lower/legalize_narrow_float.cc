// BF16ComputeLegalize and FP8ComputeLegalize: arithmetic on bfloat16 and float8 is done in float32 (the peer promotes
// float8 to float16 only); loads are widened, what is stored or cast to a narrow type is rounded to it. Memory keeps
// its types. FP8 runs through the same rewrite.
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/passes.h"

namespace hone::lower {
namespace {

bool IsNarrow(ir::DataType dtype) { return dtype.is_bfloat16() || dtype.is_float8(); }
ir::DataType Wide(ir::DataType dtype) { return ir::DataType::Float(32, dtype.lanes); }

// Every expression of a narrow type becomes one of float32 with the same value.
class Legalizer final : public ir::StmtExprMutator {
 private:
  using ir::StmtExprMutator::Mutate;

  ir::Expr Mutate(const ir::VarNode* node) override {
    auto it = vars_.find(node);
    return it != vars_.end() ? ir::Expr(it->second) : ir::Expr(node);
  }
  ir::Expr Mutate(const ir::FloatImmNode* node) override {
    if (!IsNarrow(node->dtype)) return node;
    // Rounded when the code is generated.
    return ir::MakeCast(Wide(node->dtype), node);
  }
  ir::Expr Mutate(const ir::CastNode* node) override {
    const ir::Expr value = MutateExpr(node->value);
    if (IsNarrow(node->dtype)) {
      const bool same = node->value.dtype() == node->dtype;
      return same ? value : ir::MakeCast(Wide(node->dtype), ir::MakeCast(node->dtype, value));
    }
    if (value.dtype() == node->dtype) return value;
    return value == node->value ? ir::Expr(node) : ir::MakeCast(node->dtype, value);
  }
  ir::Expr Mutate(const ir::BufferLoadNode* node) override {
    const ir::Expr load = ir::StmtExprMutator::Mutate(node);
    return IsNarrow(node->dtype) ? ir::MakeCast(Wide(node->dtype), load) : load;
  }
  ir::Expr Mutate(const ir::CallNode* node) override {
    using ir::Builtin;
    if (node->Is(Builtin::reinterpret)) return Reinterpreted(node);
    const bool keeps =
        node->Is(Builtin::address_of) || node->Is(Builtin::tvm_access_ptr) || node->Is(Builtin::type_annotation);
    if (keeps) return node;
    const ir::Expr visited = ir::StmtExprMutator::Mutate(node);
    if (!IsNarrow(node->dtype)) return visited;
    auto* copy = ir::CopyNode(visited.as<ir::CallNode>());
    copy->dtype = Wide(node->dtype);
    return copy;
  }
  // Bits are looked at as they lie in memory.
  ir::Expr Reinterpreted(const ir::CallNode* node) {
    ir::Expr value = MutateExpr(node->args[0]);
    if (IsNarrow(node->args[0].dtype())) {
      // A load that was only widened gives its bits directly.
      const auto* widened = value.as<ir::CastNode>();
      value = widened != nullptr && widened->value.dtype() == node->args[0].dtype()
                  ? widened->value
                  : ir::MakeCast(node->args[0].dtype(), value);
    }
    const ir::Expr bits = ir::MakeCall(node->dtype, ir::Builtin::reinterpret, {value});
    return IsNarrow(node->dtype) ? ir::MakeCast(Wide(node->dtype), bits) : bits;
  }
  ir::Expr Mutate(const ir::LetNode* node) override {
    const ir::Expr value = MutateExpr(node->value);
    const ir::Var var = Renewed(node->var);
    return ir::MakeLet(var, value, MutateExpr(node->body));
  }
  ir::Stmt Mutate(const ir::LetStmtNode* node) override {
    const ir::Expr value = MutateExpr(node->value);
    const ir::Var var = Renewed(node->var);
    return ir::MakeLetStmt(var, value, MutateStmt(node->body));
  }
  ir::Var Renewed(ir::Var var) {
    if (!IsNarrow(var.dtype())) return var;
    const ir::Var wide = ir::MakeVar(var.name(), Wide(var.dtype()));
    vars_[var.get()] = wide;
    return wide;
  }
  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    const ir::Expr value = MutateExpr(node->value);
    const ir::DataType stored = node->value.dtype();
    const auto indices = MutateExprs(node->indices);
    return ir::MakeBufferStore(node->buffer, IsNarrow(stored) ? ir::MakeCast(stored, value) : value, indices,
                               MutateExpr(node->predicate));
  }

  absl::flat_hash_map<const ir::VarNode*, ir::Var> vars_;
};

bool UsesNarrowFloats(ir::PrimFunc func) {
  bool found = false;
  ir::PostOrderVisitExprs(func->body, [&](ir::Expr e) { found |= IsNarrow(e.dtype()); });
  return found;
}

}  // namespace

absl::StatusOr<ir::PrimFunc> LegalizeNarrowFloat(ir::PrimFunc func, const PassContext&) {
  if (!UsesNarrowFloats(func)) return func;
  return WithBody(func, Legalizer().MutateStmt(func->body));
}

}  // namespace hone::lower
