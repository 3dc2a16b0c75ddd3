// UnifyThreadBinding: one variable for each thread axis of a kernel. The bound loops go where they stand and are made
// anew around the whole kernel, first met outermost, each variable called by its axis. A kernel starts at the outermost
// bound loop. Annotations of a loop that went stay in its place: on the loop that is there then (for the loop that
// starts the kernel: the kernel's outermost), or else on a new loop of one iteration.
#include <vector>

#include "common/arith/analyzer.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/lower/gpu/gpu_passes.h"
#include "common/lower/gpu/thread_loop.h"
#include "common/lower/substituting_mutator.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

struct Axis {
  std::string_view tag;
  ir::Var var;
  ir::Range range;
};

class Unifier final : public SubstitutingMutator {
 public:
  absl::Status status;

 private:
  using SubstitutingMutator::Mutate;

  ir::Stmt Mutate(const ir::ForNode* node) override {
    if (!IsBound(node)) return ir::StmtExprMutator::Mutate(node);
    const bool starts_kernel = depth_ == 0;
    if (starts_kernel) axes_.clear();
    const ir::Range range = {MutateExpr(node->min), MutateExpr(node->extent)};
    values_[node->loop_var.get()] = ir::Cast(node->loop_var.dtype(), AxisOf(ThreadTag(node), range, node->loop_var));
    ++depth_;
    ir::Stmt body = MutateStmt(node->body);
    --depth_;
    if (starts_kernel) {
      for (size_t i = axes_.size(); i-- > 0;) {
        body = BoundLoop(axes_[i].var, axes_[i].range.min, axes_[i].range.extent, axes_[i].tag, body);
      }
    }
    return Annotated(node, body);
  }

  static ir::Stmt Annotated(const ir::ForNode* removed, ir::Stmt body) {
    if (removed->annotations.empty()) return body;
    if (const auto* loop = body.as<ir::ForNode>()) {
      auto* copy = ir::CopyNode(loop);
      copy->annotations = removed->annotations;
      return copy;
    }
    const ir::DataType dtype = removed->loop_var.dtype();
    return ir::MakeFor(ir::MakeVar("var", dtype), ir::IntImm(dtype, 0), ir::IntImm(dtype, 1), ir::ForKind::kSerial,
                       body, nullptr, removed->annotations);
  }

  ir::Var AxisOf(std::string_view tag, const ir::Range& range, ir::Var like) {
    for (const Axis& axis : axes_) {
      if (axis.tag != tag) continue;
      if (status.ok() && (!analyzer_.CanProveEqual(axis.range.min, ir::Cast(axis.var.dtype(), range.min)) ||
                          !analyzer_.CanProveEqual(axis.range.extent, ir::Cast(axis.var.dtype(), range.extent)))) {
        status =
            absl::InvalidArgumentError(StrCat("all loops bound to \"", tag, "\" in one kernel need the same range"));
      }
      return axis.var;
    }
    const ir::Var var = ir::MakeVar(tag, like.dtype());
    axes_.push_back({tag, var, range});
    return var;
  }

  int depth_ = 0;  // Bound loops open.
  std::vector<Axis> axes_;
  arith::Analyzer analyzer_;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> UnifyThreadBinding(ir::PrimFunc func, const PassContext&) {
  Unifier unifier;
  const ir::Stmt body = unifier.MutateStmt(func->body);
  if (!unifier.status.ok()) return unifier.status;
  return WithBody(func, body);
}

}  // namespace hone::lower
