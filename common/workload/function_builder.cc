#include "common/workload/function_builder.h"

#include <algorithm>

#include "common/ir/visitor.h"
#include "common/support/check.h"
#include "common/support/strings.h"

namespace hone::workload {
namespace {

using ir::Array;
using ir::Buffer;
using ir::BufferRegion;
using ir::Expr;
using ir::Range;

// Equal without looking into variables' meaning: enough to tell A[v_i, v_j] * A[v_i, v_j] from two places.
bool SameExpr(Expr a, Expr b) {
  if (a.same_as(b)) return true;
  if (a.kind() != b.kind()) return false;
  if (const auto* x = a.as<ir::BinaryNode>()) {
    const auto* y = b.as<ir::BinaryNode>();
    return SameExpr(x->a, y->a) && SameExpr(x->b, y->b);
  }
  if (const auto* x = a.as<ir::IntImmNode>()) return x->value == b.as<ir::IntImmNode>()->value;
  return false;
}

// The smallest interval with all `points`: a point when they are one, otherwise from their minimum to their maximum.
Range Hull(const std::vector<Expr>& points) {
  Expr low = points[0];
  Expr high = points[0];
  for (Expr point : points) {
    if (SameExpr(point, low) && SameExpr(point, high)) continue;
    low = ir::Min(low, point);
    high = ir::Max(high, point);
  }
  if (low.same_as(high)) return Range{low, ir::Int32(1)};
  return Range{low, high + 1 - low};
}

// What `element` reads, one region a buffer, in the order in which the buffers first appear.
Array<BufferRegion> ReadsOf(Expr element) {
  std::vector<std::pair<const ir::BufferNode*, std::vector<const ir::BufferLoadNode*>>> loads;
  ir::PostOrderVisitExprs(element, [&](Expr e) {
    const auto* load = e.as<ir::BufferLoadNode>();
    if (load == nullptr) return;
    auto it = std::find_if(loads.begin(), loads.end(), [&](const auto& entry) { return entry.first == load->buffer; });
    if (it == loads.end()) it = loads.insert(loads.end(), {load->buffer, {}});
    it->second.push_back(load);
  });
  std::vector<BufferRegion> reads;
  for (const auto& [buffer, accesses] : loads) {
    std::vector<Range> region;
    for (size_t dim = 0; dim < buffer->shape.size(); ++dim) {
      std::vector<Expr> points;
      for (const ir::BufferLoadNode* load : accesses) points.push_back(load->indices[dim]);
      region.push_back(Hull(points));
    }
    reads.push_back(ir::MakeBufferRegion(buffer, ir::MakeArray(region)));
  }
  return ir::MakeArray(reads);
}

Expr Identity(Reducer reducer, ir::DataType dtype) {
  if (reducer == Reducer::kSum) return ir::Const(dtype, 0);
  return dtype.is_any_float() ? ir::FloatImm(dtype, -ir::MaxFloat(dtype)) : ir::IntImm(dtype, ir::MinInt(dtype));
}

Expr Combine(Reducer reducer, Expr a, Expr b) { return reducer == Reducer::kSum ? ir::Add(a, b) : ir::Max(a, b); }

}  // namespace

Buffer FunctionBuilder::Input(std::string_view name, const std::vector<int64_t>& shape, ir::DataType dtype) {
  std::vector<Expr> dims;
  for (int64_t dim : shape) dims.push_back(ir::Int32(dim));
  inputs_.push_back(ir::MakeBuffer(name, ir::MakeArray(dims), dtype));
  return inputs_.back();
}

Buffer FunctionBuilder::Compute(std::string_view name, const std::vector<Axis>& axes, const ElementFn& element,
                                ir::Attrs attrs) {
  return AddStage(name, axes, {}, nullptr, element, attrs);
}

Buffer FunctionBuilder::Reduce(std::string_view name, Reducer reducer, const std::vector<Axis>& axes,
                               const std::vector<Axis>& reduce_axes, const ElementFn& element, ir::Attrs attrs) {
  return AddStage(name, axes, reduce_axes, &reducer, element, attrs);
}

Buffer FunctionBuilder::AddStage(std::string_view name, const std::vector<Axis>& axes,
                                 const std::vector<Axis>& reduce_axes, const Reducer* reducer, const ElementFn& element,
                                 ir::Attrs attrs) {
  std::vector<Axis> all = axes;
  all.insert(all.end(), reduce_axes.begin(), reduce_axes.end());
  std::vector<ir::Var> loops;
  std::vector<Expr> loop_values, vars, shape;
  std::vector<ir::IterVar> iters;
  for (size_t i = 0; i < all.size(); ++i) {
    const bool spatial = i < axes.size();
    loops.push_back(ir::MakeVar(all[i].name, ir::kInt32));
    loop_values.push_back(loops.back());
    ir::Var var = ir::MakeVar("v_" + all[i].name, ir::kInt32);
    vars.push_back(var);
    iters.push_back(ir::MakeIterVar(ir::RangeFromExtent(ir::Int32(all[i].extent)), var,
                                    spatial ? ir::IterType::kSpatial : ir::IterType::kReduce));
    if (spatial) shape.push_back(ir::Int32(all[i].extent));
  }
  const Expr value = element(vars);
  const Buffer buffer = ir::MakeBuffer(name, ir::MakeArray(shape), value.dtype());
  const Array<Expr> place = ir::MakeArray(vars.data(), axes.size());

  ir::Stmt init;
  ir::Stmt body = ir::MakeBufferStore(buffer, value, place);
  if (reducer != nullptr) {
    init = ir::MakeBufferStore(buffer, Identity(*reducer, value.dtype()), place);
    body = ir::MakeBufferStore(buffer, Combine(*reducer, ir::MakeBufferLoad(buffer, place), value), place);
  }
  const ir::BlockNode* block =
      ir::MakeBlock(ir::MakeArray(iters), ReadsOf(value), ir::MakeArray({ir::PointRegion(buffer, place)}), name, body,
                    init, {}, {}, attrs);
  ir::Stmt nest = ir::MakeBlockRealize(ir::MakeArray(loop_values), ir::BoolImm(true), block);
  for (size_t i = all.size(); i-- > 0;) {
    nest = ir::MakeFor(loops[i], ir::Int32(0), ir::Int32(all[i].extent), ir::ForKind::kSerial, nest);
  }
  stages_.push_back(nest);
  computed_.push_back(buffer);
  return buffer;
}

ir::IRModule FunctionBuilder::Finish(const std::vector<Buffer>& outputs) {
  std::vector<Buffer> parameters = inputs_;
  parameters.insert(parameters.end(), outputs.begin(), outputs.end());
  std::vector<Buffer> allocated;
  for (Buffer buffer : computed_) {
    if (std::find(outputs.begin(), outputs.end(), buffer) == outputs.end()) allocated.push_back(buffer);
  }
  std::vector<ir::Var> vars;
  std::vector<ir::BufferBinding> bindings;
  for (Buffer buffer : parameters) {
    vars.push_back(ir::MakeVar(StrCat(buffer->name, "_handle"), ir::DataType::Handle()));
    bindings.push_back({vars.back(), buffer});
  }
  const ir::BlockNode* root = ir::MakeBlock({}, {}, {}, "root", ir::MakeSeq(stages_), {}, ir::MakeArray(allocated));
  const ir::Attrs attrs = attrs_.With("global_symbol", ir::String("main")).With("tir.noalias", ir::BoolImm(true).get());
  return ir::ModuleOf(arena_, ir::MakePrimFunc(ir::MakeArray(vars), ir::MakeArray(bindings),
                                               ir::MakeBlockRealize({}, ir::BoolImm(true), root), attrs));
}

}  // namespace hone::workload
