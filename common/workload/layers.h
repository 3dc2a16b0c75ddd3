// The builders behind common/workload/standard.h, one a layer. Parameters as in the names; every module has the
// function `main` whose parameters are the inputs, then the output.
#pragma once

#include <cstdint>

#include "common/ir/module.h"
#include "common/workload/function_builder.h"
#include "common/workload/standard.h"

namespace hone::workload {

// Sizes of a convolution over `dims` spatial dimensions, all with the same kernel, stride, padding and dilation.
struct ConvShape {
  int64_t batch;
  std::vector<int64_t> size;  // Input size of each spatial dimension.
  int64_t in_channels;
  int64_t out_channels;
  int64_t kernel;
  int64_t stride;
  int64_t padding;
  int64_t dilation = 1;
  int64_t groups = 1;

  int64_t Out(size_t dim) const { return (size[dim] + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1; }
};

ir::IRModule Conv(const ConvShape& shape, const StandardOptions& options);  // 1 to 3 spatial dimensions, channels last.
ir::IRModule DepthwiseConv2d(const ConvShape& shape, const StandardOptions& options);
ir::IRModule TransposedConv2d(const ConvShape& shape, const StandardOptions& options);
ir::IRModule CapsuleConv2d(const ConvShape& shape, const StandardOptions& options);
ir::IRModule ConvBatchNormRelu(const ConvShape& shape, const StandardOptions& options);
ir::IRModule BatchMatmul(int64_t b, int64_t n, int64_t m, int64_t k, const StandardOptions& options);
ir::IRModule Norm(int64_t b, int64_t m, int64_t n, const StandardOptions& options);
ir::IRModule Softmax(int64_t m, int64_t n, const StandardOptions& options);
ir::IRModule TransposeBatchMatmul(int64_t batch, int64_t seq, int64_t head, int64_t dim,
                                  const StandardOptions& options);
// `kernel` is the size of the transformed kernel, tile + 2; weights come transformed.
ir::IRModule WinogradNhwc(const ConvShape& shape, const StandardOptions& options);
ir::IRModule WinogradNchw(const ConvShape& shape, const StandardOptions& options);

// A stage that surrounds `input` with zeros: `before` and `after` elements in each dimension. Without any padding it is
// a plain copy.
ir::Buffer Pad(FunctionBuilder& builder, std::string_view name, ir::Buffer input, const std::vector<int64_t>& before,
               const std::vector<int64_t>& after, ir::Attrs attrs = {});

// a * b in `dtype`.
inline ir::Expr Product(ir::DataType dtype, ir::Expr a, ir::Expr b) { return ir::Cast(dtype, a) * ir::Cast(dtype, b); }

}  // namespace hone::workload
