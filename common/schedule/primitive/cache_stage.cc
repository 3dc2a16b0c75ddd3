#include "common/schedule/primitive/cache_stage.h"

#include <algorithm>

#include "common/arith/region.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/conjuncts.h"
#include "common/schedule/primitive/inline_rewrite.h"
#include "common/schedule/primitive/iter_bindings.h"
#include "common/schedule/primitive/relaxed_loops.h"
#include "common/support/check.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {

using ir::BlockNode;
using ir::Buffer;
using ir::BufferRegion;
using ir::Expr;
using ir::Range;
using ir::Stmt;

// ---- buffers

namespace {

absl::StatusOr<Buffer> NthBuffer(const ScheduleState& state, SrefId block, ir::Array<BufferRegion> regions, int index,
                                 std::string_view what) {
  if (index >= 0 && static_cast<size_t>(index) < regions.size()) return regions[static_cast<size_t>(index)]->buffer;
  return state.Refuse("The buffer index is out of range", {block},
                      StrCat(index, ", the block has ", regions.size(), " ", what, " regions"));
}

}  // namespace

absl::StatusOr<Buffer> NthReadBuffer(const ScheduleState& state, SrefId block, int index) {
  return NthBuffer(state, block, state.block(block)->reads, index, "read");
}

absl::StatusOr<Buffer> NthWriteBuffer(const ScheduleState& state, SrefId block, int index) {
  return NthBuffer(state, block, state.block(block)->writes, index, "write");
}

absl::StatusOr<SrefId> OnlyWriter(const ScheduleState& state, SrefId scope, Buffer buffer) {
  SrefId found = kNoSref;
  for (const BufferWriter& writer : state.ScopeOf(scope).writers) {
    if (!(writer.buffer == buffer)) continue;
    if (found != kNoSref) {
      return state.Refuse("The buffer is only allowed to be written by a single block", {found, writer.block});
    }
    found = writer.block;
  }
  return found;
}

absl::Status CheckReadersCovered(const ScheduleState& state, SrefId scope, Buffer buffer) {
  for (SrefId block : ChildBlocks(state, scope)) {
    if (state.region_cover(block) || !MentionsBuffer(state.block(block)->reads, buffer)) continue;
    return state.Refuse("A block that reads the buffer is not covered by what its producers write", {block});
  }
  return absl::OkStatus();
}

SrefList RawReaders(const ScheduleState& state, SrefId scope, SrefId writer) {
  SrefList out;
  for (const Dependency& d : state.ScopeOf(scope).dependencies) {
    if (d.src == writer && d.kind == DependencyKind::kRaw) out.push_back(d.dst);
  }
  return out;
}

SrefList WithChildren(const ScheduleState& state, absl::Span<const SrefId> blocks) {
  SrefList out;
  for (SrefId block : blocks) {
    out.push_back(block);
    for (SrefId child : ChildBlocks(state, block)) out.push_back(child);
  }
  return out;
}

BufferRegion RegionOf(ir::Array<BufferRegion> regions, Buffer buffer) {
  for (BufferRegion region : regions) {
    if (region->buffer == buffer) return region;
  }
  return nullptr;
}

Buffer CacheBuffer(Buffer buffer, std::string_view storage_scope) {
  const std::string name = StrCat(buffer->name, "_", storage_scope);
  return ir::CopyBufferWithScope(buffer, ir::CopyString(name), ir::CopyString(storage_scope));
}

std::string_view AxisName(size_t index) {
  static constexpr std::string_view kNames[] = {"ax0", "ax1", "ax2", "ax3", "ax4", "ax5", "ax6", "ax7"};
  return index < 8 ? kNames[index] : ir::CopyString(StrCat("ax", index));
}

std::string_view IterName(size_t index) {
  static constexpr std::string_view kNames[] = {"v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7"};
  return index < 8 ? kNames[index] : ir::CopyString(StrCat("v", index));
}

// ---- where the stage goes

namespace {

// Walks over the scope's statements in program order.
class LocationFinder {
 public:
  LocationFinder(const ScheduleState& state, SrefId writer, const SrefList& readers) : state_(state) {
    writer_ = state.block(writer);
    for (SrefId reader : readers) readers_.push_back(state.block(reader));
  }

  StageLocation Find(SrefId scope) {
    Visit(state_.block(scope)->body);
    if (seen_writer_ && seen_reader_ && found_ == nullptr) return {scope, std::max(position_, 0)};
    return {found_ != nullptr ? state_.Find(found_, scope) : kNoSref, position_};
  }

 private:
  void Visit(Stmt stmt) {
    if (!stmt) return;
    switch (stmt.kind()) {
      case ir::StmtKind::kSeq:
        return VisitSeq(stmt.as<ir::SeqNode>());
      case ir::StmtKind::kFor: {
        const auto* loop = stmt.as<ir::ForNode>();
        Visit(loop->body);
        if (seen_writer_ && seen_reader_ && found_ == nullptr && position_ != -1) found_ = loop;
        return;
      }
      case ir::StmtKind::kBlockRealize: {
        const BlockNode* block = stmt.as<ir::BlockRealizeNode>()->block;
        if (block == writer_) {
          seen_writer_ = true;
        } else if (std::find(readers_.begin(), readers_.end(), block) != readers_.end()) {
          seen_reader_ = true;
        }
        return;
      }
      case ir::StmtKind::kIfThenElse:
        Visit(stmt.as<ir::IfThenElseNode>()->then_case);
        return Visit(stmt.as<ir::IfThenElseNode>()->else_case);
      case ir::StmtKind::kLetStmt:
        return Visit(stmt.as<ir::LetStmtNode>()->body);
      case ir::StmtKind::kAttrStmt:
        return Visit(stmt.as<ir::AttrStmtNode>()->body);
      case ir::StmtKind::kAssertStmt:
        return Visit(stmt.as<ir::AssertStmtNode>()->body);
      case ir::StmtKind::kAllocate:
        return Visit(stmt.as<ir::AllocateNode>()->body);
      case ir::StmtKind::kAllocateConst:
        return Visit(stmt.as<ir::AllocateConstNode>()->body);
      case ir::StmtKind::kDeclBuffer:
        return Visit(stmt.as<ir::DeclBufferNode>()->body);
      case ir::StmtKind::kBufferRealize:
        return Visit(stmt.as<ir::BufferRealizeNode>()->body);
      case ir::StmtKind::kWhile:
        return Visit(stmt.as<ir::WhileNode>()->body);
      case ir::StmtKind::kBufferStore:
      case ir::StmtKind::kEvaluate:
      case ir::StmtKind::kBlock:
        return;
    }
  }

  void VisitSeq(const ir::SeqNode* seq) {
    const bool seen_writer_before = seen_writer_;
    const bool seen_reader_before = seen_reader_;
    seen_writer_ = seen_reader_ = false;
    int position = -1;
    for (size_t i = 0; i < seq->seq.size() && position_ == -1; ++i) {
      Visit(seq->seq[i]);
      if (seen_writer_ && seen_reader_ && position == -1) position = static_cast<int>(i);
    }
    seen_writer_ = seen_writer_ || seen_writer_before;
    seen_reader_ = seen_reader_ || seen_reader_before;
    if (seen_writer_ && seen_reader_ && position_ == -1) position_ = position;
  }

  const ScheduleState& state_;
  const BlockNode* writer_;
  absl::InlinedVector<const BlockNode*, 4> readers_;
  bool seen_writer_ = false;
  bool seen_reader_ = false;
  int position_ = -1;
  const ir::ForNode* found_ = nullptr;
};

}  // namespace

absl::StatusOr<StageLocation> FindStageLocation(const ScheduleState& state, SrefId scope, SrefId writer,
                                                const SrefList& readers) {
  if (!readers.empty()) {
    const StageLocation found = LocationFinder(state, writer, readers).Find(scope);
    if (found.at != kNoSref) return found;
    return state.Refuse("No consumer of the buffer comes after the block that writes it", {writer, readers[0]});
  }
  const auto* seq = state.block(scope)->body.as<ir::SeqNode>();
  return StageLocation{scope, seq != nullptr ? static_cast<int>(seq->seq.size()) : 1};
}

Expr OuterPredicate(const ScheduleState& state, SrefId block, std::string_view storage_scope, SrefId high) {
  const Expr predicate = state.at(block).realize->predicate;
  if (ir::IsTrue(predicate)) return predicate;
  const LoopDomains relaxed = RelaxedLoops(state, state.parent(block), high, storage_scope);
  return ConjunctsWhere(predicate, [&](Expr e) {
    return !ir::UsesVar(e, [&](ir::Var var) {
      return std::any_of(relaxed.begin(), relaxed.end(), [&](const arith::IterDomain& d) { return d.var == var; });
    });
  });
}

namespace {

// A region of numbers that is not inside of the buffer. The peer takes it when a predicate of several loops keeps the
// block inside; a copy of it would not stay there.
bool ReachesBeyond(const Range& range, const Range& full) {
  const int64_t* min = ir::ConstInt(range.min);
  const int64_t* extent = ir::ConstInt(range.extent);
  const int64_t* size = ir::ConstInt(full.extent);
  return min != nullptr && extent != nullptr && size != nullptr && (*min < 0 || *min + *extent > *size);
}

}  // namespace

ir::Array<Range> RelaxRegion(const ScheduleState& state, SrefId block, BufferRegion region, SrefId high) {
  const ir::BlockRealizeNode* realize = state.at(block).realize;
  const LoopDomains domains = RelaxedLoops(state, state.parent(block), high, region->buffer->scope());
  arith::Analyzer analyzer;
  const IterBindings bindings(realize);
  const arith::NDIntSet sets =
      arith::EstimateRegionUpperBound(bindings.Apply(region->region), domains, realize->predicate, analyzer);
  absl::InlinedVector<Range, 6> out;
  for (size_t i = 0; i < sets.size(); ++i) {
    const Range full = ir::RangeFromExtent(region->buffer->shape[i]);
    const Range range = sets[i].CoverRange(full, analyzer);
    out.push_back(ReachesBeyond(range, full) ? full : range);
  }
  return ir::MakeArray(out.data(), out.size());
}

// ---- putting it there

SrefId FirstBlock(const ScheduleState& state, SrefId id) {
  while (state.block(id) == nullptr) id = state.at(id).first_child;
  return id;
}

namespace {

Stmt WithStage(Stmt body, int position, Stmt nest) {
  if (const auto* constant = body.as<ir::AllocateConstNode>()) {
    auto* copy = ir::CopyNode(constant);
    copy->body = WithStage(constant->body, position, nest);
    return copy;
  }
  if (const auto* decl = body.as<ir::DeclBufferNode>()) {
    auto* copy = ir::CopyNode(decl);
    copy->body = WithStage(decl->body, position, nest);
    return copy;
  }
  std::vector<Stmt> entries = {body};
  if (const auto* seq = body.as<ir::SeqNode>()) entries = seq->seq.ToVector();
  HONE_CHECK(position >= 0 && position <= static_cast<int>(entries.size())) << "no position " << position;
  entries.insert(entries.begin() + position, nest);
  return ir::MakeSeq(entries);
}

}  // namespace

SrefId InsertStage(ScheduleState& state, StageLocation location, Stmt nest) {
  const auto* top = nest.get();
  if (const auto* realize = nest.as<ir::BlockRealizeNode>()) top = realize->block;
  const Stmt body = BodyOf(state, location.at);
  const auto* seq = body.as<ir::SeqNode>();
  // Next to a loop or block, only this one's place changes.
  for (SrefId child = state.at(location.at).first_child; child != kNoSref; child = state.at(child).next_sibling) {
    const int at = seq != nullptr ? state.at(child).seq_index : 0;
    const Stmt statement = StatementOf(state, child);
    const bool direct = seq != nullptr ? (at >= 0 && seq->seq[at] == statement) : body == statement;
    if (!direct || (at != location.position && at + 1 != location.position)) continue;
    const bool before = at == location.position;
    state.Replace(child, before ? ir::MakeSeq({nest, statement}) : ir::MakeSeq({statement, nest}));
    return FirstBlock(state, state.Find(top, location.at));
  }
  const Stmt changed = WithStage(body, location.position, nest);
  if (state.block(location.at) != nullptr) {
    auto* copy = ir::CopyNode(state.block(location.at));
    copy->body = changed;
    state.ReplaceBlock(location.at, copy);
  } else {
    auto* copy = ir::CopyNode(state.loop(location.at));
    copy->body = changed;
    state.Replace(location.at, copy);
  }
  return FirstBlock(state, state.Find(top, location.at));
}

Stmt MakeCopyNest(const CopyStage& stage) {
  const size_t rank = stage.region.size();
  absl::InlinedVector<ir::Var, 6> loop_vars;
  absl::InlinedVector<ir::IterVar, 6> iters;
  absl::InlinedVector<Expr, 6> values, plain, shifted;
  const Buffer original = stage.full || stage.offset_source ? stage.source : stage.target;
  for (size_t i = 0; i < rank; ++i) {
    const Range& range = stage.region[i];
    const ir::DataType dtype = range.extent.dtype();
    loop_vars.push_back(ir::MakeVar(AxisName(i), dtype));
    values.push_back(stage.full ? range.min + loop_vars[i] : Expr(loop_vars[i]));
    const Expr dim = stage.full ? original->shape[i] : range.extent;
    const ir::Var iter = ir::MakeVar(IterName(i), dtype);
    iters.push_back(ir::MakeIterVar(ir::RangeFromExtent(dim), iter, ir::IterType::kSpatial));
    plain.push_back(iter);
    shifted.push_back(stage.full ? Expr(iter) : range.min + iter);
  }
  const auto plain_indices = ir::MakeArray(plain.data(), rank);
  const auto shifted_indices = ir::MakeArray(shifted.data(), rank);
  const auto source = stage.offset_source ? shifted_indices : plain_indices;
  const auto target = stage.offset_source ? plain_indices : shifted_indices;
  const BlockNode* block =
      ir::MakeBlock(ir::MakeArray(iters.data(), rank), ir::MakeArray({ir::PointRegion(stage.source, source)}),
                    ir::MakeArray({ir::PointRegion(stage.target, target)}), ir::CopyString(stage.name),
                    ir::MakeBufferStore(stage.target, ir::MakeBufferLoad(stage.source, source), target));
  const Expr predicate = stage.predicate ? stage.predicate : ir::BoolImm(true);
  Stmt nest = ir::MakeBlockRealize(ir::MakeArray(values.data(), rank), predicate, block);
  for (size_t i = rank; i-- > 0;) {
    const Expr extent = stage.region[i].extent;
    nest = ir::MakeFor(loop_vars[i], ir::IntImm(extent.dtype(), 0), extent, ir::ForKind::kSerial, nest);
  }
  return nest;
}

// ---- redirecting accesses

ir::Array<Expr> BufferRedirector::Reduced(ir::Array<Expr> indices) {
  if (offsets_.empty()) return indices;
  size_t i = 0;
  return ir::MapArray(indices, [&](Expr index) {
    const Expr offset = offsets_[i++].min;
    return ir::IsZero(offset) ? index : arith::Simplify(index - offset);
  });
}

BufferRegion BufferRedirector::Redirected(BufferRegion region) {
  if (!(region->buffer == from_)) return region;
  if (offsets_.empty()) return ir::MakeBufferRegion(to_, region->region);
  absl::InlinedVector<Range, 6> ranges;
  for (size_t i = 0; i < region->region.size(); ++i) {
    Range range = region->region[i];
    if (!ir::IsZero(offsets_[i].min)) range.min = arith::Simplify(range.min - offsets_[i].min);
    ranges.push_back(range);
  }
  return ir::MakeBufferRegion(to_, ir::MakeArray(ranges.data(), ranges.size()));
}

ir::Array<BufferRegion> BufferRedirector::Redirected(ir::Array<BufferRegion> regions) {
  return ir::MapArray(regions, [&](BufferRegion region) { return Redirected(region); });
}

Expr BufferRedirector::Mutate(const ir::VarNode* node) {
  return active_ && node == from_->data.get() ? Expr(to_->data) : Expr(node);
}

Expr BufferRedirector::Mutate(const ir::BufferLoadNode* node) {
  const Expr rewritten = StmtExprMutator::Mutate(node);
  if (!active_ || node->buffer != from_.get()) return rewritten;
  const auto* load = rewritten.as<ir::BufferLoadNode>();
  return ir::MakeBufferLoad(to_, Reduced(load->indices), load->predicate);
}

Stmt BufferRedirector::Mutate(const ir::BufferStoreNode* node) {
  const Stmt rewritten = StmtExprMutator::Mutate(node);
  if (!active_ || !stores_ || !(node->buffer == from_)) return rewritten;
  const auto* store = rewritten.as<ir::BufferStoreNode>();
  return ir::MakeBufferStore(to_, store->value, Reduced(store->indices), store->predicate);
}

Stmt BufferRedirector::Mutate(const BlockNode* node) {
  if (!Enters(node)) return node;
  const bool outer = active_;
  active_ = Redirects(node);
  const bool active = active_;
  // Regions are redirected as a whole, not by visiting them.
  const Stmt body = MutateStmt(node->body);
  const Stmt init = node->init ? MutateStmt(node->init) : node->init;
  active_ = outer;
  const auto reads = active ? Redirected(node->reads) : node->reads;
  const auto writes = active && stores_ ? Redirected(node->writes) : node->writes;
  const auto matches = !active ? node->match_buffers : ir::MapArray(node->match_buffers, [&](ir::MatchBufferRegion m) {
    const BufferRegion source = Redirected(m->source);
    return source == m->source ? m : ir::MakeMatchBufferRegion(m->buffer, source);
  });
  if (body == node->body && init == node->init && reads.same_as(node->reads) && writes.same_as(node->writes) &&
      matches.same_as(node->match_buffers)) {
    return node;
  }
  auto* copy = ir::CopyNode(node);
  copy->body = body;
  copy->init = init;
  copy->reads = reads;
  copy->writes = writes;
  copy->match_buffers = matches;
  reuse_.emplace_back(node, copy);
  return copy;
}

}  // namespace hone::schedule
