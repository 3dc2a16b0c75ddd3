#include "common/schedule/primitive/reverse_compute_inline.h"

#include "common/arith/deep_equal.h"
#include "common/arith/iter_map.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/affine.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/primitive/inline_rewrite.h"
#include "common/schedule/primitive/iter_bindings.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"

namespace hone::schedule {
namespace {

using ir::BlockNode;
using ir::BlockRealizeNode;
using ir::Buffer;
using ir::BufferStoreNode;
using ir::Expr;

constexpr std::string_view kBadBody =
    "The body pattern does not meet the condition: one store that loads the producer's buffer at one index, an affine "
    "map of the iters, from a producer that stores one element and covers the iters";

// The consumer's store at the producer's store, and when it happens.
struct Merge {
  SrefId scope_root = kNoSref;
  SrefId producer = kNoSref;
  SrefId removal_top = kNoSref;
  Buffer buffer;
  const BufferStoreNode* consumer_store = nullptr;
  const BufferStoreNode* producer_store = nullptr;
  IterBindings iters;              // Of the consumer, in terms of the producer's variables.
  Expr fixed = ir::BoolImm(true);  // Holds for the elements that the consumer loads at constant indices.
  Expr condition;                  // In terms of the producer's iters; literal true when nothing is to be checked.
};

// The one buffer among the block's reads that is written in the scope.
absl::StatusOr<Buffer> SingleProducedRead(const ScheduleState& state, SrefId id, SrefId scope_root) {
  Buffer found;
  const BlockScope& scope = state.ScopeOf(scope_root);
  for (ir::BufferRegion read : state.block(id)->reads) {
    if (read->buffer == found || scope.CountWriters(read->buffer) == 0) continue;
    if (found) return state.Refuse("The block is required to read exactly one buffer that its scope produces", {id});
    found = read->buffer;
  }
  if (!found) return state.Refuse("The block is required to read exactly one buffer that its scope produces", {id});
  return found;
}

// Leaf blocks below `id` that write the buffer.
void CollectLeafWriters(const ScheduleState& state, SrefId id, Buffer buffer, SrefList* out) {
  for (SrefId block : ChildBlocks(state, id)) {
    const size_t before = out->size();
    CollectLeafWriters(state, block, buffer, out);
    if (out->size() == before && MentionsBuffer(state.block(block)->writes, buffer)) out->push_back(block);
  }
}

absl::StatusOr<SrefId> SingleProducer(const ScheduleState& state, SrefId id, SrefId scope_root, Buffer buffer) {
  SrefList producers;
  CollectLeafWriters(state, scope_root, buffer, &producers);
  if (producers.size() != 1) return state.Refuse("The block is required to have exactly one producer", {id});
  if (CompleteBlockError(state, producers[0], scope_root) != 0) {
    return state.Refuse("The producer is required to be a complete block", {id, producers[0]});
  }
  return producers[0];
}

// The one store of the producer: its body, the only branch of an if, or at the bottom of an auto-copy's loops.
const BufferStoreNode* StoreOf(const BlockNode* producer) {
  if (const auto* branch = producer->body.as<ir::IfThenElseNode>()) {
    return branch->else_case ? nullptr : branch->then_case.as<BufferStoreNode>();
  }
  ir::Stmt body = producer->body;
  if (producer->annotations.Has("auto_copy")) {
    while (const auto* loop = body.as<ir::ForNode>()) body = loop->body;
  }
  return body.as<BufferStoreNode>();
}

// All loads of the buffer in the store; empty when their indices differ.
const ir::BufferLoadNode* CommonLoad(const BufferStoreNode* store, Buffer buffer) {
  const ir::BufferLoadNode* first = nullptr;
  bool same = true;
  ir::PostOrderVisitExprs(ir::Stmt(store), [&](Expr e) {
    const auto* load = e.as<ir::BufferLoadNode>();
    if (load == nullptr || load->buffer != buffer.get()) return;
    if (first == nullptr) first = load;
    for (size_t i = 0; i < load->indices.size(); ++i) same &= arith::DeepEqual(load->indices[i], first->indices[i]);
  });
  return same ? first : nullptr;
}

// Expresses the consumer's iters by the producer's store indices.
bool InvertIters(const BlockNode* consumer, Merge* merge, arith::Analyzer& analyzer) {
  const ir::BufferLoadNode* load = CommonLoad(merge->consumer_store, merge->buffer);
  if (load == nullptr) return false;
  absl::InlinedVector<arith::IterDomain, 8> domains;
  for (ir::IterVar iter : consumer->iter_vars) domains.push_back({iter->var, iter->dom});
  const auto map = arith::DetectIterMap(absl::MakeSpan(load->indices.data(), load->indices.size()), domains,
                                        ir::BoolImm(true), arith::IterMapLevel::kNoCheck, analyzer,
                                        /*simplify_trivial_iterators=*/false);
  if (!map.ok) return false;
  absl::InlinedVector<Expr, 6> outputs;
  IterBindings as_loaded, as_stored;
  for (size_t i = 0; i < load->indices.size(); ++i) {
    const ir::Var output = ir::MakeVar("index", load->indices[i].dtype());
    outputs.push_back(output);
    as_loaded.Add(output, load->indices[i]);
    as_stored.Add(output, merge->producer_store->indices[i]);
    // Only the element at a constant index is used.
    if (!map.indices[i].args.empty()) continue;
    merge->fixed = ir::And(merge->fixed, ir::EQ(merge->producer_store->indices[i], map.indices[i].base));
  }
  ir::VarMap inverse;
  if (!arith::InverseAffineIterMap(map.indices, outputs, analyzer, &inverse)) return false;
  for (ir::IterVar iter : consumer->iter_vars) analyzer.Bind(iter->var, iter->dom);
  for (ir::IterVar iter : consumer->iter_vars) {
    auto it = inverse.find(iter->var.get());
    if (it != inverse.end()) {
      // No two instances of the consumer load the same element.
      if (!analyzer.CanProveEqual(as_loaded.Apply(it->second), iter->var)) return false;
      merge->iters.Add(iter->var, as_stored.Apply(it->second));
    } else if (ir::IsOne(iter->dom.extent) && ir::ConstInt(iter->dom.min) != nullptr) {
      merge->iters.Add(iter->var, iter->dom.min);
    } else {
      return false;
    }
  }
  return true;
}

// The values that the producer gives the consumer's iters do not fall short of their domains.
bool ProducerCovers(const BlockNode* consumer, const BlockNode* producer, const Merge& merge,
                    arith::Analyzer& analyzer) {
  arith::DomMap domains;
  for (ir::IterVar iter : producer->iter_vars) domains.Set(iter->var, iter->dom);
  ir::PreOrderVisitStmts(producer->body, [&](ir::Stmt s) {
    const auto* loop = s.as<ir::ForNode>();
    if (loop != nullptr) domains.Set(loop->loop_var, ir::Range{loop->min, loop->extent});
    return true;
  });
  for (ir::IterVar iter : consumer->iter_vars) {
    const arith::IntSet values = arith::EvalSet(merge.iters.Find(iter->var), domains, analyzer);
    if (values.min() && analyzer.CanProve(ir::GT(values.min(), iter->dom.min))) return false;
    const Expr last = iter->dom.min + iter->dom.extent - 1;
    if (values.max() && analyzer.CanProve(ir::LT(values.max(), last))) return false;
  }
  return true;
}

// min <= iter < min + extent for all iters, simplified over the producer's domains.
Expr DomainCondition(const BlockNode* consumer, const BlockNode* producer, const Merge& merge) {
  arith::Analyzer analyzer;
  for (ir::IterVar iter : producer->iter_vars) analyzer.Bind(iter->var, iter->dom);
  ir::PreOrderVisitStmts(producer->body, [&](ir::Stmt s) {
    const auto* loop = s.as<ir::ForNode>();
    if (loop != nullptr) analyzer.Bind(loop->loop_var, ir::Range{loop->min, loop->extent});
    return true;
  });
  Expr condition = merge.fixed;
  for (ir::IterVar iter : consumer->iter_vars) {
    const Expr value = merge.iters.Find(iter->var);
    condition = ir::And(condition, ir::LE(iter->dom.min, value));
    condition = ir::And(condition, ir::LT(value, iter->dom.min + iter->dom.extent));
  }
  return analyzer.Simplify(condition);
}

absl::StatusOr<Merge> MakePlan(const ScheduleState& state, SrefId id) {
  const BlockNode* block = state.block(id);
  Merge merge;
  if (block->init) return state.Refuse("The block has an init statement", {id});
  HONE_ASSIGN_OR_RETURN(merge.scope_root, RequireScopeRoot(state, id, /*require_stage_pipeline=*/true));
  HONE_ASSIGN_OR_RETURN(merge.buffer, SingleProducedRead(state, id, merge.scope_root));
  HONE_RETURN_IF_ERROR(CheckCompleteBlock(state, id, merge.scope_root));
  HONE_ASSIGN_OR_RETURN(merge.producer, SingleProducer(state, id, merge.scope_root, merge.buffer));
  HONE_RETURN_IF_ERROR(CheckNotOutputBlock(state, merge.producer, merge.scope_root));
  const BlockNode* producer = state.block(merge.producer);
  if (!ir::IsTrue(state.at(id).realize->predicate)) {
    return state.Refuse("The predicate of the block is required to be true", {id});
  }
  merge.consumer_store = block->body.as<BufferStoreNode>();
  merge.producer_store = StoreOf(producer);
  arith::Analyzer analyzer;
  if (merge.consumer_store == nullptr || merge.producer_store == nullptr ||
      !(merge.producer_store->buffer == merge.buffer) || !InvertIters(block, &merge, analyzer) ||
      !ProducerCovers(block, producer, merge, analyzer)) {
    return state.Refuse(kBadBody, {id, merge.producer});
  }
  merge.condition = DomainCondition(block, producer, merge);
  HONE_ASSIGN_OR_RETURN(merge.removal_top, RemovalTop(state, id, merge.scope_root));
  return merge;
}

// The consumer's store with its iters and its loads of the buffer replaced.
class StoreMerger : public ir::StmtExprMutator {
 public:
  StoreMerger(const Merge& merge, Expr value) : merge_(merge), value_(value) {}

 protected:
  using StmtExprMutator::Mutate;
  Expr Mutate(const ir::VarNode* node) override {
    const Expr value = merge_.iters.Find(ir::Var(node));
    return value ? value : Expr(node);
  }
  Expr Mutate(const ir::BufferLoadNode* node) override {
    return node->buffer == merge_.buffer.get() ? value_ : StmtExprMutator::Mutate(node);
  }

 private:
  const Merge& merge_;
  const Expr value_;
};

// Rewrites the producer and the blocks around it.
class ConsumerInliner : public BufferEliminator {
 public:
  ConsumerInliner(const Merge& merge, const BlockNode* consumer, const BlockNode* producer)
      : BufferEliminator(merge.buffer, consumer), merge_(merge), producer_(producer) {}

 protected:
  using BufferEliminator::Mutate;

  ir::Stmt Mutate(const BufferStoreNode* node) override {
    if (!(node->buffer == buffer_)) return BufferEliminator::Mutate(node);
    return StoreMerger(merge_, node->value).MutateStmt(merge_.consumer_store);
  }

  ir::Stmt Mutate(const BlockRealizeNode* node) override {
    const bool is_producer = node->block == producer_;
    const ir::Stmt rewritten = BufferEliminator::Mutate(node);
    if (!is_producer || ir::IsTrue(merge_.condition)) return rewritten;
    auto* realize = ir::CopyNode(rewritten.as<BlockRealizeNode>());
    const Expr condition = IterBindings(realize).Apply(FullCondition());
    realize->predicate = ir::IsTrue(node->predicate) ? condition : ir::And(node->predicate, condition);
    return realize;
  }

  ir::Stmt Mutate(const BlockNode* node) override {
    if (node != producer_ || !absorbs_if()) return BufferEliminator::Mutate(node);
    // The condition of the producer's if goes into its predicate.
    auto* bare = ir::CopyNode(node);
    bare->body = node->body.as<ir::IfThenElseNode>()->then_case;
    const ir::Stmt rewritten = BufferEliminator::Mutate(bare);
    absorbed_.emplace(node, rewritten.as<BlockNode>());
    return rewritten;
  }

 public:
  // Old and new blocks.
  absl::InlinedVector<BlockReuse, 4> AllReuse() const {
    absl::InlinedVector<BlockReuse, 4> all(reuse().begin(), reuse().end());
    if (absorbed_.has_value()) all.push_back(*absorbed_);
    return all;
  }

 private:
  const ir::IfThenElseNode* guard() const { return producer_->body.as<ir::IfThenElseNode>(); }
  bool absorbs_if() const {
    if (guard() == nullptr || ir::IsTrue(merge_.condition)) return false;
    arith::Analyzer analyzer;
    for (ir::IterVar iter : producer_->iter_vars) analyzer.Bind(iter->var, iter->dom);
    return !arith::DeepEqual(analyzer.Simplify(guard()->condition), merge_.condition);
  }
  Expr FullCondition() const {
    if (!absorbs_if()) return merge_.condition;
    arith::Analyzer analyzer;
    for (ir::IterVar iter : producer_->iter_vars) analyzer.Bind(iter->var, iter->dom);
    return analyzer.Simplify(ir::And(merge_.condition, guard()->condition));
  }

  const Merge& merge_;
  const BlockNode* const producer_;
  std::optional<BlockReuse> absorbed_;
};

absl::Status Refused(const ScheduleState& state, SrefId block) {
  return state.Refuse("The buffer is used other than by loads and stores: through its pointer or a view", {block});
}

// The block directly in the scope that is, or holds, the producer.
SrefId TopBlock(const ScheduleState& state, const Merge& merge) {
  SrefId top = merge.producer;
  while (ScopeRootOf(state, top) != merge.scope_root) top = ScopeRootOf(state, top);
  return top;
}

}  // namespace

absl::Status ReverseComputeInline(ScheduleState& state, SrefId block) {
  HONE_ASSIGN_OR_RETURN(const Merge merge, MakePlan(state, block));
  ConsumerInliner inliner(merge, state.block(block), state.block(merge.producer));
  const SrefId top = TopBlock(state, merge);
  const ir::Stmt rewritten = inliner.MutateStmt(state.at(top).realize);
  if (inliner.found_opaque_use()) return Refused(state, block);
  state.Remove(merge.removal_top);
  state.Replace(top, rewritten, inliner.AllReuse());
  DropAllocation(state, merge.scope_root, merge.buffer);
  state.SetAffineBinding(merge.producer, HasAffineBinding(state, merge.producer));
  return absl::OkStatus();
}

// ---- method

absl::Status Schedule::ReverseComputeInline(BlockRv block) {
  const PrimitiveScope scope(*this, kReverseComputeInlineRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_RETURN_IF_ERROR(schedule::ReverseComputeInline(state_, id));
  Record(kReverseComputeInlineRow, {Value::OfRv(block)}, {}, {});
  return absl::OkStatus();
}

const InstructionRow kReverseComputeInlineRow = {
    .name = "ReverseComputeInline",
    .pure = false,
    .inputs = "b",
    .attrs = "",
    .outputs = Outputs::kNone,
    .output_kind = ' ',
    .method = "reverse_compute_inline",
    .arguments = "block",
    .apply = [](Schedule& s, Call& c) { return s.ReverseComputeInline(BlockOf(c, 0)); }};

}  // namespace hone::schedule
