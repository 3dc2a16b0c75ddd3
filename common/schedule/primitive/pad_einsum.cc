#include "common/schedule/primitive/pad_einsum.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/schedule/analysis.h"
#include "common/schedule/buffer_rewriter.h"
#include "common/schedule/primitive/apply.h"
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

// Whether `extent`, rounded up to a multiple of `padding`, is a number of its type.
bool PaddingFits(Expr extent, int64_t padding) {
  const int64_t most = extent.dtype().bits < 64 ? (int64_t{1} << (extent.dtype().bits - 1)) - 1 : INT64_MAX;
  const int64_t* value = ir::ConstInt(extent);
  return padding <= most && (value == nullptr || *value <= most - (padding - 1));
}

}  // namespace

absl::Status PadEinsum(ScheduleState& state, SrefId block, absl::Span<const int64_t> padding) {
  HONE_ASSIGN_OR_RETURN(const SrefId scope, RequireScopeRoot(state, block, /*require_stage_pipeline=*/true));
  const ir::BlockRealizeNode* realize = state.at(block).realize;
  const ir::BlockNode* node = realize->block;
  if (padding.size() != node->iter_vars.size() ||
      std::any_of(padding.begin(), padding.end(), [](int64_t p) { return p <= 0; })) {
    return state.Refuse("The padding must be a positive number for each iter of the block", {block});
  }
  HONE_RETURN_IF_ERROR(CheckEinsum(state, block));

  arith::Analyzer analyzer;
  Extents padded_extents;  // Only those that grow: loops and iters to change.
  for (size_t i = 0; i < padding.size(); ++i) {
    const ir::IterVar iter = node->iter_vars[i];
    const Expr extent = iter->dom.extent;
    if (!PaddingFits(extent, padding[i])) {
      return state.Refuse("An extent, padded, does not fit the type of its loop", {block});
    }
    const Expr unit = ir::IntImm(extent.dtype(), padding[i]);
    const Expr padded = analyzer.Simplify(
        ir::Mul(ir::FloorDiv(ir::Add(extent, ir::IntImm(extent.dtype(), padding[i] - 1)), unit), unit));
    if (analyzer.CanProveEqual(padded, extent)) continue;
    padded_extents.emplace_back(iter->var.get(), padded);
    const auto* loop = realize->iter_values[i].as<ir::VarNode>();
    if (loop == nullptr) return state.Refuse("An iter that is padded must be bound to a loop directly", {block});
    padded_extents.emplace_back(loop, padded);
  }
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
