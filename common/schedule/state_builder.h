// Makes the nodes of a new piece of program, taking over those of the piece it replaces. Internal to state.cc.
#pragma once

#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "common/schedule/sref.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Calls f(statement, position) for every For and BlockRealize in `stmt` that is not inside of another, in program
// order. Position: the index in the directly enclosing sequence, -1 without one.
template <typename F>
void ForEachDirectChild(ir::Stmt stmt, int seq_index, const F& f) {
  if (!stmt) return;
  switch (stmt.kind()) {
    case ir::StmtKind::kFor:
    case ir::StmtKind::kBlockRealize:
      f(stmt, seq_index);
      return;
    case ir::StmtKind::kSeq: {
      const auto& seq = stmt.as<ir::SeqNode>()->seq;
      for (size_t i = 0; i < seq.size(); ++i) ForEachDirectChild(seq[i], static_cast<int>(i), f);
      return;
    }
    case ir::StmtKind::kIfThenElse:
      ForEachDirectChild(stmt.as<ir::IfThenElseNode>()->then_case, -1, f);
      ForEachDirectChild(stmt.as<ir::IfThenElseNode>()->else_case, -1, f);
      return;
    case ir::StmtKind::kLetStmt:
      return ForEachDirectChild(stmt.as<ir::LetStmtNode>()->body, -1, f);
    case ir::StmtKind::kAttrStmt:
      return ForEachDirectChild(stmt.as<ir::AttrStmtNode>()->body, -1, f);
    case ir::StmtKind::kAssertStmt:
      return ForEachDirectChild(stmt.as<ir::AssertStmtNode>()->body, -1, f);
    case ir::StmtKind::kBufferRealize:
      return ForEachDirectChild(stmt.as<ir::BufferRealizeNode>()->body, -1, f);
    case ir::StmtKind::kAllocate:
      return ForEachDirectChild(stmt.as<ir::AllocateNode>()->body, -1, f);
    case ir::StmtKind::kAllocateConst:
      return ForEachDirectChild(stmt.as<ir::AllocateConstNode>()->body, -1, f);
    case ir::StmtKind::kDeclBuffer:
      return ForEachDirectChild(stmt.as<ir::DeclBufferNode>()->body, -1, f);
    case ir::StmtKind::kWhile:
      return ForEachDirectChild(stmt.as<ir::WhileNode>()->body, -1, f);
    case ir::StmtKind::kBlock:
    case ir::StmtKind::kBufferStore:
    case ir::StmtKind::kEvaluate:
      return;
  }
}

// The node and all below it expire.
void ExpireSubtree(std::vector<Sref>& nodes, SrefId id);

class StateBuilder {
 public:
  // Both must outlive this.
  StateBuilder(std::vector<Sref>& nodes, absl::Span<const BlockReuse> reuse) : nodes_(nodes), reuse_(reuse) {}

  // `id` and all below it may be taken over.
  void CollectOld(SrefId id);
  // Makes the nodes of `stmt`, with those not inside of another as children of `parent`; they are linked to each other,
  // but not from the parent.
  void Build(ir::Stmt stmt, SrefId parent, int seq_index = -1);
  // The first and last node that Build made directly below its parent.
  SrefId first() const { return first_; }
  SrefId last() const { return last_; }
  // Collected nodes that were not taken over expire. Call once, after Build.
  void ExpireRest();
  // Whether blocks appeared, went, changed their order or what they access.
  bool blocks_changed() const { return blocks_changed_; }

 private:
  struct Old {
    SrefId id;
    int32_t size;  // Of the subtree, in preorder.
    const ir::StmtNode* stmt;
    const void* key;     // The variable of a loop, which no other loop has; the block itself.
    bool used = false;   // This node is taken over.
    bool whole = false;  // With everything below.
  };

  int32_t Find(const void* key);  // The position; -1 when absent.
  int32_t Lookup(const void* key);
  int32_t Collect(SrefId id);
  void BuildTable();
  void Link(SrefId child, SrefId parent, SrefId& last);
  void BuildLoop(const ir::ForNode* loop, SrefId parent, int seq_index, SrefId& last, bool in_block);
  void BuildBlock(const ir::BlockRealizeNode* realize, SrefId parent, int seq_index, SrefId& last, bool in_block);
  void BuildBody(ir::Stmt body, SrefId parent, int seq_index, SrefId& last, bool in_block);
  SrefId TakeWhole(int32_t position, SrefId parent, int seq_index);
  SrefId NewNode();

  std::vector<Sref>& nodes_;
  absl::Span<const BlockReuse> reuse_;
  absl::InlinedVector<Old, 64> old_;
  // The position after the last node that was taken over: new programs mostly have what the old ones had, in its order.
  int32_t next_ = 0;
  int searches_ = 0;                                                 // For what was not there.
  absl::InlinedVector<std::pair<const void*, int32_t>, 128> table_;  // Open addressing; size a power of two.
  SrefId first_ = kNoSref;
  SrefId last_ = kNoSref;
  int32_t last_block_position_ = -1;
  bool blocks_changed_ = false;
};

}  // namespace hone::schedule
