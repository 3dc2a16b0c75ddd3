#include "common/schedule/state_builder.h"

#include "common/support/check.h"

namespace hone::schedule {

using ir::BlockNode;
using ir::BlockRealizeNode;
using ir::ForNode;
using ir::Stmt;

void ExpireSubtree(std::vector<Sref>& nodes, SrefId id) {
  nodes[id].stmt = nullptr;
  for (SrefId c = nodes[id].first_child; c != kNoSref; c = nodes[c].next_sibling) ExpireSubtree(nodes, c);
}

void StateBuilder::CollectOld(SrefId id) {
  Collect(id);
  table_.clear();  // Lookups build it again.
}

int32_t StateBuilder::Collect(SrefId id) {
  const auto position = static_cast<int32_t>(old_.size());
  const ir::StmtNode* stmt = nodes_[id].stmt;
  const ForNode* loop = nodes_[id].loop();
  old_.push_back({id, 1, stmt, loop != nullptr ? static_cast<const void*>(loop->loop_var.get()) : stmt});
  for (SrefId c = nodes_[id].first_child; c != kNoSref; c = nodes_[c].next_sibling) {
    const int32_t size = Collect(c);
    old_[position].size += size;
  }
  return old_[position].size;
}

int32_t StateBuilder::Find(const void* key) {
  if (static_cast<size_t>(next_) < old_.size() && old_[next_].key == key) return next_;
  // Up to so many nodes, or searches, looking at all nodes is cheaper than a table of them.
  constexpr size_t kFewNodes = 24;
  constexpr int kFewSearches = 4;
  if (old_.size() > kFewNodes && searches_ >= kFewSearches) return Lookup(key);
  ++searches_;
  for (size_t i = 0; i < old_.size(); ++i) {
    if (old_[i].key == key) return static_cast<int32_t>(i);
  }
  return -1;
}

namespace {

size_t FirstSlot(const void* key, size_t mask) {
  return (reinterpret_cast<uintptr_t>(key) >> 3) * 0x9E3779B97F4A7C15ull >> 40 & mask;
}

}  // namespace

void StateBuilder::BuildTable() {
  size_t size = 16;
  while (size < old_.size() * 2) size *= 2;
  table_.assign(size, {nullptr, -1});
  for (size_t i = 0; i < old_.size(); ++i) {
    size_t slot = FirstSlot(old_[i].key, size - 1);
    while (table_[slot].first != nullptr) slot = (slot + 1) & (size - 1);
    table_[slot] = {old_[i].key, static_cast<int32_t>(i)};
  }
}

int32_t StateBuilder::Lookup(const void* key) {
  if (table_.empty()) BuildTable();
  const size_t mask = table_.size() - 1;
  size_t slot = FirstSlot(key, mask);
  while (table_[slot].first != nullptr) {
    if (table_[slot].first == key) return table_[slot].second;
    slot = (slot + 1) & mask;
  }
  return -1;
}

SrefId StateBuilder::NewNode() {
  nodes_.emplace_back();
  return static_cast<SrefId>(nodes_.size() - 1);
}

void StateBuilder::Build(Stmt stmt, SrefId parent, int seq_index) {
  first_ = last_ = kNoSref;
  ForEachDirectChild(stmt, seq_index, [&](Stmt child, int index) {
    SrefId before = last_;
    if (const auto* loop = child.as<ForNode>()) {
      BuildLoop(loop, parent, index, last_, false);
    } else {
      BuildBlock(child.as<BlockRealizeNode>(), parent, index, last_, false);
    }
    if (before == kNoSref) first_ = last_;
  });
}

void StateBuilder::BuildBody(Stmt body, SrefId parent, int seq_index, SrefId& last, bool in_block) {
  ForEachDirectChild(body, seq_index, [&](Stmt child, int index) {
    const SrefId before = last;
    if (const auto* loop = child.as<ForNode>()) {
      BuildLoop(loop, parent, index, last, in_block);
    } else {
      BuildBlock(child.as<BlockRealizeNode>(), parent, index, last, in_block);
    }
    if (before == kNoSref) nodes_[parent].first_child = last;
  });
}

// Appends `child` after `last` (kNoSref: it is the first).
void StateBuilder::Link(SrefId child, SrefId parent, SrefId& last) {
  nodes_[child].parent = parent;
  nodes_[child].next_sibling = kNoSref;
  if (last != kNoSref) nodes_[last].next_sibling = child;
  last = child;
}

SrefId StateBuilder::TakeWhole(int32_t position, SrefId parent, int seq_index) {
  Old& old = old_[position];
  HONE_CHECK(!old.used) << "a statement stands twice in the new program";
  old.used = old.whole = true;
  next_ = position + old.size;
  nodes_[old.id].parent = parent;
  nodes_[old.id].seq_index = seq_index;
  return old.id;
}

void StateBuilder::BuildLoop(const ForNode* loop, SrefId parent, int seq_index, SrefId& last, bool in_block) {
  const int32_t position = Find(loop->loop_var.get());
  if (position >= 0 && old_[position].stmt == loop) {
    // Blocks in it keep their order among themselves; compare with those around.
    if (!in_block) {
      const int32_t end = position + old_[position].size;
      if (position < last_block_position_) blocks_changed_ = true;
      for (int32_t i = position; i < end; ++i) {
        if (nodes_[old_[i].id].realize != nullptr) last_block_position_ = i;
      }
    }
    const SrefId id = TakeWhole(position, parent, seq_index);
    Link(id, parent, last);
    return;
  }
  SrefId id;
  if (position >= 0 && !old_[position].used) {
    old_[position].used = true;
    next_ = position + 1;
    id = old_[position].id;
  } else {
    id = NewNode();
  }
  Sref& node = nodes_[id];
  node.stmt = loop;
  node.seq_index = seq_index;
  node.first_child = kNoSref;
  Link(id, parent, last);
  SrefId last_child = kNoSref;
  BuildBody(loop->body, id, -1, last_child, in_block);
}

void StateBuilder::BuildBlock(const BlockRealizeNode* realize, SrefId parent, int seq_index, SrefId& last,
                              bool in_block) {
  const BlockNode* block = realize->block;
  int32_t position = Find(block);
  const bool whole = position >= 0;
  if (!whole) {
    for (const BlockReuse& reuse : reuse_) {
      if (reuse.second == block) position = Find(reuse.first);
    }
  }
  if (position >= 0 && old_[position].used) position = -1;
  if (!in_block) {
    if (position < 0 || position < last_block_position_) {
      blocks_changed_ = true;
    } else {
      last_block_position_ = position;
      const BlockNode* old = nodes_[old_[position].id].block();
      if (!old->reads.same_as(block->reads) || !old->writes.same_as(block->writes)) blocks_changed_ = true;
    }
  }
  if (whole && position >= 0) {
    const SrefId id = TakeWhole(position, parent, seq_index);
    nodes_[id].realize = realize;
    Link(id, parent, last);
    return;
  }
  SrefId id;
  if (position >= 0) {
    old_[position].used = true;
    next_ = position + 1;
    id = old_[position].id;
  } else {
    id = NewNode();
  }
  Sref& node = nodes_[id];
  node.stmt = block;
  node.realize = realize;
  node.scope = nullptr;
  node.seq_index = seq_index;
  node.first_child = kNoSref;
  Link(id, parent, last);
  SrefId last_child = kNoSref;
  BuildBody(block->body, id, -1, last_child, true);
}

void StateBuilder::ExpireRest() {
  for (size_t i = 0; i < old_.size();) {
    const Old& old = old_[i];
    if (old.whole) {
      i += static_cast<size_t>(old.size);
      continue;
    }
    ++i;
    if (old.used) continue;
    Sref& node = nodes_[old.id];
    if (node.realize != nullptr) blocks_changed_ = true;
    node.stmt = nullptr;
    node.realize = nullptr;
  }
}

}  // namespace hone::schedule
