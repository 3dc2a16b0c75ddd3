// UnrollLoop: loops of kind `unrolled`, and serial ones within the budget of pragma_auto_unroll_max_step, are replaced
// by copies of their body. Rules and defaults are TVM's, but short loops that decide conditions are unrolled, too; a
// loop that would give more than kMostStatements is left as a serial loop. Copies have memory of their own, shared
// memory too, unless a kernel would then ask for more of that than the device has.
#include <algorithm>
#include <limits>

#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/gpu/shared_layout.h"
#include "common/lower/passes.h"
#include "common/lower/renew.h"
#include "common/support/strings.h"
#include "common/target/cuda_limits.h"

namespace hone::lower {
namespace {

constexpr int64_t kMostStatements = 4096;
// What a GPU's kernel may have in stores and calls, with loops over registers counted as the code generator unrolls
// them. NVRTC's time grows faster than that number: tens of seconds at 5,000, where most candidates take less than one.
// Of 512 measured float32 2048 x 2048 products those beyond 1,536 took at least 1.6 times as long as the best, so the
// time bought nothing. bench/gpu_builds_main.cc shows it.
constexpr int64_t kMostKernelStatements = 1536;
constexpr int kMostDepth = 8;
constexpr int64_t kMostDecidedSteps = 64;

// Takes off the marks that this iteration reads the other half of a double buffer: with the iterations side by side
// they would say so of the next one's reads, too, and barriers would be missing. Loops within have marks of their own.
class MarksStripper final : public ir::StmtExprMutator {
  using ir::StmtExprMutator::Mutate;
  ir::Expr MutateExpr(ir::Expr e) override { return e; }
  ir::Stmt Mutate(const ir::ForNode* node) override { return node; }
  ir::Stmt Mutate(const ir::AttrStmtNode* node) override {
    return node->attr_key == "double_buffer_write" ? node->body : ir::StmtExprMutator::Mutate(node);
  }
};

// Takes off the allocations of shared memory.
class SharedLifter final : public ir::StmtExprMutator {
 public:
  // `body` with what was taken off around it, as it was: the first outermost.
  ir::Stmt Allocate(ir::Stmt body) const {
    for (size_t i = allocations_.size(); i-- > 0;) {
      auto* copy = ir::CopyNode(allocations_[i]);
      copy->body = body;
      body = copy;
    }
    return body;
  }

 private:
  using ir::StmtExprMutator::Mutate;
  ir::Expr MutateExpr(ir::Expr e) override { return e; }
  ir::Stmt Mutate(const ir::AllocateNode* node) override {
    const bool constant = std::all_of(node->extents.begin(), node->extents.end(),
                                      [](ir::Expr extent) { return ir::ConstInt(extent) != nullptr; });
    if (!constant || !IsSharedScope(node->buffer_var->type->scope)) return ir::StmtExprMutator::Mutate(node);
    allocations_.push_back(node);
    return MutateStmt(node->body);
  }

  std::vector<const ir::AllocateNode*> allocations_;
};

class Unroller final : public ir::StmtExprMutator {
 public:
  // Budgets of the program beyond `most_steps` count as `most_steps`. `share`: the copies of a loop's body use the same
  // shared memory, as its iterations do.
  Unroller(int64_t most_steps, bool share) : most_steps_(most_steps), share_(share) {}
  absl::Status status;
  int64_t largest_budget = 0;  // That was met, and used.

 private:
  using ir::StmtExprMutator::Mutate;

  ir::Stmt Mutate(const ir::AttrStmtNode* node) override {
    if (node->attr_key == "pragma_auto_unroll_max_step") {
      const int64_t* value = ir::ConstInt(node->value);
      const int64_t outer = std::exchange(max_step_, value != nullptr ? std::min(*value, most_steps_) : 0);
      largest_budget = std::max(largest_budget, max_step_);
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

  ir::Stmt Repeated(const ir::ForNode* loop, int64_t extent) const {
    ir::Stmt body = MarksStripper().MutateStmt(loop->body);
    SharedLifter lifter;
    if (share_) body = lifter.MutateStmt(body);
    const bool renew = DefinesVars(body);
    std::vector<ir::Stmt> copies;
    for (int64_t i = 0; i < extent; ++i) {
      const ir::Expr value = ir::Add(loop->min, ir::IntImm(loop->loop_var.dtype(), i));
      ir::Stmt copy = ir::Substitute(body, {{loop->loop_var.get(), value}});
      copies.push_back(renew && i > 0 ? RenewDefinitions(copy) : copy);
    }
    return lifter.Allocate(ir::MakeSeq(copies));
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

  const int64_t most_steps_;
  const bool share_;
  int64_t max_step_ = 0;
  bool explicit_ = true;
  int64_t steps_ = 0;
  bool has_loops_ = false;  // A loop that stays.
  int depth_ = 0;
};

// Whether an array of a thread's own is indexed by `var`.
bool IndexesOwnArray(ir::Stmt body, ir::Var var) {
  bool found = false;
  const auto look = [&](ir::Buffer buffer, const ir::Array<ir::Expr>& indices) {
    if (found || buffer->scope() != "local") return;
    for (ir::Expr index : indices) found |= ir::UsesVar(index, var);
  };
  ir::PreOrderVisitStmts(body, [&](ir::Stmt stmt) {
    if (const auto* store = stmt.as<ir::BufferStoreNode>()) look(store->buffer, store->indices);
    return !found;
  });
  if (found) return true;
  ir::PostOrderVisitExprs(body, [&](ir::Expr e) {
    if (const auto* load = e.as<ir::BufferLoadNode>()) look(ir::Buffer(load->buffer), load->indices);
  });
  return found;
}

// Stores and calls of a kernel, copies by loops over registers included.
int64_t KernelStatements(ir::Stmt body) {
  constexpr int64_t kMany = int64_t{1} << 30;  // Large enough for any limit, and safe to multiply.
  int64_t statements = 0;
  ir::PreOrderVisitStmts(body, [&](ir::Stmt stmt) {
    if (stmt.kind() == ir::StmtKind::kBufferStore || stmt.kind() == ir::StmtKind::kEvaluate) ++statements;
    const auto* loop = stmt.as<ir::ForNode>();
    if (loop == nullptr) return true;
    const int64_t* extent = ir::ConstInt(loop->extent);
    const bool copied = extent != nullptr && IndexesOwnArray(loop->body, loop->loop_var);
    const int64_t times = copied ? std::clamp<int64_t>(*extent, 1, kMany) : 1;
    statements = std::min(statements + times * KernelStatements(loop->body), kMany);
    return false;
  });
  return statements;
}

}  // namespace

absl::StatusOr<ir::PrimFunc> UnrollLoop(ir::PrimFunc func, const PassContext& context) {
  const bool gpu = context.machine.kind == "cuda";
  bool share = false;
  for (int64_t budget = std::numeric_limits<int64_t>::max();;) {
    Unroller unroller(budget, share);
    const ir::Stmt body = unroller.MutateStmt(func->body);
    if (!unroller.status.ok()) return unroller.status;
    if (gpu && !share &&
        LaunchSharedBytes(body) + MostReductionScratchBytes(func->body) >
            CudaSharedMemoryPerBlock(context.machine.sm)) {
      share = true;
      continue;
    }
    budget = unroller.largest_budget / 2;
    if (!gpu || budget == 0 || KernelStatements(body) <= kMostKernelStatements) return WithBody(func, body);
  }
}

}  // namespace hone::lower
