#include "common/schedule/primitive/reindex_cache.h"

#include <algorithm>

#include "common/arith/index_map.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/affine.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/primitive/cache_stage.h"
#include "common/schedule/primitive/conjuncts.h"
#include "common/schedule/primitive/inline_rewrite.h"
#include "common/schedule/primitive/iter_bindings.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace_python.h"
#include "common/support/status_macros.h"

namespace hone::schedule {
namespace {

using ir::BlockNode;
using ir::Buffer;
using ir::Expr;
using ir::IterVar;

// The cache and how it is indexed, in terms of the block's iters.
struct Layout {
  Buffer cache;
  ir::Array<Expr> old_indices;
  ir::Array<Expr> new_indices;
  absl::InlinedVector<size_t, 8> used;  // Iters that occur in the indices.
};

absl::StatusOr<Layout> MakeLayout(const ScheduleState& state, SrefId block, Buffer buffer, ir::BufferRegion region,
                                  std::string_view storage_scope, const ir::IndexMapNode* map) {
  const BlockNode* node = state.block(block);
  if (map->initial_indices.size() != node->iter_vars.size()) {
    return absl::InvalidArgumentError("the index map needs one input for each iter of the block");
  }
  absl::InlinedVector<Expr, 8> vars, extents;
  for (IterVar iter : node->iter_vars) {
    vars.push_back(iter->var);
    extents.push_back(iter->dom.extent);
  }
  absl::InlinedVector<Expr, 6> old_indices;
  for (const ir::Range& range : region->region) {
    if (!ir::IsOne(range.extent)) {
      return state.Refuse("The region of the buffer is not a single point in every dimension", {block});
    }
    old_indices.push_back(range.min);
  }
  arith::Analyzer analyzer;
  const std::vector<Expr> new_indices = arith::MapIndices(map, vars, analyzer);
  Layout out;
  for (size_t i = 0; i < vars.size(); ++i) {
    const auto uses = [&](Expr e) { return ir::UsesVar(e, node->iter_vars[i]->var); };
    const bool in_old = std::any_of(old_indices.begin(), old_indices.end(), uses);
    const bool in_new = std::any_of(new_indices.begin(), new_indices.end(), uses);
    if (in_old != in_new) {
      return state.Refuse("Block iters appeared in the old and the new indices do not match", {block},
                          std::string(node->iter_vars[i]->var.name()));
    }
    if (in_new) out.used.push_back(i);
  }
  auto* cache = ir::CopyNode(CacheBuffer(buffer, storage_scope).get());
  HONE_ASSIGN_OR_RETURN(const std::vector<Expr> shape, arith::MapShape(map, extents, analyzer));
  cache->shape = ir::MakeArray(shape);
  out.cache = cache;
  out.old_indices = ir::MakeArray(old_indices.data(), old_indices.size());
  out.new_indices = ir::MakeArray(new_indices);
  return out;
}

// The block that copies, under those loops below `location` that bind its iters.
ir::Stmt MakeStage(const ScheduleState& state, SrefId block, Buffer buffer, const Layout& layout, SrefId location,
                   bool read) {
  const ir::BlockRealizeNode* realize = state.at(block).realize;
  absl::InlinedVector<const ir::ForNode*, 8> loops;  // Innermost first.
  IterBindings renamed;
  absl::InlinedVector<ir::Var, 8> left_out;
  for (SrefId id = state.parent(block); id != location && state.loop(id) != nullptr; id = state.parent(id)) {
    const ir::ForNode* loop = state.loop(id);
    const bool used = std::any_of(layout.used.begin(), layout.used.end(),
                                  [&](size_t i) { return ir::UsesVar(realize->iter_values[i], loop->loop_var); });
    if (!used) {
      if (ir::IsOne(loop->extent)) {
        renamed.Add(loop->loop_var, loop->min);
      } else {
        left_out.push_back(loop->loop_var);
      }
      continue;
    }
    loops.push_back(loop);
    renamed.Add(loop->loop_var, ir::CopyVar(loop->loop_var));
  }
  absl::InlinedVector<IterVar, 8> iters;
  absl::InlinedVector<Expr, 8> values;
  for (size_t i : layout.used) {
    const IterVar old = realize->block->iter_vars[i];
    const ir::Var var = ir::CopyVar(old->var);
    values.push_back(renamed.Apply(realize->iter_values[i]));
    iters.push_back(ir::MakeIterVar(old->dom, var, ir::IterType::kSpatial));
  }
  IterBindings renamed_iters;
  for (size_t i = 0; i < iters.size(); ++i) {
    renamed_iters.Add(realize->block->iter_vars[layout.used[i]]->var, iters[i]->var);
  }
  const auto apply = [&](Expr e) { return renamed_iters.Apply(e); };
  const auto at_buffer = ir::MapArray(layout.old_indices, apply);
  const auto at_cache = ir::MapArray(layout.new_indices, apply);
  const Buffer source = read ? buffer : layout.cache;
  const Buffer target = read ? layout.cache : buffer;
  const auto at_source = read ? at_buffer : at_cache;
  const auto at_target = read ? at_cache : at_buffer;
  const BlockNode* stage =
      ir::MakeBlock(ir::MakeArray(iters.data(), iters.size()), ir::MakeArray({ir::PointRegion(source, at_source)}),
                    ir::MakeArray({ir::PointRegion(target, at_target)}), layout.cache->name,
                    ir::MakeBufferStore(target, ir::MakeBufferLoad(source, at_source), at_target));
  const Expr predicate = renamed.Apply(ConjunctsWhere(realize->predicate, [&](Expr e) {
    return !ir::UsesVar(e, [&](ir::Var v) { return std::find(left_out.begin(), left_out.end(), v) != left_out.end(); });
  }));
  ir::Stmt nest = ir::MakeBlockRealize(ir::MakeArray(values.data(), values.size()), predicate, stage);
  for (const ir::ForNode* loop : loops) {
    const ir::Var var = static_cast<const ir::VarNode*>(renamed.Find(loop->loop_var).get());
    nest = ir::MakeFor(var, renamed.Apply(loop->min), renamed.Apply(loop->extent), ir::ForKind::kSerial, nest);
  }
  return nest;
}

// Redirects the accesses of one block (loads only, or stores too) to the cache at the new indices.
class Relayouter : public ir::StmtExprMutator {
 public:
  Relayouter(Buffer buffer, const Layout& layout, bool stores) : buffer_(buffer), layout_(layout), stores_(stores) {}

 protected:
  using StmtExprMutator::Mutate;
  Expr Mutate(const ir::VarNode* node) override {
    return node == buffer_->data.get() ? Expr(layout_.cache->data) : Expr(node);
  }
  Expr Mutate(const ir::BufferLoadNode* node) override {
    if (node->buffer != buffer_.get()) return StmtExprMutator::Mutate(node);
    return ir::MakeBufferLoad(layout_.cache, layout_.new_indices, node->predicate);
  }
  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    const ir::Stmt rewritten = StmtExprMutator::Mutate(node);
    if (!stores_ || !(node->buffer == buffer_)) return rewritten;
    const auto* store = rewritten.as<ir::BufferStoreNode>();
    return ir::MakeBufferStore(layout_.cache, store->value, layout_.new_indices, store->predicate);
  }
  ir::Stmt Mutate(const BlockNode* node) override {
    auto* copy = ir::CopyNode(node);
    copy->body = MutateStmt(node->body);
    if (node->init) copy->init = MutateStmt(node->init);
    const auto point = [&](ir::BufferRegion r) {
      return r->buffer == buffer_ ? ir::PointRegion(layout_.cache, layout_.new_indices) : r;
    };
    copy->reads = ir::MapArray(node->reads, point);
    if (stores_) copy->writes = ir::MapArray(node->writes, point);
    return copy;
  }

 private:
  const Buffer buffer_;
  const Layout& layout_;
  const bool stores_;
};

absl::StatusOr<SrefId> Apply(ScheduleState& state, SrefId block, Buffer buffer, SrefId scope, StageLocation location,
                             const Layout& layout, bool read) {
  const ir::Stmt stage = MakeStage(state, block, buffer, layout, location.at, read);
  const ir::Stmt rewritten = Relayouter(buffer, layout, /*stores=*/!read).MutateStmt(state.block(block));
  state.ReplaceBlock(block, rewritten.as<BlockNode>());
  const SrefId copy = InsertStage(state, location, stage);
  AddAllocation(state, scope, layout.cache);
  state.SetFlags(copy, HasAffineBinding(state, copy), true, true);
  return copy;
}

}  // namespace

absl::StatusOr<SrefId> ReindexCacheRead(ScheduleState& state, SrefId block, int read_buffer_index,
                                        std::string_view storage_scope, const ir::IndexMapNode* index_map) {
  HONE_RETURN_IF_ERROR(CheckStorageScope(state, block, storage_scope));
  HONE_ASSIGN_OR_RETURN(const Buffer buffer, NthReadBuffer(state, block, read_buffer_index));
  HONE_ASSIGN_OR_RETURN(const SrefId scope, RequireScopeRoot(state, block, /*require_stage_pipeline=*/true));
  HONE_ASSIGN_OR_RETURN(const SrefId writer, OnlyWriter(state, scope, buffer));
  const ir::BufferRegion region = RegionOf(state.block(block)->reads, buffer);
  HONE_ASSIGN_OR_RETURN(const Layout layout, MakeLayout(state, block, buffer, region, storage_scope, index_map));
  StageLocation location{scope, 0};
  if (writer != kNoSref) {
    HONE_ASSIGN_OR_RETURN(location, FindStageLocation(state, scope, writer, SrefList{block}));
  }
  return Apply(state, block, buffer, scope, location, layout, /*read=*/true);
}

absl::StatusOr<SrefId> ReindexCacheWrite(ScheduleState& state, SrefId block, int write_buffer_index,
                                         std::string_view storage_scope, const ir::IndexMapNode* index_map) {
  HONE_RETURN_IF_ERROR(CheckStorageScope(state, block, storage_scope));
  HONE_ASSIGN_OR_RETURN(const Buffer buffer, NthWriteBuffer(state, block, write_buffer_index));
  HONE_ASSIGN_OR_RETURN(const SrefId scope, RequireScopeRoot(state, block, /*require_stage_pipeline=*/true));
  HONE_RETURN_IF_ERROR(OnlyWriter(state, scope, buffer).status());
  const ir::BufferRegion region = RegionOf(state.block(block)->writes, buffer);
  HONE_ASSIGN_OR_RETURN(const Layout layout, MakeLayout(state, block, buffer, region, storage_scope, index_map));
  HONE_ASSIGN_OR_RETURN(const StageLocation location,
                        FindStageLocation(state, scope, block, RawReaders(state, scope, block)));
  return Apply(state, block, buffer, scope, location, layout, /*read=*/false);
}

// ---- methods

absl::StatusOr<BlockRv> Schedule::ReindexCacheRead(BlockRv block, int read_buffer_index, std::string_view storage_scope,
                                                   const ir::IndexMapNode* index_map) {
  const PrimitiveScope scope(*this, kReindexCacheReadRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_ASSIGN_OR_RETURN(const SrefId copy,
                        schedule::ReindexCacheRead(state_, id, read_buffer_index, storage_scope, index_map));
  const BlockRv out = NewBlockRv(copy);
  Record(kReindexCacheReadRow, {Value::OfRv(block), Value::IndexMap(index_map)},
         {Value::Int(read_buffer_index), Value::String(storage_scope)}, {out});
  return out;
}

absl::StatusOr<BlockRv> Schedule::ReindexCacheWrite(BlockRv block, int write_buffer_index,
                                                    std::string_view storage_scope, const ir::IndexMapNode* index_map) {
  const PrimitiveScope scope(*this, kReindexCacheWriteRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_ASSIGN_OR_RETURN(const SrefId copy,
                        schedule::ReindexCacheWrite(state_, id, write_buffer_index, storage_scope, index_map));
  const BlockRv out = NewBlockRv(copy);
  Record(kReindexCacheWriteRow, {Value::OfRv(block), Value::IndexMap(index_map)},
         {Value::Int(write_buffer_index), Value::String(storage_scope)}, {out});
  return out;
}

namespace {

void WritePython(std::string_view index_name, const PythonWriter& writer, absl::Span<const std::string> inputs,
                 absl::Span<const Value> attrs, PythonArgs& out) {
  out.emplace_back("block", inputs[0]);
  out.emplace_back(index_name, writer.Attr(attrs[0]));
  out.emplace_back("storage_scope", writer.Attr(attrs[1]));
  out.emplace_back("index_map", inputs[1]);
}

}  // namespace

const InstructionRow kReindexCacheReadRow = {
    .name = "ReindexCacheRead",
    .pure = false,
    .inputs = "bm",
    .attrs = "ns",
    .outputs = Outputs::kOne,
    .output_kind = 'b',
    .method = "reindex_cache_read",
    .arguments = "",
    .apply =
        [](Schedule& s, Call& c) {
          return Put(s.ReindexCacheRead(BlockOf(c, 0), IntOf(c.attrs[0]), c.attrs[1].text(), c.inputs[1].index_map()),
                     c);
        },
    .python = [](const PythonWriter& writer, absl::Span<const std::string> inputs, absl::Span<const Value> attrs,
                 PythonArgs& out) { WritePython("read_buffer_index", writer, inputs, attrs, out); }};

const InstructionRow kReindexCacheWriteRow = {
    .name = "ReindexCacheWrite",
    .pure = false,
    .inputs = "bm",
    .attrs = "ns",
    .outputs = Outputs::kOne,
    .output_kind = 'b',
    .method = "reindex_cache_write",
    .arguments = "",
    .apply =
        [](Schedule& s, Call& c) {
          return Put(s.ReindexCacheWrite(BlockOf(c, 0), IntOf(c.attrs[0]), c.attrs[1].text(), c.inputs[1].index_map()),
                     c);
        },
    .python = [](const PythonWriter& writer, absl::Span<const std::string> inputs, absl::Span<const Value> attrs,
                 PythonArgs& out) { WritePython("write_buffer_index", writer, inputs, attrs, out); }};

}  // namespace hone::schedule
