#include "common/schedule/buffer_rewriter.h"

#include <algorithm>
#include <vector>

namespace hone::schedule {

using ir::BlockNode;
using ir::Buffer;

DefiningSite FindDefiningSite(const ScheduleState& state, SrefId block, Buffer buffer) {
  for (SrefId id = block; id != kNoSref; id = state.parent(id)) {
    const BlockNode* node = state.block(id);
    if (node == nullptr) continue;
    if (std::find(node->alloc_buffers.begin(), node->alloc_buffers.end(), buffer) != node->alloc_buffers.end()) {
      return {id, true};
    }
    for (ir::MatchBufferRegion match : node->match_buffers) {
      if (match->buffer == buffer) return {id, false};
    }
  }
  return {};
}

absl::StatusOr<SrefId> RequireAllocationSite(const ScheduleState& state, SrefId block, Buffer buffer) {
  const DefiningSite site = FindDefiningSite(state, block, buffer);
  if (site.allocated) return site.block;
  return state.Refuse(
      "The buffer must be allocated by a block: it is a parameter of the function or a match_buffer view", {block},
      std::string(buffer->name));
}

absl::StatusOr<Buffer> AccessedBuffer(const ScheduleState& state, SrefId block, int index, bool write) {
  const auto& regions = write ? state.block(block)->writes : state.block(block)->reads;
  if (index >= 0 && static_cast<size_t>(index) < regions.size()) return regions[static_cast<size_t>(index)]->buffer;
  return state.Refuse(write ? "The index of the written buffer is out of range: the block has fewer write regions"
                            : "The index of the read buffer is out of range: the block has fewer read regions",
                      {block}, std::to_string(index));
}

const BlockNode* BufferRewriter::Rewrite(const BlockNode* block) {
  const BlockNode* out = MutateStmt(block).as<BlockNode>();
  return out;
}

Buffer BufferRewriter::RewriteView(Buffer view, Buffer) { return view; }

Buffer BufferRewriter::Find(const ir::VarNode* data) const {
  for (const auto& [from, to] : map_) {
    if (from == data) return to;
  }
  return {};
}

ir::Expr BufferRewriter::Mutate(const ir::VarNode* node) {
  const Buffer to = Find(node);
  return to ? ir::Expr(to->data) : ir::Expr(node);
}

Buffer BufferRewriter::MutateBuffer(Buffer buffer) {
  const Buffer to = Find(buffer->data.get());
  return to ? to : buffer;
}

ir::Stmt BufferRewriter::Mutate(const BlockNode* node) {
  for (ir::MatchBufferRegion match : node->match_buffers) {
    const Buffer source = Find(match->source->buffer->data.get());
    if (!source) continue;
    const Buffer view = RewriteView(match->buffer, source);
    if (!(view == match->buffer)) Add(match->buffer, view);
  }
  const ir::Stmt out = StmtExprMutator::Mutate(node);
  if (out.get() != node) reuses_.emplace_back(node, out.as<BlockNode>());
  return out;
}

void ReplaceParameterBuffer(ScheduleState& state, SrefId root, Buffer from, Buffer to) {
  const ir::PrimFuncNode* header = state.PrimFuncOf(root);
  std::vector<ir::BufferBinding> bindings = header->buffer_map.ToVector();
  for (ir::BufferBinding& binding : bindings) {
    if (binding.buffer == from) binding.buffer = to;
  }
  auto* copy = ir::CopyNode(header);
  copy->buffer_map = ir::MakeArray(bindings);
  state.ReplaceFunctionHeader(root, copy);
}

SrefId FunctionRootOf(const ScheduleState& state, SrefId id) {
  while (state.parent(id) != kNoSref) id = state.parent(id);
  return id;
}

const BlockNode* WithRegions(const BlockNode* block, bool write, ir::Array<ir::BufferRegion> regions) {
  auto* copy = ir::CopyNode(block);
  (write ? copy->writes : copy->reads) = regions;
  return copy;
}

}  // namespace hone::schedule
