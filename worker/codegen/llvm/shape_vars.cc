// The sizes that a function takes beside its parameters.
#include <algorithm>

#include "common/ir/visitor.h"
#include "worker/codegen/llvm/llvm_codegen.h"

namespace hone::codegen {

std::vector<ir::Var> ShapeVarsOf(ir::PrimFunc func) {
  std::vector<ir::Var> out;
  const auto add = [&](ir::Expr e) {
    if (!e) return;
    ir::PostOrderVisitExprs(e, [&](ir::Expr node) {
      const auto* node_var = node.as<ir::VarNode>();
      if (node_var == nullptr || !node.dtype().is_index()) return;
      const ir::Var var(node_var);
      const auto is_var = [&](ir::Var other) { return other == var; };
      if (std::any_of(func->params.begin(), func->params.end(), is_var)) return;
      if (std::none_of(out.begin(), out.end(), is_var)) out.push_back(var);
    });
  };
  for (const auto& binding : func->buffer_map) {
    for (ir::Expr extent : binding.buffer->shape) add(extent);
    for (ir::Expr stride : binding.buffer->strides) add(stride);
    add(binding.buffer->elem_offset);
  }
  return out;
}

}  // namespace hone::codegen
