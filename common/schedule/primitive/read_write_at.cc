#include "common/schedule/primitive/read_write_at.h"

#include <algorithm>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/primitive/cache_stage.h"
#include "common/schedule/primitive/inline_rewrite.h"
#include "common/schedule/primitive/iter_bindings.h"
#include "common/schedule/primitive/relaxed_loops.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"

namespace hone::schedule {
namespace {

using ir::BlockNode;
using ir::Buffer;
using ir::Expr;
using ir::Range;

// Where the loop's statements access the buffer, and which region.
struct Uses {
  int first_read = -1;
  int last_read = -1;
  int last_write = -1;
  arith::NDIntSet region;
};

Uses CollectUses(const ScheduleState& state, SrefId loop, Buffer buffer, std::string_view storage, bool read,
                 arith::Analyzer& analyzer) {
  Uses uses;
  for (SrefId block : ChildBlocks(state, loop)) {
    SrefId entry = block;
    while (state.parent(entry) != loop) entry = state.parent(entry);
    const int position = std::max(state.at(entry).seq_index, 0);
    const BlockNode* node = state.block(block);
    const bool reads = MentionsBuffer(node->reads, buffer);
    const bool writes = MentionsBuffer(node->writes, buffer);
    if (reads) {
      if (uses.first_read == -1) uses.first_read = position;
      uses.last_read = position;
    }
    if (writes) uses.last_write = position;
    if (!(read ? reads : writes)) continue;
    arith::DomMap domains;
    for (const arith::IterDomain& domain : RelaxedLoops(state, state.parent(block), loop, storage)) {
      domains.Set(domain.var, domain.range);
    }
    const IterBindings bindings(state.at(block).realize);
    for (ir::BufferRegion region : read ? node->reads : node->writes) {
      if (!(region->buffer == buffer)) continue;
      arith::UnionWith(uses.region, arith::EvalNDIntSet(bindings.Apply(region->region), domains, analyzer), analyzer);
    }
  }
  return uses;
}

// The iters of the copy block: one for each loop variable in the region.
struct CopyIters {
  absl::InlinedVector<ir::IterVar, 8> iters;
  absl::InlinedVector<Expr, 8> values;
  IterBindings renamed;
};

bool AddIters(Expr e, const LoopDomains& loops, CopyIters* out) {
  bool known = true;
  ir::PostOrderVisitExprs(e, [&](Expr sub) {
    const auto* var = sub.as<ir::VarNode>();
    if (var == nullptr || out->renamed.Find(ir::Var(var))) return;
    for (const arith::IterDomain& loop : loops) {
      if (loop.var.get() != var) continue;
      const ir::Var iter = ir::CopyVar(loop.var, IterName(out->iters.size()));
      out->renamed.Add(loop.var, iter);
      out->values.push_back(loop.var);
      out->iters.push_back(ir::MakeIterVar(loop.range, iter, ir::IterType::kSpatial));
      return;
    }
    known = false;
  });
  return known;
}

// The block that copies `region`; null when it depends on more than the loops above.
const ir::BlockRealizeNode* MakeCopy(const ScheduleState& state, SrefId loop, Buffer source, Buffer target,
                                     absl::Span<const Range> region, std::string_view name) {
  const LoopDomains loops = RelaxedLoops(state, loop, kNoSref, "global");
  CopyIters iters;
  absl::InlinedVector<Range, 6> domain;
  for (const Range& range : region) {
    if (!AddIters(range.min, loops, &iters) || !AddIters(range.extent, loops, &iters)) return nullptr;
    domain.push_back(iters.renamed.Apply(range));
  }
  absl::InlinedVector<ir::Var, 6> vars;
  absl::InlinedVector<Expr, 6> indices;
  for (size_t i = 0; i < domain.size(); ++i) {
    vars.push_back(ir::MakeVar(AxisName(i), ir::kInt32));
    indices.push_back(domain[i].min + vars[i]);
  }
  const auto at = ir::MakeArray(indices.data(), indices.size());
  ir::Stmt body = ir::MakeBufferStore(target, ir::MakeBufferLoad(source, at), at);
  for (size_t i = domain.size(); i-- > 0;) {
    body = ir::MakeFor(vars[i], ir::Int32(0), domain[i].extent, ir::ForKind::kSerial, body);
  }
  const auto ranges = ir::MakeArray(domain.data(), domain.size());
  const BlockNode* block = ir::MakeBlock(ir::MakeArray(iters.iters.data(), iters.iters.size()),
                                         ir::MakeArray({ir::MakeBufferRegion(source, ranges)}),
                                         ir::MakeArray({ir::MakeBufferRegion(target, ranges)}), name, body, {}, {}, {},
                                         ir::Attrs().With("auto_copy", ir::AnnotationInt(1)));
  return ir::MakeBlockRealize(ir::MakeArray(iters.values.data(), iters.values.size()), ir::BoolImm(true), block)
      .as<ir::BlockRealizeNode>();
}

absl::StatusOr<SrefId> Apply(ScheduleState& state, SrefId loop, SrefId block, Buffer buffer,
                             std::string_view storage_scope, bool read) {
  HONE_RETURN_IF_ERROR(CheckStorageScope(state, block, storage_scope));
  HONE_ASSIGN_OR_RETURN(const SrefId scope, RequireScopeRoot(state, loop, /*require_stage_pipeline=*/true));
  arith::Analyzer analyzer;
  const Uses uses = CollectUses(state, loop, buffer, storage_scope, read, analyzer);
  if (uses.region.empty()) return state.Refuse("The buffer is not accessed below the loop", {loop, block});
  if (read ? uses.last_write >= uses.first_read : uses.last_read > uses.last_write) {
    return state.Refuse(read ? "The buffer is written after its first read below the loop"
                             : "The buffer is read after its last write below the loop",
                        {loop, block});
  }
  absl::InlinedVector<Range, 6> region;
  for (const arith::IntSet& set : uses.region) {
    if (!set.IsBounded()) return state.Refuse("The region below the loop has no bounds", {loop, block});
    const Expr min = analyzer.Simplify(set.min());
    region.push_back({min, analyzer.Simplify(set.max() + 1 - min)});
  }
  const Buffer cache = CacheBuffer(buffer, storage_scope);
  const ir::BlockRealizeNode* copy =
      MakeCopy(state, loop, read ? buffer : cache, read ? cache : buffer, region, cache->name);
  if (copy == nullptr) return state.Refuse("The region depends on more than the loops above", {loop, block});

  const ir::ForNode* old = state.loop(loop);
  std::vector<ir::Stmt> entries = {old->body};
  if (const auto* seq = old->body.as<ir::SeqNode>()) entries = seq->seq.ToVector();
  BufferRedirector redirector(buffer, cache, /*stores=*/true);
  const int position = read ? uses.first_read : uses.last_write + 1;
  for (int i = read ? position : 0; i < (read ? static_cast<int>(entries.size()) : position); ++i) {
    entries[i] = redirector.MutateStmt(entries[i]);
  }
  entries.insert(entries.begin() + position, ir::Stmt(copy));
  auto* changed = ir::CopyNode(old);
  changed->body = ir::MakeSeq(entries);
  state.Replace(loop, changed, redirector.reuse());
  AddAllocation(state, scope, cache);
  const SrefId out = state.Find(copy->block, loop);
  state.SetFlags(out, !copy->iter_values.empty(), true, true);
  return out;
}

}  // namespace

absl::StatusOr<SrefId> ReadAt(ScheduleState& state, SrefId loop, SrefId block, int read_buffer_index,
                              std::string_view storage_scope) {
  HONE_ASSIGN_OR_RETURN(const Buffer buffer, NthReadBuffer(state, block, read_buffer_index));
  return Apply(state, loop, block, buffer, storage_scope, /*read=*/true);
}

absl::StatusOr<SrefId> WriteAt(ScheduleState& state, SrefId loop, SrefId block, int write_buffer_index,
                               std::string_view storage_scope) {
  HONE_ASSIGN_OR_RETURN(const Buffer buffer, NthWriteBuffer(state, block, write_buffer_index));
  return Apply(state, loop, block, buffer, storage_scope, /*read=*/false);
}

// ---- methods

absl::StatusOr<BlockRv> Schedule::ReadAt(LoopRv loop, BlockRv block, int read_buffer_index,
                                         std::string_view storage_scope) {
  const PrimitiveScope scope(*this, kReadAtRow);
  HONE_ASSIGN_OR_RETURN(const SrefId loop_id, SrefOf(loop));
  HONE_ASSIGN_OR_RETURN(const SrefId block_id, SrefOf(block));
  HONE_ASSIGN_OR_RETURN(const SrefId copy,
                        schedule::ReadAt(state_, loop_id, block_id, read_buffer_index, storage_scope));
  const BlockRv out = NewBlockRv(copy);
  Record(kReadAtRow, {Value::OfRv(loop), Value::OfRv(block)},
         {Value::Int(read_buffer_index), Value::String(storage_scope)}, {out});
  return out;
}

absl::StatusOr<BlockRv> Schedule::WriteAt(LoopRv loop, BlockRv block, int write_buffer_index,
                                          std::string_view storage_scope) {
  const PrimitiveScope scope(*this, kWriteAtRow);
  HONE_ASSIGN_OR_RETURN(const SrefId loop_id, SrefOf(loop));
  HONE_ASSIGN_OR_RETURN(const SrefId block_id, SrefOf(block));
  HONE_ASSIGN_OR_RETURN(const SrefId copy,
                        schedule::WriteAt(state_, loop_id, block_id, write_buffer_index, storage_scope));
  const BlockRv out = NewBlockRv(copy);
  Record(kWriteAtRow, {Value::OfRv(loop), Value::OfRv(block)},
         {Value::Int(write_buffer_index), Value::String(storage_scope)}, {out});
  return out;
}

const InstructionRow kReadAtRow = {
    .name = "ReadAt",
    .pure = false,
    .inputs = "lb",
    .attrs = "ns",
    .outputs = Outputs::kOne,
    .output_kind = 'b',
    .method = "read_at",
    .arguments = "loop,block,read_buffer_index,storage_scope",
    .apply = [](Schedule& s, Call& c) {
      return Put(s.ReadAt(LoopOf(c, 0), BlockOf(c, 1), IntOf(c.attrs[0]), c.attrs[1].text()), c);
    }};

const InstructionRow kWriteAtRow = {
    .name = "WriteAt",
    .pure = false,
    .inputs = "lb",
    .attrs = "ns",
    .outputs = Outputs::kOne,
    .output_kind = 'b',
    .method = "write_at",
    .arguments = "loop,block,write_buffer_index,storage_scope",
    .apply = [](Schedule& s, Call& c) {
      return Put(s.WriteAt(LoopOf(c, 0), BlockOf(c, 1), IntOf(c.attrs[0]), c.attrs[1].text()), c);
    }};

}  // namespace hone::schedule
