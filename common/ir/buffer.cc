#include "common/ir/buffer.h"

#include "common/ir/new_object.h"

namespace hone::ir {

Buffer MakeBuffer(Var data, DataType dtype, Array<Expr> shape, Array<Expr> strides, Expr elem_offset,
                  std::string_view name, int data_alignment, int offset_factor, BufferType type,
                  Array<Expr> axis_separators) {
  auto* node = NewObject<BufferNode>();
  node->data = data;
  node->dtype = dtype;
  node->shape = shape;
  node->strides = strides;
  node->elem_offset = elem_offset ? elem_offset : IntImm(shape.empty() ? kInt32 : shape[0].dtype(), 0);
  node->axis_separators = axis_separators;
  node->name = CopyString(name);
  node->data_alignment = data_alignment <= 0 ? 64 : data_alignment;
  node->offset_factor = offset_factor == 0 ? 1 : offset_factor;
  node->buffer_type = type;
  return Buffer(node);
}

Buffer MakeBuffer(std::string_view name, Array<Expr> shape, DataType dtype, std::string_view scope) {
  const DataType element = dtype.is_bool() ? DataType::Int(8, dtype.lanes) : dtype;
  const Var data = MakeVar(name, PointerType(element, scope));
  return MakeBuffer(data, dtype, shape, {}, {}, name, 64, 1, BufferType::kDefault);
}

Buffer CopyBufferWithScope(Buffer buffer, std::string_view name, std::string_view scope) {
  auto* node = CopyNode(buffer.get());
  node->data = MakeVar(name, PointerType(buffer->data->type->dtype, scope));
  node->name = node->data->name;
  return Buffer(node);
}

BufferRegion MakeBufferRegion(Buffer buffer, Array<Range> region) {
  auto* node = NewObject<BufferRegionNode>();
  node->buffer = buffer;
  node->region = region;
  return node;
}

BufferRegion FullRegion(Buffer buffer) {
  std::vector<Range> region;
  region.reserve(buffer->shape.size());
  for (Expr dim : buffer->shape) region.push_back(RangeFromExtent(dim));
  return MakeBufferRegion(buffer, MakeArray(region));
}

BufferRegion PointRegion(Buffer buffer, Array<Expr> indices) {
  std::vector<Range> region;
  region.reserve(indices.size());
  for (Expr index : indices) region.push_back(Range{index, IntImm(index.dtype(), 1)});
  return MakeBufferRegion(buffer, MakeArray(region));
}

MatchBufferRegion MakeMatchBufferRegion(Buffer buffer, BufferRegion source) {
  auto* node = NewObject<MatchBufferRegionNode>();
  node->buffer = buffer;
  node->source = source;
  return node;
}

Expr MakeBufferLoad(Buffer buffer, Array<Expr> indices, Expr predicate) {
  DataType dtype = buffer->dtype;
  if (!indices.empty() && !indices.back().dtype().is_scalar()) {
    dtype = dtype.with_lanes(dtype.lanes * indices.back().dtype().lanes);
  }
  auto* node = ::new (Arena::Current().Allocate(sizeof(BufferLoadNode))) BufferLoadNode();
  node->object_kind = ObjectKind::kExpr;
  node->kind = ExprKind::kBufferLoad;
  node->dtype = dtype;
  node->buffer = buffer.get();
  node->indices = indices;
  node->predicate = predicate;
  return node;
}

}  // namespace hone::ir
