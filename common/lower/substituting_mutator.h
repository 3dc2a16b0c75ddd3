// The base of passes that replace variables as they walk down.
#pragma once

#include "absl/container/flat_hash_map.h"
#include "common/ir/mutator.h"

namespace hone::lower {

// Replaces uses of the variables in values_, also in the shapes, strides and offsets of buffers: a buffer is rebuilt
// when it is first met, so its variables are to be in values_ by then.
class SubstitutingMutator : public ir::StmtExprMutator {
 protected:
  using ir::StmtExprMutator::Mutate;

  ir::Expr Mutate(const ir::VarNode* node) override {
    auto it = values_.find(node);
    return it != values_.end() ? it->second : ir::Expr(node);
  }

  ir::Buffer MutateBuffer(ir::Buffer buffer) override {
    auto it = buffers_.find(buffer.get());
    if (it != buffers_.end()) return it->second;
    ir::Buffer out = buffer;
    const auto shape = MutateExprs(buffer->shape);
    const auto strides = MutateExprs(buffer->strides);
    const auto offset = MutateExpr(buffer->elem_offset);
    if (!shape.same_as(buffer->shape) || !strides.same_as(buffer->strides) || !(offset == buffer->elem_offset)) {
      auto* copy = ir::CopyNode(buffer.get());
      copy->shape = shape;
      copy->strides = strides;
      copy->elem_offset = offset;
      out = copy;
    }
    buffers_.emplace(buffer.get(), out);
    return out;
  }

  ir::VarMap values_;

 private:
  absl::flat_hash_map<const ir::BufferNode*, ir::Buffer> buffers_;
};

}  // namespace hone::lower
