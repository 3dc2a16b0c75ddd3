#include "common/schedule/block_scope.h"

#include <vector>

#include "common/schedule/analysis.h"
#include "common/schedule/state.h"

namespace hone::schedule {
namespace {

struct Access {
  const ir::BufferNode* buffer;
  SrefId block;
};

void AddEdges(const std::vector<Access>& earlier, const ir::BufferNode* buffer, SrefId block, DependencyKind kind,
              std::vector<Dependency>& out) {
  for (const Access& access : earlier) {
    if (access.buffer == buffer && access.block != block) out.push_back({access.block, block, kind});
  }
}

const BlockScope* ComputeScope(const ScheduleState& state, SrefId id) {
  const SrefList children = ChildBlocks(state, id);
  std::vector<Access> readers;
  std::vector<Access> writers;
  std::vector<Dependency> edges;
  for (SrefId child : children) {
    const ir::BlockNode* block = state.block(child);
    for (ir::BufferRegion read : block->reads) readers.push_back({read->buffer.get(), child});
    for (ir::BufferRegion write : block->writes) writers.push_back({write->buffer.get(), child});
    for (ir::BufferRegion read : block->reads)
      AddEdges(writers, read->buffer.get(), child, DependencyKind::kRaw, edges);
    for (ir::BufferRegion w : block->writes) AddEdges(writers, w->buffer.get(), child, DependencyKind::kWaw, edges);
    for (ir::BufferRegion w : block->writes) AddEdges(readers, w->buffer.get(), child, DependencyKind::kWar, edges);
  }
  auto* scope = ir::New<BlockScope>();
  scope->children = ir::MakeArray(children.data(), children.size());
  scope->dependencies = ir::MakeArray(edges);
  std::vector<BufferWriter> list;
  list.reserve(writers.size());
  for (const Access& w : writers) list.push_back({ir::Buffer(w.buffer), w.block});
  scope->writers = ir::MakeArray(list);
  return scope;
}

}  // namespace

int BlockScope::CountWriters(ir::Buffer buffer) const {
  int count = 0;
  for (const BufferWriter& writer : writers) count += writer.buffer == buffer ? 1 : 0;
  return count;
}

const BlockScope& ScheduleState::ScopeOf(SrefId block) const {
  Sref& node = nodes_[block];
  if (node.scope == nullptr) {
    const ir::ArenaScope scope(arena_);
    node.scope = ComputeScope(*this, block);
  }
  return *node.scope;
}

}  // namespace hone::schedule
