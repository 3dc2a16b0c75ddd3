#include <algorithm>
#include <vector>

#include "common/arith/access_region.h"
#include "common/arith/analyzer.h"
#include "common/arith/deep_equal.h"
#include "common/arith/index_map.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/primitive/layout_rewrite.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using ir::Buffer;
using ir::Expr;
using ir::ForNode;
using ir::Stmt;

// A store to the buffer and what surrounds it.
struct Write {
  std::vector<const ForNode*> nest;  // From the first loop that its indices depend on to the last.
  const ir::StmtNode* innermost;     // The realize around, or the store itself.
  bool row_major;                    // The nest runs over the buffer's dimensions in order.
};

class WriteFinder final : public ir::StmtExprMutator {
 public:
  explicit WriteFinder(Buffer buffer) : buffer_(buffer) {}
  const std::vector<Write>& writes() const { return writes_; }

 private:
  using StmtExprMutator::Mutate;

  Stmt Mutate(const ForNode* node) override {
    loops_.push_back(node);
    MutateStmt(node->body);
    loops_.pop_back();
    return node;
  }
  Stmt Mutate(const ir::BlockRealizeNode* node) override {
    const ir::StmtNode* before = realize_;
    realize_ = node;
    for (size_t i = 0; i < node->iter_values.size(); ++i) {
      bindings_[node->block->iter_vars[i]->var.get()] = ir::Substitute(node->iter_values[i], bindings_);
    }
    MutateStmt(node->block->init);
    MutateStmt(node->block->body);
    realize_ = before;
    return node;
  }
  Stmt Mutate(const ir::BufferStoreNode* node) override {
    if (!(node->buffer == buffer_)) return node;
    Write write;
    write.innermost = realize_ != nullptr ? realize_ : node;
    std::vector<Expr> indices;
    for (Expr index : node->indices) indices.push_back(ir::Substitute(index, bindings_));
    size_t first = loops_.size();
    size_t last = 0;
    for (size_t i = 0; i < loops_.size(); ++i) {
      const bool used =
          std::any_of(indices.begin(), indices.end(), [&](Expr e) { return ir::UsesVar(e, loops_[i]->loop_var); });
      if (!used) continue;
      first = std::min(first, i);
      last = i + 1;
    }
    if (first < last) write.nest.assign(loops_.begin() + first, loops_.begin() + last);
    write.row_major = write.nest.size() == indices.size() && !indices.empty();
    for (size_t i = 0; write.row_major && i < write.nest.size(); ++i) {
      const ForNode* loop = write.nest[i];
      write.row_major = indices[i] == loop->loop_var && ir::IsZero(loop->min) &&
                        loop->for_kind == ir::ForKind::kSerial && arith::DeepEqual(loop->extent, buffer_->shape[i]);
    }
    writes_.push_back(std::move(write));
    return node;
  }

  Buffer buffer_;
  std::vector<Write> writes_;
  std::vector<const ForNode*> loops_;
  const ir::StmtNode* realize_ = nullptr;
  ir::VarMap bindings_;
};

// Iters v_<name> over the new shape, bound to loops called like the inverse's inputs.
struct NewNest {
  std::vector<ir::Var> loops;
  std::vector<ir::IterVar> iters;
  std::vector<Expr> indices;  // The iters.
  ir::VarMap to_iters;        // From the inverse's inputs.
  ir::VarMap to_loops;
};

NewNest MakeNest(Buffer to, const ir::IndexMapNode* inverse) {
  NewNest out;
  for (size_t i = 0; i < to->shape.size(); ++i) {
    const ir::Var input = inverse->initial_indices[i];
    out.loops.push_back(ir::CopyVar(input));
    const ir::Var iter = ir::CopyVar(input, StrCat("v_", input.name()));
    out.iters.push_back(ir::MakeIterVar(ir::RangeFromExtent(to->shape[i]), iter, ir::IterType::kSpatial));
    out.indices.push_back(iter);
    out.to_iters[input.get()] = iter;
    out.to_loops[input.get()] = out.loops.back();
  }
  return out;
}

Stmt WrapLoops(const NewNest& nest, Buffer to, Stmt body) {
  for (size_t i = nest.loops.size(); i-- > 0;) {
    body = ir::MakeFor(nest.loops[i], ir::IntImm(nest.loops[i].dtype(), 0), to->shape[i], ir::ForKind::kSerial, body);
  }
  return body;
}

Expr PadValue(const LayoutPadding& padding, absl::Span<const Expr> indices) {
  arith::Analyzer analyzer;
  return arith::MapIndices(padding.pad_value, indices, analyzer)[0];
}

Stmt Assumption(Buffer to, const LayoutPadding& padding) {
  const NewNest nest = MakeNest(to, padding.inverse);
  const auto at = ir::MakeArray(nest.indices);
  const Expr holds = ir::Or(ir::Not(ir::Substitute(padding.predicate, nest.to_iters)),
                            ir::EQ(ir::MakeBufferLoad(to, at), PadValue(padding, nest.indices)));
  const Stmt body = ir::MakeEvaluate(ir::MakeCall(ir::kBool, ir::Builtin::assume, {holds}));
  const ir::BlockNode* block = ir::MakeBlock(ir::MakeArray(nest.iters), ir::MakeArray({ir::PointRegion(to, at)}), {},
                                             StrCat("buffer_", to->name, "_assumptions"), body);
  const std::vector<Expr> values(nest.loops.begin(), nest.loops.end());
  return WrapLoops(nest, to, ir::MakeBlockRealize(ir::MakeArray(values), ir::BoolImm(true), block));
}

Stmt Filling(Buffer to, const LayoutPadding& padding) {
  const NewNest nest = MakeNest(to, padding.inverse);
  const auto at = ir::MakeArray(nest.indices);
  const ir::BlockNode* block = ir::MakeBlock(ir::MakeArray(nest.iters), {}, ir::MakeArray({ir::PointRegion(to, at)}),
                                             StrCat("buffer_", to->name, "_padding"),
                                             ir::MakeBufferStore(to, PadValue(padding, nest.indices), at));
  const std::vector<Expr> values(nest.loops.begin(), nest.loops.end());
  return WrapLoops(
      nest, to, ir::MakeBlockRealize(ir::MakeArray(values), ir::Substitute(padding.predicate, nest.to_loops), block));
}

// Rewrites the blocks below a row-major nest over the new shape.
class NestRewriter final : public ir::StmtExprMutator {
 public:
  NestRewriter(Buffer from, Buffer to, const LayoutPadding& padding, const NewNest& nest,
               const std::vector<const ForNode*>& old, BlockReuses& reuses)
      : from_(from), to_(to), padding_(padding), nest_(nest), old_(old), reuses_(reuses) {
    for (size_t i = 0; i < old.size(); ++i) {
      loops_[old[i]->loop_var.get()] =
          analyzer_.Simplify(ir::Substitute(padding.inverse->final_indices[i], nest.to_loops));
      inverse_.push_back(analyzer_.Simplify(ir::Substitute(padding.inverse->final_indices[i], nest.to_iters)));
    }
  }

 private:
  using StmtExprMutator::Mutate;

  Expr Mutate(const ir::VarNode* node) override {
    const auto it = loops_.find(node);
    return it != loops_.end() ? it->second : Expr(node);
  }

  Stmt Mutate(const ir::BlockRealizeNode* node) override {
    std::vector<ir::IterVar> iters;
    std::vector<Expr> values;
    ir::VarMap saved = loops_;
    bool replaced = false;
    for (size_t i = 0; i < node->iter_values.size(); ++i) {
      const auto loop = std::find_if(old_.begin(), old_.end(),
                                     [&](const ForNode* l) { return Expr(l->loop_var) == node->iter_values[i]; });
      if (loop == old_.end()) continue;
      loops_[node->block->iter_vars[i]->var.get()] = inverse_[static_cast<size_t>(loop - old_.begin())];
      replaced = true;
    }
    if (replaced) {
      iters = nest_.iters;
      values.assign(nest_.loops.begin(), nest_.loops.end());
    }
    for (size_t i = 0; i < node->iter_values.size(); ++i) {
      if (loops_.contains(node->block->iter_vars[i]->var.get())) continue;
      iters.push_back(node->block->iter_vars[i]);
      values.push_back(MutateExpr(node->iter_values[i]));
    }
    const Expr predicate = MutateExpr(node->predicate);
    in_block_ = replaced;
    const auto* inner = MutateStmt(node->block).as<ir::BlockNode>();
    auto* block = ir::CopyNode(inner);
    block->iter_vars = ir::MakeArray(iters);
    const arith::BlockReadWrite regions = arith::GetBlockReadWriteRegion(block, [&](ir::Var data) -> Buffer {
      for (const auto& list : {node->block->reads, node->block->writes}) {
        for (ir::BufferRegion region : list) {
          if (region->buffer->data == data) return region->buffer == from_ ? to_ : region->buffer;
        }
      }
      return {};
    });
    block->reads = ir::MakeArray(regions.reads);
    block->writes = ir::MakeArray(regions.writes);
    reuses_.emplace_back(node->block, block);
    loops_ = std::move(saved);
    return ir::MakeBlockRealize(ir::MakeArray(values), predicate, block);
  }

  Expr Mutate(const ir::BufferLoadNode* node) override {
    if (node->buffer == from_.get() && IsPlainAccess(node->indices)) {
      return ir::MakeBufferLoad(to_, ir::MakeArray(nest_.indices));
    }
    return StmtExprMutator::Mutate(node);
  }
  Stmt Mutate(const ir::BufferStoreNode* node) override {
    if (!(node->buffer == from_)) return StmtExprMutator::Mutate(node);
    const Expr value = ir::IfThenElse(ir::Substitute(padding_.predicate, nest_.to_iters),
                                      PadValue(padding_, nest_.indices), MutateExpr(node->value));
    return ir::MakeBufferStore(to_, value, ir::MakeArray(nest_.indices));
  }

  // The access that the stores make: old index i is what loop i runs over.
  bool IsPlainAccess(ir::Array<Expr> indices) {
    for (size_t i = 0; i < indices.size(); ++i) {
      const auto* var = indices[i].as<ir::VarNode>();
      const auto it = var != nullptr ? loops_.find(var) : loops_.end();
      if (it == loops_.end() || !(it->second == inverse_[i])) return false;
    }
    return in_block_;
  }

  Buffer from_;
  Buffer to_;
  const LayoutPadding& padding_;
  const NewNest& nest_;
  const std::vector<const ForNode*>& old_;
  BlockReuses& reuses_;
  arith::Analyzer analyzer_;
  ir::VarMap loops_;
  std::vector<Expr> inverse_;  // Old indices over the new iters.
  bool in_block_ = false;
};

// Puts `with` in the place of `what`, wherever it stands, or `after` behind it.
class Replacer final : public ir::StmtExprMutator {
 public:
  Replacer(const ir::StmtNode* what, Stmt with, BlockReuses& reuses) : what_(what), with_(with), reuses_(reuses) {}
  Stmt MutateStmt(Stmt s) override { return s.get() == what_ ? with_ : StmtExprMutator::MutateStmt(s); }

 private:
  using StmtExprMutator::Mutate;
  Stmt Mutate(const ir::BlockNode* node) override {
    const Stmt out = StmtExprMutator::Mutate(node);
    if (out.get() != node) reuses_.emplace_back(node, out.as<ir::BlockNode>());
    return out;
  }
  const ir::StmtNode* what_;
  Stmt with_;
  BlockReuses& reuses_;
};

}  // namespace

const ir::BlockNode* HandlePadding(const ir::BlockNode* block, Buffer from, Buffer to, const LayoutPadding& padding,
                                   BlockReuses& reuses) {
  if (padding.pad_value == nullptr || ir::IsFalse(padding.predicate)) return block;
  WriteFinder finder(from);
  finder.MutateStmt(block->body);
  const std::vector<Write>& writes = finder.writes();
  if (writes.empty()) {
    auto* copy = ir::CopyNode(block);
    copy->body = ir::MakeSeq({Assumption(to, padding), block->body});
    reuses.emplace_back(block, copy);
    return copy;
  }
  const bool row_major = std::all_of(writes.begin(), writes.end(), [](const Write& w) { return w.row_major; });
  if (!row_major) {
    const ir::StmtNode* after = writes.back().nest.empty() ? writes.back().innermost : writes.back().nest.front();
    Replacer replacer(after, ir::MakeSeq({Stmt(after), Filling(to, padding)}), reuses);
    return replacer.MutateStmt(block).as<ir::BlockNode>();
  }
  std::vector<const ForNode*> done;
  for (const Write& write : writes) {
    if (std::find(done.begin(), done.end(), write.nest.front()) != done.end()) continue;
    done.push_back(write.nest.front());
    const NewNest nest = MakeNest(to, padding.inverse);
    NestRewriter rewriter(from, to, padding, nest, write.nest, reuses);
    const Stmt rewritten = WrapLoops(nest, to, rewriter.MutateStmt(write.nest.back()->body));
    Replacer replacer(write.nest.front(), rewritten, reuses);
    block = replacer.MutateStmt(block).as<ir::BlockNode>();
  }
  return block;
}

}  // namespace hone::schedule
