#include "common/support/strings.h"
#include "common/workload/layers.h"

namespace hone::workload {

ir::Buffer Pad(FunctionBuilder& builder, std::string_view name, ir::Buffer input, const std::vector<int64_t>& before,
               const std::vector<int64_t>& after, ir::Attrs attrs) {
  std::vector<Axis> axes;
  for (size_t dim = 0; dim < before.size(); ++dim) {
    axes.push_back({StrCat("i", dim), *ir::ConstInt(input->shape[dim]) + before[dim] + after[dim]});
  }
  return builder.Compute(
      name, axes,
      [&](const std::vector<ir::Expr>& at) {
        ir::Expr inside;
        std::vector<ir::Expr> source;
        for (size_t dim = 0; dim < at.size(); ++dim) {
          source.push_back(before[dim] == 0 ? at[dim] : at[dim] - before[dim]);
          if (before[dim] == 0 && after[dim] == 0) continue;
          const ir::Expr low = ir::LE(ir::Int32(before[dim]), at[dim]);
          const ir::Expr high = ir::LT(at[dim], ir::Int32(*ir::ConstInt(input->shape[dim]) + before[dim]));
          inside = inside ? ir::And(ir::And(inside, low), high) : ir::And(low, high);
        }
        const ir::Expr value = Load(input, source);
        return inside ? ir::IfThenElse(inside, value, ir::Const(value.dtype(), 0)) : value;
      },
      attrs);
}

}  // namespace hone::workload
