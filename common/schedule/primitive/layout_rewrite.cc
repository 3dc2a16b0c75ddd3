#include "common/schedule/primitive/layout_rewrite.h"

#include <algorithm>
#include <vector>

#include "common/arith/access_region.h"
#include "common/arith/deep_equal.h"
#include "common/arith/index_map.h"
#include "common/arith/iter_map.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"

namespace hone::schedule {
namespace {

using ir::Buffer;
using ir::Expr;
using ir::Stmt;

class LayoutRewriter final : public ir::StmtExprMutator {
 public:
  LayoutRewriter(Buffer from, Buffer to, const ir::IndexMapNode* map, BlockReuses& reuses)
      : from_(from), to_(to), map_(map), reuses_(reuses) {}

 private:
  using StmtExprMutator::Mutate;

  Stmt Mutate(const ir::ForNode* node) override {
    const ir::Range range{node->min, node->extent};
    analyzer_.Bind(node->loop_var, range);
    domains_.push_back({node->loop_var, range});
    const Stmt out = StmtExprMutator::Mutate(node);
    domains_.pop_back();
    return out;
  }

  Stmt Mutate(const ir::BlockNode* node) override {
    for (ir::IterVar iter : node->iter_vars) {
      analyzer_.Bind(iter->var, iter->dom);
      domains_.push_back({iter->var, iter->dom});
    }
    const Stmt inner = StmtExprMutator::Mutate(node);
    domains_.resize(domains_.size() - node->iter_vars.size());
    auto* copy = ir::CopyNode(inner.as<ir::BlockNode>());
    copy->alloc_buffers = ir::MapArray(node->alloc_buffers, [this](Buffer b) { return b == from_ ? to_ : b; });
    const bool mentioned = Mentions(node->reads) || Mentions(node->writes);
    if (mentioned) {
      const arith::BlockReadWrite regions =
          arith::GetBlockReadWriteRegion(copy, [this](ir::Var data) { return data == to_->data ? to_ : Buffer(); });
      copy->reads = WithInferred(node->reads, regions.reads);
      copy->writes = WithInferred(node->writes, regions.writes);
    }
    if (inner.get() == node && !mentioned && copy->alloc_buffers.same_as(node->alloc_buffers)) return node;
    reuses_.emplace_back(node, copy);
    return copy;
  }

  // Regions are inferred after the body.
  Stmt Mutate(const ir::BlockRealizeNode* node) override { return StmtExprMutator::Mutate(node); }

  bool Mentions(ir::Array<ir::BufferRegion> regions) const {
    for (ir::BufferRegion region : regions) {
      if (region->buffer == from_) return true;
    }
    return false;
  }

  ir::Array<ir::BufferRegion> WithInferred(ir::Array<ir::BufferRegion> old,
                                           const std::vector<ir::BufferRegion>& inferred) const {
    return ir::MapArray(old, [&](ir::BufferRegion region) -> ir::BufferRegion {
      if (!(region->buffer == from_)) return region;
      return inferred.empty() ? ir::FullRegion(to_) : inferred[0];
    });
  }

  Expr Mutate(const ir::BufferLoadNode* node) override {
    const Expr out = StmtExprMutator::Mutate(node);
    const auto* load = out.as<ir::BufferLoadNode>();
    if (load->buffer != from_.get()) return out;
    return ir::MakeBufferLoad(to_, MapIndices(load->indices), load->predicate);
  }
  Stmt Mutate(const ir::BufferStoreNode* node) override {
    const Stmt out = StmtExprMutator::Mutate(node);
    const auto* store = out.as<ir::BufferStoreNode>();
    if (!(store->buffer == from_)) return out;
    return ir::MakeBufferStore(to_, store->value, MapIndices(store->indices), store->predicate);
  }
  Expr Mutate(const ir::CallNode* node) override {
    if (!node->Is(ir::Builtin::if_then_else)) return StmtExprMutator::Mutate(node);
    const Expr condition = MutateExpr(node->args[0]);
    predicates_.push_back(condition);
    const Expr then_value = MutateExpr(node->args[1]);
    predicates_.back() = ir::Not(condition);
    const Expr else_value = MutateExpr(node->args[2]);
    predicates_.pop_back();
    if (condition == node->args[0] && then_value == node->args[1] && else_value == node->args[2]) return node;
    return ir::MakeCall(node->dtype, ir::Builtin::if_then_else, {condition, then_value, else_value});
  }

  // The load and the stores of a reduction have the same indices.
  ir::Array<Expr> MapIndices(ir::Array<Expr> indices) {
    const bool plain = predicates_.empty() && !domains_.empty();
    if (plain && last_.var == domains_.back().var.get() && last_.depth == domains_.size() &&
        std::equal(indices.begin(), indices.end(), last_.indices.begin(), last_.indices.end(),
                   [](Expr a, Expr b) { return arith::DeepEqual(a, b); })) {
      return last_.mapped;
    }
    const ir::Array<Expr> mapped = MapAnew(indices);
    if (plain) last_ = {domains_.back().var.get(), domains_.size(), indices, mapped};
    return mapped;
  }

  ir::Array<Expr> MapAnew(ir::Array<Expr> indices) {
    arith::Analyzer plain;
    std::vector<Expr> mapped = arith::MapIndices(map_, absl::MakeConstSpan(indices.data(), indices.size()), plain);
    Expr predicate = ir::BoolImm(true);
    for (Expr p : predicates_) predicate = ir::And(predicate, p);
    const std::vector<Expr> simplified = arith::IterMapSimplify(
        mapped, domains_, predicate, arith::IterMapLevel::kSurjective, analyzer_, /*simplify_trivial_iterators=*/true);
    for (size_t i = 0; i < mapped.size(); ++i) {
      const bool to_literal = ir::ConstInt(simplified[i]) != nullptr && mapped[i].as<ir::VarNode>() != nullptr;
      if (!to_literal) mapped[i] = simplified[i];
    }
    return ir::MakeArray(mapped);
  }

  Buffer from_;
  Buffer to_;
  const ir::IndexMapNode* map_;
  BlockReuses& reuses_;
  arith::Analyzer analyzer_;
  LoopDomains domains_;
  std::vector<Expr> predicates_;
  // The last access that was mapped under no condition: the innermost variable, how many there are, indices before and
  // after.
  struct Mapped {
    const ir::VarNode* var = nullptr;
    size_t depth = 0;
    ir::Array<Expr> indices;
    ir::Array<Expr> mapped;
  };
  Mapped last_;
};

}  // namespace

const ir::BlockNode* RewriteLayout(const ir::BlockNode* block, Buffer from, Buffer to, const ir::IndexMapNode* map,
                                   BlockReuses& reuses) {
  return LayoutRewriter(from, to, map, reuses).MutateStmt(block).as<ir::BlockNode>();
}

}  // namespace hone::schedule
