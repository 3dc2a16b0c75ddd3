// The nodes of a schedule's tree: one for every loop and every block of the function bodies.
#pragma once

#include <cstdint>

#include "common/ir/stmt.h"

namespace hone::schedule {

// Identifies a node of one ScheduleState and of its copies. Never reused.
using SrefId = int32_t;
inline constexpr SrefId kNoSref = -1;

struct BlockScope;

// A loop or block as it now is. Plain data: a state is copied by copying its nodes.
struct Sref {
  const ir::StmtNode* stmt = nullptr;             // ForNode or BlockNode; null once the node has expired.
  const ir::BlockRealizeNode* realize = nullptr;  // Of a block: the realize that binds it.
  const BlockScope* scope = nullptr;              // Of a block: its dependencies, null until asked for.
  SrefId parent = kNoSref;
  SrefId first_child = kNoSref;  // Children in program order.
  SrefId next_sibling = kNoSref;
  int32_t seq_index = -1;  // Position in the directly enclosing sequence, or -1.
  // Cached facts of a block; read them through ScheduleState, which may have put off computing them.
  bool affine_binding = false;
  bool region_cover = false;
  bool stage_pipeline = false;

  bool alive() const { return stmt != nullptr; }
  const ir::ForNode* loop() const { return ir::Stmt(stmt).as<ir::ForNode>(); }
  const ir::BlockNode* block() const { return ir::Stmt(stmt).as<ir::BlockNode>(); }
};

}  // namespace hone::schedule
