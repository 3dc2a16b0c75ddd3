#include "server/space/tensorize_match.h"

#include "absl/container/flat_hash_map.h"
#include "common/arith/analyzer.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/support/status_macros.h"

namespace hone::space {

using namespace ir;         // NOLINT: an internal file about these nodes.
using schedule::LoopRv;
using schedule::LoopRvs;
using schedule::Schedule;
using schedule::ScheduleState;
using schedule::SrefId;
using schedule::Value;

namespace {

class BodyMatcher {
 public:
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
    if (first) return a_indices.size() >= b_indices.size();
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
};

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
  for (const BlockNode* b : {block, description}) {
    for (IterVar iter : b->iter_vars) {
      if (iter->iter_type != IterType::kSpatial && iter->iter_type != IterType::kReduce) return false;
    }
  }
  return BodyMatcher().Match(block->body, description->body);
}

std::optional<LoopMapping> MapLoops(const ScheduleState& state, SrefId block, const IntrinDescription& description) {
  const ArenaScope scope(state.arena());
  arith::Analyzer analyzer;
  const BlockNode* node = state.block(block);
  const BlockRealizeNode* realize = state.at(block).realize;
  const schedule::SrefList loops = schedule::LoopsAbove(state, block);
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
    const Expr bind = realize->iter_values[next--];
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
    if (total == nullptr || *total % *inner != 0) return std::nullopt;
    for (const auto& [sref, loop] : mapping) {
      if (sref == found && loop != desc_loop) return std::nullopt;
    }
    mapping.emplace_back(found, desc_loop);
  }
  return mapping;
}

absl::StatusOr<std::optional<LoopRv>> TileWithTensorIntrin(Schedule& sch, schedule::BlockRv block,
                                                           const schedule::TensorIntrin& intrin) {
  const IntrinDescription description = ReadDescription(intrin.description);
  HONE_ASSIGN_OR_RETURN(const SrefId sref, sch.SrefOf(block));
  if (description.realize == nullptr) return std::nullopt;
  const std::optional<LoopMapping> mapping = MapLoops(sch.state(), sref, description);
  if (!mapping.has_value()) return std::nullopt;
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
