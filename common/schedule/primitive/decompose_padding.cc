#include "common/schedule/primitive/decompose_padding.h"

#include <algorithm>
#include <vector>

#include "common/arith/iter_map.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/rebind.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using ir::BlockRealizeNode;
using ir::Expr;
using ir::ForNode;
using ir::Stmt;

struct Padding {
  std::vector<ir::Range> inside;  // Of the block's iters, over loop variables.
  Expr predicate;                 // Where it is inside, over loop variables.
  Expr value;                     // Inside, over iters.
  Expr constant;                  // Outside.
};

void Conjuncts(Expr e, std::vector<Expr>& out) {
  if (e.kind() == ir::ExprKind::kAnd) {
    Conjuncts(e.as<ir::AndNode>()->a, out);
    Conjuncts(e.as<ir::AndNode>()->b, out);
    return;
  }
  if (const auto* call = e.as<ir::CallNode>(); call != nullptr && call->Is(ir::Builtin::likely)) e = call->args[0];
  out.push_back(e);
}

bool IsNumber(Expr e) { return e.as<ir::IntImmNode>() != nullptr || e.as<ir::FloatImmNode>() != nullptr; }

absl::StatusOr<Padding> MatchPadding(const ScheduleState& state, SrefId block, const LoopDomains& domains,
                                     arith::Analyzer& analyzer) {
  const BlockRealizeNode* realize = state.at(block).realize;
  const auto* store = realize->block->body.as<ir::BufferStoreNode>();
  if (store == nullptr) return state.Refuse("The body of a padding block must be one store", {block});
  const auto* select = store->value.as<ir::CallNode>();
  if (select == nullptr || !select->Is(ir::Builtin::if_then_else)) {
    return state.Refuse("The value stored by a padding block must be an if_then_else", {block});
  }
  Padding out;
  out.value = select->args[1];
  out.constant = select->args[2];
  if (!IsNumber(out.constant)) return state.Refuse("The pad value must be constant", {block});
  if (ir::SideEffect(out.value) > ir::CallEffect::kReadState) {
    return state.Refuse("The value inside must not have side effects", {block});
  }
  ir::VarMap bindings;
  for (size_t i = 0; i < realize->iter_values.size(); ++i) {
    bindings[realize->block->iter_vars[i]->var.get()] = realize->iter_values[i];
  }
  std::vector<Expr> conjuncts;
  Conjuncts(ir::And(ir::Substitute(select->args[0], bindings), realize->predicate), conjuncts);
  out.predicate = ir::BoolImm(true);
  for (Expr e : conjuncts) out.predicate = ir::And(out.predicate, e);
  out.predicate = analyzer.Simplify(out.predicate);
  if (ir::IsTrue(out.predicate)) return state.Refuse("The condition of the padding is always true", {block});
  const arith::IterMapResult map =
      arith::DetectIterMap(absl::MakeConstSpan(realize->iter_values.data(), realize->iter_values.size()), domains,
                           out.predicate, arith::IterMapLevel::kSurjective, analyzer);
  if (!map.ok) return state.Refuse("The block's iters are not independent under the condition of the padding", {block});
  for (const arith::IterSum& sum : map.indices) {
    if (sum.args.empty()) {
      out.inside.push_back({sum.base, ir::IntImm(sum.base.dtype(), 1)});
      continue;
    }
    if (!analyzer.CanProveEqual(sum.args[0].scale, ir::IntImm(sum.args[0].scale.dtype(), 1))) {
      return state.Refuse("Strided padding is not supported", {block});
    }
    out.inside.push_back({sum.base, sum.args[0].extent});
  }
  return out;
}

class Rewriter {
 public:
  Rewriter(arith::Analyzer& analyzer) : analyzer_(analyzer) {}
  void Set(ir::Var from, Expr to) { map_[from.get()] = to; }
  Expr operator()(Expr e) const { return analyzer_.Simplify(ir::Substitute(e, map_)); }
  ir::Array<Expr> operator()(ir::Array<Expr> exprs) const {
    return ir::MapArray(exprs, [this](Expr e) { return (*this)(e); });
  }
  ir::Array<ir::BufferRegion> operator()(ir::Array<ir::BufferRegion> regions) const {
    std::vector<ir::BufferRegion> out;
    for (ir::BufferRegion region : regions) {
      std::vector<ir::Range> ranges;
      for (const ir::Range& range : region->region) ranges.push_back({(*this)(range.min), (*this)(range.extent)});
      out.push_back(ir::MakeBufferRegion(region->buffer, ir::MakeArray(ranges)));
    }
    return ir::MakeArray(out);
  }

 private:
  arith::Analyzer& analyzer_;
  ir::VarMap map_;
};

// Stores the constant everywhere, below copies of `loops` (innermost first).
Stmt ConstantNest(const BlockRealizeNode* realize, const Padding& padding, const std::vector<const ForNode*>& loops,
                  arith::Analyzer& analyzer, const ir::BlockNode** block) {
  const ir::BlockNode* old = realize->block;
  Rewriter rewrite(analyzer);
  std::vector<ir::IterVar> iters;
  for (ir::IterVar iter : old->iter_vars) {
    const ir::Var var = ir::CopyVar(iter->var);
    iters.push_back(ir::MakeIterVar(iter->dom, var, ir::IterType::kSpatial));
    rewrite.Set(iter->var, var);
  }
  const auto* store = old->body.as<ir::BufferStoreNode>();
  *block = ir::MakeBlock(ir::MakeArray(iters), {}, rewrite(old->writes), StrCat(old->name, "_pad_const"),
                         ir::MakeBufferStore(store->buffer, padding.constant, rewrite(store->indices)));
  std::vector<ir::Var> vars;
  for (const ForNode* loop : loops) {
    vars.push_back(ir::CopyVar(loop->loop_var));
    rewrite.Set(loop->loop_var, vars.back());
  }
  Stmt out = ir::MakeBlockRealize(rewrite(realize->iter_values), rewrite(realize->predicate), *block);
  for (size_t i = 0; i < loops.size(); ++i) {
    out = ir::MakeFor(vars[i], loops[i]->min, loops[i]->extent, ir::ForKind::kSerial, out);
  }
  return out;
}

// The block over the inside, below `loops` (innermost first) with their ranges shortened.
Stmt InsideNest(const BlockRealizeNode* realize, const Padding& padding, const std::vector<const ForNode*>& loops,
                arith::Analyzer& analyzer, const ir::BlockNode** block) {
  const ir::BlockNode* old = realize->block;
  Rewriter rewrite(analyzer);
  std::vector<ir::Range> ranges;
  for (const ForNode* loop : loops) ranges.push_back({loop->min, loop->extent});
  std::vector<ir::IterVar> iters;
  std::vector<Expr> values;
  for (size_t i = 0; i < padding.inside.size(); ++i) {
    const ir::IterVar iter = old->iter_vars[i];
    const ir::Range& inside = padding.inside[i];
    const ir::Var var = ir::CopyVar(iter->var);
    const ir::Range range = ir::RangeFromExtent(inside.extent);
    iters.push_back(ir::MakeIterVar(range, var, ir::IterType::kSpatial));
    rewrite.Set(iter->var, ir::Add(var, inside.min));
    const Expr value = realize->iter_values[i];
    const auto bound =
        std::find_if(loops.begin(), loops.end(), [&](const ForNode* loop) { return Expr(loop->loop_var) == value; });
    if (bound == loops.end()) {
      values.push_back(analyzer.Simplify(ir::Sub(value, inside.min)));
      continue;
    }
    const ir::Var loop_var = (*bound)->loop_var;
    ranges[static_cast<size_t>(bound - loops.begin())] = range;
    values.push_back(value);
    rewrite.Set(loop_var, ir::Add(loop_var, inside.min));
    analyzer.Bind(loop_var, range);
  }
  const auto* store = old->body.as<ir::BufferStoreNode>();
  *block = ir::MakeBlock(ir::MakeArray(iters), rewrite(old->reads), rewrite(old->writes), old->name,
                         ir::MakeBufferStore(store->buffer, rewrite(padding.value), rewrite(store->indices)), {},
                         old->alloc_buffers, old->match_buffers, old->annotations);
  Stmt out = ir::MakeBlockRealize(ir::MakeArray(values), rewrite(padding.predicate), *block);
  for (size_t i = 0; i < loops.size(); ++i) {
    auto* copy = ir::CopyNode(loops[i]);
    copy->min = ranges[i].min;
    copy->extent = ranges[i].extent;
    copy->body = out;
    out = copy;
  }
  return out;
}

// Binds the loops' variables.
void BindAll(arith::Analyzer& analyzer, const LoopDomains& domains) {
  for (const arith::IterDomain& domain : domains) analyzer.Bind(domain.var, domain.range);
}

}  // namespace

absl::StatusOr<SrefId> DecomposePadding(ScheduleState& state, SrefId block, SrefId loop) {
  HONE_ASSIGN_OR_RETURN(const SrefId scope, RequireScopeRoot(state, block));
  HONE_RETURN_IF_ERROR(CheckCompleteBlock(state, block, scope));
  const SrefList above = LoopsAbove(state, block);
  if (std::find(above.begin(), above.end(), loop) == above.end()) {
    return state.Refuse("The loop is not an ancestor of the block", {loop, block});
  }
  std::vector<const ForNode*> to_loop;  // Innermost first, up to `loop`.
  // Of these, the innermost ones that hold nothing but the block: the inside's nest takes their place.
  std::vector<const ForNode*> inside_loops;
  SrefId inside_top = block;
  bool alone = true;
  for (size_t i = above.size(); i-- > 0;) {
    const ForNode* node = state.loop(above[i]);
    to_loop.push_back(node);
    alone = alone && (node->body.kind() == ir::StmtKind::kFor || node->body.kind() == ir::StmtKind::kBlockRealize);
    if (alone) {
      inside_loops.push_back(node);
      inside_top = above[i];
    }
    if (above[i] == loop) break;
  }
  const LoopDomains domains = DomainsAbove(state, block);
  arith::Analyzer analyzer;
  BindAll(analyzer, domains);
  HONE_ASSIGN_OR_RETURN(const Padding padding, MatchPadding(state, block, domains, analyzer));

  const BlockRealizeNode* realize = state.at(block).realize;
  const ir::BlockNode* old = realize->block;
  const ir::BlockNode* constant = nullptr;
  const ir::BlockNode* inside = nullptr;
  const Stmt constant_nest = ConstantNest(realize, padding, to_loop, analyzer, &constant);
  const Stmt inside_nest = InsideNest(realize, padding, inside_loops, analyzer, &inside);
  if (inside_top == loop) {
    state.Replace(loop, ir::MakeSeq({constant_nest, inside_nest}), {{old, inside}});
  } else {
    state.Replace(inside_top, inside_nest, {{old, inside}});
    state.Replace(loop, ir::MakeSeq({constant_nest, StatementOf(state, loop)}));
  }
  const SrefId out = state.Find(constant, scope);
  state.SetFlags(out, true, true, true);
  return out;
}

absl::StatusOr<BlockRv> Schedule::DecomposePadding(BlockRv block, LoopRv loop) {
  const PrimitiveScope scope(*this, kDecomposePaddingRow);
  HONE_ASSIGN_OR_RETURN(const SrefId b, SrefOf(block));
  HONE_ASSIGN_OR_RETURN(const SrefId l, SrefOf(loop));
  HONE_ASSIGN_OR_RETURN(const SrefId constant, schedule::DecomposePadding(state_, b, l));
  const BlockRv out = NewBlockRv(constant);
  Record(kDecomposePaddingRow, {Value::OfRv(block), Value::OfRv(loop)}, {}, {out});
  return out;
}

const InstructionRow kDecomposePaddingRow = {
    .name = "DecomposePadding",
    .pure = false,
    .inputs = "bl",
    .attrs = "",
    .outputs = Outputs::kOne,
    .output_kind = 'b',
    .method = "decompose_padding",
    .arguments = "block,loop",
    .apply = [](Schedule& s, Call& c) { return Put(s.DecomposePadding(BlockOf(c, 0), LoopOf(c, 1)), c); }};

}  // namespace hone::schedule
