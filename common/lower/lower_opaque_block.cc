// LowerOpaqueBlock: blocks disappear. Predicates become conditions, allocations become Allocate and DeclBuffer,
// pragmas become attributes, thread bindings become thread_extent attributes, loops of one iteration vanish.
#include <algorithm>

#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/lower/attr_value.h"
#include "common/lower/passes.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

constexpr std::string_view kPragmaPrefix = "pragma_";

class OpaqueLowerer final : public ir::StmtExprMutator {
 private:
  using ir::StmtExprMutator::Mutate;

  ir::Expr Mutate(const ir::VarNode* node) override {
    auto it = units_.find(node);
    return it != units_.end() ? it->second : ir::Expr(node);
  }

  // Wraps `body` in the pragmas of `annotations`, the first key outermost.
  static ir::Stmt WithPragmas(const ir::Attrs& annotations, const ir::Object* node, ir::Stmt body) {
    std::vector<const ir::Attr*> pragmas;
    for (const ir::Attr& attr : annotations) {
      if (attr.key.substr(0, kPragmaPrefix.size()) == kPragmaPrefix) pragmas.push_back(&attr);
    }
    for (auto it = pragmas.rbegin(); it != pragmas.rend(); ++it) {
      body = ir::MakeAttrStmt(node, (*it)->key, PragmaValue((*it)->value), body);
    }
    return body;
  }

  static ir::Expr PragmaValue(const ir::Object* value) {
    if (value != nullptr && value->object_kind == ir::ObjectKind::kExpr) {
      return static_cast<const ir::ExprNode*>(value);
    }
    if (const auto* text = ir::As<ir::StringNode>(value)) return ir::StringImm(text->value);
    return ir::Int32(0);
  }

  static ir::Attrs WithoutPragmas(ir::Attrs annotations) {
    const ir::Attrs all = annotations;
    for (const ir::Attr& attr : all) {
      if (attr.key.substr(0, kPragmaPrefix.size()) == kPragmaPrefix) annotations = annotations.Without(attr.key);
    }
    return annotations;
  }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    const ir::Expr min = MutateExpr(node->min);
    const ir::Expr extent = MutateExpr(node->extent);
    if (node->for_kind == ir::ForKind::kThreadBinding) {
      const ir::Stmt body = MutateStmt(node->body);
      const std::string_view tag = node->thread_binding->thread_tag;
      const std::string_view key = tag.substr(0, 7) == "vthread" ? "virtual_thread" : "thread_extent";
      const ir::IterVar iter = ir::MakeIterVar({min, extent}, node->loop_var, ir::IterType::kThreadIndex, tag);
      return WithPragmas(node->annotations, node->loop_var.get(), ir::MakeAttrStmt(iter, key, extent, body));
    }
    if (ir::IsOne(extent) && node->annotations.empty()) {
      units_[node->loop_var.get()] = min;
      return MutateStmt(node->body);
    }
    ir::Stmt body = MutateStmt(node->body);
    const ir::Stmt loop =
        ir::MakeFor(node->loop_var, min, extent, node->for_kind, body, nullptr, WithoutPragmas(node->annotations));
    return WithPragmas(node->annotations, node->loop_var.get(), loop);
  }

  ir::Stmt Mutate(const ir::BlockRealizeNode* node) override {
    const ir::BlockNode* block = node->block;
    CollectAlignments(block);
    const ir::Expr predicate = MutateExpr(node->predicate);
    ir::Stmt body = MutateStmt(block->body);
    if (!ir::IsTrue(predicate)) body = ir::MakeIfThenElse(predicate, body);
    for (size_t i = block->alloc_buffers.size(); i-- > 0;) {
      body = Allocated(MutateBuffer(block->alloc_buffers[i]), body);
    }
    return WithPragmas(block->annotations, ir::Int32(0).get(), body);
  }

  ir::Buffer MutateBuffer(ir::Buffer buffer) override {
    auto it = buffers_.find(buffer.get());
    if (it != buffers_.end()) return it->second;
    ir::Buffer out = buffer;
    const auto shape = MutateExprs(buffer->shape);
    const auto offset = MutateExpr(buffer->elem_offset);
    if (!shape.same_as(buffer->shape) || !(offset == buffer->elem_offset)) {
      auto* copy = ir::CopyNode(buffer.get());
      copy->shape = shape;
      copy->elem_offset = offset;
      out = copy;
    }
    buffers_.emplace(buffer.get(), out);
    return out;
  }

  ir::Stmt Allocated(ir::Buffer buffer, ir::Stmt body) const {
    std::vector<ir::Expr> extents(buffer->shape.begin(), buffer->shape.end());
    if (!buffer->strides.empty()) {
      // A strided dimension takes the stride of the one outside of it.
      for (size_t d = 0; d < extents.size(); ++d) {
        extents[d] = d == 0 ? buffer->shape[0] : ir::FloorDiv(buffer->strides[d - 1], buffer->strides[d]);
      }
    }
    if (extents.empty()) extents.push_back(ir::IntImm(buffer->index_dtype(), 1));
    ir::Attrs kept;
    if (auto it = alignments_.find(buffer->data.get()); it != alignments_.end()) {
      kept = kept.With("buffer_dim_align", ir::ObjectArray(ir::MakeArray(it->second)));
    }
    const ir::DataType dtype = buffer->dtype;
    return ir::MakeAllocate(buffer->data, dtype, ir::MakeArray(extents), ir::BoolImm(true),
                            ir::MakeDeclBuffer(buffer, body), kept);
  }

  // Remembers storage_align requests of a block for the allocations of the buffers that it writes; the buffer's number
  // in the entry becomes -1.
  void CollectAlignments(const ir::BlockNode* block) {
    const auto* entries = ir::As<ir::ArrayNode>(block->annotations.Get("buffer_dim_align"));
    if (entries == nullptr) return;
    for (const ir::Object* entry : entries->items) {
      const auto* tuple = ir::As<ir::ArrayNode>(entry);
      if (tuple == nullptr || tuple->items.size() != 4) continue;
      const auto index = AttrInt(tuple->items[0]);
      if (!index || *index < 0 || *index >= static_cast<int64_t>(block->writes.size())) continue;
      std::vector<const ir::Object*> items(tuple->items.begin(), tuple->items.end());
      items[0] = ir::AnnotationInt(-1);
      alignments_[block->writes[*index]->buffer->data.get()].push_back(ir::ObjectArray(ir::MakeArray(items)));
    }
  }

  ir::VarMap units_;
  absl::flat_hash_map<const ir::VarNode*, std::vector<const ir::Object*>> alignments_;
  absl::flat_hash_map<const ir::BufferNode*, ir::Buffer> buffers_;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> LowerOpaqueBlock(ir::PrimFunc func, const PassContext&) {
  return WithBody(func, OpaqueLowerer().MutateStmt(func->body));
}

}  // namespace hone::lower
