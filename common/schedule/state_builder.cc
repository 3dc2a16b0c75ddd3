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
  old_.push_back({id, 1});
  for (SrefId c = nodes_[id].first_child; c != kNoSref; c = nodes_[c].next_sibling) {
    const int32_t size = Collect(c);
    old_[position].size += size;
  }
  return old_[position].size;
}

void StateBuilder::Insert(const void* key, int32_t position) {
  const size_t mask = table_.size() - 1;
  size_t slot = (reinterpret_cast<uintptr_t>(key) >> 3) * 0x9E3779B97F4A7C15ull >> 40 & mask;
  while (table_[slot].first != nullptr) slot = (slot + 1) & mask;
  table_[slot] = {key, position};
}

void StateBuilder::BuildTable() {
  size_t size = 16;
  while (size < old_.size() * 3) size *= 2;
  table_.assign(size, {nullptr, -1});
  for (size_t i = 0; i < old_.size(); ++i) {
    const Sref& node = nodes_[old_[i].id];
    Insert(node.stmt, static_cast<int32_t>(i));
    if (const ForNode* loop = node.loop()) Insert(loop->loop_var.get(), static_cast<int32_t>(i));
  }
}

int32_t StateBuilder::Lookup(const void* key) {
  if (old_.empty()) return -1;
  if (table_.empty()) BuildTable();
  const size_t mask = table_.size() - 1;
  size_t slot = (reinterpret_cast<uintptr_t>(key) >> 3) * 0x9E3779B97F4A7C15ull >> 40 & mask;
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
  nodes_[old.id].parent = parent;
  nodes_[old.id].seq_index = seq_index;
  return old.id;
}

void StateBuilder::BuildLoop(const ForNode* loop, SrefId parent, int seq_index, SrefId& last, bool in_block) {
  int32_t position = Lookup(loop);
  if (position >= 0) {
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
  position = Lookup(loop->loop_var.get());
  SrefId id;
  if (position >= 0 && !old_[position].used) {
    old_[position].used = true;
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
  int32_t position = Lookup(block);
  const bool whole = position >= 0;
  if (!whole) {
    for (const BlockReuse& reuse : reuse_) {
      if (reuse.second == block) position = Lookup(reuse.first);
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
