// UnrollLoop: loops of kind `unrolled`, and serial ones within the budget of pragma_auto_unroll_max_step, are replaced
// by copies of their body. Rules and defaults are TVM's, but short loops that decide conditions are unrolled, too; a
// loop that would give more than kMostStatements is left as a serial loop.
#include <algorithm>

#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/passes.h"
#include "common/lower/renew.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

constexpr int64_t kMostStatements = 4096;
constexpr int kMostDepth = 8;
constexpr int64_t kMostDecidedSteps = 64;

class Unroller final : public ir::StmtExprMutator {
 public:
  absl::Status status;

 private:
  using ir::StmtExprMutator::Mutate;

  ir::Stmt Mutate(const ir::AttrStmtNode* node) override {
    if (node->attr_key == "pragma_auto_unroll_max_step") {
      const int64_t* value = ir::ConstInt(node->value);
      const int64_t outer = std::exchange(max_step_, value != nullptr ? *value : 0);
      const ir::Stmt body = MutateStmt(node->body);
      max_step_ = outer;
      return body;
    }
    if (node->attr_key == "pragma_unroll_explicit") {
      const int64_t* value = ir::ConstInt(node->value);
      const bool outer = std::exchange(explicit_, value == nullptr || *value != 0);
      const ir::Stmt body = MutateStmt(node->body);
      explicit_ = outer;
      return body;
    }
    return ir::StmtExprMutator::Mutate(node);
  }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    // What is met below this loop; combined with what was met before it at the end.
    const int64_t outer_steps = std::exchange(steps_, 0);
    const bool outer_loops = std::exchange(has_loops_, false);
    const int outer_depth = std::exchange(depth_, 0);
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    const auto* loop = visited.as<ir::ForNode>();
    const int64_t* extent = ir::ConstInt(loop->extent);
    const bool asked = loop->for_kind == ir::ForKind::kUnrolled;
    if (asked && extent == nullptr) {
      status =
          absl::InvalidArgumentError(StrCat("unrolled loop \"", loop->loop_var.name(), "\" needs a constant extent"));
    }
    bool unroll = asked && extent != nullptr;
    if (loop->for_kind == ir::ForKind::kSerial && extent != nullptr) {
      unroll = DecidesConditions(loop, *extent) || (*extent >= 0 && !has_loops_ && depth_ <= kMostDepth &&
                                                    *extent * std::max<int64_t>(1, steps_) <= max_step_);
    }
    if (unroll && *extent * std::max<int64_t>(1, steps_) > kMostStatements) unroll = false;
    ir::Stmt out = visited;
    if (unroll && (explicit_ || asked)) {
      out = Repeated(loop, *extent);
      steps_ *= *extent;
      depth_ += 1;
    } else {
      if (loop->for_kind == ir::ForKind::kUnrolled) {
        auto* serial = ir::CopyNode(loop);
        serial->for_kind = ir::ForKind::kSerial;
        out = serial;
      }
      has_loops_ = true;
    }
    steps_ += outer_steps;
    has_loops_ |= outer_loops;
    depth_ = std::max(depth_, outer_depth);
    return out;
  }

  // Whether a short loop's variable stands in conditions inside: its copies decide them, as in `(2 + r) % 2 == 0`.
  bool DecidesConditions(const ir::ForNode* loop, int64_t extent) const {
    if (extent < 1 || extent > 8 || has_loops_ || extent * steps_ > kMostDecidedSteps) return false;
    bool found = false;
    ir::PostOrderVisitExprs(loop->body, [&](ir::Expr e) {
      const auto* compare = ir::IsComparison(e.kind()) ? e.as<ir::BinaryNode>() : nullptr;
      found |= compare != nullptr && compare->a.dtype().is_index() && ir::UsesVar(e, loop->loop_var);
    });
    return found;
  }

  static ir::Stmt Repeated(const ir::ForNode* loop, int64_t extent) {
    const bool renew = DefinesVars(loop->body);
    std::vector<ir::Stmt> copies;
    for (int64_t i = 0; i < extent; ++i) {
      const ir::Expr value = ir::Add(loop->min, ir::IntImm(loop->loop_var.dtype(), i));
      ir::Stmt copy = ir::Substitute(loop->body, {{loop->loop_var.get(), value}});
      copies.push_back(renew && i > 0 ? RenewDefinitions(copy) : copy);
    }
    return ir::MakeSeq(copies);
  }

  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    ++steps_;
    return node;
  }
  ir::Stmt Mutate(const ir::EvaluateNode* node) override {
    ++steps_;
    return node;
  }
  ir::Stmt Mutate(const ir::WhileNode* node) override {
    has_loops_ = true;
    return ir::StmtExprMutator::Mutate(node);
  }

  int64_t max_step_ = 0;
  bool explicit_ = true;
  int64_t steps_ = 0;
  bool has_loops_ = false;  // A loop that stays.
  int depth_ = 0;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> UnrollLoop(ir::PrimFunc func, const PassContext&) {
  Unroller unroller;
  const ir::Stmt body = unroller.MutateStmt(func->body);
  if (!unroller.status.ok()) return unroller.status;
  return WithBody(func, body);
}

}  // namespace hone::lower
