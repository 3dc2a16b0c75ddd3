#include "server/space/analysis.h"

#include <algorithm>

#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/support/status_macros.h"

namespace hone::space {

using namespace ir;        // NOLINT: an internal file about these nodes.
using namespace schedule;  // NOLINT

namespace {

bool SameBuffer(BufferRegion a, Buffer b) { return a->buffer == b; }

bool MentionsVar(BufferRegion region, Var var) {
  for (const Range& range : region->region) {
    if (UsesVar(range.min, var)) return true;
  }
  return false;
}

// The offset of `index` as var, var + c, var - c or c; false for another form.
bool VarPlusConstant(Expr index, const VarNode*& var) {
  var = nullptr;
  if (ConstInt(index) != nullptr) return true;
  if (const auto* v = index.as<VarNode>()) {
    var = v;
    return true;
  }
  const auto* binary = index.as<BinaryNode>();
  if (binary == nullptr) return false;
  if (binary->kind == ExprKind::kAdd) {
    if (const auto* v = binary->a.as<VarNode>(); v != nullptr && ConstInt(binary->b) != nullptr) var = v;
    if (const auto* v = binary->b.as<VarNode>(); v != nullptr && ConstInt(binary->a) != nullptr) var = v;
  } else if (binary->kind == ExprKind::kSub) {
    if (const auto* v = binary->a.as<VarNode>(); v != nullptr && ConstInt(binary->b) != nullptr) var = v;
  }
  return var != nullptr;
}

}  // namespace

std::string_view ThreadAxisBoundBy(const schedule::Instruction& instruction) {
  return instruction.row->name == "Bind" ? instruction.attrs[0].text() : std::string_view();
}

bool HasAnnotation(const ScheduleState& state, SrefId block, std::string_view key) {
  return state.block(block)->annotations.Has(key);
}

std::string_view StringAnnotation(const ScheduleState& state, SrefId block, std::string_view key) {
  const Object* value = state.block(block)->annotations.Get(key);
  if (const auto* text = As<StringNode>(value)) return text->value;
  if (value != nullptr && value->object_kind == ObjectKind::kExpr) {
    if (const auto* imm = Expr(static_cast<const ExprNode*>(value)).as<StringImmNode>()) return imm->value;
  }
  return {};
}

int64_t IntAnnotation(const ScheduleState& state, SrefId block, std::string_view key, int64_t fallback) {
  return state.block(block)->annotations.GetInt(key, fallback);
}

bool IsRootBlock(const ScheduleState& state, SrefId block) { return state.parent(block) == kNoSref; }

bool IsSpatialBlock(const BlockNode* block) {
  return std::all_of(block->iter_vars.begin(), block->iter_vars.end(),
                     [](IterVar iter) { return iter->iter_type == IterType::kSpatial; });
}

bool IsInSpatialFunction(const ScheduleState& state, SrefId block) {
  SrefId root = block;
  while (state.parent(root) != kNoSref) root = state.parent(root);
  for (SrefId below : AllBlocksBelow(state, root)) {
    if (!IsSpatialBlock(state.block(below))) return false;
  }
  return IsSpatialBlock(state.block(root));
}

bool IsTiled(const ScheduleState& state, SrefId block) {
  return HasAnnotation(state, block, "meta_schedule.tiling_structure");
}

bool NeedsMultiLevelTiling(const ScheduleState& state, SrefId id) {
  if (IsTiled(state, id)) return false;
  const BlockNode* block = state.block(id);
  if (block->writes.size() != 1 || block->reads.empty() || IsSpatialBlock(block) || !IsTrivialBinding(state, id)) {
    return false;
  }
  const Buffer written = block->writes[0]->buffer;
  int unused = 0;
  for (size_t i = 0; i < block->reads.size(); ++i) {
    const BufferRegion read = block->reads[i];
    for (size_t j = 0; j < i; ++j) {
      if (block->reads[j]->buffer == read->buffer) return false;
    }
    if (SameBuffer(read, written)) continue;
    for (const Range& range : read->region) {
      if (ConstInt(range.extent) == nullptr) return false;
    }
    for (IterVar iter : block->iter_vars) {
      if (iter->iter_type != IterType::kSpatial) continue;
      if (IsZero(iter->dom.min) && IsOne(iter->dom.extent)) continue;
      if (!MentionsVar(read, iter->var)) ++unused;
    }
  }
  return unused >= 1;
}

bool NeedsRFactorOrCrossThreadReduction(const ScheduleState& state, SrefId id, int64_t limit_extent) {
  const BlockNode* block = state.block(id);
  const SrefId scope = ScopeRootOf(state, id);
  if (scope == kNoSref || block->writes.empty() || ReductionBlockError(state, id, scope) != 0 ||
      !IsTrivialBinding(state, id) || IsTiled(state, id)) {
    return false;
  }
  int64_t space = 1;
  int64_t reduce = 1;
  bool has_reduce_loop = false;
  const SrefList loops = LoopsAbove(state, id);
  for (size_t i = 0; i < loops.size(); ++i) {
    const ForNode* loop = state.loop(loops[i]);
    // Perfectly nested: the body is the next loop, or the block's realize.
    if (i + 1 < loops.size()) {
      if (loop->body.get() != state.loop(loops[i + 1])) return false;
    } else {
      const auto* realize = loop->body.as<BlockRealizeNode>();
      if (realize == nullptr || realize->block != block) return false;
    }
    const int64_t* extent = ConstInt(loop->extent);
    if (extent == nullptr) return false;
    const IterType type = LoopIterType(state, loops[i]);
    if (type == IterType::kSpatial) {
      space *= *extent;
    } else if (type == IterType::kReduce) {
      reduce *= *extent;
      has_reduce_loop = true;
    } else {
      return false;
    }
  }
  if (!has_reduce_loop) return false;
  if (NeedsMultiLevelTiling(state, id)) return !(space >= reduce || space > limit_extent);
  return reduce > 1;
}

ReadWritePattern PatternOf(BufferRegion read, BufferRegion write) {
  ReadWritePattern pattern;
  std::vector<const VarNode*> write_vars;
  for (const Range& range : write->region) {
    const auto* var = range.min.as<VarNode>();
    if (var == nullptr || ConstInt(range.extent) == nullptr) return pattern;
    write_vars.push_back(var);
  }
  std::vector<size_t> used;
  for (const Range& range : read->region) {
    const VarNode* var = nullptr;
    if (!VarPlusConstant(range.min, var)) return pattern;
    if (var == nullptr) continue;
    const auto at = std::find(write_vars.begin(), write_vars.end(), var);
    if (at == write_vars.end()) return pattern;
    used.push_back(static_cast<size_t>(at - write_vars.begin()));
  }
  pattern.exists = true;
  pattern.ordered = std::is_sorted(used.begin(), used.end());
  std::sort(used.begin(), used.end());
  pattern.injective = std::adjacent_find(used.begin(), used.end()) == used.end();
  return pattern;
}

bool IsWriteCacheLike(const BlockNode* block) {
  if (block->writes.size() != 1) return false;
  for (BufferRegion read : block->reads) {
    const ReadWritePattern pattern = PatternOf(read, block->writes[0]);
    if (!pattern.exists || !pattern.injective || !pattern.ordered) return false;
  }
  return true;
}

bool HasBranch(const ScheduleState& state, SrefId id) {
  if (!IsTrue(state.at(id).realize->predicate)) return true;
  bool found = false;
  const Stmt block(state.block(id));
  PreOrderVisitStmts(block, [&](Stmt s) {
    if (s.kind() == StmtKind::kIfThenElse) found = true;
    if (const auto* realize = s.as<BlockRealizeNode>()) found = found || !IsTrue(realize->predicate);
    return !found;
  });
  if (found) return true;
  PostOrderVisitExprs(block, [&](Expr e) {
    if (e.kind() == ExprKind::kSelect) found = true;
    if (const auto* call = e.as<CallNode>()) found = found || call->Is(Builtin::if_then_else);
  });
  return found;
}

bool CallsAnyOf(const BlockNode* block, const std::vector<std::string>& ops) {
  bool found = false;
  PostOrderVisitExprs(Stmt(block), [&](Expr e) {
    const auto* call = e.as<CallNode>();
    if (call == nullptr || call->function != nullptr || found) return;
    for (const std::string& op : ops)
      found = found || (op.starts_with("tir.") && op.substr(4) == InfoOf(call->op).name);
  });
  return found;
}

bool CanComputeInline(const Schedule& sch, BlockRv block) {
  Schedule trial = sch.CopyWithSeed(1);
  return trial.ComputeInline(block).ok();
}

bool CanReverseComputeInline(const Schedule& sch, BlockRv block) {
  Schedule trial = sch.CopyWithSeed(1);
  return trial.ReverseComputeInline(block).ok();
}

int64_t ConstExtentOr(const ForNode* loop, int64_t fallback) {
  const int64_t* extent = ConstInt(loop->extent);
  return extent != nullptr ? *extent : fallback;
}

bool IsSingleStatement(Stmt s) { return s.kind() != StmtKind::kSeq; }

absl::StatusOr<FusedReduction> ReorderAndFuseReductionLoops(Schedule& sch, BlockRv block) {
  HONE_ASSIGN_OR_RETURN(const LoopRvs loops, sch.GetLoops(block));
  std::vector<LoopRv> spatial;
  std::vector<LoopRv> reduce;
  bool in_order = true;
  for (LoopRv loop : loops) {
    HONE_ASSIGN_OR_RETURN(const SrefId sref, sch.SrefOf(loop));
    if (LoopIterType(sch.state(), sref) == IterType::kSpatial) {
      in_order = in_order && reduce.empty();
      spatial.push_back(loop);
    } else {
      reduce.push_back(loop);
    }
  }
  if (reduce.empty()) return absl::FailedPreconditionError("the block has no reduction loop");
  if (!in_order) {
    std::vector<LoopRv> order = spatial;
    order.insert(order.end(), reduce.begin(), reduce.end());
    HONE_RETURN_IF_ERROR(sch.Reorder(order));
  }
  FusedReduction out;
  out.num_spatial_loops = spatial.size();
  out.fused = reduce[0];
  if (reduce.size() > 1) {
    HONE_ASSIGN_OR_RETURN(out.fused, sch.Fuse(reduce));
  }
  return out;
}

}  // namespace hone::space
