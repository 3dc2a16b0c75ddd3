// InjectPTXAsyncCopy: inside of async_scope, a store to shared memory of what is loaded from global memory becomes
// ptx_cp_async when it moves 4, 8 or 16 bytes that are aligned to their size; with if_then_else(condition, load, 0) it
// gets the condition. Every other store stays what it is: the commits and waits around it do no harm. Does nothing for
// devices before sm_80, which cannot.
#include <optional>

#include "common/arith/analyzer.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/lower/gpu/gpu_passes.h"

namespace hone::lower {
namespace {

constexpr int kFirstSm = 80;

class Injector final : public ir::StmtExprMutator {
 private:
  using ir::StmtExprMutator::Mutate;
  ir::Expr MutateExpr(ir::Expr e) override { return e; }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    analyzer_.Bind(node->loop_var, ir::Range{node->min, node->extent});
    return ir::StmtExprMutator::Mutate(node);
  }

  ir::Stmt Mutate(const ir::AttrStmtNode* node) override {
    if (const auto* iter = ir::As<ir::IterVarNode>(node->node); iter != nullptr && node->attr_key == "thread_extent") {
      analyzer_.Bind(iter->var, ir::RangeFromExtent(node->value));
    }
    if (node->attr_key != "async_scope") return ir::StmtExprMutator::Mutate(node);
    ++async_;
    const ir::Stmt body = MutateStmt(node->body);
    --async_;
    return body;
  }

  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    if (async_ == 0) return node;
    const std::optional<ir::Stmt> copy = Copy(node);
    return copy ? *copy : ir::Stmt(node);
  }

  std::optional<ir::Stmt> Copy(const ir::BufferStoreNode* store) {
    if (!store->buffer->scope().starts_with("shared") || store->predicate || store->indices.size() != 1) {
      return std::nullopt;
    }
    ir::Expr condition;
    ir::Expr value = store->value;
    if (const auto* call = value.as<ir::CallNode>(); call != nullptr && call->Is(ir::Builtin::if_then_else)) {
      if (!IsZeroValue(call->args[2]) || !call->args[0].dtype().is_scalar()) return std::nullopt;
      condition = call->args[0];
      value = call->args[1];
    }
    const auto* load = value.as<ir::BufferLoadNode>();
    if (load == nullptr || load->buffer->scope() != "global" || load->predicate || load->indices.size() != 1 ||
        load->buffer->dtype != store->buffer->dtype) {
      return std::nullopt;
    }
    const int lanes = value.dtype().lanes;
    const int bytes = lanes * value.dtype().element().bytes();
    if (bytes != 4 && bytes != 8 && bytes != 16) return std::nullopt;
    const ir::Expr to = First(store->indices[0], lanes);
    const ir::Expr from = First(load->indices[0], lanes);
    if (!to || !from) return std::nullopt;
    std::vector<ir::Expr> args = {store->buffer->data, to, load->buffer->data, from, ir::Int32(bytes)};
    if (condition) args.push_back(condition);
    return ir::MakeEvaluate(ir::MakeCall(store->buffer->dtype, ir::Builtin::ptx_cp_async, ir::MakeArray(args)));
  }

  static bool IsZeroValue(ir::Expr e) {
    if (const auto* broadcast = e.as<ir::BroadcastNode>()) return IsZeroValue(broadcast->value);
    const auto* number = e.as<ir::FloatImmNode>();
    return ir::IsZero(e) || (number != nullptr && number->value == 0);
  }

  // The element at which the access starts; null when its elements do not follow each other or are not aligned.
  ir::Expr First(ir::Expr index, int lanes) {
    if (lanes == 1) return index;
    const auto* ramp = index.as<ir::RampNode>();
    if (ramp == nullptr || !ir::IsOne(ramp->stride)) return {};
    const arith::ModularSet set = analyzer_.modular_set(ramp->base);
    if (set.coeff % lanes != 0 || set.base % lanes != 0) return {};
    return ramp->base;
  }

  int async_ = 0;
  arith::Analyzer analyzer_;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> InjectPTXAsyncCopy(ir::PrimFunc func, const PassContext& context) {
  if (context.machine.sm < kFirstSm) return func;
  return WithBody(func, Injector().MutateStmt(func->body));
}

}  // namespace hone::lower
