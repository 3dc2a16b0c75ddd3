#include "common/schedule/primitive/reindex.h"

#include <algorithm>
#include <string>

#include "common/arith/deep_equal.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/affine.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/primitive/cache_stage.h"
#include "common/schedule/primitive/inline_rewrite.h"
#include "common/schedule/primitive/iter_bindings.h"
#include "common/schedule/trace_python.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using ir::BlockNode;
using ir::Buffer;
using ir::Expr;
using ir::IterVar;

// Looks for the one index at which a block's body accesses a buffer.
class AccessFinder : public ir::StmtExprVisitor {
 public:
  explicit AccessFinder(Buffer buffer) : buffer_(buffer) {}

  bool found = false;
  bool differs = false;
  bool opaque = false;
  bool nested = false;
  ir::Array<Expr> indices;

 protected:
  using StmtExprVisitor::Visit;
  void Visit(const ir::BufferLoadNode* node) override {
    if (node->buffer == buffer_.get()) Note(node->indices);
    StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::BufferStoreNode* node) override {
    if (node->buffer == buffer_) Note(node->indices);
    StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::VarNode* node) override { opaque |= node == buffer_->data.get(); }
  void Visit(const ir::BlockNode*) override { nested = true; }

 private:
  void Note(ir::Array<Expr> at) {
    if (!found) indices = at;
    found = true;
    for (size_t i = 0; i < at.size(); ++i) differs |= !arith::DeepEqual(at[i], indices[i]);
  }
  const Buffer buffer_;
};

// Puts accesses at the iters in the place of those of the buffer.
class Reindexer : public ir::StmtExprMutator {
 public:
  Reindexer(Buffer from, Buffer to, ir::Array<Expr> indices) : from_(from), to_(to), indices_(indices) {}

 protected:
  using StmtExprMutator::Mutate;
  Expr Mutate(const ir::BufferLoadNode* node) override {
    if (node->buffer != from_.get()) return StmtExprMutator::Mutate(node);
    return ir::MakeBufferLoad(to_, indices_, node->predicate);
  }
  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    const ir::Stmt rewritten = StmtExprMutator::Mutate(node);
    if (!(node->buffer == from_)) return rewritten;
    const auto* store = rewritten.as<ir::BufferStoreNode>();
    return ir::MakeBufferStore(to_, store->value, indices_, store->predicate);
  }
  ir::Stmt Mutate(const BlockNode* node) override {
    auto* copy = ir::CopyNode(node);
    copy->body = MutateStmt(node->body);
    if (node->init) copy->init = MutateStmt(node->init);
    const auto point = [&](ir::BufferRegion r) { return r->buffer == from_ ? ir::PointRegion(to_, indices_) : r; };
    copy->reads = ir::MapArray(node->reads, point);
    copy->writes = ir::MapArray(node->writes, point);
    return copy;
  }

 private:
  const Buffer from_;
  const Buffer to_;
  const ir::Array<Expr> indices_;
};

// The indices, simplified over the iters' domains unless that would leave a constant.
absl::StatusOr<ir::Array<Expr>> CollectIndices(const ScheduleState& state, SrefId block, Buffer buffer) {
  AccessFinder finder(buffer);
  finder.VisitStmt(state.block(block)->body);
  if (finder.nested) return state.Refuse("The target block is not a leaf block", {block});
  if (finder.opaque) return state.Refuse("The buffer is accessed through its pointer", {block});
  if (!finder.found) return state.Refuse("The block does not access the buffer", {block});
  if (finder.differs) return state.Refuse("The block accesses the buffer at different indices", {block});
  arith::Analyzer analyzer;
  for (IterVar iter : state.block(block)->iter_vars) analyzer.Bind(iter->var, iter->dom);
  absl::InlinedVector<Expr, 6> out;
  for (Expr index : finder.indices) {
    const Expr simple = analyzer.Simplify(index);
    out.push_back(ir::ConstInt(simple) != nullptr ? index : simple);
  }
  return ir::MakeArray(out.data(), out.size());
}

// The loop (or the block itself) directly in the scope. Refused when something else below it needs the order of the
// copy and the block to be another: a writer of what is read, or a reader of what is written.
absl::StatusOr<SrefId> TopOfNest(const ScheduleState& state, SrefId block, SrefId scope, Buffer buffer, bool read) {
  SrefId top = block;
  while (state.parent(top) != scope) top = state.parent(top);
  if (top == block) return top;
  for (SrefId other : ChildBlocks(state, top)) {
    if (other == block) continue;
    if (!MentionsBuffer(read ? state.block(other)->writes : state.block(other)->reads, buffer)) continue;
    return state.Refuse(read ? "The buffer is written inside of the nest before which it would be copied"
                             : "The buffer is read inside of the nest after which it would be copied",
                        {block, other});
  }
  return top;
}

Buffer ReindexBuffer(Buffer buffer, absl::Span<const IterVar> iters) {
  absl::InlinedVector<Expr, 6> shape;
  for (IterVar iter : iters) shape.push_back(iter->dom.min + iter->dom.extent);
  auto* copy = ir::CopyNode(buffer.get());
  copy->shape = ir::MakeArray(shape.data(), shape.size());
  copy->strides = {};
  copy->data = ir::CopyVar(buffer->data, ir::CopyString(StrCat(buffer->data.name(), "_reindex")));
  copy->name = ir::CopyString(StrCat(buffer->name, "_reindex"));
  return copy;
}

ir::Stmt MakeStage(Buffer original, Buffer reindexed, absl::Span<const IterVar> iters, ir::Array<Expr> indices,
                   BufferSide side) {
  absl::InlinedVector<IterVar, 6> new_iters;
  absl::InlinedVector<Expr, 6> plain, values;
  absl::InlinedVector<ir::Var, 6> loops;
  IterBindings renamed;
  for (size_t i = 0; i < iters.size(); ++i) {
    const ir::DataType dtype = iters[i]->var.dtype();
    const ir::Var var = ir::MakeVar(IterName(i), dtype);
    new_iters.push_back(ir::MakeIterVar(iters[i]->dom, var, ir::IterType::kSpatial));
    renamed.Add(iters[i]->var, var);
    plain.push_back(var);
    loops.push_back(ir::MakeVar(AxisName(i), dtype));
    values.push_back(loops.back());
  }
  absl::InlinedVector<Expr, 6> mapped;
  for (Expr index : indices) mapped.push_back(renamed.Apply(index));
  const auto at_reindexed = ir::MakeArray(plain.data(), plain.size());
  const auto at_original = ir::MakeArray(mapped.data(), mapped.size());
  const bool read = side == BufferSide::kRead;
  const Buffer source = read ? original : reindexed;
  const Buffer target = read ? reindexed : original;
  const auto at_source = read ? at_original : at_reindexed;
  const auto at_target = read ? at_reindexed : at_original;
  const BlockNode* block = ir::MakeBlock(
      ir::MakeArray(new_iters.data(), new_iters.size()), ir::MakeArray({ir::PointRegion(source, at_source)}),
      ir::MakeArray({ir::PointRegion(target, at_target)}), ir::CopyString(StrCat(target->name, "_reindex")),
      ir::MakeBufferStore(target, ir::MakeBufferLoad(source, at_source), at_target));
  ir::Stmt nest = ir::MakeBlockRealize(ir::MakeArray(values.data(), values.size()), ir::BoolImm(true), block);
  for (size_t i = loops.size(); i-- > 0;) {
    nest = ir::MakeFor(loops[i], iters[i]->dom.min, iters[i]->dom.extent, ir::ForKind::kSerial, nest);
  }
  return nest;
}

}  // namespace

absl::StatusOr<SrefId> ReIndex(ScheduleState& state, SrefId block, int buffer_index, BufferSide side) {
  const bool read = side == BufferSide::kRead;
  HONE_ASSIGN_OR_RETURN(const Buffer buffer,
                        read ? NthReadBuffer(state, block, buffer_index) : NthWriteBuffer(state, block, buffer_index));
  HONE_ASSIGN_OR_RETURN(const SrefId scope, RequireScopeRoot(state, block, /*require_stage_pipeline=*/true));
  HONE_ASSIGN_OR_RETURN(const ir::Array<Expr> indices, CollectIndices(state, block, buffer));
  HONE_ASSIGN_OR_RETURN(const SrefId top, TopOfNest(state, block, scope, buffer, read));

  absl::InlinedVector<IterVar, 6> covered;
  absl::InlinedVector<Expr, 6> iter_vars;
  for (IterVar iter : state.block(block)->iter_vars) {
    const bool used = std::any_of(indices.begin(), indices.end(), [&](Expr e) { return ir::UsesVar(e, iter->var); });
    if (!used) continue;
    covered.push_back(iter);
    iter_vars.push_back(iter->var);
  }
  const Buffer reindexed = ReindexBuffer(buffer, covered);
  Reindexer reindexer(buffer, reindexed, ir::MakeArray(iter_vars.data(), iter_vars.size()));
  const ir::Stmt rewritten = reindexer.MutateStmt(state.block(block));
  const int position = std::max(state.at(top).seq_index, 0) + (read ? 0 : 1);
  state.ReplaceBlock(block, rewritten.as<BlockNode>());
  const SrefId copy = InsertStage(state, {scope, position}, MakeStage(buffer, reindexed, covered, indices, side));
  AddAllocation(state, scope, reindexed);
  state.SetFlags(copy, HasAffineBinding(state, copy), true, true);
  return copy;
}

// ---- method

absl::StatusOr<BlockRv> Schedule::ReIndex(BlockRv block, int buffer_index, BufferSide side) {
  const PrimitiveScope scope(*this, kReIndexRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_ASSIGN_OR_RETURN(const SrefId copy, schedule::ReIndex(state_, id, buffer_index, side));
  const BlockRv out = NewBlockRv(copy);
  Record(kReIndexRow, {Value::OfRv(block)}, {Value::Int(buffer_index), Value::Int(static_cast<int>(side))}, {out});
  return out;
}

const InstructionRow kReIndexRow = {.name = "ReIndex",
                                    .pure = false,
                                    .inputs = "b",
                                    .attrs = "nr",
                                    .outputs = Outputs::kOne,
                                    .output_kind = 'b',
                                    .method = "reindex",
                                    .arguments = "",
                                    .apply =
                                        [](Schedule& s, Call& c) {
                                          const BufferSide side =
                                              c.attrs[1].integer() == 0 ? BufferSide::kRead : BufferSide::kWrite;
                                          return Put(s.ReIndex(BlockOf(c, 0), IntOf(c.attrs[0]), side), c);
                                        },
                                    .python =
                                        [](const PythonWriter& writer, absl::Span<const std::string> inputs,
                                           absl::Span<const Value> attrs, PythonArgs& out) {
                                          out.emplace_back("block", inputs[0]);
                                          out.emplace_back("buffer", writer.BufferPosition(attrs[0], attrs[1]));
                                        }};

}  // namespace hone::schedule
