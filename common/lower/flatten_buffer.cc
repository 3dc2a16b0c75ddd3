// FlattenBuffer: N-dimensional accesses become one-dimensional ones (one index per group of axis separators), in
// row-major order or by the strides; DeclBuffer nodes go; bool is stored as int8. Parameters keep their shape in
// buffer_map, the body uses flat aliases of them.
#include "common/ir/ops.h"
#include "common/lower/linear_mutator.h"
#include "common/lower/passes.h"

namespace hone::lower {
namespace {

// The first axis of each group, and the end.
std::vector<size_t> GroupBounds(ir::Buffer buffer) {
  std::vector<size_t> bounds = {0};
  for (ir::Expr separator : buffer->axis_separators) {
    if (const int64_t* at = ir::ConstInt(separator)) bounds.push_back(static_cast<size_t>(*at));
  }
  bounds.push_back(buffer->shape.size());
  return bounds;
}

class Flattener final : public LinearMutator {
 private:
  using LinearMutator::Mutate;

  ir::DataType StorageOf(ir::DataType dtype) { return dtype.is_bool() ? ir::DataType::Int(8, dtype.lanes) : dtype; }

  ir::Buffer Flat(ir::Buffer buffer) {
    auto it = flat_.find(buffer.get());
    if (it != flat_.end()) return it->second;
    std::vector<ir::Expr> shape;
    const std::vector<size_t> groups = GroupBounds(buffer);
    for (size_t g = 0; g + 1 < groups.size(); ++g) {
      ir::Expr extent = ir::IntImm(buffer->index_dtype(), 1);
      for (size_t d = groups[g]; d < groups[g + 1]; ++d) extent = ir::Mul(extent, buffer->shape[d]);
      if (!buffer->strides.empty() && groups[g] < groups[g + 1]) {
        extent = ir::Mul(buffer->shape[groups[g]], buffer->strides[groups[g]]);
      }
      shape.push_back(context_.Simplify(extent));
    }
    auto* copy = ir::CopyNode(buffer.get());
    copy->dtype = StorageOf(buffer->dtype);
    copy->shape = ir::MakeArray(shape);
    copy->strides = {};
    copy->elem_offset = ir::IntImm(buffer->index_dtype(), 0);
    std::vector<ir::Expr> separators;
    for (size_t g = 1; g + 1 < groups.size(); ++g) separators.push_back(ir::Int32(static_cast<int64_t>(g)));
    copy->axis_separators = ir::MakeArray(separators);
    flat_.emplace(buffer.get(), copy);
    return copy;
  }

  // A Ramp in the last dimension stays a Ramp.
  ir::Array<ir::Expr> FlatIndices(ir::Buffer buffer, ir::Array<ir::Expr> indices) {
    if (!indices.empty()) {
      if (const auto* ramp = indices.back().as<ir::RampNode>()) {
        std::vector<ir::Expr> first_lane = indices.ToVector();
        first_lane.back() = ramp->base;
        std::vector<ir::Expr> flat = FlatIndices(buffer, ir::MakeArray(first_lane)).ToVector();
        ir::Expr stride = ramp->stride;
        if (!buffer->strides.empty()) stride = context_.Simplify(ir::Mul(stride, buffer->strides.back()));
        flat.back() = ir::MakeRamp(flat.back(), ir::Cast(flat.back().dtype(), stride), ramp->lanes);
        return ir::MakeArray(flat);
      }
    }
    std::vector<ir::Expr> out;
    const std::vector<size_t> groups = GroupBounds(buffer);
    for (size_t g = 0; g + 1 < groups.size(); ++g) {
      ir::Expr offset = g + 2 == groups.size() ? buffer->elem_offset : ir::IntImm(buffer->index_dtype(), 0);
      if (buffer->strides.empty()) {
        ir::Expr row_major = ir::IntImm(buffer->index_dtype(), 0);
        for (size_t d = groups[g]; d < groups[g + 1]; ++d) {
          row_major = ir::Add(ir::Mul(row_major, buffer->shape[d]), indices[d]);
        }
        offset = ir::Add(row_major, offset);
      } else {
        for (size_t d = groups[g]; d < groups[g + 1]; ++d) {
          offset = ir::Add(offset, ir::Mul(indices[d], buffer->strides[d]));
        }
      }
      out.push_back(context_.Simplify(offset));
    }
    return ir::MakeArray(out);
  }

  ir::Expr Mutate(const ir::BufferLoadNode* node) override {
    const ir::Expr visited = LinearMutator::Mutate(node);
    const auto* load = visited.as<ir::BufferLoadNode>();
    const ir::Expr out =
        ir::MakeBufferLoad(Flat(node->buffer), FlatIndices(node->buffer, load->indices), load->predicate);
    return node->dtype.is_bool() ? ir::MakeCast(node->dtype, out) : out;
  }

  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    const ir::Stmt visited = LinearMutator::Mutate(node);
    const auto* store = visited.as<ir::BufferStoreNode>();
    ir::Expr value = store->value;
    if (node->buffer->dtype.is_bool()) value = ir::MakeCast(StorageOf(value.dtype()), value);
    return ir::MakeBufferStore(Flat(node->buffer), value, FlatIndices(node->buffer, store->indices), store->predicate);
  }

  ir::Stmt Mutate(const ir::DeclBufferNode* node) override { return MutateStmt(node->body); }

  ir::Stmt Mutate(const ir::AllocateNode* node) override {
    const ir::Stmt visited = LinearMutator::Mutate(node);
    auto* copy = ir::CopyNode(visited.as<ir::AllocateNode>());
    copy->dtype = StorageOf(copy->dtype);
    copy->extents = FlatExtents(node, copy->extents);
    return copy;
  }

  ir::Stmt Mutate(const ir::AllocateConstNode* node) override {
    const ir::Stmt visited = LinearMutator::Mutate(node);
    auto* copy = ir::CopyNode(visited.as<ir::AllocateConstNode>());
    ir::Expr product = ir::Int32(1);
    for (ir::Expr extent : copy->extents) product = ir::Mul(product, extent);
    copy->extents = ir::MakeArray({context_.Simplify(product)});
    return copy;
  }

  // One extent, or one per separated group of the buffer declared on the allocation.
  ir::Array<ir::Expr> FlatExtents(const ir::AllocateNode* node, ir::Array<ir::Expr> extents) {
    std::vector<size_t> groups = {0, extents.size()};
    if (const auto* decl = node->body.as<ir::DeclBufferNode>();
        decl != nullptr && decl->buffer->data == node->buffer_var && decl->buffer->shape.size() == extents.size()) {
      groups = GroupBounds(decl->buffer);
    }
    std::vector<ir::Expr> out;
    for (size_t g = 0; g + 1 < groups.size(); ++g) {
      ir::Expr product = ir::IntImm(extents.empty() ? ir::kInt32 : extents[0].dtype(), 1);
      for (size_t d = groups[g]; d < groups[g + 1]; ++d) product = ir::Mul(product, extents[d]);
      out.push_back(context_.Simplify(product));
    }
    return ir::MakeArray(out);
  }

  absl::flat_hash_map<const ir::BufferNode*, ir::Buffer> flat_;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> FlattenBuffer(ir::PrimFunc func, const PassContext&) {
  return WithBody(func, Flattener().MutateStmt(func->body));
}

}  // namespace hone::lower
