#include "common/lower/renew.h"

#include "common/ir/mutator.h"
#include "common/ir/visitor.h"

namespace hone::lower {
namespace {

class Renewer final : public ir::StmtExprMutator {
 private:
  using ir::StmtExprMutator::Mutate;

  ir::Var Renew(ir::Var var) {
    const ir::Var fresh = ir::CopyVar(var);
    map_[var.get()] = fresh;
    return fresh;
  }

  ir::Expr Mutate(const ir::VarNode* node) override {
    auto it = map_.find(node);
    return it != map_.end() ? ir::Expr(it->second) : ir::Expr(node);
  }

  ir::Buffer MutateBuffer(ir::Buffer buffer) override {
    auto it = map_.find(buffer->data.get());
    if (it == map_.end()) return buffer;
    auto [entry, inserted] = buffers_.try_emplace({buffer.get(), it->second.get()}, buffer);
    if (inserted) {
      auto* copy = ir::CopyNode(buffer.get());
      copy->data = it->second;
      entry->second = ir::Buffer(copy);
    }
    return entry->second;
  }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    auto* copy = ir::CopyNode(node);
    copy->loop_var = Renew(node->loop_var);
    return ir::StmtExprMutator::Mutate(copy);
  }
  ir::Stmt Mutate(const ir::LetStmtNode* node) override {
    auto* copy = ir::CopyNode(node);
    copy->value = MutateExpr(node->value);
    copy->var = Renew(node->var);
    copy->body = MutateStmt(node->body);
    return copy;
  }
  ir::Stmt Mutate(const ir::AllocateNode* node) override {
    auto* copy = ir::CopyNode(node);
    copy->buffer_var = Renew(node->buffer_var);
    return ir::StmtExprMutator::Mutate(copy);
  }
  ir::Stmt Mutate(const ir::AllocateConstNode* node) override {
    auto* copy = ir::CopyNode(node);
    copy->buffer_var = Renew(node->buffer_var);
    return ir::StmtExprMutator::Mutate(copy);
  }

  absl::flat_hash_map<const ir::VarNode*, ir::Var> map_;
  absl::flat_hash_map<std::pair<const ir::BufferNode*, const ir::VarNode*>, ir::Buffer> buffers_;
};

}  // namespace

bool DefinesVars(ir::Stmt stmt) {
  bool defines = false;
  ir::PreOrderVisitStmts(stmt, [&](ir::Stmt s) {
    defines |= s.as<ir::ForNode>() != nullptr || s.as<ir::LetStmtNode>() != nullptr ||
               s.as<ir::AllocateNode>() != nullptr || s.as<ir::AllocateConstNode>() != nullptr;
    return !defines;
  });
  return defines;
}

ir::Stmt RenewDefinitions(ir::Stmt stmt) { return Renewer().MutateStmt(stmt); }

}  // namespace hone::lower
