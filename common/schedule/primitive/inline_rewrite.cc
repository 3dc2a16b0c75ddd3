#include "common/schedule/primitive/inline_rewrite.h"

#include <algorithm>

#include "common/arith/access_region.h"
#include "common/ir/visitor.h"

namespace hone::schedule {

using ir::BlockNode;
using ir::Buffer;

bool MentionsBuffer(ir::Array<ir::BufferRegion> regions, Buffer buffer) {
  return std::any_of(regions.begin(), regions.end(), [&](ir::BufferRegion r) { return r->buffer == buffer; });
}

namespace {

class AccessFinder : public ir::StmtExprVisitor {
 public:
  explicit AccessFinder(Buffer buffer) : buffer_(buffer) {}
  bool found() const { return found_; }
  void VisitStmt(ir::Stmt s) override {
    if (!found_) StmtExprVisitor::VisitStmt(s);
  }
  void VisitExpr(ir::Expr e) override {
    if (!found_) StmtExprVisitor::VisitExpr(e);
  }

 protected:
  using StmtExprVisitor::Visit;
  void Visit(const ir::VarNode* node) override { found_ |= node == buffer_->data.get(); }
  void Visit(const ir::BufferLoadNode* node) override {
    found_ |= node->buffer == buffer_.get();
    StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::BufferStoreNode* node) override {
    found_ |= node->buffer == buffer_;
    StmtExprVisitor::Visit(node);
  }
  void Visit(const BlockNode* node) override {
    found_ |= MentionsBuffer(node->reads, buffer_) || MentionsBuffer(node->writes, buffer_);
    for (ir::MatchBufferRegion match : node->match_buffers) found_ |= match->source->buffer == buffer_;
    VisitStmt(node->init);
    VisitStmt(node->body);
  }

 private:
  const Buffer buffer_;
  bool found_ = false;
};

}  // namespace

bool AccessesBuffer(const BlockNode* block, Buffer buffer) {
  AccessFinder finder(buffer);
  finder.VisitStmt(block);
  return finder.found();
}

ir::Expr BufferEliminator::Mutate(const ir::VarNode* node) {
  found_opaque_use_ |= node == buffer_->data.get();
  return StmtExprMutator::Mutate(node);
}

ir::Stmt BufferEliminator::Mutate(const BlockNode* node) {
  for (ir::MatchBufferRegion match : node->match_buffers) found_opaque_use_ |= match->source->buffer == buffer_;
  const ir::Stmt rewritten = StmtExprMutator::Mutate(node);
  const auto* block = rewritten.as<BlockNode>();
  if (MentionsBuffer(node->reads, buffer_) || MentionsBuffer(node->writes, buffer_)) {
    const auto regions = arith::GetBlockReadWriteRegion(block, [&](ir::Var data) -> Buffer {
      for (const BlockNode* known : {node, inlined_}) {
        for (ir::BufferRegion region : known->reads) {
          if (region->buffer->data == data) return region->buffer;
        }
        for (ir::BufferRegion region : known->writes) {
          if (region->buffer->data == data) return region->buffer;
        }
      }
      return {};
    });
    auto* copy = ir::CopyNode(block);
    copy->reads = ir::MakeArray(regions.reads);
    copy->writes = ir::MakeArray(regions.writes);
    block = copy;
  }
  if (block != node) reuse_.emplace_back(node, block);
  return block;
}

void DropAllocation(ScheduleState& state, SrefId scope, Buffer buffer) {
  const BlockNode* block = state.block(scope);
  absl::InlinedVector<Buffer, 8> rest;
  for (Buffer allocated : block->alloc_buffers) {
    if (!(allocated == buffer)) rest.push_back(allocated);
  }
  if (rest.size() == block->alloc_buffers.size()) return;
  auto* copy = ir::CopyNode(block);
  copy->alloc_buffers = ir::MakeArray(rest.data(), rest.size());
  state.ReplaceShallow(scope, copy);
}

void AddAllocation(ScheduleState& state, SrefId scope, Buffer buffer) {
  const BlockNode* block = state.block(scope);
  absl::InlinedVector<Buffer, 8> all(block->alloc_buffers.begin(), block->alloc_buffers.end());
  all.push_back(buffer);
  auto* copy = ir::CopyNode(block);
  copy->alloc_buffers = ir::MakeArray(all.data(), all.size());
  state.ReplaceShallow(scope, copy);
}

}  // namespace hone::schedule
