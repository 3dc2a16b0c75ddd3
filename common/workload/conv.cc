#include <algorithm>

#include "common/workload/layers.h"

namespace hone::workload {
namespace {

using ir::Expr;

// Names of the spatial loops of a convolution over 1, 2 or 3 dimensions, and of the window's.
constexpr const char* kSpatial[3][3] = {{"l"}, {"h", "w"}, {"d", "h", "w"}};
constexpr const char* kWindow[3][3] = {{"rl"}, {"rh", "rw"}, {"rd", "rh", "rw"}};
constexpr const char* kName[3] = {"conv1d_nlc", "conv2d_nhwc", "conv3d_ndhwc"};

// No padding in the first and the last dimension.
std::vector<int64_t> SpatialPadding(const ConvShape& shape) {
  std::vector<int64_t> padding(shape.size.size() + 2, shape.padding);
  padding.front() = padding.back() = 0;
  return padding;
}

std::vector<int64_t> InputShape(const ConvShape& shape) {
  std::vector<int64_t> dims = {shape.batch};
  dims.insert(dims.end(), shape.size.begin(), shape.size.end());
  dims.push_back(shape.in_channels);
  return dims;
}

// out * stride + window * dilation.
Expr Position(const ConvShape& shape, Expr out, Expr window) { return out * shape.stride + window * shape.dilation; }

}  // namespace

ir::IRModule Conv(const ConvShape& shape, const StandardOptions& options) {
  const size_t dims = shape.size.size();
  const int64_t group_in = shape.in_channels / shape.groups;
  const int64_t group_out = shape.out_channels / shape.groups;
  FunctionBuilder builder;
  ir::Buffer inputs = builder.Input("inputs", InputShape(shape), options.in_dtype);
  std::vector<int64_t> weight_shape(dims, shape.kernel);
  weight_shape.insert(weight_shape.end(), {group_in, shape.out_channels});
  ir::Buffer weight = builder.Input("weight", weight_shape, options.in_dtype);
  ir::Buffer padded = Pad(builder, "PadInput", inputs, SpatialPadding(shape), SpatialPadding(shape));

  std::vector<Axis> axes = {{"n", shape.batch}};
  std::vector<Axis> reduce;
  for (size_t dim = 0; dim < dims; ++dim) {
    axes.push_back({kSpatial[dims - 1][dim], shape.Out(dim)});
    reduce.push_back({kWindow[dims - 1][dim], shape.kernel});
  }
  axes.push_back({"co", shape.out_channels});
  reduce.push_back({"rc", group_in});
  ir::Buffer out = builder.Reduce(kName[dims - 1], Reducer::kSum, axes, reduce, [&](const std::vector<Expr>& v) {
    const Expr co = v[dims + 1];
    const Expr rc = v[2 * dims + 2];
    std::vector<Expr> source = {v[0]};
    std::vector<Expr> window;
    for (size_t dim = 0; dim < dims; ++dim) {
      source.push_back(Position(shape, v[dim + 1], v[dims + 2 + dim]));
      window.push_back(v[dims + 2 + dim]);
    }
    source.push_back(ir::FloorDiv(co, group_out) * group_in + rc);
    window.insert(window.end(), {rc, co});
    return Product(options.out_dtype, Load(padded, source), Load(weight, window));
  });
  return builder.Finish({out});
}

ir::IRModule DepthwiseConv2d(const ConvShape& shape, const StandardOptions& options) {
  FunctionBuilder builder;
  ir::Buffer data = builder.Input("placeholder", InputShape(shape), options.in_dtype);
  ir::Buffer weight =
      builder.Input("placeholder", {1, shape.kernel, shape.kernel, shape.in_channels}, options.in_dtype);
  ir::Buffer padded = Pad(builder, "PadInput", data, SpatialPadding(shape), SpatialPadding(shape));
  ir::Buffer out = builder.Reduce(
      "depth_conv2d_nhwc", Reducer::kSum,
      {{"n", shape.batch}, {"h", shape.Out(0)}, {"w", shape.Out(1)}, {"c", shape.in_channels}},
      {{"rh", shape.kernel}, {"rw", shape.kernel}}, [&](const std::vector<Expr>& v) {
        const Expr source = Load(padded, {v[0], Position(shape, v[1], v[4]), Position(shape, v[2], v[5]), v[3]});
        return Product(options.out_dtype, source, Load(weight, {ir::Int32(0), v[4], v[5], v[3]}));
      });
  return builder.Finish({out});
}

ir::IRModule TransposedConv2d(const ConvShape& shape, const StandardOptions& options) {
  const int64_t stride = shape.stride;
  // The total padding 2p is split, the larger half before; then the input is padded so that every output has a source.
  const int64_t first = shape.padding;
  const int64_t gap = shape.kernel - 1 - first;
  const int64_t pad = (gap + stride - 1) / stride;
  const int64_t border = (stride - gap % stride) % stride;
  FunctionBuilder builder;
  ir::Buffer inputs = builder.Input("inputs", InputShape(shape), options.in_dtype);
  ir::Buffer weight =
      builder.Input("weight", {shape.kernel, shape.kernel, shape.in_channels, shape.out_channels}, options.in_dtype);
  ir::Buffer padded = Pad(builder, "PadInput", inputs, {0, pad, pad, 0}, {0, pad, pad, 0});
  auto out_size = [&](size_t dim) { return (shape.size[dim] - 1) * stride - 2 * shape.padding + shape.kernel; };
  ir::Buffer out = builder.Reduce(
      "conv2d_transpose_nhwc", Reducer::kSum,
      {{"n", shape.batch}, {"h", out_size(0)}, {"w", out_size(1)}, {"co", shape.out_channels}},
      {{"rh", shape.kernel}, {"rw", shape.kernel}, {"rc", shape.in_channels}}, [&](const std::vector<Expr>& v) {
        auto shifted = [&](Expr a, Expr b) { return border == 0 ? a + b : a + b + border; };
        const Expr y = shifted(v[1], v[4]);
        const Expr x = shifted(v[2], v[5]);
        const Expr source = Load(padded, {v[0], ir::FloorDiv(y, stride), ir::FloorDiv(x, stride), v[6]});
        const Expr hit =
            ir::And(ir::EQ(ir::FloorMod(y, stride), ir::Int32(0)), ir::EQ(ir::FloorMod(x, stride), ir::Int32(0)));
        const Expr dilated = ir::IfThenElse(hit, source, ir::Const(options.in_dtype, 0));
        const Expr last = ir::Int32(shape.kernel - 1);
        return Product(options.out_dtype, dilated, Load(weight, {last - v[4], last - v[5], v[6], v[3]}));
      });
  return builder.Finish({out});
}

ir::IRModule CapsuleConv2d(const ConvShape& shape, const StandardOptions& options) {
  constexpr int64_t kCapsule = 4;
  FunctionBuilder builder;
  ir::Buffer inputs = builder.Input(
      "inputs", {shape.batch, shape.size[0], shape.size[1], kCapsule, kCapsule, shape.in_channels}, options.in_dtype);
  ir::Buffer weight =
      builder.Input("weight", {shape.kernel, shape.kernel, kCapsule, kCapsule, shape.in_channels, shape.out_channels},
                    options.in_dtype);
  const std::vector<int64_t> padding = {0, shape.padding, shape.padding, 0, 0, 0};
  ir::Buffer padded = Pad(builder, "PadInput", inputs, padding, padding);
  ir::Buffer out =
      builder.Reduce("conv2d_capsule_nhwijc", Reducer::kSum,
                     {{"n", shape.batch},
                      {"h", shape.Out(0)},
                      {"w", shape.Out(1)},
                      {"i", kCapsule},
                      {"j", kCapsule},
                      {"co", shape.out_channels}},
                     {{"rh", shape.kernel}, {"rw", shape.kernel}, {"cap_k", kCapsule}, {"rc", shape.in_channels}},
                     [&](const std::vector<Expr>& v) {
                       const Expr source = Load(
                           padded, {v[0], Position(shape, v[1], v[6]), Position(shape, v[2], v[7]), v[3], v[8], v[9]});
                       return Product(options.out_dtype, source, Load(weight, {v[6], v[7], v[8], v[4], v[9], v[5]}));
                     });
  return builder.Finish({out});
}

ir::IRModule ConvBatchNormRelu(const ConvShape& shape, const StandardOptions& options) {
  const int64_t channels = shape.out_channels;
  FunctionBuilder builder;
  ir::Buffer data = builder.Input("data", InputShape(shape), options.in_dtype);
  ir::Buffer kernel =
      builder.Input("kernel", {shape.kernel, shape.kernel, shape.in_channels, channels}, options.in_dtype);
  ir::Buffer bias = builder.Input("bias", {channels}, options.out_dtype);
  ir::Buffer offset = builder.Input("bn_offset", {channels}, options.out_dtype);
  ir::Buffer scale = builder.Input("bn_scale", {channels}, options.out_dtype);
  ir::Buffer padded = Pad(builder, "PaddedInput", data, SpatialPadding(shape), SpatialPadding(shape));
  ir::Buffer conv = builder.Reduce(
      "Conv2dOutput", Reducer::kSum,
      {{"nn", shape.batch}, {"yy", shape.Out(0)}, {"xx", shape.Out(1)}, {"ff", channels}},
      {{"ry", shape.kernel}, {"rx", shape.kernel}, {"rc", shape.in_channels}}, [&](const std::vector<Expr>& v) {
        const Expr source = Load(padded, {v[0], Position(shape, v[1], v[4]), Position(shape, v[2], v[5]), v[6]});
        return Product(options.out_dtype, source, Load(kernel, {v[4], v[5], v[6], v[3]}));
      });
  const std::vector<Axis> ijkl = {{"i", shape.batch}, {"j", shape.Out(0)}, {"k", shape.Out(1)}, {"l", channels}};
  ir::Buffer biased =
      builder.Compute("bias_add", ijkl, [&](const std::vector<Expr>& v) { return Load(conv, v) + Load(bias, {v[3]}); });
  ir::Buffer scaled = builder.Compute(
      "bn_mul", ijkl, [&](const std::vector<Expr>& v) { return Load(biased, v) * Load(scale, {v[3]}); });
  ir::Buffer moved = builder.Compute(
      "bn_add", ijkl, [&](const std::vector<Expr>& v) { return Load(scaled, v) + Load(offset, {v[3]}); });
  ir::Buffer out = builder.Compute(
      "compute", {{"i0", shape.batch}, {"i1", shape.Out(0)}, {"i2", shape.Out(1)}, {"i3", channels}},
      [&](const std::vector<Expr>& v) { return ir::Max(Load(moved, v), ir::Const(options.out_dtype, 0)); });
  return builder.Finish({out});
}

}  // namespace hone::workload
