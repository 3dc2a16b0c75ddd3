#include "common/schedule/block_scope.h"

#include "absl/container/inlined_vector.h"
#include "common/schedule/analysis.h"
#include "common/schedule/state.h"

namespace hone::schedule {
namespace {

struct Access {
  const ir::BufferNode* buffer;
  SrefId block;
};

using Accesses = absl::InlinedVector<Access, 16>;
using Dependencies = absl::InlinedVector<Dependency, 32>;

void AddEdges(const Accesses& earlier, const ir::BufferNode* buffer, SrefId block, DependencyKind kind,
              Dependencies& out) {
  for (const Access& access : earlier) {
    if (access.buffer == buffer && access.block != block) out.push_back({access.block, block, kind});
  }
}

const BlockScope* ComputeScope(const ScheduleState& state, SrefId id) {
  const SrefList children = ChildBlocks(state, id);
  Accesses readers;
  Accesses writers;
  Dependencies edges;
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
  scope->dependencies = ir::MakeArray(edges.data(), edges.size());
  absl::InlinedVector<BufferWriter, 16> list;
  for (const Access& w : writers) list.push_back({ir::Buffer(w.buffer), w.block});
  scope->writers = ir::MakeArray(list.data(), list.size());
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
