#include "common/script/var_scope.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "common/ir/visitor.h"

namespace hone::script {
namespace {

using Chain = std::vector<const void*>;

class Collector : public ir::StmtExprVisitor {
 public:
  explicit Collector(absl::flat_hash_map<const void*, Chain>& scopes) : scopes_(scopes) {}

  void Func(const ir::PrimFuncNode* func) {
    chain_.push_back(func);
    for (const ir::Var param : func->params) Mention(param.get());
    for (const ir::BufferBinding& binding : func->buffer_map) Mention(binding.buffer);
    VisitStmt(func->body);
  }

  void VisitStmt(ir::Stmt s) override {
    if (!s) return;
    chain_.push_back(s.get());
    StmtExprVisitor::VisitStmt(s);
    chain_.pop_back();
  }

 protected:
  using StmtExprVisitor::Visit;

  void Visit(const ir::VarNode* node) override { Mention(node); }
  void Visit(const ir::BufferLoadNode* node) override {
    Mention(node->buffer);
    StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::LetNode* node) override {
    Mention(node->var.get());
    StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::LetStmtNode* node) override {
    Mention(node->var.get());
    StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::AttrStmtNode* node) override {
    if (const auto* iter = ir::As<ir::IterVarNode>(node->node)) Mention(iter->var.get());
    if (const auto* buffer = ir::As<ir::BufferNode>(node->node)) Mention(ir::Buffer(buffer));
    if (node->node != nullptr && node->node->object_kind == ir::ObjectKind::kExpr) {
      VisitExpr(static_cast<const ir::ExprNode*>(node->node));
    }
    StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::BufferStoreNode* node) override {
    Mention(node->buffer);
    StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::BufferRealizeNode* node) override {
    Mention(node->buffer);
    StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::AllocateNode* node) override {
    Mention(node->buffer_var.get());
    StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::AllocateConstNode* node) override {
    Mention(node->buffer_var.get());
    StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::DeclBufferNode* node) override {
    Mention(node->buffer);
    StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::ForNode* node) override {
    Mention(node->loop_var.get());
    StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::BlockNode* node) override {
    for (const ir::IterVar iter : node->iter_vars) Mention(iter->var.get());
    for (const ir::Buffer buffer : node->alloc_buffers) Mention(buffer);
    for (const ir::BufferRegion region : node->reads) Mention(region->buffer);
    for (const ir::BufferRegion region : node->writes) Mention(region->buffer);
    for (const ir::MatchBufferRegion match : node->match_buffers) {
      Mention(match->buffer);
      Mention(match->source->buffer);
    }
    StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::BlockRealizeNode* node) override {
    for (const ir::Expr value : node->iter_values) VisitExpr(value);
    VisitExpr(node->predicate);
    VisitStmt(ir::Stmt(node->block));
  }

 private:
  void Mention(const void* object) {
    auto [it, added] = scopes_.try_emplace(object, chain_);
    if (added) return;
    Chain& known = it->second;
    const size_t n = std::min(known.size(), chain_.size());
    for (size_t i = 0; i < n; ++i) {
      if (known[i] != chain_[i]) {
        known.resize(i);
        return;
      }
    }
    known.resize(n);
  }
  void Mention(ir::Buffer buffer) {
    Mention(static_cast<const void*>(buffer.get()));
    // Its own variables are mentioned wherever the buffer is.
    Mention(buffer->data.get());
    for (const ir::Expr e : buffer->shape) VisitExpr(e);
    for (const ir::Expr e : buffer->strides) VisitExpr(e);
    VisitExpr(buffer->elem_offset);
  }

  absl::flat_hash_map<const void*, Chain>& scopes_;
  Chain chain_;
};

}  // namespace

VarScopes::VarScopes(const ir::PrimFuncNode* func) { Collector(scopes_).Func(func); }

const std::vector<const void*>* VarScopes::Find(const void* object) const {
  auto it = scopes_.find(object);
  return it == scopes_.end() ? nullptr : &it->second;
}

}  // namespace hone::script
