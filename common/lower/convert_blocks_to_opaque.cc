// ConvertBlocksToOpaque: iter variables of blocks are replaced by what they are bound to; blocks keep their regions,
// predicates and allocations but have no iters any more.
#include "absl/strings/str_cat.h"
#include "common/ir/mutator.h"
#include "common/ir/visitor.h"
#include "common/lower/passes.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

class OpaqueConverter final : public ir::StmtExprMutator {
 public:
  absl::Status status;

 private:
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

  ir::Stmt Mutate(const ir::BlockRealizeNode* node) override {
    const ir::BlockNode* block = node->block;
    if (block->init) {
      status = absl::InternalError(StrCat("block \"", block->name, "\" still has an init"));
      return node;
    }
    const auto values = MutateExprs(node->iter_values);
    const ir::Expr predicate = MutateExpr(node->predicate);
    for (size_t i = 0; i < values.size(); ++i) values_[block->iter_vars[i]->var.get()] = values[i];
    auto* opaque = ir::CopyNode(block);
    opaque->iter_vars = {};
    const ir::Stmt body = MutateStmt(ir::Stmt(opaque));
    return ir::MakeBlockRealize({}, predicate, body.as<ir::BlockNode>());
  }

  ir::VarMap values_;
  absl::flat_hash_map<const ir::BufferNode*, ir::Buffer> buffers_;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> ConvertBlocksToOpaque(ir::PrimFunc func, const PassContext&) {
  OpaqueConverter converter;
  const ir::Stmt body = converter.MutateStmt(func->body);
  if (!converter.status.ok()) return converter.status;
  return WithBody(func, body);
}

}  // namespace hone::lower
