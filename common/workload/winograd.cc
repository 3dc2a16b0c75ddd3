// Winograd convolution with kernels that were transformed beforehand (3 x 3, stride 1). The matrices belong to the
// interpolation points 0, -1, 1, 1/2, -2 and infinity (tiles of 4) and 0, -1, 1 and infinity (tiles of 2).
#include "common/support/strings.h"
#include "common/workload/layers.h"

namespace hone::workload {
namespace {

using ir::Expr;
using Matrix = std::vector<std::vector<double>>;

const Matrix& OutputTransform(int64_t tile) {
  static const Matrix kTile4 = {{1, 0, 0, 0},          {1, -1, 1, -1}, {1, 1, 1, 1},
                                {1, 0.5, 0.25, 0.125}, {1, -2, 4, -8}, {0, 0, 0, 1}};
  static const Matrix kTile2 = {{1, 0}, {1, -1}, {1, 1}, {0, 1}};
  return tile == 4 ? kTile4 : kTile2;
}

const Matrix& InputTransform(int64_t tile) {
  static const Matrix kTile4 = {{1, 0, 0, 0, 0, 0},           {-1.5, 1, -1, -2, 0.5, 1}, {-2, -2.5, 0.5, -1, -1, -1.5},
                                {1.5, 0.5, 2.5, 2, -0.5, -2}, {1, 1, 1, 1, 1, 1.5},      {0, 0, 0, 0, 0, 1}};
  static const Matrix kTile2 = {{1, 0, 0, 0}, {0, -1, 1, -1}, {-1, 1, 1, 0}, {0, 0, 0, 1}};
  return tile == 4 ? kTile4 : kTile2;
}

ir::Attrs Rule(std::string_view name) { return ir::Attrs().With("schedule_rule", ir::String(name)); }

// The matrix as a stage of nested selects, so that scheduling can fold it into constants.
ir::Buffer Constant(FunctionBuilder& builder, std::string_view name, const Matrix& matrix, ir::DataType dtype) {
  const int64_t rows = matrix.size();
  const int64_t columns = matrix[0].size();
  return builder.Compute(
      name, {{"i", rows}, {"j", columns}},
      [&](const std::vector<Expr>& v) {
        Expr value = ir::Const(dtype, 0);
        for (int64_t i = 0; i < rows; ++i) {
          for (int64_t j = 0; j < columns; ++j) {
            const Expr here = ir::And(ir::EQ(ir::FloorMod(v[0], rows), ir::Int32(i)),
                                      ir::EQ(ir::FloorMod(v[1], columns), ir::Int32(j)));
            value = ir::MakeSelect(here, ir::Const(dtype, matrix[i][j]), value);
          }
        }
        return value;
      },
      Rule("None"));
}

// Tiles of the output: `rows` x `columns` of them an image, tiles of `tile` x `tile` from `alpha` x `alpha` inputs.
struct Tiling {
  int64_t tile, alpha, out_h, out_w, rows, columns, count;

  Tiling(const ConvShape& shape, int64_t tile_size) : tile(tile_size), alpha(tile_size + 2) {
    out_h = shape.size[0] + 2 * shape.padding - 2;
    out_w = shape.size[1] + 2 * shape.padding - 2;
    rows = (out_h + tile - 1) / tile;
    columns = (out_w + tile - 1) / tile;
    count = shape.batch * rows * columns;
  }
  Expr Image(Expr p) const { return ir::FloorDiv(p, rows * columns); }
  Expr Row(Expr p, Expr inside) const { return ir::FloorDiv(ir::FloorMod(p, rows * columns), columns) * tile + inside; }
  Expr Column(Expr p, Expr inside) const { return ir::FloorMod(p, columns) * tile + inside; }
  // The tile that holds output (h, w) of image n.
  Expr Of(Expr n, Expr h, Expr w) const {
    return n * (rows * columns) + ir::FloorDiv(h, tile) * columns + ir::FloorDiv(w, tile);
  }
};

// source(r_a, r_b) * matrix[r_a, a] * matrix[r_b, b].
Expr TwoSided(Expr source, ir::Buffer matrix, Expr r_a, Expr r_b, Expr a, Expr b) {
  return source * Load(matrix, {r_a, a}) * Load(matrix, {r_b, b});
}

void MarkWeightLayoutFree(FunctionBuilder& builder) {
  builder.SetAttr("layout_free_buffers", ir::ObjectArray(ir::MakeArray({ir::AnnotationInt(1)})));
}

}  // namespace

ir::IRModule WinogradNhwc(const ConvShape& shape, const StandardOptions& options) {
  const Tiling t(shape, /*tile_size=*/4);
  const int64_t in = shape.in_channels;
  const int64_t out = shape.out_channels;
  FunctionBuilder builder;
  ir::Buffer data = builder.Input("data", {shape.batch, shape.size[0], shape.size[1], in}, options.in_dtype);
  ir::Buffer weight = builder.Input("weight", {t.alpha, t.alpha, out, in}, options.in_dtype);
  MarkWeightLayoutFree(builder);
  // The end is padded until the last tile is whole. The peer takes the output's size where the input's is due, which
  // pads by two rows and columns more than needed; so do we.
  const int64_t more_h = (t.rows - 1) * t.tile + t.alpha - (t.out_h + 2 * shape.padding);
  const int64_t more_w = (t.columns - 1) * t.tile + t.alpha - (t.out_w + 2 * shape.padding);
  ir::Buffer padded = Pad(builder, "data_pad", data, {0, shape.padding, shape.padding, 0},
                          {0, shape.padding + more_h, shape.padding + more_w, 0}, Rule("None"));
  const std::vector<Axis> tiles = {{"eps", t.alpha}, {"nu", t.alpha}, {"p", t.count}};
  std::vector<Axis> tiles_in = tiles, tiles_out = tiles;
  tiles_in.push_back({"ci", in});
  tiles_out.push_back({"co", out});
  ir::Buffer input_tile = builder.Compute(
      "input_tile", tiles_in,
      [&](const std::vector<Expr>& v) {
        return Load(padded, {t.Image(v[2]), t.Row(v[2], v[0]), t.Column(v[2], v[1]), v[3]});
      },
      Rule("None"));
  ir::Buffer b = Constant(builder, "B", InputTransform(t.tile), options.in_dtype);
  const std::vector<Axis> window = {{"r_a", t.alpha}, {"r_b", t.alpha}};
  ir::Buffer data_pack = builder.Reduce(
      "data_pack", Reducer::kSum, tiles_in, window,
      [&](const std::vector<Expr>& v) {
        return TwoSided(Load(input_tile, {v[4], v[5], v[2], v[3]}), b, v[4], v[5], v[0], v[1]);
      },
      Rule("conv2d_nhwc_winograd_data_pack"));
  const ir::Object* level = ir::ObjectArray(ir::MakeArray({ir::AnnotationInt(options.for_gpu ? 3 : 2)}));
  ir::Buffer bgemm = builder.Reduce(
      "bgemm", Reducer::kSum, tiles_out, {{"ci", in}},
      [&](const std::vector<Expr>& v) {
        return Product(options.out_dtype, Load(data_pack, {v[0], v[1], v[2], v[4]}),
                       Load(weight, {v[0], v[1], v[3], v[4]}));
      },
      ir::Attrs().With("meta_schedule.write_cache_level", level));
  ir::Buffer a = Constant(builder, "A", OutputTransform(t.tile), options.in_dtype);
  ir::Buffer inverse = builder.Reduce(
      "inverse", Reducer::kSum, {{"vh", t.tile}, {"vw", t.tile}, {"p", t.count}, {"co", out}}, window,
      [&](const std::vector<Expr>& v) {
        return TwoSided(Load(bgemm, {v[4], v[5], v[2], v[3]}), a, v[4], v[5], v[0], v[1]);
      },
      Rule("conv2d_nhwc_winograd_inverse"));
  ir::Buffer result = builder.Compute(
      "conv2d_winograd", {{"n", shape.batch}, {"h", t.out_h}, {"w", t.out_w}, {"co", out}},
      [&](const std::vector<Expr>& v) {
        return Load(inverse, {ir::FloorMod(v[1], t.tile), ir::FloorMod(v[2], t.tile), t.Of(v[0], v[1], v[2]), v[3]});
      });
  return builder.Finish({result});
}

ir::IRModule WinogradNchw(const ConvShape& shape, const StandardOptions& options) {
  const Tiling t(shape, shape.size[0] % 8 == 0 ? 4 : 2);
  const int64_t in = shape.in_channels;
  const int64_t out = shape.out_channels;
  FunctionBuilder builder;
  ir::Buffer data = builder.Input("data", {shape.batch, in, shape.size[0], shape.size[1]}, options.in_dtype);
  ir::Buffer weight = builder.Input("weight", {t.alpha, t.alpha, in, out}, options.in_dtype);
  MarkWeightLayoutFree(builder);
  const std::vector<int64_t> padding = {0, 0, shape.padding, shape.padding};
  ir::Buffer padded = Pad(builder, "data_pad", data, padding, padding);
  ir::Buffer input_tile = builder.Compute(
      "input_tile", {{"ci", in}, {"p", t.count}, {"eps", t.alpha}, {"nu", t.alpha}},
      [&](const std::vector<Expr>& v) {
        return Load(padded, {t.Image(v[1]), v[0], t.Row(v[1], v[2]), t.Column(v[1], v[3])});
      },
      Rule("None"));
  ir::Buffer b = Constant(builder, "B", InputTransform(t.tile), options.in_dtype);
  const std::vector<Axis> window = {{"r_a", t.alpha}, {"r_b", t.alpha}};
  ir::Buffer data_pack = builder.Reduce(
      "data_pack", Reducer::kSum, {{"eps", t.alpha}, {"nu", t.alpha}, {"ci", in}, {"p", t.count}}, window,
      [&](const std::vector<Expr>& v) {
        return TwoSided(Load(input_tile, {v[2], v[3], v[4], v[5]}), b, v[4], v[5], v[0], v[1]);
      },
      Rule("conv2d_nchw_winograd_data_pack"));
  ir::Buffer bgemm =
      builder.Reduce("bgemm", Reducer::kSum, {{"eps", t.alpha}, {"nu", t.alpha}, {"co", out}, {"p", t.count}},
                     {{"ci", in}}, [&](const std::vector<Expr>& v) {
                       return Product(options.out_dtype, Load(data_pack, {v[0], v[1], v[4], v[3]}),
                                      Load(weight, {v[0], v[1], v[4], v[2]}));
                     });
  ir::Buffer a = Constant(builder, "A", OutputTransform(t.tile), options.in_dtype);
  ir::Buffer inverse = builder.Reduce(
      "inverse", Reducer::kSum, {{"co", out}, {"p", t.count}, {"vh", t.tile}, {"vw", t.tile}}, window,
      [&](const std::vector<Expr>& v) {
        return TwoSided(Load(bgemm, {v[4], v[5], v[0], v[1]}), a, v[4], v[5], v[2], v[3]);
      },
      Rule("conv2d_nchw_winograd_inverse"));
  ir::Buffer result = builder.Compute(
      "conv2d_winograd", {{"n", shape.batch}, {"co", out}, {"h", t.out_h}, {"w", t.out_w}},
      [&](const std::vector<Expr>& v) {
        return Load(inverse, {v[1], t.Of(v[0], v[2], v[3]), ir::FloorMod(v[2], t.tile), ir::FloorMod(v[3], t.tile)});
      });
  return builder.Finish({result});
}

}  // namespace hone::workload
