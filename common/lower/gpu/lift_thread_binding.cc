// LiftThreadBinding: inside of one kernel, all loops of one thread axis become one loop at the lowest loop around (or
// among) them, so that storage between them is seen to belong to one thread each. Their annotations are united.
#include <memory>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/gpu/gpu_passes.h"
#include "common/lower/gpu/thread_loop.h"

namespace hone::lower {
namespace {

struct LoopScope {
  const ir::ForNode* loop;
  LoopScope* parent;
  int depth;
};

// The loops of one axis of one kernel.
struct AxisLoops {
  std::string_view tag;
  std::vector<const ir::ForNode*> loops;
  LoopScope* ancestor = nullptr;
};

class KernelLoops final : public ir::StmtExprVisitor {
 public:
  // By kernel.
  std::vector<std::vector<AxisLoops>> kernels;

  explicit KernelLoops(ir::Stmt body) { VisitStmt(body); }

 private:
  using ir::StmtExprVisitor::Visit;
  void VisitExpr(ir::Expr) override {}

  void Visit(const ir::ForNode* node) override {
    const bool starts_kernel = IsBound(node) && current_ == nullptr;
    if (current_ == nullptr && !starts_kernel) return ir::StmtExprVisitor::Visit(node);
    if (starts_kernel) kernels.emplace_back();
    scopes_.push_back(
        std::make_unique<LoopScope>(LoopScope{node, current_, current_ != nullptr ? current_->depth + 1 : 0}));
    current_ = scopes_.back().get();
    if (IsBound(node)) Add(node);
    VisitStmt(node->body);
    current_ = current_->parent;
  }

  void Add(const ir::ForNode* node) {
    for (AxisLoops& axis : kernels.back()) {
      if (axis.tag != ThreadTag(node)) continue;
      axis.loops.push_back(node);
      LoopScope* a = axis.ancestor;
      LoopScope* b = current_;
      while (a->depth > b->depth) a = a->parent;
      while (b->depth > a->depth) b = b->parent;
      while (a != b) {
        a = a->parent;
        b = b->parent;
      }
      axis.ancestor = a;
      return;
    }
    kernels.back().push_back({ThreadTag(node), {node}, current_});
  }

  std::vector<std::unique_ptr<LoopScope>> scopes_;
  LoopScope* current_ = nullptr;
};

// What happens to one bound loop: it stays with other annotations, or it goes and its variable is replaced.
struct LiftedAxis {
  std::string_view tag;
  ir::Var var;
  ir::Range range;
  ir::Attrs annotations;
};

class Lifter final : public ir::StmtExprMutator {
 public:
  explicit Lifter(const KernelLoops& found) {
    for (const auto& kernel : found.kernels) {
      for (const AxisLoops& axis : kernel) {
        if (axis.loops.size() < 2) continue;
        const ir::ForNode* first = axis.loops[0];
        ir::Attrs annotations;
        for (const ir::ForNode* loop : axis.loops) {
          for (const ir::Attr& attr : loop->annotations) annotations = annotations.With(attr.key, attr.value);
        }
        const ir::ForNode* at = axis.ancestor->loop;
        const bool among = ThreadTag(at) == axis.tag;
        const ir::Var var = among ? at->loop_var : ir::CopyVar(first->loop_var);
        if (among) {
          kept_[at] = annotations;
        } else {
          lifted_[at].push_back({axis.tag, var, {first->min, first->extent}, annotations});
        }
        for (const ir::ForNode* loop : axis.loops) {
          if (loop == at) continue;
          gone_.insert(loop);
          values_[loop->loop_var.get()] = ir::Cast(loop->loop_var.dtype(), var);
        }
      }
    }
  }
  bool idle() const { return gone_.empty(); }

 private:
  using ir::StmtExprMutator::Mutate;

  ir::Expr Mutate(const ir::VarNode* node) override {
    auto it = values_.find(node);
    return it != values_.end() ? it->second : ir::Expr(node);
  }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    ir::Stmt body = MutateStmt(node->body);
    if (auto it = lifted_.find(node); it != lifted_.end()) {
      for (size_t i = it->second.size(); i-- > 0;) {
        const LiftedAxis& axis = it->second[i];
        body = BoundLoop(axis.var, axis.range.min, axis.range.extent, axis.tag, body, axis.annotations);
      }
    }
    if (gone_.contains(node)) return body;
    auto* copy = ir::CopyNode(node);
    copy->min = MutateExpr(node->min);
    copy->extent = MutateExpr(node->extent);
    copy->body = body;
    if (auto it = kept_.find(node); it != kept_.end()) copy->annotations = it->second;
    return copy;
  }

  absl::flat_hash_map<const ir::ForNode*, std::vector<LiftedAxis>> lifted_;
  absl::flat_hash_map<const ir::ForNode*, ir::Attrs> kept_;
  absl::flat_hash_set<const ir::ForNode*> gone_;
  ir::VarMap values_;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> LiftThreadBinding(ir::PrimFunc func, const PassContext&) {
  Lifter lifter{KernelLoops(func->body)};
  if (lifter.idle()) return func;
  return WithBody(func, lifter.MutateStmt(func->body));
}

}  // namespace hone::lower
