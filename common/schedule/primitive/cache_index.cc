#include "common/schedule/primitive/cache_index.h"

#include <algorithm>

#include "common/arith/deep_equal.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/affine.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/primitive/cache_stage.h"
#include "common/schedule/primitive/inline_rewrite.h"
#include "common/schedule/primitive/iter_bindings.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using ir::BlockNode;
using ir::Buffer;
using ir::Expr;
using ir::IterVar;

// An expression, how often it occurs and how many nodes it has.
struct Computation {
  Expr expr;
  int count;
  int size;
};

// The largest eligible expressions of something.
class ComputationFinder : public ir::StmtExprVisitor {
 public:
  explicit ComputationFinder(const BlockNode* block) : block_(block) {}

  std::vector<Computation> found;

  void VisitExpr(Expr e) override {
    if (!e) return;
    const int size = SizeOf(e);
    if (!IsEligible(e, size)) return StmtExprVisitor::VisitExpr(e);
    Add(e, 1, size);
  }
  // Those below `e`, which is eligible itself.
  void VisitBelow(Expr e) { StmtExprVisitor::VisitExpr(e); }

  void Add(Expr e, int count, int size) {
    for (Computation& known : found) {
      if (!arith::DeepEqual(known.expr, e)) continue;
      known.count += count;
      return;
    }
    found.push_back({e, count, size});
  }

 private:
  static int SizeOf(Expr e) {
    int size = 0;
    ir::PostOrderVisitExprs(e, [&](Expr) { ++size; });
    return size;
  }
  bool IsEligible(Expr e, int size) const {
    if (size <= 1 || e.kind() == ir::ExprKind::kRamp || e.kind() == ir::ExprKind::kBroadcast) return false;
    if (ir::SideEffect(e) > ir::CallEffect::kPure) return false;
    // Only the block's iters have domains to compute it over.
    bool uses_iter = false;
    const bool uses_other = ir::UsesVar(e, [&](ir::Var var) {
      const bool iter =
          std::any_of(block_->iter_vars.begin(), block_->iter_vars.end(), [&](IterVar i) { return i->var == var; });
      uses_iter |= iter;
      return !iter;
    });
    return uses_iter && !uses_other;
  }

  const BlockNode* const block_;
};

void SortBySize(std::vector<Computation>& items) {
  std::stable_sort(items.begin(), items.end(),
                   [](const Computation& a, const Computation& b) { return a.size > b.size; });
}

// The expressions to cache, the largest first. One that occurs too seldom gives way to its parts.
std::vector<Expr> SelectExpressions(const BlockNode* block, int threshold) {
  std::vector<Expr> out;
  const auto select_from = [&](ir::Stmt stmt) {
    ir::PreOrderVisitStmts(stmt, [&](ir::Stmt s) {
      if (s.as<ir::BlockRealizeNode>() != nullptr) return false;
      if (s.as<ir::BufferStoreNode>() == nullptr) return true;
      ComputationFinder finder(block);
      finder.VisitStmt(s);
      SortBySize(finder.found);
      for (size_t i = 0; i < finder.found.size(); ++i) {
        const Computation computation = finder.found[i];
        if (computation.count >= threshold) {
          const bool known =
              std::any_of(out.begin(), out.end(), [&](Expr e) { return arith::DeepEqual(e, computation.expr); });
          if (!known) out.push_back(computation.expr);
          continue;
        }
        ComputationFinder parts(block);
        parts.VisitBelow(computation.expr);
        for (const Computation& part : parts.found) {
          finder.Add(part.expr, part.count * computation.count, part.size);
        }
        std::stable_sort(finder.found.begin() + static_cast<std::ptrdiff_t>(i) + 1, finder.found.end(),
                         [](const Computation& a, const Computation& b) { return a.size > b.size; });
      }
      return true;
    });
  };
  if (block->init) select_from(block->init);
  select_from(block->body);
  return out;
}

struct IndexBuffer {
  Expr expr;
  Buffer buffer;
  Expr load;  // Of the buffer at the block's iters.
  ir::Stmt stage;
};

IndexBuffer MakeIndexBuffer(const BlockNode* block, Expr expr, size_t number, std::string_view storage_scope) {
  absl::InlinedVector<IterVar, 6> used;
  ir::PostOrderVisitExprs(expr, [&](Expr e) {
    for (IterVar iter : block->iter_vars) {
      if (e == iter->var && std::find(used.begin(), used.end(), iter) == used.end()) used.push_back(iter);
    }
  });
  absl::InlinedVector<Expr, 6> shape, outer, inner, values;
  absl::InlinedVector<IterVar, 6> iters;
  absl::InlinedVector<ir::Var, 6> loops;
  IterBindings renamed;
  for (size_t i = 0; i < used.size(); ++i) {
    const ir::DataType dtype = used[i]->var.dtype();
    const ir::Var var = ir::MakeVar(IterName(i), dtype);
    shape.push_back(used[i]->dom.min + used[i]->dom.extent);
    outer.push_back(used[i]->var);
    inner.push_back(var);
    renamed.Add(used[i]->var, var);
    iters.push_back(ir::MakeIterVar(used[i]->dom, var, ir::IterType::kSpatial));
    loops.push_back(ir::MakeVar(AxisName(i), dtype));
    values.push_back(loops.back());
  }
  const size_t rank = used.size();
  IndexBuffer out;
  out.expr = expr;
  auto* buffer = ir::CopyNode(ir::MakeBuffer(ir::CopyString(StrCat("index_var_", number)),
                                             ir::MakeArray(shape.data(), rank), expr.dtype(), storage_scope)
                                  .get());
  buffer->strides = ir::MakeArray<Expr>({ir::Int32(1)});
  out.buffer = buffer;
  out.load = ir::MakeBufferLoad(out.buffer, ir::MakeArray(outer.data(), rank));
  const auto at = ir::MakeArray(inner.data(), rank);
  const BlockNode* stage =
      ir::MakeBlock(ir::MakeArray(iters.data(), rank), {}, ir::MakeArray({ir::PointRegion(out.buffer, at)}),
                    ir::CopyString(StrCat("index_", number)), ir::MakeBufferStore(out.buffer, renamed.Apply(expr), at));
  out.stage = ir::MakeBlockRealize(ir::MakeArray(values.data(), rank), ir::BoolImm(true), stage);
  for (size_t i = rank; i-- > 0;) {
    out.stage = ir::MakeFor(loops[i], used[i]->dom.min, used[i]->dom.extent, ir::ForKind::kSerial, out.stage);
  }
  return out;
}

// Loads in the place of the expressions; the block's declared regions stay.
class ExprReplacer : public ir::StmtExprMutator {
 public:
  explicit ExprReplacer(absl::Span<const IndexBuffer> buffers) : buffers_(buffers) {}

  Expr MutateExpr(Expr e) override {
    if (!e) return e;
    for (const IndexBuffer& buffer : buffers_) {
      if (e.kind() == buffer.expr.kind() && arith::DeepEqual(e, buffer.expr)) return buffer.load;
    }
    return StmtExprMutator::MutateExpr(e);
  }

 private:
  absl::Span<const IndexBuffer> buffers_;
};

// Rewrites the stores only.
class StoreRewriter : public ir::StmtExprMutator {
 public:
  explicit StoreRewriter(absl::Span<const IndexBuffer> buffers) : replacer_(buffers) {}

 protected:
  using StmtExprMutator::Mutate;
  ir::Stmt Mutate(const ir::BufferStoreNode* node) override { return replacer_.MutateStmt(node); }
  ir::Stmt Mutate(const ir::BlockRealizeNode* node) override { return node; }

 private:
  ExprReplacer replacer_;
};

}  // namespace

absl::StatusOr<SrefList> CacheIndex(ScheduleState& state, SrefId block, std::string_view storage_scope, int threshold) {
  HONE_RETURN_IF_ERROR(CheckStorageScope(state, block, storage_scope));
  HONE_ASSIGN_OR_RETURN(const SrefId scope, RequireScopeRoot(state, block));
  const BlockNode* node = state.block(block);
  const std::vector<Expr> expressions = SelectExpressions(node, threshold);
  if (expressions.empty()) {
    return state.Refuse("No index expression of the block occurs often enough to be cached", {block});
  }
  std::vector<IndexBuffer> buffers;
  for (Expr e : expressions) buffers.push_back(MakeIndexBuffer(node, e, buffers.size(), storage_scope));

  auto* rewritten = ir::CopyNode(node);
  StoreRewriter rewriter(buffers);
  rewritten->body = rewriter.MutateStmt(node->body);
  if (node->init) rewritten->init = rewriter.MutateStmt(node->init);
  SrefId top = block;
  while (state.parent(top) != scope) top = state.parent(top);
  state.ReplaceBlock(block, rewritten);
  SrefList out;
  for (size_t i = 0; i < buffers.size(); ++i) {
    const StageLocation location{scope, std::max(state.at(top).seq_index, 0)};
    const SrefId stage = InsertStage(state, location, buffers[i].stage);
    AddAllocation(state, scope, buffers[i].buffer);
    state.SetFlags(stage, HasAffineBinding(state, stage), true, true);
    out.push_back(stage);
  }
  return out;
}

// ---- method

absl::StatusOr<BlockRvs> Schedule::CacheIndex(BlockRv block, std::string_view storage_scope, int cse_thresh) {
  const PrimitiveScope scope(*this, kCacheIndexRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_ASSIGN_OR_RETURN(const SrefList stages, schedule::CacheIndex(state_, id, storage_scope, cse_thresh));
  BlockRvs out;
  for (SrefId stage : stages) out.push_back(NewBlockRv(stage));
  Record(kCacheIndexRow, {Value::OfRv(block)}, {Value::String(storage_scope), Value::Int(cse_thresh)}, RvsOf(out));
  return out;
}

const InstructionRow kCacheIndexRow = {.name = "CacheIndex",
                                       .pure = false,
                                       .inputs = "b",
                                       .attrs = "sn",
                                       .outputs = Outputs::kList,
                                       .output_kind = 'b',
                                       .method = "cache_index",
                                       .arguments = "block,storage_scope,cse_thresh",
                                       .apply = [](Schedule& s, Call& c) {
                                         return PutAll(
                                             s.CacheIndex(BlockOf(c, 0), c.attrs[0].text(), IntOf(c.attrs[1])), c);
                                       }};

}  // namespace hone::schedule
