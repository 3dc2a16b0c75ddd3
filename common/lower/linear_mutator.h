// A mutator that keeps a LinearContext up to date: loop ranges, conditions of branches, lets of integers.
#pragma once

#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/lower/linear.h"

namespace hone::lower {

class LinearMutator : public ir::StmtExprMutator {
 protected:
  using ir::StmtExprMutator::Mutate;

  ir::Stmt Mutate(const ir::ForNode* node) override {
    context_.BindLoop(node->loop_var, node->min, node->extent);
    return ir::StmtExprMutator::Mutate(node);
  }

  ir::Stmt Mutate(const ir::AttrStmtNode* node) override {
    if (const auto* iter = ir::As<ir::IterVarNode>(node->node)) {
      context_.BindLoop(iter->var, ir::IntImm(node->value.dtype(), 0), node->value);
    }
    return ir::StmtExprMutator::Mutate(node);
  }

  ir::Stmt Mutate(const ir::LetStmtNode* node) override {
    if (node->var.dtype().is_index()) context_.Bind(node->var, context_.BoundsOf(node->value));
    return ir::StmtExprMutator::Mutate(node);
  }

  ir::Stmt Mutate(const ir::IfThenElseNode* node) override {
    const ir::Expr condition = MutateExpr(node->condition);
    const bool scalar = condition.dtype().is_scalar();
    if (scalar) context_.EnterCondition(condition);
    const ir::Stmt then_case = MutateStmt(node->then_case);
    if (scalar) context_.LeaveCondition();
    ir::Stmt else_case = node->else_case;
    if (else_case) {
      if (scalar) context_.EnterCondition(ir::Not(condition));
      else_case = MutateStmt(else_case);
      if (scalar) context_.LeaveCondition();
    }
    if (condition == node->condition && then_case == node->then_case && else_case == node->else_case) return node;
    return ir::MakeIfThenElse(condition, then_case, else_case);
  }

  ir::Expr Mutate(const ir::CallNode* node) override {
    if (!node->Is(ir::Builtin::if_then_else) || !node->args[0].dtype().is_scalar()) {
      return ir::StmtExprMutator::Mutate(node);
    }
    const ir::Expr condition = MutateExpr(node->args[0]);
    context_.EnterCondition(condition);
    const ir::Expr yes = MutateExpr(node->args[1]);
    context_.LeaveCondition();
    context_.EnterCondition(ir::Not(condition));
    const ir::Expr no = MutateExpr(node->args[2]);
    context_.LeaveCondition();
    if (condition == node->args[0] && yes == node->args[1] && no == node->args[2]) return node;
    return ir::MakeCall(node->dtype, ir::Builtin::if_then_else, {condition, yes, no});
  }

  LinearContext context_;
};

}  // namespace hone::lower
