#include "common/workload/layers.h"

namespace hone::workload {

using ir::Expr;

ir::IRModule Norm(int64_t b, int64_t m, int64_t n, const StandardOptions& options) {
  FunctionBuilder builder;
  ir::Buffer a = builder.Input("A", {b, m, n}, options.in_dtype);
  ir::Buffer c = builder.Reduce("C", Reducer::kSum, {{"b", b}}, {{"i", m}, {"j", n}}, [&](const std::vector<Expr>& v) {
    return Product(options.out_dtype, Load(a, v), Load(a, v));
  });
  ir::Buffer d = builder.Compute("D", {{"b", b}}, [&](const std::vector<Expr>& v) {
    return ir::MakeCall(options.out_dtype, ir::Builtin::sqrt, {Load(c, v)});
  });
  return builder.Finish({d});
}

ir::IRModule Softmax(int64_t m, int64_t n, const StandardOptions& options) {
  const std::vector<Axis> row = {{"i0", m}};
  const std::vector<Axis> both = {{"i0", m}, {"i1", n}};
  const std::vector<Axis> along = {{"k", n}};
  FunctionBuilder builder;
  ir::Buffer a = builder.Input("A", {m, n}, options.in_dtype);
  ir::Buffer largest = builder.Reduce("T_softmax_maxelem", Reducer::kMax, row, along,
                                      [&](const std::vector<Expr>& v) { return Load(a, v); });
  ir::Buffer exp = builder.Compute("T_softmax_exp", both, [&](const std::vector<Expr>& v) {
    return ir::MakeCall(options.in_dtype, ir::Builtin::exp, {Load(a, v) - Load(largest, {v[0]})});
  });
  ir::Buffer sum = builder.Reduce("T_softmax_expsum", Reducer::kSum, row, along,
                                  [&](const std::vector<Expr>& v) { return Load(exp, v); });
  ir::Buffer out = builder.Compute(
      "T_softmax_norm", both, [&](const std::vector<Expr>& v) { return ir::Div(Load(exp, v), Load(sum, {v[0]})); },
      ir::Attrs().With("axis", ir::AnnotationInt(1)));
  return builder.Finish({out});
}

}  // namespace hone::workload
