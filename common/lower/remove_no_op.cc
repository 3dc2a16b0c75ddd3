// RemoveNoOp: empty loops and branches, stores of a value to its own place and pure evaluations disappear.
#include "common/ir/mutator.h"
#include "common/ir/visitor.h"
#include "common/lower/passes.h"

namespace hone::lower {
namespace {

bool IsNop(ir::Stmt stmt) {
  const auto* evaluate = stmt.as<ir::EvaluateNode>();
  return evaluate != nullptr && ir::SideEffect(evaluate->value) <= ir::CallEffect::kReadState;
}

class NoOpRemover final : public ir::StmtExprMutator {
 private:
  using ir::StmtExprMutator::Mutate;

  ir::Stmt Mutate(const ir::ForNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    return IsNop(visited.as<ir::ForNode>()->body) ? ir::MakeNop() : visited;
  }
  ir::Stmt Mutate(const ir::AttrStmtNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    return IsNop(visited.as<ir::AttrStmtNode>()->body) ? ir::MakeNop() : visited;
  }
  ir::Stmt Mutate(const ir::LetStmtNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    const auto* let = visited.as<ir::LetStmtNode>();
    return IsNop(let->body) && ir::SideEffect(let->value) <= ir::CallEffect::kReadState ? ir::MakeNop() : visited;
  }
  ir::Stmt Mutate(const ir::AllocateNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    return IsNop(visited.as<ir::AllocateNode>()->body) ? ir::MakeNop() : visited;
  }
  ir::Stmt Mutate(const ir::IfThenElseNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    const auto* branch = visited.as<ir::IfThenElseNode>();
    const bool no_else = !branch->else_case || IsNop(branch->else_case);
    if (IsNop(branch->then_case) && no_else) return ir::MakeNop();
    if (branch->else_case && no_else) return ir::MakeIfThenElse(branch->condition, branch->then_case);
    return visited;
  }
  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    const auto* load = node->value.as<ir::BufferLoadNode>();
    if (load == nullptr || !(node->buffer == ir::Buffer(load->buffer)) || load->predicate || node->predicate) {
      return node;
    }
    for (size_t d = 0; d < node->indices.size(); ++d) {
      if (!(node->indices[d] == load->indices[d])) return node;
    }
    return ir::MakeNop();
  }
  ir::Stmt Mutate(const ir::SeqNode* node) override {
    std::vector<ir::Stmt> kept;
    bool changed = false;
    for (ir::Stmt stmt : node->seq) {
      const ir::Stmt visited = MutateStmt(stmt);
      changed |= !(visited == stmt);
      if (IsNop(visited)) {
        changed = true;
        continue;
      }
      kept.push_back(visited);
    }
    return changed ? ir::MakeSeq(kept) : ir::Stmt(node);
  }
};

}  // namespace

absl::StatusOr<ir::PrimFunc> RemoveNoOp(ir::PrimFunc func, const PassContext&) {
  return WithBody(func, NoOpRemover().MutateStmt(func->body));
}

}  // namespace hone::lower
