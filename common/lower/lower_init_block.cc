// LowerInitBlock: the init of a reduction block becomes ordinary code in front of its body, run when every reduction
// iter is at its minimum.
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/lower/passes.h"

namespace hone::lower {
namespace {

class InitLowerer final : public ir::StmtExprMutator {
 private:
  using ir::StmtExprMutator::Mutate;

  ir::Stmt Mutate(const ir::BlockNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    const auto* block = visited.as<ir::BlockNode>();
    if (!block->init) return visited;
    ir::Expr condition;
    for (ir::IterVar iter : block->iter_vars) {
      if (iter->iter_type != ir::IterType::kReduce) continue;
      const ir::Expr at_min = ir::EQ(iter->var, iter->dom.min);
      condition = condition ? ir::And(condition, at_min) : at_min;
    }
    const ir::Stmt init = condition ? ir::MakeIfThenElse(condition, block->init) : block->init;
    auto* copy = ir::CopyNode(block);
    copy->body = ir::MakeSeq({init, block->body});
    copy->init = {};
    return copy;
  }
};

}  // namespace

absl::StatusOr<ir::PrimFunc> LowerInitBlock(ir::PrimFunc func, const PassContext&) {
  return WithBody(func, InitLowerer().MutateStmt(func->body));
}

}  // namespace hone::lower
