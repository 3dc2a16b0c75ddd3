#include "common/schedule/primitive/blockize.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common/arith/deep_equal.h"
#include "common/arith/iter_map.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/primitive/conjuncts.h"
#include "common/schedule/primitive/relaxed_loops.h"
#include "common/schedule/rebind.h"
#include "common/schedule/schedule.h"
#include "common/schedule/simplify_substitute.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using ir::BlockNode;
using ir::BlockRealizeNode;
using ir::Expr;
using ir::ForNode;
using ir::IterVar;
using ir::Stmt;

// An iter's binding divided at the boundary.
struct Part {
  Expr outer;
  Expr outer_extent;
  Expr inner;
  Expr inner_extent;
};
struct Division {
  std::vector<Part> iters;
  Expr outer_predicate;
  Expr inner_predicate;
  std::vector<const ForNode*> loops;  // The inner ones, innermost first.
};

bool UsesAny(Expr e, const std::vector<ir::Var>& vars) {
  return ir::UsesVar(e, [&](ir::Var v) { return std::find(vars.begin(), vars.end(), v) != vars.end(); });
}

// Each binding uses outer loops only or inner loops only. False when that is not so.
bool DivideTrivially(const BlockRealizeNode* realize, const std::vector<ir::Var>& outer,
                     const std::vector<ir::Var>& inner, Division& out) {
  if (!ir::IsTrue(realize->predicate)) return false;
  for (size_t i = 0; i < realize->iter_values.size(); ++i) {
    const Expr value = realize->iter_values[i];
    const IterVar iter = realize->block->iter_vars[i];
    const Expr zero = ir::IntImm(value.dtype(), 0);
    const Expr one = ir::IntImm(value.dtype(), 1);
    const bool in_outer = UsesAny(value, outer);
    const bool in_inner = UsesAny(value, inner);
    if (in_outer && in_inner) return false;
    // A value without loops, too, belongs outside: it is the same for all inner iterations.
    if (in_outer || (!in_inner && !ir::IsConstInt(value, 0))) {
      out.iters.push_back({value, iter->dom.extent, zero, one});
    } else if (in_inner) {
      out.iters.push_back({zero, one, value, iter->dom.extent});
    } else {
      out.iters.push_back({zero, one, zero, one});
    }
  }
  out.outer_predicate = out.inner_predicate = ir::BoolImm(true);
  return true;
}

std::vector<Expr> ConjunctList(Expr predicate) {
  std::vector<Expr> out;
  ConjunctsWhere(predicate, [&](Expr e) {
    if (!ir::IsTrue(e)) out.push_back(e);
    return true;
  });
  return out;
}

// A comparison of a variable and a number.
bool IsPlainBound(Expr e) {
  const auto* op = e.as<ir::BinaryNode>();
  if (op == nullptr || !ir::IsComparison(e.kind())) return false;
  return (op->a.kind() == ir::ExprKind::kVar && ir::ConstInt(op->b) != nullptr) ||
         (op->b.kind() == ir::ExprKind::kVar && ir::ConstInt(op->a) != nullptr);
}

// The predicate, with conjuncts that come down to a bound of one loop variable written so (fusing a split pair leaves
// `f // 3 * 3 + f % 3 < 4`): iter maps understand those only.
Expr WithPlainBounds(Expr predicate, const LoopDomains& domains) {
  if (ir::IsTrue(predicate)) return predicate;
  arith::Analyzer analyzer;
  for (const arith::IterDomain& domain : domains) {
    if (!ir::IsOne(domain.range.extent)) analyzer.Bind(domain.var, domain.range);
  }
  Expr out = ir::BoolImm(true);
  for (Expr conjunct : ConjunctList(predicate)) {
    const Expr simple = analyzer.Simplify(conjunct);
    out = ir::And(out, IsPlainBound(simple) ? simple : conjunct);
  }
  return out;
}

// `known` says at least what `conjunct` says, which may be written in another way.
bool Says(Expr known, Expr conjunct, arith::Analyzer& analyzer) {
  const auto* a = known.as<ir::BinaryNode>();
  const auto* b = conjunct.as<ir::BinaryNode>();
  if (known.kind() != conjunct.kind() || a == nullptr || !ir::IsComparison(known.kind())) return false;
  if (!(a->a.dtype() == b->a.dtype())) return false;
  return analyzer.CanProveEqual(ir::Sub(a->a, b->a), ir::Sub(a->b, b->b));
}

// Every conjunct of the predicate must follow from the two parts. One that does not is added to the part whose loops
// it is about; false when it is about both.
bool KeepPredicate(Expr predicate, const LoopDomains& domains, const std::vector<ir::Var>& outer,
                   const std::vector<ir::Var>& inner, Division& out) {
  if (ir::IsTrue(predicate)) return true;
  arith::Analyzer analyzer;
  for (const arith::IterDomain& domain : domains) analyzer.Bind(domain.var, domain.range);
  for (Expr conjunct : ConjunctList(predicate)) {
    const std::vector<Expr> known = ConjunctList(ir::And(out.outer_predicate, out.inner_predicate));
    if (std::any_of(known.begin(), known.end(), [&](Expr e) { return Says(e, conjunct, analyzer); })) continue;
    {
      const arith::ConstraintScope holds(analyzer, ir::And(out.outer_predicate, out.inner_predicate));
      if (analyzer.CanProve(conjunct, arith::ProofStrength::kSymbolicBound)) continue;
    }
    const bool in_inner = UsesAny(conjunct, inner);
    if (in_inner && UsesAny(conjunct, outer)) return false;
    Expr& part = in_inner ? out.inner_predicate : out.outer_predicate;
    part = ir::And(part, conjunct);
  }
  return true;
}

// Divides the bindings of `block` at `top`, an ancestor: loops strictly above it are outer, and so is `top` itself when
// `top_is_outer`.
absl::StatusOr<Division> Divide(const ScheduleState& state, SrefId block, SrefId top, bool top_is_outer,
                                bool preserve_unit_iters, arith::Analyzer& analyzer) {
  Division out;
  const BlockRealizeNode* realize = state.at(block).realize;
  std::vector<ir::Var> inner;
  std::vector<ir::Var> outer;
  bool is_inner = true;
  for (SrefId id = state.parent(block); id != kNoSref && state.loop(id) != nullptr; id = state.parent(id)) {
    const ForNode* loop = state.loop(id);
    if (id == top && top_is_outer) is_inner = false;
    if (is_inner) out.loops.push_back(loop);
    (is_inner ? inner : outer).push_back(loop->loop_var);
    if (id == top) is_inner = false;
  }
  const LoopDomains domains = DomainsAbove(state, block);
  const Expr predicate = WithPlainBounds(realize->predicate, domains);
  const arith::SubspaceDivision division =
      arith::SubspaceDivide(absl::MakeConstSpan(realize->iter_values.data(), realize->iter_values.size()), domains,
                            inner, predicate, arith::IterMapLevel::kSurjective, analyzer,
                            /*simplify_trivial_iterators=*/!preserve_unit_iters);
  if (division.ok) {
    for (const arith::DividedIter& iter : division.indices) {
      out.iters.push_back({arith::NormalizeIterMapToExpr(iter.outer, analyzer), iter.outer_extent,
                           arith::NormalizeIterMapToExpr(iter.inner, analyzer), iter.inner_extent});
    }
    out.outer_predicate = division.outer_predicate;
    out.inner_predicate = division.inner_predicate;
    if (KeepPredicate(predicate, domains, outer, inner, out)) return out;
    return state.Refuse("The predicate of the block can not be divided by the loops starting at the given loop",
                        {block, top});
  }
  if (DivideTrivially(realize, outer, inner, out)) return out;
  return state.Refuse("The bindings of the inner block can not be blockized by the loops starting at the given loop",
                      {block, top});
}

IterVar SuffixedIter(IterVar iter, std::string_view suffix, Expr extent) {
  return ir::MakeIterVar(ir::RangeFromExtent(extent), ir::CopyVar(iter->var, StrCat(iter->var.name(), suffix)),
                         iter->iter_type);
}

// The iters of the two blocks and what the old ones become.
struct NewIters {
  std::vector<IterVar> outer;
  std::vector<Expr> outer_values;
  std::vector<IterVar> inner;
  std::vector<Expr> inner_values;
  ir::VarMap map;
};

// Outer iters already in `out` (of a block before) are shared.
void DeriveIters(const BlockNode* block, const Division& division, bool preserve_unit_iters, NewIters& out) {
  const bool shared = !out.outer.empty();
  for (size_t i = 0; i < block->iter_vars.size(); ++i) {
    const IterVar old = block->iter_vars[i];
    const Part& part = division.iters[i];
    if (!shared || i >= out.outer.size()) {
      out.outer.push_back(SuffixedIter(old, "_o", part.outer_extent));
      out.outer_values.push_back(part.outer);
    }
    const Expr outer = out.outer[i]->var;
    const bool one_outer = ir::IsOne(part.outer_extent);
    if (ir::IsOne(part.inner_extent)) {
      out.map[old->var.get()] = one_outer && !preserve_unit_iters ? ir::IntImm(outer.dtype(), 0) : outer;
      continue;
    }
    out.inner.push_back(SuffixedIter(old, "_i", part.inner_extent));
    out.inner_values.push_back(part.inner);
    const Expr inner = out.inner.back()->var;
    out.map[old->var.get()] = one_outer ? inner : ir::Add(ir::Mul(outer, part.inner_extent), inner);
  }
}

Stmt Nest(Stmt body, const std::vector<const ForNode*>& loops) {
  for (const ForNode* loop : loops) {
    auto* copy = ir::CopyNode(loop);
    copy->body = body;
    body = copy;
  }
  return body;
}

// The init of the outer block: a block of the spatial inner iters that `init` uses, under copies of their loops.
Stmt OuterInit(Stmt init, const BlockRealizeNode* inner, const std::vector<const ForNode*>& loops,
               std::string_view name) {
  ir::VarMap map;
  std::vector<IterVar> iters;
  std::vector<Expr> values;
  for (size_t i = 0; i < inner->iter_values.size(); ++i) {
    const IterVar old = inner->block->iter_vars[i];
    if (old->iter_type != ir::IterType::kSpatial || !ir::UsesVar(init, [&](ir::Var v) { return v == old->var; })) {
      continue;
    }
    auto* copy = ir::CopyNode(old);
    copy->var = ir::CopyVar(old->var, StrCat(old->var.name(), "_init"));
    map[old->var.get()] = copy->var;
    iters.push_back(copy);
    values.push_back(inner->iter_values[i]);
  }
  // A loop is needed for the bindings, and for the predicate even where no binding uses it (the peer forgets that).
  std::vector<Expr> bindings = values;
  bindings.push_back(inner->predicate);
  Stmt stmt = ir::MakeBlockRealize(ir::MakeArray(values), inner->predicate,
                                   ir::MakeBlock(ir::MakeArray(iters), {}, inner->block->writes, name, init));
  for (const ForNode* loop : loops) {
    const bool used =
        std::any_of(bindings.begin(), bindings.end(), [&](Expr value) { return ir::UsesVar(value, loop->loop_var); });
    if (!used) continue;
    auto* copy = ir::CopyNode(loop);
    copy->loop_var = ir::CopyVar(loop->loop_var);
    copy->body = stmt;
    stmt = copy;
    map[loop->loop_var.get()] = copy->loop_var;
  }
  return ir::Substitute(stmt, map);
}

// The divided block, still to be put under its loops and into the outer block.
struct Divided {
  const BlockNode* substituted;  // Over the new iters, with its init.
  const BlockRealizeNode* inner;
  ir::Array<ir::BufferRegion> outer_reads;
  ir::Array<ir::BufferRegion> outer_writes;
};

// What an init does when its block is divided.
enum class InitPlace { kOuter, kInner };

Divided DivideBlock(const BlockNode* old, const Division& division, bool preserve_unit_iters, InitPlace init,
                    NewIters& iters, arith::Analyzer& analyzer, BlockReuses& reuses) {
  Divided out;
  const size_t first_inner = iters.inner.size();
  DeriveIters(old, division, preserve_unit_iters, iters);
  arith::DomMap inner_domains;
  std::vector<IterVar> inner(iters.inner.begin() + static_cast<std::ptrdiff_t>(first_inner), iters.inner.end());
  std::vector<Expr> values(iters.inner_values.begin() + static_cast<std::ptrdiff_t>(first_inner),
                           iters.inner_values.end());
  for (IterVar iter : inner) {
    inner_domains.Set(iter->var, iter->dom);
    analyzer.Bind(iter->var, iter->dom);
  }
  BlockReuses nested;
  out.substituted = SimplifySubstitute(old, iters.map, analyzer, nested).as<BlockNode>();
  for (const BlockReuse& reuse : nested) {
    if (reuse.first != old) reuses.push_back(reuse);
  }
  auto* block_copy = ir::CopyNode(out.substituted);
  block_copy->iter_vars = ir::MakeArray(inner);
  if (init == InitPlace::kOuter) block_copy->init = Stmt();
  const bool reduces = std::any_of(iters.outer.begin(), iters.outer.end(),
                                   [](IterVar iter) { return iter->iter_type == ir::IterType::kReduce; });
  if (init == InitPlace::kOuter && out.substituted->init && reduces) {
    std::vector<ir::BufferRegion> reads = block_copy->writes.ToVector();
    reads.insert(reads.end(), block_copy->reads.begin(), block_copy->reads.end());
    block_copy->reads = ir::MakeArray(reads);
  }
  reuses.emplace_back(old, block_copy);
  out.inner = ir::MakeBlockRealize(ir::MakeArray(values), division.inner_predicate, block_copy).as<BlockRealizeNode>();
  out.outer_reads = RelaxRegions(out.substituted->reads, inner_domains, analyzer);
  out.outer_writes = RelaxRegions(out.substituted->writes, inner_domains, analyzer);
  return out;
}

void RefreshScope(ScheduleState& state, SrefId block) {
  const SrefId scope = ScopeRootOf(state, block);
  state.RecomputeScope(scope);
}

// Regions of one buffer united, in the order of first appearance.
ir::Array<ir::BufferRegion> UnionRegions(const std::vector<ir::BufferRegion>& regions) {
  std::vector<ir::BufferRegion> out;
  for (ir::BufferRegion region : regions) {
    const auto same =
        std::find_if(out.begin(), out.end(), [&](ir::BufferRegion r) { return r->buffer == region->buffer; });
    if (same == out.end()) {
      out.push_back(region);
      continue;
    }
    std::vector<ir::Range> ranges;
    for (size_t i = 0; i < region->region.size(); ++i) {
      const arith::IntSet both[] = {arith::IntSet::FromRange((*same)->region[i]),
                                    arith::IntSet::FromRange(region->region[i])};
      const arith::IntSet set = arith::Union(both);
      ranges.push_back(
          set.IsBounded()
              ? ir::Range{set.min(), ir::Sub(ir::Add(set.max(), ir::IntImm(set.max().dtype(), 1)), set.min())}
              : ir::RangeFromExtent(region->buffer->shape[i]));
    }
    *same = ir::MakeBufferRegion(region->buffer, ir::MakeArray(ranges));
  }
  return ir::MakeArray(out);
}

// The outer iters are shared by position: every block must be bound to the same values of the common loops.
// `predicate` is that of the block before, null for the first.
bool SharesOuterPart(const Division& division, const NewIters& iters, Expr predicate) {
  arith::Analyzer analyzer;
  for (size_t i = 0; i < std::min(division.iters.size(), iters.outer.size()); ++i) {
    const Expr outer = division.iters[i].outer;
    if (!(outer.dtype() == iters.outer_values[i].dtype())) return false;
    if (!analyzer.CanProveEqual(outer, iters.outer_values[i])) return false;
  }
  return !predicate || arith::DeepEqual(predicate, division.outer_predicate);
}

// Whether the block's outer iters are of the kinds of those before it; what takes one value has no kind to speak of.
bool SharesKinds(const BlockNode* block, const Division& division, const NewIters& iters) {
  for (size_t i = 0; i < std::min(division.iters.size(), iters.outer.size()); ++i) {
    if (ir::IsOne(division.iters[i].outer_extent)) continue;
    if (block->iter_vars[i]->iter_type != iters.outer[i]->iter_type) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<SrefId> BlockizeLoop(ScheduleState& state, SrefId loop, bool preserve_unit_iters) {
  const SrefList children = ChildBlocks(state, loop);
  if (children.size() != 1) {
    return state.Refuse("The loop must have exactly one child block", {loop});
  }
  // The init goes to the outer block and comes once before all that the inner one does.
  if (state.block(children[0])->init && Revisits(state, children[0], loop)) {
    return state.Refuse("The block reduces over the same elements more than once under the loop", {children[0], loop});
  }
  BlockReuses reuses;
  NewIters iters;
  arith::Analyzer analyzer;
  HONE_ASSIGN_OR_RETURN(const Division division,
                        Divide(state, children[0], loop, /*top_is_outer=*/false, preserve_unit_iters, analyzer));
  const Divided divided =
      DivideBlock(state.block(children[0]), division, preserve_unit_iters, InitPlace::kOuter, iters, analyzer, reuses);
  const std::string name(divided.substituted->name);
  Stmt init;
  if (divided.substituted->init) {
    init = OuterInit(divided.substituted->init, divided.inner, division.loops, name + "_init");
  }
  const BlockNode* outer = ir::MakeBlock(ir::MakeArray(iters.outer), divided.outer_reads, divided.outer_writes,
                                         name + "_o", Nest(divided.inner, division.loops), init);
  const Stmt realize = ir::MakeBlockRealize(ir::MakeArray(iters.outer_values), division.outer_predicate, outer);
  const SrefId out = state.Replace(loop, realize, reuses);
  RefreshScope(state, out);
  return out;
}

absl::StatusOr<SrefId> BlockizeBlocks(ScheduleState& state, absl::Span<const SrefId> blocks, bool preserve_unit_iters) {
  if (blocks.empty()) return absl::InvalidArgumentError("blockize: expected one block or more");
  SrefList parents;
  for (SrefId block : blocks) {
    const SrefId parent = state.parent(block);
    if (parent == kNoSref) return state.Refuse("The primitive does not operate on the root block", {block});
    parents.push_back(parent);
  }
  const SrefId lca = LowestCommonAncestor(state, parents);
  const auto* seq = BodyOf(state, lca).as<ir::SeqNode>();
  if (seq == nullptr) return state.Refuse("The blocks must stand next to each other, each in a nest of its own", {lca});
  int first = -1;
  int last = -1;
  BlockReuses reuses;
  NewIters iters;
  std::vector<Stmt> bodies;
  std::vector<ir::BufferRegion> reads;
  std::vector<ir::BufferRegion> writes;
  std::string name = "outer_";
  Expr predicate;
  for (SrefId block : blocks) {
    SrefId top = block;
    while (state.parent(top) != lca) top = state.parent(top);
    const int at = state.at(top).seq_index;
    // A nest moves as a whole, so it must not hold another block.
    if (top == block || at < 0 || (last >= 0 && at != last + 1) || ChildBlocks(state, top).size() != 1) {
      return state.Refuse("The blocks must stand next to each other, each in a nest of its own", {block, lca});
    }
    if (first < 0) first = at;
    last = at;
    arith::Analyzer analyzer;
    HONE_ASSIGN_OR_RETURN(const Division division,
                          Divide(state, block, lca, /*top_is_outer=*/true, preserve_unit_iters, analyzer));
    if (!SharesOuterPart(division, iters, predicate)) {
      return state.Refuse("The blocks must have the same bindings and predicate of the common loops",
                          {blocks[0], block});
    }
    const BlockNode* old = state.block(block);
    if (!SharesKinds(old, division, iters)) {
      return state.Refuse("The blocks must have iters of the same kinds for the common loops", {blocks[0], block});
    }
    // No outer iter reduces, so every inner block sees its whole reduction and keeps its init.
    const Divided divided = DivideBlock(old, division, preserve_unit_iters, InitPlace::kInner, iters, analyzer, reuses);
    for (IterVar iter : iters.outer) {
      if (iter->iter_type == ir::IterType::kReduce && divided.substituted->init) {
        return absl::InvalidArgumentError("blockize: several blocks cannot share an outer reduction");
      }
    }
    bodies.push_back(Nest(divided.inner, division.loops));
    reads.insert(reads.end(), divided.outer_reads.begin(), divided.outer_reads.end());
    writes.insert(writes.end(), divided.outer_writes.begin(), divided.outer_writes.end());
    StrAppend(&name, divided.substituted->name, "_");
    predicate = division.outer_predicate;
  }
  const BlockNode* outer =
      ir::MakeBlock(ir::MakeArray(iters.outer), UnionRegions(reads), UnionRegions(writes), name, ir::MakeSeq(bodies));
  const Stmt realize = ir::MakeBlockRealize(ir::MakeArray(iters.outer_values), predicate, outer);
  std::vector<Stmt> entries;
  for (int i = 0; i < static_cast<int>(seq->seq.size()); ++i) {
    if (i == first) entries.push_back(realize);
    if (i < first || i > last) entries.push_back(seq->seq[static_cast<size_t>(i)]);
  }
  const Stmt body = ir::MakeSeq(entries);
  if (const BlockNode* block = state.block(lca)) {
    auto* copy = ir::CopyNode(block);
    copy->body = body;
    state.ReplaceBlock(lca, copy, reuses);
  } else {
    auto* copy = ir::CopyNode(state.loop(lca));
    copy->body = body;
    state.Replace(lca, copy, reuses);
  }
  const SrefId out = state.Find(outer, lca);
  RefreshScope(state, out);
  return out;
}

// ---- methods

absl::StatusOr<BlockRv> Schedule::Blockize(LoopRv loop, bool preserve_unit_iters) {
  const PrimitiveScope scope(*this, kBlockizeRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(loop));
  HONE_ASSIGN_OR_RETURN(const SrefId block, BlockizeLoop(state_, id, preserve_unit_iters));
  const BlockRv out = NewBlockRv(block);
  Record(kBlockizeRow, {Value::OfRv(loop)}, {Value::Bool(preserve_unit_iters)}, {out});
  return out;
}

absl::StatusOr<BlockRv> Schedule::Blockize(absl::Span<const BlockRv> blocks, bool preserve_unit_iters) {
  const PrimitiveScope scope(*this, kBlockizeRow);
  SrefList ids;
  for (BlockRv block : blocks) {
    HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
    ids.push_back(id);
  }
  HONE_ASSIGN_OR_RETURN(const SrefId block, BlockizeBlocks(state_, ids, preserve_unit_iters));
  const BlockRv out = NewBlockRv(block);
  Record(kBlockizeRow, {ListOfRvs(blocks)}, {Value::Bool(preserve_unit_iters)}, {out});
  return out;
}

namespace {

absl::Status ApplyBlockize(Schedule& s, Call& c) {
  if (c.inputs[0].is(Value::Kind::kList)) return Put(s.Blockize(BlocksOf(c.inputs[0]), BoolOf(c.attrs[0])), c);
  if (s.IsBlock(c.inputs[0].rv())) return absl::InvalidArgumentError("blockize: expected a loop or a list of blocks");
  return Put(s.Blockize(LoopOf(c, 0), BoolOf(c.attrs[0])), c);
}

}  // namespace

const InstructionRow kBlockizeRow = {.name = "Blockize",
                                     .pure = false,
                                     .inputs = "a",
                                     .attrs = "n",
                                     .outputs = Outputs::kOne,
                                     .output_kind = 'b',
                                     .method = "blockize",
                                     .arguments = "target,preserve_unit_iters",
                                     .apply = ApplyBlockize,
                                     .bool_attrs = 1};

}  // namespace hone::schedule
