#include "common/arith/access_region.h"

#include "common/arith/analyzer.h"
#include "common/arith/conditional_bounds.h"
#include "common/arith/int_set.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"

namespace hone::arith {

using ir::Buffer;
using ir::BufferRegion;
using ir::Expr;
using ir::Range;
using ir::Var;

namespace {

// The region of one buffer so far.
struct Touched {
  Buffer buffer;
  NDIntSet sets;
};
using TouchedList = absl::InlinedVector<Touched, 4>;

class AccessCollector : public ir::StmtExprVisitor {
 public:
  explicit AccessCollector(BufferOfVar buffer_of) : buffer_of_(buffer_of) {}

  void Run(const ir::BlockNode* block) {
    for (ir::MatchBufferRegion match : block->match_buffers) {
      if (BufferOf(match->source->buffer->data)) matches_.push_back(match);
    }
    VisitStmt(block->init);
    VisitStmt(block->body);
  }

  // Regions of `list` without the buffers of `excluded`.
  std::vector<BufferRegion> Regions(const TouchedList& list, absl::Span<const BufferRegion> excluded,
                                    absl::Span<const BufferRegion> also_excluded = {}) {
    auto contains = [](absl::Span<const BufferRegion> regions, Buffer buffer) {
      for (BufferRegion region : regions) {
        if (region->buffer == buffer) return true;
      }
      return false;
    };
    std::vector<BufferRegion> out;
    for (const Touched& touched : list) {
      if (contains(excluded, touched.buffer) || contains(also_excluded, touched.buffer)) continue;
      absl::InlinedVector<Range, 4> ranges;
      for (size_t i = 0; i < touched.sets.size(); ++i) {
        const IntSet& set = touched.sets[i];
        if (set.CanProveSinglePoint(analyzer_)) {
          ranges.push_back({set.min(), ir::ConstOf(set.min().dtype(), 1)});
        } else {
          ranges.push_back(set.CoverRange(ir::RangeFromExtent(touched.buffer->shape[i]), analyzer_));
        }
      }
      out.push_back(ir::MakeBufferRegion(touched.buffer, ir::MakeArray(ranges.data(), ranges.size())));
    }
    return out;
  }

  TouchedList reads;
  TouchedList writes;
  TouchedList opaques;

 protected:
  using StmtExprVisitor::Visit;

  void Visit(const ir::ForNode* node) override {
    VisitExpr(node->min);
    VisitExpr(node->extent);
    domains_.Set(node->loop_var, Range{node->min, node->extent});
    VisitStmt(node->body);
    domains_.Erase(node->loop_var);
  }

  void Visit(const ir::IfThenElseNode* node) override {
    VisitExpr(node->condition);
    {
      ConditionalBounds bounds(node->condition, /*holds=*/true, domains_, analyzer_);
      VisitStmt(node->then_case);
    }
    if (!node->else_case) return;
    ConditionalBounds bounds(node->condition, /*holds=*/false, domains_, analyzer_);
    VisitStmt(node->else_case);
  }

  void Visit(const ir::LetStmtNode* node) override {
    VisitExpr(node->value);
    lets_[node->var.get()] = lets_.empty() ? node->value : ir::Substitute(node->value, lets_);
    VisitStmt(node->body);
    lets_.erase(node->var.get());
  }

  void Visit(const ir::BufferLoadNode* node) override {
    AddPoint(&reads, node->buffer, node->indices);
    StmtExprVisitor::Visit(node);
  }

  void Visit(const ir::BufferStoreNode* node) override {
    AddPoint(&writes, node->buffer, node->indices);
    VisitExpr(node->value);
    for (Expr index : node->indices) VisitExpr(index);
    VisitExpr(node->predicate);
  }

  // The block's declaration stands for what is inside.
  void Visit(const ir::BlockRealizeNode* node) override {
    ir::VarMap values;
    for (size_t i = 0; i < node->iter_values.size(); ++i) {
      const Expr value = node->iter_values[i];
      values[node->block->iter_vars[i]->var.get()] = lets_.empty() ? value : ir::Substitute(value, lets_);
    }
    for (BufferRegion region : node->block->reads) AddRegion(&reads, ir::Substitute(region, values));
    for (BufferRegion region : node->block->writes) AddRegion(&writes, ir::Substitute(region, values));
  }

  void Visit(const ir::VarNode* node) override {
    if (node->type->kind == ir::TypeKind::kPointer) AddFull(&opaques, Var(node));
  }

  void Visit(const ir::CallNode* node) override {
    if (node->Is(ir::Builtin::tvm_access_ptr)) {
      const auto* data = node->args[1].as<ir::VarNode>();
      const int64_t* mask = ir::ConstInt(node->args[4]);
      if (data != nullptr && mask != nullptr) {
        if ((*mask & 3) != 0) AddFull((*mask & 3) == 3 ? &opaques : (*mask & 1) ? &reads : &writes, Var(data));
        return;
      }
    } else if (node->Is(ir::Builtin::if_then_else)) {
      VisitExpr(node->args[0]);
      {
        ConditionalBounds bounds(node->args[0], /*holds=*/true, domains_, analyzer_);
        VisitExpr(node->args[1]);
      }
      ConditionalBounds bounds(node->args[0], /*holds=*/false, domains_, analyzer_);
      VisitExpr(node->args[2]);
      return;
    }
    StmtExprVisitor::Visit(node);
  }

 private:
  Buffer BufferOf(Var data) {
    for (ir::MatchBufferRegion match : matches_) {
      if (match->buffer->data == data) return match->buffer;
    }
    return buffer_of_(data);
  }

  void AddPoint(TouchedList* list, Buffer buffer, ir::Array<Expr> indices) {
    if (!BufferOf(buffer->data)) return;
    NDIntSet sets;
    for (Expr index : indices) {
      const Expr value = lets_.empty() ? index : ir::Substitute(index, lets_);
      sets.push_back(EvalSet(IntSet::Vector(value), domains_, analyzer_));
    }
    Add(list, buffer, sets);
  }

  void AddRegion(TouchedList* list, BufferRegion region) {
    if (!BufferOf(region->buffer->data)) return;
    Add(list, region->buffer, EvalNDIntSet(region->region, domains_, analyzer_));
  }

  void AddFull(TouchedList* list, Var data) {
    const Buffer buffer = BufferOf(data);
    if (!buffer) return;
    Add(list, buffer, NDIntSetFromRegion(ir::FullRegion(buffer)->region));
  }

  // `sets` has the rank of `buffer`.
  void Add(TouchedList* list, Buffer buffer, NDIntSet sets) {
    for (ir::MatchBufferRegion match : matches_) {
      if (match->buffer->data != buffer->data) continue;
      sets = ToSource(match, sets);
      buffer = match->source->buffer;
      break;
    }
    for (Touched& touched : *list) {
      if (touched.buffer != buffer) continue;
      UnionWith(touched.sets, sets, analyzer_);
      return;
    }
    list->push_back({buffer, std::move(sets)});
  }

  // A region of a view as a region of what it views.
  NDIntSet ToSource(ir::MatchBufferRegion match, const NDIntSet& sets) {
    const ir::Array<Range> source = match->source->region;
    const size_t leading = source.size() - sets.size();
    NDIntSet out;
    for (size_t i = 0; i < source.size(); ++i) {
      if (i < leading) {
        out.push_back(IntSet::FromRange(source[i]));
        continue;
      }
      const Range& whole = source[i];
      const Range part = sets[i - leading].CoverRange({ir::ConstOf(whole.min.dtype(), 0), whole.extent}, analyzer_);
      out.push_back(IntSet::FromMinExtent(whole.min + part.min, part.extent));
    }
    return out;
  }

  BufferOfVar buffer_of_;
  Analyzer analyzer_;
  DomMap domains_;  // Loops inside of the block.
  ir::VarMap lets_;
  absl::InlinedVector<ir::MatchBufferRegion, 2> matches_;
};

}  // namespace

BlockAccess GetBlockAccessRegion(const ir::BlockNode* block, BufferOfVar buffer_of) {
  AccessCollector collector(buffer_of);
  collector.Run(block);
  BlockAccess out;
  out.writes = collector.Regions(collector.writes, {});
  // A reduction's own buffer is read only because of its init.
  out.reads = collector.Regions(collector.reads, block->init ? out.writes : std::vector<BufferRegion>());
  out.opaques = collector.Regions(collector.opaques, {});
  return out;
}

BlockReadWrite GetBlockReadWriteRegion(const ir::BlockNode* block, BufferOfVar buffer_of) {
  AccessCollector collector(buffer_of);
  collector.Run(block);
  const std::vector<BufferRegion> opaques = collector.Regions(collector.opaques, {});
  BlockReadWrite out;
  out.writes = collector.Regions(collector.writes, opaques);
  const std::vector<BufferRegion> own = block->init ? out.writes : std::vector<BufferRegion>();
  out.reads = collector.Regions(collector.reads, opaques, own);
  for (BufferRegion region : opaques) {
    out.reads.push_back(region);
    out.writes.push_back(region);
  }
  return out;
}

}  // namespace hone::arith
