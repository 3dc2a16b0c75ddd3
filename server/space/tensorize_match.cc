#include "server/space/tensorize_match.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "common/arith/analyzer.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/support/status_macros.h"

namespace hone::space {

using namespace ir;  // NOLINT: an internal file about these nodes.
using schedule::LoopRv;
using schedule::LoopRvs;
using schedule::Schedule;
using schedule::ScheduleState;
using schedule::SrefId;
using schedule::Value;

namespace {

class BodyMatcher {
 public:
  struct Pair {
    const BufferNode* block = nullptr;
    const BufferNode* description = nullptr;
    Array<Expr> block_indices;
    Array<Expr> description_indices;
  };
  // Of all buffers met, in the order of the first meeting.
  const std::vector<Pair>& pairs() const { return met_; }

  bool Match(Stmt a, Stmt b) {
    if (!a || !b) return !a && !b;
    if (a.kind() != b.kind()) return false;
    switch (a.kind()) {
      case StmtKind::kBufferStore: {
        const auto* x = a.as<BufferStoreNode>();
        const auto* y = b.as<BufferStoreNode>();
        return MatchAccess(x->buffer, x->indices, y->buffer, y->indices) && Match(x->value, y->value);
      }
      case StmtKind::kSeq: {
        const auto* x = a.as<SeqNode>();
        const auto* y = b.as<SeqNode>();
        if (x->seq.size() != y->seq.size()) return false;
        for (size_t i = 0; i < x->seq.size(); ++i) {
          if (!Match(x->seq[i], y->seq[i])) return false;
        }
        return true;
      }
      default:
        return false;  // Descriptions hold stores only.
    }
  }

 private:
  bool Match(Expr a, Expr b) {
    if (a.kind() != b.kind() || a.dtype() != b.dtype()) return false;
    if (const auto* x = a.as<BufferLoadNode>()) {
      const auto* y = b.as<BufferLoadNode>();
      return MatchAccess(Buffer(x->buffer), x->indices, Buffer(y->buffer), y->indices);
    }
    if (const auto* x = a.as<BinaryNode>()) {
      const auto* y = b.as<BinaryNode>();
      return Match(x->a, y->a) && Match(x->b, y->b);
    }
    if (const auto* x = a.as<CastNode>()) return Match(x->value, b.as<CastNode>()->value);
    if (const auto* x = a.as<IntImmNode>()) return x->value == b.as<IntImmNode>()->value;
    if (const auto* x = a.as<FloatImmNode>()) return x->value == b.as<FloatImmNode>()->value;
    if (const auto* x = a.as<CallNode>()) {
      const auto* y = b.as<CallNode>();
      if (x->function != nullptr || y->function != nullptr || x->op != y->op || x->args.size() != y->args.size()) {
        return false;
      }
      for (size_t i = 0; i < x->args.size(); ++i) {
        if (!Match(x->args[i], y->args[i])) return false;
      }
      return true;
    }
    return false;
  }

  bool MatchAccess(Buffer a, Array<Expr> a_indices, Buffer b, Array<Expr> b_indices) {
    if (a->dtype != b->dtype) return false;
    for (Expr index : b_indices) {
      if (index.kind() != ExprKind::kVar && !(b_indices.size() == 1 && IsZero(index))) return false;
    }
    auto [to, fresh] = pairs_.emplace(a.get(), b.get());
    if (!fresh && to->second != b.get()) return false;
    auto [back, new_back] = reverse_.emplace(b.get(), a.get());
    if (!new_back && back->second != a.get()) return false;
    auto [known, first] = indices_.emplace(a.get(), a_indices);
    if (first) {
      met_.push_back({a.get(), b.get(), a_indices, b_indices});
      return a_indices.size() >= b_indices.size();
    }
    if (known->second.size() != a_indices.size()) return false;
    for (size_t i = 0; i < a_indices.size(); ++i) {
      if (!analyzer_.CanProveEqual(known->second[i], a_indices[i])) return false;
    }
    return true;
  }

  arith::Analyzer analyzer_;
  absl::flat_hash_map<const BufferNode*, const BufferNode*> pairs_;
  absl::flat_hash_map<const BufferNode*, const BufferNode*> reverse_;
  absl::flat_hash_map<const BufferNode*, Array<Expr>> indices_;
  std::vector<Pair> met_;
};

bool IsTensorizable(const BlockNode* block) {
  for (IterVar iter : block->iter_vars) {
    if (iter->iter_type != IterType::kSpatial && iter->iter_type != IterType::kReduce) return false;
  }
  return true;
}

// One bit a pair: set when the variable occurs in its indices.
uint64_t Occurrences(Var var, const std::vector<BodyMatcher::Pair>& pairs, Array<Expr> BodyMatcher::Pair::*indices) {
  uint64_t mask = 0;
  for (size_t i = 0; i < pairs.size(); ++i) {
    for (Expr index : pairs[i].*indices) {
      if (UsesVar(index, [&](Var v) { return v == var; })) mask |= uint64_t{1} << i;
    }
  }
  return mask;
}

}  // namespace

IntrinDescription ReadDescription(PrimFunc description) {
  IntrinDescription out;
  const auto* root = description->body.as<BlockRealizeNode>();
  if (root == nullptr) return out;
  Stmt body = root->block->body;
  while (const auto* loop = body.as<ForNode>()) {
    out.loops.push_back(loop);
    body = loop->body;
  }
  out.realize = body.as<BlockRealizeNode>();
  return out;
}

bool BodyMatches(const BlockNode* block, const BlockNode* description) {
  return IsTensorizable(block) && IsTensorizable(description) && BodyMatcher().Match(block->body, description->body);
}

std::optional<AutoTensorizeMapping> FindAutoTensorizeMapping(const ScheduleState& state, SrefId block,
                                                             const IntrinDescription& description) {
  const ArenaScope scope(state.arena());
  const BlockNode* node = state.block(block);
  const BlockNode* wanted = description.realize->block;
  BodyMatcher matcher;
  if (!IsTensorizable(node) || !IsTensorizable(wanted) || !matcher.Match(node->body, wanted->body)) return std::nullopt;
  using Pair = BodyMatcher::Pair;
  const std::vector<Pair>& pairs = matcher.pairs();
  if (pairs.size() > 64) return std::nullopt;
  std::vector<uint64_t> roles;
  for (IterVar iter : wanted->iter_vars) roles.push_back(Occurrences(iter->var, pairs, &Pair::description_indices));

  AutoTensorizeMapping out;
  std::vector<Var> initial;
  std::vector<Expr> final_indices;
  std::vector<Expr> fused(wanted->iter_vars.size());
  for (IterVar iter : node->iter_vars) {
    const Var var = CopyVar(iter->var);
    initial.push_back(var);
    const uint64_t mask = Occurrences(iter->var, pairs, &Pair::block_indices);
    std::optional<size_t> role;
    for (size_t i = 0; i < roles.size(); ++i) {
      if (roles[i] != mask || wanted->iter_vars[i]->iter_type != iter->iter_type) continue;
      if (role.has_value()) return std::nullopt;
      role = i;
    }
    out.is_mapped.push_back(role.has_value());
    if (!role.has_value()) {
      final_indices.push_back(var);
    } else {
      fused[*role] = fused[*role] ? fused[*role] * iter->dom.extent + Expr(var) : Expr(var);
    }
  }
  out.num_unmapped = final_indices.size();
  for (Expr e : fused) {
    if (!e) return std::nullopt;
    final_indices.push_back(e);
  }
  for (const Pair& pair : pairs) {
    AutoTensorizeMapping::Operand operand{Buffer(pair.block), {}};
    for (Expr index : pair.description_indices) {
      for (size_t i = 0; i < wanted->iter_vars.size(); ++i) {
        if (index == Expr(wanted->iter_vars[i]->var)) operand.iters.push_back(i);
      }
    }
    out.operands.push_back(std::move(operand));
  }
  out.map = MakeIndexMap(MakeArray(initial), MakeArray(final_indices));
  return out;
}

const IndexMapNode* AutoTensorizeMapping::OfOperand(Buffer buffer, const std::vector<size_t>& iters) const {
  for (const Operand& operand : operands) {
    if (operand.buffer != buffer) continue;
    std::vector<Var> initial;
    std::vector<Expr> final_indices;
    for (size_t iter : iters) {
      initial.push_back(map->initial_indices[iter]);
      if (!is_mapped[iter]) final_indices.push_back(initial.back());
    }
    for (size_t iter : operand.iters) final_indices.push_back(map->final_indices[num_unmapped + iter]);
    return MakeIndexMap(MakeArray(initial), MakeArray(final_indices));
  }
  return nullptr;
}

namespace {

// The loops that only this block is under, outermost first: what stages beside it share is fixed from its view.
std::vector<SrefId> OwnLoops(const ScheduleState& state, SrefId block) {
  const schedule::SrefList all = schedule::LoopsAbove(state, block);
  auto first = all.end();
  while (first != all.begin() && state.loop(*(first - 1))->body.kind() != StmtKind::kSeq) --first;
  return std::vector<SrefId>(first, all.end());
}

}  // namespace

std::optional<LoopMapping> MapLoops(const ScheduleState& state, SrefId block, const IntrinDescription& description,
                                    std::vector<int64_t>* padding) {
  const ArenaScope scope(state.arena());
  arith::Analyzer analyzer;
  const BlockNode* node = state.block(block);
  const BlockRealizeNode* realize = state.at(block).realize;
  const std::vector<SrefId> loops = OwnLoops(state, block);
  const Array<IterVar> desc_iters = description.realize->block->iter_vars;
  LoopMapping mapping;
  int next = static_cast<int>(node->iter_vars.size()) - 1;
  for (size_t i = desc_iters.size(); i-- > 0;) {
    const ForNode* desc_loop = nullptr;
    for (const ForNode* loop : description.loops) {
      if (description.realize->iter_values[i] == Expr(loop->loop_var)) desc_loop = loop;
    }
    const int64_t* inner = desc_loop != nullptr ? ConstInt(desc_loop->extent) : nullptr;
    if (inner == nullptr) return std::nullopt;
    while (next >= 0 && node->iter_vars[next]->iter_type != desc_iters[i]->iter_type) --next;
    if (next < 0) return std::nullopt;
    const size_t iter = static_cast<size_t>(next--);
    const Expr bind = realize->iter_values[iter];
    // The loop that the binding is, up to what is free of all loops.
    SrefId found = schedule::kNoSref;
    for (SrefId sref : loops) {
      const Expr rest = analyzer.Simplify(bind - Expr(state.loop(sref)->loop_var));
      const bool free = !UsesVar(rest, [&](Var v) {
        for (SrefId other : loops) {
          if (state.loop(other)->loop_var == v) return true;
        }
        return false;
      });
      if (free) {
        found = sref;
        break;
      }
    }
    if (found == schedule::kNoSref) return std::nullopt;
    const int64_t* total = ConstInt(state.loop(found)->extent);
    if (total == nullptr) return std::nullopt;
    if (*total % *inner != 0) {
      if (padding == nullptr || !schedule::IsTrivialBinding(state, block)) return std::nullopt;
      padding->resize(node->iter_vars.size(), 1);
      (*padding)[iter] = *inner;
    }
    for (const auto& [sref, loop] : mapping) {
      if (sref == found && loop != desc_loop) return std::nullopt;
    }
    mapping.emplace_back(found, desc_loop);
  }
  return mapping;
}

namespace {

bool Contains(const std::vector<SrefId>& list, SrefId id) {
  return std::find(list.begin(), list.end(), id) != list.end();
}

// Pads the block and inlines what copies into and out of padded buffers, except from inputs and to outputs.
absl::Status PadAndInline(Schedule& sch, schedule::BlockRv block, SrefId sref, const std::vector<int64_t>& padding) {
  const ScheduleState& state = sch.state();
  const auto producers_before = schedule::Producers(state, sref);
  const auto consumers_before = schedule::Consumers(state, sref);
  const std::vector<SrefId> producers(producers_before.begin(), producers_before.end());
  const std::vector<SrefId> consumers(consumers_before.begin(), consumers_before.end());
  HONE_RETURN_IF_ERROR(sch.PadEinsum(block, padding));
  std::vector<schedule::BlockRv> inlined_producers;
  std::vector<schedule::BlockRv> inlined_consumers;
  HONE_ASSIGN_OR_RETURN(const schedule::BlockRvs producers_now, sch.GetProducers(block));
  for (schedule::BlockRv producer : producers_now) {
    HONE_ASSIGN_OR_RETURN(const SrefId id, sch.SrefOf(producer));
    if (Contains(producers, id)) continue;  // Needed no padding.
    HONE_ASSIGN_OR_RETURN(const schedule::BlockRvs originals, sch.GetProducers(producer));
    if (originals.size() == 1) inlined_producers.push_back(originals[0]);
  }
  HONE_ASSIGN_OR_RETURN(const schedule::BlockRvs consumers_now, sch.GetConsumers(block));
  for (schedule::BlockRv consumer : consumers_now) {
    HONE_ASSIGN_OR_RETURN(const SrefId id, sch.SrefOf(consumer));
    if (Contains(consumers, id)) continue;
    HONE_ASSIGN_OR_RETURN(const schedule::BlockRvs originals, sch.GetConsumers(consumer));
    if (originals.size() == 1) inlined_consumers.push_back(consumer);
  }
  for (schedule::BlockRv producer : inlined_producers) HONE_RETURN_IF_ERROR(sch.ComputeInline(producer));
  for (schedule::BlockRv consumer : inlined_consumers) HONE_RETURN_IF_ERROR(sch.ComputeInline(consumer));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<LoopRv>> TileWithTensorIntrin(Schedule& sch, schedule::BlockRv block,
                                                           const schedule::TensorIntrin& intrin, bool allow_padding) {
  const IntrinDescription description = ReadDescription(intrin.description);
  HONE_ASSIGN_OR_RETURN(SrefId sref, sch.SrefOf(block));
  if (description.realize == nullptr) return std::nullopt;
  std::vector<int64_t> padding;
  std::optional<LoopMapping> mapping = MapLoops(sch.state(), sref, description, allow_padding ? &padding : nullptr);
  if (!mapping.has_value()) return std::nullopt;
  if (!padding.empty()) {
    HONE_RETURN_IF_ERROR(PadAndInline(sch, block, sref, padding));
    HONE_ASSIGN_OR_RETURN(sref, sch.SrefOf(block));
    mapping = MapLoops(sch.state(), sref, description);
    if (!mapping.has_value()) return std::nullopt;
  }
  HONE_ASSIGN_OR_RETURN(const LoopRvs before, sch.GetLoops(block));
  std::vector<SrefId> before_srefs;
  for (LoopRv loop : before) {
    HONE_ASSIGN_OR_RETURN(const SrefId id, sch.SrefOf(loop));
    before_srefs.push_back(id);
  }
  std::vector<LoopRv> suffix(description.loops.size());
  std::vector<SrefId> inner_srefs;
  for (const auto& [loop_sref, desc_loop] : *mapping) {
    size_t at = 0;
    while (before_srefs[at] != loop_sref) ++at;
    const Value factors[] = {Value::None(), Value::Int(*ConstInt(desc_loop->extent))};
    HONE_ASSIGN_OR_RETURN(const LoopRvs parts, sch.Split(before[at], factors));
    HONE_ASSIGN_OR_RETURN(const SrefId inner, sch.SrefOf(parts[1]));
    inner_srefs.push_back(inner);
    for (size_t d = 0; d < description.loops.size(); ++d) {
      if (description.loops[d] == desc_loop) suffix[d] = parts[1];
    }
  }
  HONE_ASSIGN_OR_RETURN(const LoopRvs after, sch.GetLoops(block));
  std::vector<LoopRv> order;
  bool met = false;
  for (LoopRv loop : after) {
    HONE_ASSIGN_OR_RETURN(const SrefId id, sch.SrefOf(loop));
    bool is_inner = false;
    for (SrefId inner : inner_srefs) is_inner = is_inner || inner == id;
    if (is_inner) {
      met = true;
    } else if (met) {
      order.push_back(loop);
    }
  }
  order.insert(order.end(), suffix.begin(), suffix.end());
  HONE_RETURN_IF_ERROR(sch.Reorder(order));
  return suffix[0];
}

}  // namespace hone::space
