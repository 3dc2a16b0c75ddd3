// Buffers: typed, shaped views of a data pointer.
#pragma once

#include <string_view>

#include "common/ir/expr.h"

namespace hone::ir {

enum class BufferType : uint8_t { kDefault = 1, kAutoBroadcast = 2 };

// Identity is the node's address: two nodes with the same data pointer are two views.
struct BufferNode : Object {
  static constexpr ObjectKind kObjectKind = ObjectKind::kBuffer;
  Var data;  // Pointer to the element dtype (int8 for bool) in a storage scope.
  DataType dtype;
  Array<Expr> shape;
  Array<Expr> strides;          // In elements; empty = compact row-major.
  Expr elem_offset;             // In elements.
  Array<Expr> axis_separators;  // Integer literals, increasing, each at most the rank.
  std::string_view name;
  int data_alignment;  // Bytes.
  int offset_factor;   // elem_offset is a multiple of this.
  BufferType buffer_type;

  // "global" when the pointer type says nothing.
  std::string_view scope() const { return data->type->scope.empty() ? "global" : data->type->scope; }
  // Of the shape's first entry; int32 for rank 0.
  DataType index_dtype() const { return shape.empty() ? kInt32 : shape[0].dtype(); }
};

// A handle to a buffer, maybe null; operator== compares identity.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const BufferNode* node) : node_(node) {}  // NOLINT
  const BufferNode* get() const { return node_; }
  const BufferNode* operator->() const { return node_; }
  explicit operator bool() const { return node_ != nullptr; }
  bool same_as(Buffer other) const { return node_ == other.node_; }
  friend bool operator==(Buffer a, Buffer b) { return a.node_ == b.node_; }
  template <typename H>
  friend H AbslHashValue(H h, Buffer b) {
    return H::combine(std::move(h), b.node_);
  }

 private:
  const BufferNode* node_ = nullptr;
};

// A compact row-major buffer with a new data variable of the same name.
Buffer MakeBuffer(std::string_view name, Array<Expr> shape, DataType dtype, std::string_view scope = "global");

// All of `data`..; `elem_offset` null = literal 0 of the index dtype; alignment <= 0 = 64; offset_factor 0 = 1.
Buffer MakeBuffer(Var data, DataType dtype, Array<Expr> shape, Array<Expr> strides, Expr elem_offset,
                  std::string_view name, int data_alignment, int offset_factor, BufferType type,
                  Array<Expr> axis_separators = {});

// A copy in another scope with a new data variable; buffer and variable are called `name`.
Buffer CopyBufferWithScope(Buffer buffer, std::string_view name, std::string_view scope);

struct BufferRegionNode : Object {
  static constexpr ObjectKind kObjectKind = ObjectKind::kBufferRegion;
  Buffer buffer;
  Array<Range> region;  // One a dimension.
};
using BufferRegion = const BufferRegionNode*;

// An aliasing view: `buffer`'s shape, stride and offset variables are defined by matching `source`.
struct MatchBufferRegionNode : Object {
  static constexpr ObjectKind kObjectKind = ObjectKind::kMatchBufferRegion;
  Buffer buffer;
  BufferRegion source;
};
using MatchBufferRegion = const MatchBufferRegionNode*;

BufferRegion MakeBufferRegion(Buffer buffer, Array<Range> region);
// [0, dim) in every dimension.
BufferRegion FullRegion(Buffer buffer);
// Extent 1 at `indices`.
BufferRegion PointRegion(Buffer buffer, Array<Expr> indices);
MatchBufferRegion MakeMatchBufferRegion(Buffer buffer, BufferRegion source);

// dtype as described at BufferLoadNode.
Expr MakeBufferLoad(Buffer buffer, Array<Expr> indices, Expr predicate = {});

}  // namespace hone::ir
