#include "common/workload/layers.h"

namespace hone::workload {

using ir::Expr;

ir::IRModule Matmul(int64_t n, int64_t m, int64_t k, bool relu, const StandardOptions& options) {
  FunctionBuilder builder;
  ir::Buffer a = builder.Input("A", {n, k}, options.in_dtype);
  ir::Buffer b = builder.Input("B", {k, m}, options.in_dtype);
  ir::Buffer c = builder.Reduce("C", Reducer::kSum, {{"i", n}, {"j", m}}, {{"k", k}}, [&](const std::vector<Expr>& v) {
    return Product(options.out_dtype, Load(a, {v[0], v[2]}), Load(b, {v[2], v[1]}));
  });
  if (!relu) return builder.Finish({c});
  ir::Buffer out = builder.Compute("compute", {{"i0", n}, {"i1", m}}, [&](const std::vector<Expr>& v) {
    return ir::Max(Load(c, v), ir::Const(options.out_dtype, 0));
  });
  return builder.Finish({out});
}

ir::IRModule BatchMatmul(int64_t b, int64_t n, int64_t m, int64_t k, const StandardOptions& options) {
  FunctionBuilder builder;
  ir::Buffer x = builder.Input("X", {b, n, k}, options.in_dtype);
  ir::Buffer y = builder.Input("Y", {b, k, m}, options.in_dtype);
  ir::Buffer z =
      builder.Reduce("Z", Reducer::kSum, {{"b", b}, {"i", n}, {"j", m}}, {{"k", k}}, [&](const std::vector<Expr>& v) {
        return Product(options.out_dtype, Load(x, {v[0], v[1], v[3]}), Load(y, {v[0], v[3], v[2]}));
      });
  return builder.Finish({z});
}

ir::IRModule TransposeBatchMatmul(int64_t batch, int64_t seq, int64_t head, int64_t dim,
                                  const StandardOptions& options) {
  FunctionBuilder builder;
  ir::Buffer query = builder.Input("query", {batch, seq, head, dim}, options.in_dtype);
  ir::Buffer value = builder.Input("value", {batch, seq, head, dim}, options.in_dtype);
  ir::Buffer query_t =
      builder.Compute("query_T", {{"b", batch}, {"h", head}, {"l", seq}, {"d", dim}}, [&](const std::vector<Expr>& v) {
        return Load(query, {v[0], v[2], v[1], v[3]});
      });
  ir::Buffer value_t =
      builder.Compute("value_T", {{"b", batch}, {"h", head}, {"d", dim}, {"l", seq}}, [&](const std::vector<Expr>& v) {
        return Load(value, {v[0], v[3], v[1], v[2]});
      });
  ir::Buffer c = builder.Reduce("C", Reducer::kSum, {{"b", batch}, {"h", head}, {"i", seq}, {"j", seq}}, {{"k", dim}},
                                [&](const std::vector<Expr>& v) {
                                  return Product(options.out_dtype, Load(query_t, {v[0], v[1], v[2], v[4]}),
                                                 Load(value_t, {v[0], v[1], v[4], v[3]}));
                                });
  return builder.Finish({c});
}

}  // namespace hone::workload
