#include "common/schedule/primitive/compute_at.h"

#include <algorithm>
#include <string>

#include "common/arith/iter_map.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/affine.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/primitive/block_domain.h"
#include "common/schedule/primitive/compute_inline.h"
#include "common/schedule/primitive/iter_bindings.h"
#include "common/schedule/primitive/location_checks.h"
#include "common/schedule/primitive/relaxed_loops.h"
#include "common/schedule/primitive/reverse_compute_inline.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using arith::IntSet;
using ir::Expr;

enum class Direction { kForward, kReverse };

// Everything about one move that is known before the program changes.
struct Move {
  SrefId removal_top = kNoSref;
  int position = 0;
  const ir::BlockRealizeNode* realize = nullptr;
  ir::Stmt nest;
};

absl::Status CheckSameScope(const ScheduleState& state, SrefId block, SrefId loop, SrefId scope_root) {
  if (ScopeRootOf(state, loop) != scope_root) {
    return state.Refuse("The block and the loop are not in the same scope", {block, loop});
  }
  if (IsAtOrBelow(state, block, loop)) {
    return state.Refuse("The loop is an ancestor of the block already", {block, loop});
  }
  return absl::OkStatus();
}

// The statement of the loop's body (its index) that `block` is in; -1 when it is not under the loop.
int PositionUnder(const ScheduleState& state, SrefId block, SrefId loop) {
  for (SrefId id = block; id != kNoSref; id = state.parent(id)) {
    if (state.parent(id) == loop) return std::max(state.at(id).seq_index, 0);
  }
  return -1;
}

absl::StatusOr<int> FindPosition(const ScheduleState& state, SrefId loop, const SrefList& producers,
                                 const SrefList& consumers, Direction direction, int index) {
  const auto* seq = state.loop(loop)->body.as<ir::SeqNode>();
  int last_producer = -1;
  int first_consumer = seq != nullptr ? static_cast<int>(seq->seq.size()) : 1;
  for (SrefId producer : producers) {
    const int position = PositionUnder(state, producer, loop);
    if (position < 0 && direction == Direction::kReverse) {
      return state.Refuse("Not all required blocks are under the loop scope: a producer is not", {loop, producer});
    }
    last_producer = std::max(last_producer, position);
  }
  for (SrefId consumer : consumers) {
    const int position = PositionUnder(state, consumer, loop);
    if (position < 0 && direction == Direction::kForward) {
      return state.Refuse("Not all required blocks are under the loop scope: a consumer is not", {loop, consumer});
    }
    if (position >= 0) first_consumer = std::min(first_consumer, position);
  }
  if (last_producer >= first_consumer) {
    return state.Refuse("Cannot find the insertion point: a producer comes after a consumer", {loop});
  }
  if (index == kLastPossible) return first_consumer;
  if (index == kFirstPossible) return last_producer + 1;
  if (index > last_producer && index <= first_consumer && index >= 0) return index;
  return absl::InvalidArgumentError(
      StrCat("index ", index, " is not -1, -2 or in [", last_producer + 1, ", ", first_consumer, "]"));
}

arith::DomMap RelaxedDomains(const ScheduleState& state, SrefId block, SrefId loop, std::string_view storage) {
  arith::DomMap out;
  for (const arith::IterDomain& domain : RelaxedLoops(state, state.parent(block), loop, storage)) {
    out.Set(domain.var, domain.range);
  }
  return out;
}

using RegionPairs = absl::InlinedVector<RegionPair, 4>;

RegionPairs CollectRegions(const ScheduleState& state, SrefId block, SrefId loop, const SrefList& others,
                           Direction direction, arith::Analyzer& analyzer) {
  const bool forward = direction == Direction::kForward;
  const ir::BlockNode* node = state.block(block);
  RegionPairs out;
  for (ir::BufferRegion region : forward ? node->writes : node->reads) {
    auto known = std::find_if(out.begin(), out.end(), [&](const RegionPair& p) { return p.buffer == region->buffer; });
    if (known == out.end()) {
      out.push_back({region->buffer, arith::NDIntSetFromRegion(region->region), {}});
    } else {
      arith::UnionWith(known->provided, arith::NDIntSetFromRegion(region->region), analyzer);
    }
  }
  for (SrefId other : others) {
    const IterBindings bindings(state.at(other).realize);
    for (ir::BufferRegion region : forward ? state.block(other)->reads : state.block(other)->writes) {
      for (RegionPair& pair : out) {
        if (!(pair.buffer == region->buffer)) continue;
        const std::string_view storage = forward ? region->buffer->scope() : std::string_view();
        const arith::DomMap domains = RelaxedDomains(state, other, loop, storage);
        const auto required = arith::EvalNDIntSet(bindings.Apply(region->region), domains, analyzer);
        arith::UnionWith(pair.required, required, analyzer);
      }
    }
  }
  return out;
}

std::string_view LoopName(size_t index) {
  static constexpr std::string_view kNames[] = {"ax0", "ax1", "ax2", "ax3", "ax4", "ax5", "ax6", "ax7"};
  return index < 8 ? kNames[index] : ir::CopyString(StrCat("ax", index));
}

// The block under new loops over its solved domains.
void BuildNest(const ir::BlockNode* block, const SolvedDomains& domains, bool preserve_unit_loops,
               arith::Analyzer& analyzer, Move* move) {
  absl::InlinedVector<Expr, 8> values;
  absl::InlinedVector<std::pair<ir::Var, Expr>, 8> loops;
  Expr predicate = ir::BoolImm(true);
  for (size_t i = 0; i < domains.size(); ++i) {
    const ir::Range range = domains[i].domain.CoverRange(block->iter_vars[i]->dom, analyzer);
    Expr value = range.min;
    if (preserve_unit_loops || !ir::IsOne(range.extent)) {
      const int bits = std::max(range.min.dtype().bits, range.extent.dtype().bits);
      const ir::Var var = ir::MakeVar(LoopName(loops.size()), ir::DataType::Int(bits));
      const Expr extent = analyzer.Simplify(range.extent);
      loops.emplace_back(var, extent);
      value = range.min + var;
      analyzer.Bind(var, ir::Range{ir::IntImm(var.dtype(), 0), extent});
    }
    values.push_back(value);
    const IntSet& bound = domains[i].bound;
    if (bound.IsNothing()) continue;
    auto require = [&](Expr condition) {
      if (!analyzer.CanProve(condition, arith::ProofStrength::kSymbolicBound))
        predicate = ir::And(predicate, condition);
    };
    if (bound.HasLowerBound()) require(ir::GE(value, bound.min()));
    if (bound.HasUpperBound()) require(ir::LT(value, bound.max() + 1));
  }
  if (!ir::IsTrue(predicate)) predicate = analyzer.Simplify(predicate);
  const ir::Stmt realize = ir::MakeBlockRealize(ir::MakeArray(values.data(), values.size()), predicate, block);
  move->realize = realize.as<ir::BlockRealizeNode>();
  move->nest = realize;
  for (size_t i = loops.size(); i-- > 0;) {
    const auto& [var, extent] = loops[i];
    move->nest = ir::MakeFor(var, ir::IntImm(var.dtype(), 0), extent, ir::ForKind::kSerial, move->nest);
  }
}

// Whether all that the block reads of the buffers is inside of them. Where it is not (guarded by a condition in the
// block), instances that read nothing would not be visited under a producer's loop.
bool ReadsInside(const ScheduleState& state, SrefId block, const RegionPairs& regions, arith::Analyzer& analyzer) {
  arith::DomMap domains;
  for (ir::IterVar iter : state.block(block)->iter_vars) domains.Set(iter->var, iter->dom);
  for (const RegionPair& pair : regions) {
    if (pair.required.empty()) continue;
    const arith::NDIntSet all = arith::EvalNDIntSet(pair.provided, domains, analyzer);
    for (size_t i = 0; i < all.size(); ++i) {
      const Expr zero = ir::ConstOf(pair.buffer->shape[i].dtype(), 0);
      if (all[i].min() && analyzer.CanProve(ir::LT(all[i].min(), zero))) return false;
      if (all[i].max() && analyzer.CanProve(ir::GE(all[i].max(), pair.buffer->shape[i]))) return false;
    }
  }
  return true;
}

// A reduce iter that is bound to loops around the new nest must not take a value twice: the block would add it again.
bool RepeatsReduction(const ScheduleState& state, SrefId loop, const Move& move) {
  const LoopDomains outer = DomainsOfPath(state, loop, kNoSref);
  const ir::BlockRealizeNode* realize = move.realize;
  bool bound_outside = false;
  for (size_t i = 0; i < realize->iter_values.size(); ++i) {
    if (realize->block->iter_vars[i]->iter_type != ir::IterType::kReduce) continue;
    for (const arith::IterDomain& domain : outer) {
      bound_outside |= !ir::IsOne(domain.range.extent) && ir::UsesVar(realize->iter_values[i], domain.var);
    }
  }
  if (!bound_outside) return false;
  LoopDomains all = outer;
  for (ir::Stmt stmt = move.nest; const auto* node = stmt.as<ir::ForNode>(); stmt = node->body) {
    all.push_back({node->loop_var, {node->min, node->extent}});
  }
  arith::Analyzer analyzer;
  const auto values = absl::MakeConstSpan(realize->iter_values.data(), realize->iter_values.size());
  for (Expr predicate : {realize->predicate, ir::BoolImm(true)}) {
    if (arith::DetectIterMap(values, all, predicate, arith::IterMapLevel::kBijective, analyzer, false).ok) return false;
  }
  return true;
}

// A part of loop_partition: it says nothing of what the blocks inside of it read and write.
bool HidesAccesses(const ScheduleState& state, SrefId id) {
  const ir::BlockNode* block = state.block(id);
  return block->iter_vars.empty() && block->reads.empty() && block->writes.empty() &&
         state.at(id).first_child != kNoSref;
}

// Whether the block `id`, or one inside of it, accesses a buffer that `other`, or one inside of that, writes.
bool Meets(const ScheduleState& state, SrefId id, SrefId other) {
  const auto with_inner = [&](SrefId block) {
    SrefList out = AllBlocksBelow(state, block);
    out.push_back(block);
    return out;
  };
  const auto touches = [&](SrefId block, ir::Buffer buffer) {
    for (const auto& regions : {state.block(block)->reads, state.block(block)->writes}) {
      for (ir::BufferRegion region : regions) {
        if (region->buffer == buffer) return true;
      }
    }
    return false;
  };
  for (SrefId writer : with_inner(other)) {
    for (ir::BufferRegion write : state.block(writer)->writes) {
      for (SrefId inner : with_inner(id)) {
        if (touches(inner, write->buffer)) return true;
      }
    }
  }
  return false;
}

// Dependences that no signature tells must not be turned around: in the order of the program, what came before the
// block still does, and what came after it is under the loop behind the new place and gets all that it got before.
absl::Status CheckHiddenOrder(const ScheduleState& state, SrefId block, SrefId loop, SrefId scope_root, int position,
                              bool whole_domain) {
  const SrefList children = ChildBlocks(state, scope_root);
  const auto place = [&](SrefId id) { return std::find(children.begin(), children.end(), id) - children.begin(); };
  const bool hides = HidesAccesses(state, block);
  for (SrefId other : children) {
    if (other == block || (!hides && !HidesAccesses(state, other))) continue;
    if (!Meets(state, block, other) && !Meets(state, other, block)) continue;
    const int under = PositionUnder(state, other, loop);
    if (place(other) < place(block)) {
      if (under < 0 && place(other) < place(ChildBlocks(state, loop).front())) continue;
    } else if (under >= position && whole_domain) {
      continue;
    }
    return state.Refuse("A block inside of another uses the same buffers, which the signatures do not say",
                        {block, other});
  }
  return absl::OkStatus();
}

absl::StatusOr<Move> Plan(const ScheduleState& state, SrefId block, SrefId loop, bool preserve_unit_loops, int index,
                          Direction direction) {
  HONE_ASSIGN_OR_RETURN(const SrefId scope_root, RequireScopeRoot(state, block, /*require_stage_pipeline=*/true));
  HONE_RETURN_IF_ERROR(CheckCompleteOrReductionBlock(state, block, scope_root));
  HONE_RETURN_IF_ERROR(CheckSameScope(state, block, loop, scope_root));
  if (direction == Direction::kForward) HONE_RETURN_IF_ERROR(CheckNotOutputBlock(state, block, scope_root));
  Move move;
  HONE_ASSIGN_OR_RETURN(move.removal_top, RemovalTop(state, block, scope_root));
  const SrefList producers = Producers(state, block);
  const SrefList consumers = Consumers(state, block);
  HONE_ASSIGN_OR_RETURN(move.position, FindPosition(state, loop, producers, consumers, direction, index));
  const SrefList& required_by = direction == Direction::kForward ? consumers : producers;
  HONE_RETURN_IF_ERROR(CheckHiddenOrder(state, block, loop, scope_root, move.position, required_by.empty()));

  arith::Analyzer analyzer;
  for (SrefId id = loop; id != kNoSref && state.loop(id) != nullptr; id = state.parent(id)) {
    analyzer.Bind(state.loop(id)->loop_var, ir::Range{state.loop(id)->min, state.loop(id)->extent});
  }
  const RegionPairs regions = CollectRegions(state, block, loop, required_by, direction, analyzer);
  if (direction == Direction::kReverse && !ReadsInside(state, block, regions, analyzer)) {
    return state.Refuse("The block reads beyond its producers' buffers, guarded by a condition", {block, loop});
  }
  SolvedDomains domains;
  if (!SolveBlockDomains(state.block(block)->iter_vars, regions, analyzer, &domains)) {
    return state.Refuse("The domain of the block's iters can not be solved for what is required of it", {block, loop});
  }
  BuildNest(state.block(block), domains, preserve_unit_loops, analyzer, &move);
  if (RepeatsReduction(state, loop, move)) {
    return state.Refuse("The block would reduce over the same elements more than once under the loop", {block, loop});
  }
  return move;
}

absl::Status Apply(ScheduleState& state, SrefId block, SrefId loop, bool preserve_unit_loops, int index,
                   Direction direction) {
  HONE_ASSIGN_OR_RETURN(const Move move, Plan(state, block, loop, preserve_unit_loops, index, direction));
  state.Remove(move.removal_top, block);
  const ir::ForNode* old = state.loop(loop);
  std::vector<ir::Stmt> body;
  if (const auto* seq = old->body.as<ir::SeqNode>()) {
    body = seq->seq.ToVector();
  } else {
    body = {old->body};
  }
  body.insert(body.begin() + move.position, move.nest);
  auto* copy = ir::CopyNode(old);
  copy->body = ir::MakeSeq(body);
  state.Replace(loop, copy);
  state.SetAffineBinding(block, HasAffineBinding(state, block));
  return absl::OkStatus();
}

}  // namespace

absl::Status ComputeAt(ScheduleState& state, SrefId block, SrefId loop, bool preserve_unit_loops, int index) {
  return Apply(state, block, loop, preserve_unit_loops, index, Direction::kForward);
}

absl::Status ReverseComputeAt(ScheduleState& state, SrefId block, SrefId loop, bool preserve_unit_loops, int index) {
  return Apply(state, block, loop, preserve_unit_loops, index, Direction::kReverse);
}

absl::Status CheckComputeAt(const ScheduleState& state, SrefId block, SrefId loop, bool preserve_unit_loops) {
  return Plan(state, block, loop, preserve_unit_loops, kLastPossible, Direction::kForward).status();
}

bool CanComputeAt(ScheduleState& state, SrefId block, SrefId loop, bool preserve_unit_loops) {
  return CheckComputeAt(state, block, loop, preserve_unit_loops).ok();
}

// ---- methods

absl::Status Schedule::ComputeAt(BlockRv block, LoopRv loop, bool preserve_unit_loops, int index) {
  const PrimitiveScope scope(*this, kComputeAtRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  if (IsInlineMark(loop)) {
    HONE_RETURN_IF_ERROR(schedule::ComputeInline(state_, id));
  } else if (!IsRootMark(loop)) {
    HONE_ASSIGN_OR_RETURN(const SrefId loop_id, SrefOf(loop));
    HONE_RETURN_IF_ERROR(schedule::ComputeAt(state_, id, loop_id, preserve_unit_loops, index));
  }
  Record(kComputeAtRow, {Value::OfRv(block), Value::OfRv(loop)}, {Value::Int(preserve_unit_loops), Value::Int(index)},
         {});
  return absl::OkStatus();
}

absl::Status Schedule::ReverseComputeAt(BlockRv block, LoopRv loop, bool preserve_unit_loops, int index) {
  const PrimitiveScope scope(*this, kReverseComputeAtRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  if (IsInlineMark(loop)) {
    HONE_RETURN_IF_ERROR(schedule::ReverseComputeInline(state_, id));
  } else if (!IsRootMark(loop)) {
    HONE_ASSIGN_OR_RETURN(const SrefId loop_id, SrefOf(loop));
    HONE_RETURN_IF_ERROR(schedule::ReverseComputeAt(state_, id, loop_id, preserve_unit_loops, index));
  }
  Record(kReverseComputeAtRow, {Value::OfRv(block), Value::OfRv(loop)},
         {Value::Int(preserve_unit_loops), Value::Int(index)}, {});
  return absl::OkStatus();
}

const InstructionRow kComputeAtRow = {
    .name = "ComputeAt",
    .pure = false,
    .inputs = "bl",
    .attrs = "nn",
    .outputs = Outputs::kNone,
    .output_kind = ' ',
    .method = "compute_at",
    .arguments = "block,loop,preserve_unit_loops,index",
    .apply = [](Schedule& s,
                Call& c) { return s.ComputeAt(BlockOf(c, 0), LoopOf(c, 1), BoolOf(c.attrs[0]), IntOf(c.attrs[1])); },
    .python_bool_attrs = 1};

const InstructionRow kReverseComputeAtRow = {.name = "ReverseComputeAt",
                                             .pure = false,
                                             .inputs = "bl",
                                             .attrs = "nn",
                                             .outputs = Outputs::kNone,
                                             .output_kind = ' ',
                                             .method = "reverse_compute_at",
                                             .arguments = "block,loop,preserve_unit_loops,index",
                                             .apply =
                                                 [](Schedule& s, Call& c) {
                                                   return s.ReverseComputeAt(BlockOf(c, 0), LoopOf(c, 1),
                                                                             BoolOf(c.attrs[0]), IntOf(c.attrs[1]));
                                                 },
                                             .python_bool_attrs = 1};

}  // namespace hone::schedule
