// InferFragment: the allocation of every wmma fragment is told its shape ("m, n, k") and, for the factors, its layout,
// as attributes fragment_shape and fragment_layout around it, taken from the calls that use it.
#include <string>

#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/gpu/gpu_passes.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

struct Fragment {
  std::string shape;
  std::string layout;
};
using Fragments = absl::flat_hash_map<const ir::VarNode*, Fragment>;

class Finder final : public ir::StmtExprVisitor {
 public:
  Fragments fragments;
  absl::Status status;

 private:
  using ir::StmtExprVisitor::Visit;

  void Visit(const ir::CallNode* node) override {
    ir::StmtExprVisitor::Visit(node);
    const bool loads = node->Is(ir::Builtin::tvm_load_matrix_sync);
    if (!loads && !node->Is(ir::Builtin::tvm_store_matrix_sync) && !node->Is(ir::Builtin::tvm_fill_fragment)) return;
    const auto* data = node->args[0].as<ir::VarNode>();
    if (data == nullptr) return;
    std::string shape;
    for (size_t i = 1; i <= 3; ++i) {
      const int64_t* extent = ir::ConstInt(node->args[i]);
      if (extent == nullptr) return Fail(data, "has no constant shape");
      StrAppend(&shape, i > 1 ? ", " : "", *extent);
    }
    Fragment& fragment = fragments[data];
    if (!fragment.shape.empty() && fragment.shape != shape) return Fail(data, "is used with two shapes");
    fragment.shape = shape;
    const std::string_view scope = data->type->scope;
    if (!loads || (scope != "wmma.matrix_a" && scope != "wmma.matrix_b")) return;
    const auto* layout = node->args[7].as<ir::StringImmNode>();
    if (layout == nullptr) return Fail(data, "is loaded without a layout");
    if (!fragment.layout.empty() && fragment.layout != layout->value) return Fail(data, "is loaded with two layouts");
    fragment.layout = layout->value;
  }

  void Fail(const ir::VarNode* data, std::string_view why) {
    if (status.ok()) status = absl::InvalidArgumentError(StrCat("fragment \"", data->name, "\" ", why));
  }
};

class Annotator final : public ir::StmtExprMutator {
 public:
  explicit Annotator(const Fragments& fragments) : fragments_(fragments) {}

 private:
  using ir::StmtExprMutator::Mutate;
  ir::Expr MutateExpr(ir::Expr e) override { return e; }

  ir::Stmt Mutate(const ir::AllocateNode* node) override {
    ir::Stmt out = ir::StmtExprMutator::Mutate(node);
    auto it = fragments_.find(node->buffer_var.get());
    if (it == fragments_.end()) return out;
    out = ir::MakeAttrStmt(node->buffer_var.get(), "fragment_shape", ir::StringImm(it->second.shape), out);
    if (it->second.layout.empty()) return out;
    return ir::MakeAttrStmt(node->buffer_var.get(), "fragment_layout", ir::StringImm(it->second.layout), out);
  }

  const Fragments& fragments_;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> InferFragment(ir::PrimFunc func, const PassContext&) {
  Finder finder;
  finder.VisitStmt(func->body);
  if (!finder.status.ok()) return finder.status;
  if (finder.fragments.empty()) return func;
  return WithBody(func, Annotator(finder.fragments).MutateStmt(func->body));
}

}  // namespace hone::lower
