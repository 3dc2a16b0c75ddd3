#include "common/schedule/primitive/pad_einsum.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common/arith/iter_map.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/schedule/buffer_rewriter.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/rebind.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using ir::Buffer;
using ir::Expr;
using ir::Stmt;

constexpr std::string_view kNoEinsum =
    "The block is not a computation of Einsum pattern: each buffer is to be accessed once, at a point given by iters";

absl::Status CheckEinsum(const ScheduleState& state, SrefId block) {
  std::vector<Buffer> seen;
  const ir::BlockNode* node = state.block(block);
  for (const auto& regions : {node->reads, node->writes}) {
    for (ir::BufferRegion region : regions) {
      if (std::find(seen.begin(), seen.end(), region->buffer) != seen.end()) return state.Refuse(kNoEinsum, {block});
      seen.push_back(region->buffer);
      for (const ir::Range& range : region->region) {
        const bool simple = range.min.as<ir::VarNode>() != nullptr || ir::ConstInt(range.min) != nullptr;
        if (!simple || !ir::IsOne(range.extent)) return state.Refuse(kNoEinsum, {block});
      }
    }
  }
  return absl::OkStatus();
}

// Variables (iters and the loops bound to them) and their extents after padding.
using Extents = std::vector<std::pair<const ir::VarNode*, Expr>>;

Expr Lookup(const Extents& extents, Expr var) {
  for (const auto& [key, extent] : extents) {
    if (key == var.get()) return extent;
  }
  return {};
}

struct PaddedBuffer {
  Buffer from;
  Buffer to;
};

// Null `to` when the buffer does not grow.
PaddedBuffer Pad(ir::BufferRegion region, const Extents& extents, arith::Analyzer& analyzer) {
  std::vector<Expr> shape;
  bool same = true;
  for (size_t i = 0; i < region->region.size(); ++i) {
    const Expr padded = Lookup(extents, region->region[i].min);
    shape.push_back(padded ? padded : region->buffer->shape[i]);
    same = same && analyzer.CanProveEqual(shape.back(), region->buffer->shape[i]);
  }
  if (same) return {region->buffer, Buffer()};
  return {region->buffer, ir::MakeBuffer(StrCat(region->buffer->name, "_pad"), ir::MakeArray(shape),
                                         region->buffer->dtype, region->buffer->scope())};
}

// A nest that copies: into the padded buffer with zeros outside, or back out of it.
Stmt CopyNest(const PaddedBuffer& padded, bool into, arith::Analyzer& analyzer, const ir::BlockNode** block) {
  const Buffer over = into ? padded.to : padded.from;
  std::vector<ir::Var> loops;
  std::vector<ir::IterVar> iters;
  std::vector<Expr> indices;
  Expr inside = ir::BoolImm(true);
  for (size_t i = 0; i < over->shape.size(); ++i) {
    const Expr dim = over->shape[i];
    loops.push_back(ir::MakeVar(StrCat("i", i), dim.dtype()));
    const ir::Var var = ir::MakeVar(StrCat("v", i), dim.dtype());
    iters.push_back(ir::MakeIterVar(ir::RangeFromExtent(dim), var, ir::IterType::kSpatial));
    indices.push_back(var);
    if (into && !analyzer.CanProveEqual(padded.from->shape[i], dim)) {
      inside = ir::And(inside, ir::LT(var, padded.from->shape[i]));
    }
  }
  const auto at = ir::MakeArray(indices);
  const Buffer source = into ? padded.from : padded.to;
  const Buffer target = into ? padded.to : padded.from;
  Expr value = ir::MakeBufferLoad(source, at);
  if (into) value = ir::IfThenElse(inside, value, ir::Const(value.dtype(), 0));
  *block = ir::MakeBlock(ir::MakeArray(iters), ir::MakeArray({ir::PointRegion(source, at)}),
                         ir::MakeArray({ir::PointRegion(target, at)}), padded.to->name,
                         ir::MakeBufferStore(target, value, at));
  const std::vector<Expr> values(loops.begin(), loops.end());
  Stmt out = ir::MakeBlockRealize(ir::MakeArray(values), ir::BoolImm(true), *block);
  for (size_t i = loops.size(); i-- > 0;) {
    out = ir::MakeFor(loops[i], ir::IntImm(loops[i].dtype(), 0), over->shape[i], ir::ForKind::kSerial, out);
  }
  return out;
}

// Gives loops and iters their new extents and puts the padded buffers in.
class Padder final : public ir::StmtExprMutator {
 public:
  Padder(const Extents& extents, const ir::BufferMap& buffers) : extents_(extents), buffers_(buffers) {}
  const BlockReuses& reuses() const { return reuses_; }

 private:
  using StmtExprMutator::Mutate;

  Buffer MutateBuffer(Buffer buffer) override {
    const auto it = buffers_.find(buffer.get());
    return it != buffers_.end() ? it->second : buffer;
  }
  Stmt Mutate(const ir::ForNode* node) override {
    const Stmt out = StmtExprMutator::Mutate(node);
    const Expr extent = Lookup(extents_, node->loop_var);
    if (!extent) return out;
    auto* copy = ir::CopyNode(out.as<ir::ForNode>());
    copy->extent = extent;
    return copy;
  }
  Stmt Mutate(const ir::BlockNode* node) override {
    const Stmt inner = StmtExprMutator::Mutate(node);
    auto* copy = ir::CopyNode(inner.as<ir::BlockNode>());
    copy->iter_vars = ir::MapArray(node->iter_vars, [this](ir::IterVar iter) -> ir::IterVar {
      const Expr extent = Lookup(extents_, iter->var);
      if (!extent) return iter;
      auto* padded = ir::CopyNode(iter);
      padded->dom = {iter->dom.min, extent};
      return padded;
    });
    if (inner.get() == node && copy->iter_vars.same_as(node->iter_vars)) return node;
    reuses_.emplace_back(node, copy);
    return copy;
  }

  const Extents& extents_;
  const ir::BufferMap& buffers_;
  BlockReuses reuses_;
};

// ---- conditions under which the padded program computes the same

// Zero wherever `iter` is beyond its old extent: there the padded buffers that it indexes hold zeros.
bool IsZeroInPadding(Expr e, Expr iter, const ir::BufferMap& padded) {
  const auto zero = [&](Expr part) { return IsZeroInPadding(part, iter, padded); };
  switch (e.kind()) {
    case ir::ExprKind::kBufferLoad: {
      const auto* load = e.as<ir::BufferLoadNode>();
      return padded.contains(load->buffer) &&
             std::find(load->indices.begin(), load->indices.end(), iter) != load->indices.end();
    }
    case ir::ExprKind::kCast:
      return zero(e.as<ir::CastNode>()->value);
    case ir::ExprKind::kMul:
      return zero(e.as<ir::BinaryNode>()->a) || zero(e.as<ir::BinaryNode>()->b);
    case ir::ExprKind::kAdd:
    case ir::ExprKind::kSub:
    case ir::ExprKind::kMin:
    case ir::ExprKind::kMax:
      return zero(e.as<ir::BinaryNode>()->a) && zero(e.as<ir::BinaryNode>()->b);
    case ir::ExprKind::kDiv:
    case ir::ExprKind::kMod:
    case ir::ExprKind::kFloorDiv:
    case ir::ExprKind::kFloorMod:
      return zero(e.as<ir::BinaryNode>()->a);
    case ir::ExprKind::kSelect:
      return zero(e.as<ir::SelectNode>()->true_value) && zero(e.as<ir::SelectNode>()->false_value);
    default:
      return ir::IsZero(e);
  }
}

// The block adds to what it stores, and adds nothing where `iter` is beyond its old extent.
bool SumsZerosInPadding(const ir::BlockNode* block, Expr iter, const ir::BufferMap& padded) {
  const auto* store = block->body.as<ir::BufferStoreNode>();
  const auto* sum = store != nullptr ? store->value.as<ir::AddNode>() : nullptr;
  if (sum == nullptr) return false;
  const auto is_old = [&](Expr e) {
    const auto* load = e.as<ir::BufferLoadNode>();
    return load != nullptr && load->buffer == store->buffer;
  };
  return (is_old(sum->a) && IsZeroInPadding(sum->b, iter, padded)) ||
         (is_old(sum->b) && IsZeroInPadding(sum->a, iter, padded));
}

// A padded divisor is zero.
bool DividesByLoads(const ir::BlockNode* block) {
  bool found = false;
  ir::PostOrderVisitExprs(ir::Stmt(block->body), [&](Expr e) {
    switch (e.kind()) {
      case ir::ExprKind::kDiv:
      case ir::ExprKind::kMod:
      case ir::ExprKind::kFloorDiv:
      case ir::ExprKind::kFloorMod:
        ir::PostOrderVisitExprs(e.as<ir::BinaryNode>()->b, [&](Expr divisor) {
          found = found || (divisor.kind() == ir::ExprKind::kBufferLoad && !divisor.dtype().is_float());
        });
        break;
      default:
        break;
    }
  });
  return found;
}

// Whether `extent`, rounded up to a multiple of `padding`, is a number of its type.
bool PaddingFits(Expr extent, int64_t padding) {
  const int64_t most = extent.dtype().bits < 64 ? (int64_t{1} << (extent.dtype().bits - 1)) - 1 : INT64_MAX;
  const int64_t* value = ir::ConstInt(extent);
  return padding <= most && (value == nullptr || *value <= most - (padding - 1));
}

// The block's iter that `index` is; null for none.
ir::IterVar IterOf(const ir::BlockNode* block, Expr index) {
  for (ir::IterVar iter : block->iter_vars) {
    if (index == iter->var) return iter;
  }
  return {};
}

// The copy holds all that the block may read, and zeros where a reduce iter is beyond its old extent.
bool CopyServes(ir::BufferRegion region, const ir::BlockNode* block, const Extents& extents,
                arith::Analyzer& analyzer) {
  for (size_t i = 0; i < region->region.size(); ++i) {
    const ir::IterVar iter = IterOf(block, region->region[i].min);
    const Expr padded = iter ? Lookup(extents, iter->var) : Expr();
    if (!padded) continue;
    const Expr ends = iter->iter_type == ir::IterType::kSpatial ? padded : iter->dom.extent;
    if (!ir::IsZero(iter->dom.min) || !analyzer.CanProve(ir::LE(region->buffer->shape[i], ends))) return false;
  }
  return true;
}

// Everything of a padded buffer is copied back, so the block has to write all of it.
bool WritesAll(const ScheduleState& state, SrefId id, ir::BufferRegion write, arith::Analyzer& analyzer) {
  const ir::BlockNode* block = state.block(id);
  const ir::BlockRealizeNode* realize = state.at(id).realize;
  const arith::IterMapResult map =
      arith::DetectIterMap(absl::MakeConstSpan(realize->iter_values.data(), realize->iter_values.size()),
                           DomainsAbove(state, id), realize->predicate, arith::IterMapLevel::kSurjective, analyzer);
  if (!map.ok) return false;
  std::vector<ir::IterVar> seen;
  for (size_t i = 0; i < write->region.size(); ++i) {
    const Expr dim = write->buffer->shape[i];
    const ir::IterVar iter = IterOf(block, write->region[i].min);
    if (!iter) {
      if (!ir::IsOne(dim) || !ir::IsZero(write->region[i].min)) return false;
      continue;
    }
    if (std::find(seen.begin(), seen.end(), iter) != seen.end()) return false;
    seen.push_back(iter);
    const size_t position = static_cast<size_t>(std::find(block->iter_vars.begin(), block->iter_vars.end(), iter) -
                                                block->iter_vars.begin());
    const arith::IterSum& values = map.indices[position];
    const bool one = values.args.empty();
    if (!one && !ir::IsOne(values.args[0].scale)) return false;
    const Expr count = one ? ir::ConstOf(dim.dtype(), 1) : values.args[0].extent;
    if (!analyzer.CanProveEqual(values.base, ir::ConstOf(dim.dtype(), 0)) || !analyzer.CanProveEqual(count, dim)) {
      return false;
    }
  }
  return true;
}

// Whether the loop that the iter is bound to grows, so that the block runs where it did not before.
bool RunsInPadding(const ir::BlockRealizeNode* realize, size_t iter, const Extents& extents) {
  return realize->iter_values[iter].kind() == ir::ExprKind::kVar &&
         static_cast<bool>(Lookup(extents, realize->iter_values[iter]));
}

// Whether `realize` may run again and again as `loop_var` goes beyond its old extent: it does the same each time.
bool MayRepeat(const ir::BlockRealizeNode* realize, ir::Var loop_var) {
  const ir::BlockNode* block = realize->block;
  if (ir::UsesVar(realize->predicate, loop_var)) return false;
  for (Expr value : realize->iter_values) {
    if (ir::UsesVar(value, loop_var)) return false;
  }
  // Not a block without iters, whose body may use the loop.
  if (block->iter_vars.empty()) return false;
  for (ir::BufferRegion write : block->writes) {
    for (ir::BufferRegion read : block->reads) {
      if (read->buffer == write->buffer) return false;
    }
  }
  return true;
}

bool IsWrittenBelow(const ScheduleState& state, SrefId top, Buffer buffer) {
  const SrefList blocks = state.block(top) != nullptr ? SrefList() : ChildBlocks(state, top);
  return std::any_of(blocks.begin(), blocks.end(), [&](SrefId id) {
    const auto& writes = state.block(id)->writes;
    return std::any_of(writes.begin(), writes.end(), [&](ir::BufferRegion w) { return w->buffer == buffer; });
  });
}

// `scope` allocates the buffer, and all of its blocks that use it are below `top`.
bool IsOnlyUsedBelow(const ScheduleState& state, SrefId top, SrefId scope, Buffer buffer) {
  const auto& allocated = state.block(scope)->alloc_buffers;
  if (std::find(allocated.begin(), allocated.end(), buffer) == allocated.end()) return false;
  for (SrefId id : ChildBlocks(state, scope)) {
    if (IsAtOrBelow(state, id, top)) continue;
    for (const auto& regions : {state.block(id)->reads, state.block(id)->writes}) {
      if (std::any_of(regions.begin(), regions.end(), [&](ir::BufferRegion r) { return r->buffer == buffer; })) {
        return false;
      }
    }
  }
  return true;
}

// The peer checks none of this.
absl::Status CheckKeepsResults(const ScheduleState& state, SrefId id, SrefId scope, const Extents& extents,
                               const ir::BufferMap& padded, arith::Analyzer& analyzer) {
  const ir::BlockRealizeNode* realize = state.at(id).realize;
  const ir::BlockNode* block = realize->block;
  for (size_t i = 0; i < block->iter_vars.size(); ++i) {
    const ir::IterVar iter = block->iter_vars[i];
    if (!RunsInPadding(realize, i, extents)) continue;
    if (iter->iter_type != ir::IterType::kSpatial) {
      if (SumsZerosInPadding(block, iter->var, padded)) continue;
      return state.Refuse("A reduce iter can be padded only in a sum of what is zero in the padding", {id});
    }
    for (ir::BufferRegion write : block->writes) {
      const bool used = std::any_of(write->region.begin(), write->region.end(),
                                    [&](const ir::Range& range) { return range.min == iter->var; });
      if (!used) return state.Refuse("A spatial iter that is padded must index what the block writes", {id});
    }
  }
  for (SrefId loop : LoopsAbove(state, id)) {
    const ir::Var var = state.loop(loop)->loop_var;
    if (!Lookup(extents, var)) continue;
    for (SrefId other : ChildBlocks(state, loop)) {
      if (other == id || MayRepeat(state.at(other).realize, var)) continue;
      return state.Refuse("A loop that is padded must hold nothing else that uses it or that adds to what it writes",
                          {id, loop, other});
    }
  }
  for (ir::BufferRegion region : block->reads) {
    if (!padded.contains(region->buffer.get())) continue;
    if (!CopyServes(region, block, extents, analyzer)) {
      return state.Refuse("The iters that are padded must run to the ends of the buffers that they index", {id});
    }
  }
  for (ir::BufferRegion region : block->writes) {
    if (!padded.contains(region->buffer.get())) continue;
    if (!WritesAll(state, id, region, analyzer)) {
      return state.Refuse("The block must write all of a buffer that is padded", {id});
    }
  }
  if (!padded.empty() && DividesByLoads(block)) {
    return state.Refuse("The block divides by what would be zero in the padding", {id});
  }
  SrefId top = id;
  while (state.parent(top) != scope) top = state.parent(top);
  for (ir::BufferRegion region : block->reads) {
    if (!padded.contains(region->buffer.get()) || !IsWrittenBelow(state, top, region->buffer)) continue;
    // The copy is all that is written there, so nothing else may want to read the buffer.
    if (!IsOnlyUsedBelow(state, top, scope, region->buffer)) {
      return state.Refuse("A buffer that is padded and written in the same nest is used outside of it", {id});
    }
  }
  return absl::OkStatus();
}

// Iters that grow, and the loops that they are bound to. A binding of several loops still visits the old points only.
absl::StatusOr<Extents> PaddedExtents(const ScheduleState& state, SrefId block, absl::Span<const int64_t> padding,
                                      arith::Analyzer& analyzer) {
  const ir::BlockRealizeNode* realize = state.at(block).realize;
  Extents out;
  for (size_t i = 0; i < padding.size(); ++i) {
    const ir::IterVar iter = realize->block->iter_vars[i];
    const Expr extent = iter->dom.extent;
    if (!PaddingFits(extent, padding[i])) {
      return state.Refuse("An extent, padded, does not fit the type of its loop", {block});
    }
    const Expr unit = ir::IntImm(extent.dtype(), padding[i]);
    const Expr padded = analyzer.Simplify(
        ir::Mul(ir::FloorDiv(ir::Add(extent, ir::IntImm(extent.dtype(), padding[i] - 1)), unit), unit));
    if (analyzer.CanProveEqual(padded, extent)) continue;
    out.emplace_back(iter->var.get(), padded);
    if (const auto* loop = realize->iter_values[i].as<ir::VarNode>()) out.emplace_back(loop, padded);
  }
  return out;
}

}  // namespace

absl::Status PadEinsum(ScheduleState& state, SrefId block, absl::Span<const int64_t> padding) {
  HONE_ASSIGN_OR_RETURN(const SrefId scope, RequireScopeRoot(state, block, /*require_stage_pipeline=*/true));
  const ir::BlockNode* node = state.block(block);
  if (padding.size() != node->iter_vars.size() ||
      std::any_of(padding.begin(), padding.end(), [](int64_t p) { return p <= 0; })) {
    return state.Refuse("The padding must be a positive number for each iter of the block", {block});
  }
  HONE_RETURN_IF_ERROR(CheckEinsum(state, block));

  arith::Analyzer analyzer;
  HONE_ASSIGN_OR_RETURN(const Extents padded_extents, PaddedExtents(state, block, padding, analyzer));
  ir::BufferMap buffers;
  std::vector<Stmt> entries;
  std::vector<Stmt> after;
  std::vector<Buffer> allocated = state.block(scope)->alloc_buffers.ToVector();
  std::vector<const ir::BlockNode*> copies;
  for (const bool write : {false, true}) {
    for (ir::BufferRegion region : write ? node->writes : node->reads) {
      const PaddedBuffer padded = Pad(region, padded_extents, analyzer);
      if (!padded.to) continue;
      buffers.emplace(padded.from.get(), padded.to);
      allocated.push_back(padded.to);
      copies.emplace_back();
      (write ? after : entries).push_back(CopyNest(padded, !write, analyzer, &copies.back()));
    }
  }
  HONE_RETURN_IF_ERROR(CheckKeepsResults(state, block, scope, padded_extents, buffers, analyzer));
  SrefId top = block;
  while (state.parent(top) != scope) top = state.parent(top);
  Padder padder(padded_extents, buffers);
  entries.push_back(padder.MutateStmt(StatementOf(state, top)));
  entries.insert(entries.end(), after.begin(), after.end());
  state.Replace(top, ir::MakeSeq(entries), padder.reuses());
  auto* root = ir::CopyNode(state.block(scope));
  root->alloc_buffers = ir::MakeArray(allocated);
  state.ReplaceShallow(scope, root);
  for (const ir::BlockNode* copy : copies) state.SetFlags(state.Find(copy, scope), true, true, true);
  return absl::OkStatus();
}

absl::Status Schedule::PadEinsum(BlockRv block, absl::Span<const int64_t> padding) {
  const PrimitiveScope scope(*this, kPadEinsumRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_RETURN_IF_ERROR(schedule::PadEinsum(state_, id, padding));
  Record(kPadEinsumRow, {Value::OfRv(block)}, {ListOfInts(padding)}, {});
  return absl::OkStatus();
}

const InstructionRow kPadEinsumRow = {
    .name = "PadEinsum",
    .pure = false,
    .inputs = "b",
    .attrs = "[n]",
    .outputs = Outputs::kNone,
    .output_kind = ' ',
    .method = "pad_einsum",
    .arguments = "block,padding",
    .apply = [](Schedule& s, Call& c) { return s.PadEinsum(BlockOf(c, 0), IntsOf(c.attrs[0])); }};

}  // namespace hone::schedule
