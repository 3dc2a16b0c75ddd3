#include "common/schedule/renew.h"

#include <vector>

#include "common/support/strings.h"

namespace hone::schedule {
namespace {

class Renewer final : public ir::StmtExprMutator {
 public:
  Renewer(std::string_view suffix, ir::VarMap map) : suffix_(suffix), map_(std::move(map)) {}

 private:
  using StmtExprMutator::Mutate;

  ir::Var Renew(ir::Var var) {
    const auto it = map_.find(var.get());
    if (it != map_.end()) {
      if (const auto* node = it->second.as<ir::VarNode>()) return ir::Var(node);
    }
    const ir::Var out = ir::CopyVar(var);
    map_[var.get()] = out;
    return out;
  }

  ir::Expr Mutate(const ir::VarNode* node) override {
    const auto it = map_.find(node);
    return it != map_.end() ? it->second : ir::Expr(node);
  }

  ir::Buffer MutateBuffer(ir::Buffer buffer) override {
    const auto it = buffers_.find(buffer.get());
    if (it != buffers_.end()) return it->second;
    const ir::Expr data = MutateExpr(buffer->data);
    const auto shape = MutateExprs(buffer->shape);
    const auto strides = MutateExprs(buffer->strides);
    const ir::Expr offset = MutateExpr(buffer->elem_offset);
    ir::Buffer out = buffer;
    if (!(data == buffer->data) || !shape.same_as(buffer->shape) || !strides.same_as(buffer->strides) ||
        !(offset == buffer->elem_offset)) {
      auto* copy = ir::CopyNode(buffer.get());
      copy->data = ir::Var(data.as<ir::VarNode>());
      copy->shape = shape;
      copy->strides = strides;
      copy->elem_offset = offset;
      out = copy;
    }
    buffers_.emplace(buffer.get(), out);
    return out;
  }

  ir::Expr Mutate(const ir::LetNode* node) override {
    const ir::Expr value = MutateExpr(node->value);
    const ir::Var var = Renew(node->var);
    return ir::MakeLet(var, value, MutateExpr(node->body));
  }
  ir::Stmt Mutate(const ir::LetStmtNode* node) override {
    const ir::Expr value = MutateExpr(node->value);
    const ir::Var var = Renew(node->var);
    return ir::MakeLetStmt(var, value, MutateStmt(node->body));
  }
  ir::Stmt Mutate(const ir::AllocateNode* node) override {
    const ir::Var var = Renew(node->buffer_var);
    auto* copy = ir::CopyNode(static_cast<const ir::AllocateNode*>(StmtExprMutator::Mutate(node).get()));
    copy->buffer_var = var;
    return copy;
  }
  ir::Stmt Mutate(const ir::ForNode* node) override {
    auto* copy = ir::CopyNode(node);
    copy->min = MutateExpr(node->min);
    copy->extent = MutateExpr(node->extent);
    copy->loop_var = Renew(node->loop_var);
    copy->body = MutateStmt(node->body);
    return copy;
  }
  ir::Stmt Mutate(const ir::BlockNode* node) override {
    std::vector<ir::IterVar> iters;
    for (ir::IterVar iter : node->iter_vars) {
      auto* copy = ir::CopyNode(iter);
      copy->var = Renew(iter->var);
      if (iter->dom) copy->dom = MutateRange(iter->dom);
      iters.push_back(copy);
    }
    for (ir::Buffer buffer : node->alloc_buffers) Renew(buffer->data);
    for (ir::MatchBufferRegion match : node->match_buffers) {
      Renew(match->buffer->data);
      if (const auto* var = match->buffer->elem_offset.as<ir::VarNode>()) Renew(ir::Var(var));
      for (ir::Expr e : match->buffer->shape) RenewIfVar(e);
      for (ir::Expr e : match->buffer->strides) RenewIfVar(e);
    }
    const ir::Stmt inner = StmtExprMutator::Mutate(node);
    auto* copy = ir::CopyNode(inner.as<ir::BlockNode>());
    copy->iter_vars = ir::MakeArray(iters);
    if (!suffix_.empty()) copy->name = ir::CopyString(StrCat(node->name, suffix_));
    return copy;
  }

  // The shape and stride variables that a view defines.
  void RenewIfVar(ir::Expr e) {
    if (const auto* var = e.as<ir::VarNode>()) Renew(ir::Var(var));
  }

  std::string suffix_;
  ir::VarMap map_;
  absl::flat_hash_map<const ir::BufferNode*, ir::Buffer> buffers_;
};

}  // namespace

ir::Stmt RenewDefinitions(ir::Stmt stmt, std::string_view suffix, ir::VarMap map) {
  return Renewer(suffix, std::move(map)).MutateStmt(stmt);
}

}  // namespace hone::schedule
