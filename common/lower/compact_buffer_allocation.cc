// CompactBufferAllocation: buffers allocated in blocks shrink to the hull of what is touched, and indices are rebased
// on its minimum. Each access is relaxed over every loop between it and the allocation, exactly where the indices are
// independent iterators, else dimension by dimension; conditions on the way narrow the loops. A dimension whose hull is
// not understood keeps its extent. Requests of storage_align become strides here.
#include <algorithm>
#include <vector>

#include "common/arith/conditional_bounds.h"
#include "common/arith/region.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/attr_value.h"
#include "common/lower/passes.h"
#include "common/lower/vector_index.h"

namespace hone::lower {
namespace {

struct Allocation {
  ir::Buffer buffer;
  int loop_depth;                            // Loops open where it is allocated.
  std::vector<arith::NDIntSet> touched;      // Relaxed, one an access, equal ones once.
  std::vector<std::vector<int64_t>> aligns;  // [axis, factor, offset]
  std::vector<ir::Range> region;             // What is kept; filled when its block is left.
};

struct OpenLoop {
  ir::Var var;
  std::string_view thread_tag;
};

// Whether a loop outside of the allocation is relaxed, too, because its threads share the storage.
bool SharedAcross(std::string_view scope, std::string_view tag) {
  if (tag.empty()) return false;
  const std::string_view base = scope.substr(0, scope.find('.'));
  const bool thread = tag.substr(0, 9) == "threadIdx" || tag.substr(0, 7) == "vthread";
  if (base == "global") return thread || tag.substr(0, 8) == "blockIdx";
  if (base == "shared") return thread;
  if (base == "warp") return tag == "threadIdx.x";
  return false;
}

class TouchedRegions final : public ir::StmtExprVisitor {
 public:
  absl::flat_hash_map<const ir::BufferNode*, int> index_of;
  std::vector<Allocation> allocations;

  explicit TouchedRegions(ir::PrimFunc func) { VisitStmt(func->body); }

 private:
  using ir::StmtExprVisitor::Visit;

  Allocation* Find(ir::Buffer buffer) {
    auto it = index_of.find(buffer.get());
    return it != index_of.end() ? &allocations[it->second] : nullptr;
  }

  // Calls `visit` with the loops narrowed by the condition.
  template <typename F>
  void Under(ir::Expr condition, bool holds, F visit) {
    const arith::ConditionalBounds bounds(condition, holds, domains_, analyzer_);
    const size_t pending = pending_.size();
    if (holds) {
      AddPending(condition);
    } else {
      AddPending(ir::Not(condition));
    }
    visit();
    pending_.resize(pending);
  }

  // Conditions of several loops narrow none of them alone, but the regions.
  void AddPending(ir::Expr condition) {
    if (const auto* both = condition.as<ir::AndNode>()) {
      AddPending(both->a);
      AddPending(both->b);
      return;
    }
    if (const auto* call = condition.as<ir::CallNode>(); call != nullptr && call->Is(ir::Builtin::likely)) {
      return AddPending(call->args[0]);
    }
    const auto* comparison = condition.as<ir::BinaryNode>();
    if (comparison == nullptr || !ir::IsComparison(comparison->kind)) return;
    absl::InlinedVector<const ir::VarNode*, 4> vars;
    bool simple = true;
    for (ir::Expr side : {comparison->a, comparison->b}) {
      ir::PostOrderVisitExprs(side, [&](ir::Expr e) {
        if (const auto* var = e.as<ir::VarNode>()) {
          if (std::find(vars.begin(), vars.end(), var) == vars.end()) vars.push_back(var);
          return;
        }
        simple = simple && (e.as<ir::IntImmNode>() != nullptr || e.as<ir::BinaryNode>() != nullptr);
      });
    }
    if (simple && vars.size() > 1) pending_.push_back(condition);
  }

  void Visit(const ir::BlockRealizeNode* node) override {
    VisitExpr(node->predicate);
    if (ir::IsTrue(node->predicate)) return VisitBlock(node->block);
    Under(node->predicate, true, [&] { VisitBlock(node->block); });
  }

  void VisitBlock(const ir::BlockNode* block) {
    const size_t first = allocations.size();
    for (ir::Buffer buffer : block->alloc_buffers) {
      index_of[buffer.get()] = static_cast<int>(allocations.size());
      by_data_[buffer->data.get()] = buffer;
      allocations.push_back({buffer, static_cast<int>(loops_.size()), {}, {}, {}});
    }
    const size_t end = allocations.size();
    for (ir::MatchBufferRegion match : block->match_buffers) Touch(match->source->buffer, match->source->region);
    CollectAlign(block);
    const ir::BlockNode* outer = block_;
    block_ = block;
    const auto trusted_reads = TouchExplicit(block, "explicit_read_region", block->reads);
    const auto trusted_writes = TouchExplicit(block, "explicit_write_region", block->writes);
    trusted_.insert(trusted_.end(), trusted_reads.begin(), trusted_reads.end());
    trusted_.insert(trusted_.end(), trusted_writes.begin(), trusted_writes.end());
    VisitStmt(block->init);
    VisitStmt(block->body);
    trusted_.resize(trusted_.size() - trusted_reads.size() - trusted_writes.size());
    block_ = outer;
    for (size_t i = first; i < end; ++i) Narrow(allocations[i]);
  }

  // Touches the declared regions that the annotation lists; their buffers' accesses inside are not looked at.
  std::vector<const ir::BufferNode*> TouchExplicit(const ir::BlockNode* block, std::string_view key,
                                                   ir::Array<ir::BufferRegion> regions) {
    std::vector<const ir::BufferNode*> out;
    std::vector<int64_t> listed;
    const ir::Object* value = block->annotations.Get(key);
    if (auto one = AttrInt(value)) listed.push_back(*one);
    if (auto many = AttrInts(value)) listed = *many;
    for (int64_t index : listed) {
      if (index < 0 || index >= static_cast<int64_t>(regions.size())) continue;
      Touch(regions[index]->buffer, regions[index]->region);
      out.push_back(regions[index]->buffer.get());
    }
    return out;
  }

  void CollectAlign(const ir::BlockNode* block) {
    const auto* entries = ir::As<ir::ArrayNode>(block->annotations.Get("buffer_dim_align"));
    if (entries == nullptr) return;
    for (const ir::Object* entry : entries->items) {
      const auto numbers = AttrInts(entry);
      if (!numbers || numbers->size() != 4) continue;
      const int64_t index = (*numbers)[0];
      if (index < 0 || index >= static_cast<int64_t>(block->writes.size())) continue;
      if (Allocation* allocation = Find(block->writes[index]->buffer)) {
        allocation->aligns.push_back({(*numbers)[1], (*numbers)[2], (*numbers)[3]});
      }
    }
  }

  void Visit(const ir::ForNode* node) override {
    VisitExpr(node->min);
    VisitExpr(node->extent);
    const ir::Range range = {node->min, node->extent};
    analyzer_.Bind(node->loop_var, range);
    domains_.Set(node->loop_var, range);
    loops_.push_back({node->loop_var, node->thread_binding != nullptr ? node->thread_binding->thread_tag : ""});
    VisitStmt(node->body);
    loops_.pop_back();
    domains_.Erase(node->loop_var);
  }

  void Visit(const ir::IfThenElseNode* node) override {
    VisitExpr(node->condition);
    Under(node->condition, true, [&] { VisitStmt(node->then_case); });
    if (node->else_case) Under(node->condition, false, [&] { VisitStmt(node->else_case); });
  }

  void Visit(const ir::LetStmtNode* node) override {
    VisitExpr(node->value);
    if (node->var.dtype().is_index()) {
      analyzer_.Bind(node->var, node->value);
      domains_.Set(node->var, arith::IntSet::SinglePoint(node->value));
    }
    VisitStmt(node->body);
    domains_.Erase(node->var);
  }

  void Visit(const ir::CallNode* node) override {
    if (!node->Is(ir::Builtin::if_then_else)) return ir::StmtExprVisitor::Visit(node);
    VisitExpr(node->args[0]);
    Under(node->args[0], true, [&] { VisitExpr(node->args[1]); });
    Under(node->args[0], false, [&] { VisitExpr(node->args[2]); });
  }

  void Visit(const ir::BufferLoadNode* node) override {
    ir::StmtExprVisitor::Visit(node);
    TouchPoint(node->buffer, node->indices);
  }
  void Visit(const ir::BufferStoreNode* node) override {
    ir::StmtExprVisitor::Visit(node);
    TouchPoint(node->buffer, node->indices);
  }
  // A pointer that escapes: the declared region of the enclosing block, or everything.
  void Visit(const ir::VarNode* node) override {
    auto it = by_data_.find(node);
    if (it == by_data_.end()) return;
    bool declared = false;
    if (block_ != nullptr) {
      for (const auto& regions : {block_->reads, block_->writes}) {
        for (ir::BufferRegion region : regions) {
          if (region->buffer->data.get() != node) continue;
          Touch(region->buffer, region->region);
          declared = true;
        }
      }
    }
    if (!declared) Touch(it->second, ir::FullRegion(it->second)->region);
  }

  void TouchPoint(ir::Buffer buffer, ir::Array<ir::Expr> indices) {
    if (std::find(trusted_.begin(), trusted_.end(), buffer.get()) != trusted_.end()) return;
    if (Find(buffer) == nullptr) return;
    absl::InlinedVector<ir::Range, 4> region;
    for (ir::Expr index : indices) {
      ir::Range range = {index, ir::IntImm(index.dtype().element(), 1)};
      if (index.dtype().is_vector()) range = LanesOf(index);
      region.push_back(range);
    }
    Touch(buffer, ir::Array<ir::Range>(region.data(), region.size()));
  }

  // What the lanes of a vector index cover; everything when that is not understood.
  ir::Range LanesOf(ir::Expr index) {
    const arith::IntSet lanes = arith::IntSet::Vector(index);
    if (!lanes.IsBounded()) return {};
    return {lanes.min(), analyzer_.Simplify(lanes.max() - lanes.min() + 1)};
  }

  void Touch(ir::Buffer buffer, ir::Array<ir::Range> region) {
    Allocation* allocation = Find(buffer);
    if (allocation == nullptr) return;
    absl::InlinedVector<ir::Range, 4> known(region.begin(), region.end());
    for (size_t d = 0; d < known.size(); ++d) {
      if (!known[d].min) known[d] = ir::RangeFromExtent(buffer->shape[d]);
    }
    const ir::Array<ir::Range> ranges(known.data(), known.size());
    absl::InlinedVector<arith::IterDomain, 8> iters;
    arith::DomMap relaxed;
    for (const auto& [var, set] : domains_) {
      if (!IsRelaxed(var, *allocation)) continue;
      relaxed.Set(ir::Var(var), set);
      iters.push_back({ir::Var(var), set.CoverRange(ir::RangeFromExtent(ir::IntImm(var->dtype, 0)), analyzer_)});
    }
    ir::Expr predicate = ir::BoolImm(true);
    for (ir::Expr condition : pending_) predicate = ir::And(predicate, condition);
    const arith::NDIntSet sets = arith::EstimateRegionUpperBound(ranges, iters, predicate, analyzer_);
    allocation->touched.push_back(sets);
  }

  bool IsRelaxed(const ir::VarNode* var, const Allocation& allocation) const {
    for (size_t i = 0; i < loops_.size(); ++i) {
      if (loops_[i].var.get() != var) continue;
      return static_cast<int>(i) >= allocation.loop_depth ||
             SharedAcross(allocation.buffer->scope(), loops_[i].thread_tag);
    }
    return true;  // A let.
  }

  // The hull of all accesses, within the shape.
  void Narrow(Allocation& allocation) {
    const ir::Buffer buffer = allocation.buffer;
    if (allocation.touched.empty()) return;
    const arith::NDIntSet hull = arith::UnionNDIntSets(allocation.touched);
    for (size_t d = 0; d < hull.size(); ++d) {
      const ir::Range full = ir::RangeFromExtent(buffer->shape[d]);
      const ir::Range range = hull[d].CoverRange(full, analyzer_);
      const ir::DataType dtype = full.extent.dtype();
      const ir::Expr min = analyzer_.Simplify(ir::Max(ir::IntImm(dtype, 0), range.min));
      ir::Expr extent = range.extent;
      if (!analyzer_.CanProve(ir::LE(extent, full.extent), arith::ProofStrength::kSymbolicBound)) {
        extent = ir::Min(full.extent, extent);
      }
      extent = analyzer_.Simplify(extent);
      const bool varies = ir::UsesVar(extent, [&](ir::Var v) {
        return std::any_of(loops_.begin(), loops_.end(), [&](const OpenLoop& loop) { return loop.var == v; });
      });
      if (ir::SideEffect(extent) > ir::CallEffect::kPure) {
        allocation.region.push_back(full);
        continue;
      }
      if (varies) {
        const arith::ConstIntBound bound = analyzer_.const_int_bound(extent);
        if (bound.max_value == arith::ConstIntBound::kPosInf) {
          allocation.region.push_back(full);
          continue;
        }
        extent = ir::IntImm(dtype, bound.max_value);
      }
      allocation.region.push_back({min, extent});
    }
  }

  arith::Analyzer analyzer_;
  arith::DomMap domains_;
  std::vector<ir::Expr> pending_;  // Conditions in force that narrow no loop by itself.
  std::vector<OpenLoop> loops_;
  std::vector<const ir::BufferNode*> trusted_;
  absl::flat_hash_map<const ir::VarNode*, ir::Buffer> by_data_;
  const ir::BlockNode* block_ = nullptr;
};

// The rebased buffer and what is subtracted from each index.
struct Compacted {
  ir::Buffer buffer;
  std::vector<ir::Expr> mins;
};

class Rebaser final : public ir::StmtExprMutator {
 public:
  absl::flat_hash_map<const ir::BufferNode*, Compacted> compacted;

 private:
  using ir::StmtExprMutator::Mutate;

  const Compacted* Find(ir::Buffer buffer) const {
    auto it = compacted.find(buffer.get());
    return it != compacted.end() ? &it->second : nullptr;
  }

  ir::Array<ir::Expr> Rebase(ir::Array<ir::Expr> indices, const Compacted& to) {
    std::vector<ir::Expr> out;
    for (size_t d = 0; d < indices.size(); ++d) out.push_back(UnshiftIndex(indices[d], to.mins[d]));
    return ir::MakeArray(out);
  }

  ir::BufferRegion RebaseRegion(ir::BufferRegion region, const Compacted& to) {
    std::vector<ir::Range> out;
    for (size_t d = 0; d < region->region.size(); ++d) {
      out.push_back({ir::Sub(region->region[d].min, to.mins[d]), region->region[d].extent});
    }
    return ir::MakeBufferRegion(to.buffer, ir::MakeArray(out));
  }

  ir::Expr Mutate(const ir::BufferLoadNode* node) override {
    const ir::Expr visited = ir::StmtExprMutator::Mutate(node);
    const Compacted* to = Find(node->buffer);
    if (to == nullptr) return visited;
    const auto* load = visited.as<ir::BufferLoadNode>();
    return ir::MakeBufferLoad(to->buffer, Rebase(load->indices, *to), load->predicate);
  }
  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    const Compacted* to = Find(node->buffer);
    if (to == nullptr) return visited;
    const auto* store = visited.as<ir::BufferStoreNode>();
    return ir::MakeBufferStore(to->buffer, store->value, Rebase(store->indices, *to), store->predicate);
  }
  ir::Stmt Mutate(const ir::BlockNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    auto* copy = ir::CopyNode(visited.as<ir::BlockNode>());
    const auto regions = [&](ir::Array<ir::BufferRegion> array) {
      return ir::MapArray(array, [&](ir::BufferRegion region) {
        const Compacted* to = Find(region->buffer);
        return to != nullptr ? RebaseRegion(region, *to) : region;
      });
    };
    copy->reads = regions(copy->reads);
    copy->writes = regions(copy->writes);
    copy->alloc_buffers = ir::MapArray(copy->alloc_buffers, [&](ir::Buffer buffer) {
      const Compacted* to = Find(buffer);
      return to != nullptr ? to->buffer : buffer;
    });
    copy->match_buffers = ir::MapArray(copy->match_buffers, [&](ir::MatchBufferRegion match) {
      const Compacted* to = Find(match->source->buffer);
      if (to == nullptr) return match;
      return ir::MakeMatchBufferRegion(match->buffer, RebaseRegion(match->source, *to));
    });
    return ir::Stmt(copy);
  }
};

// Strides that honour the requests, innermost to outermost; empty without any.
ir::Array<ir::Expr> AlignedStrides(const Allocation& allocation, const std::vector<int64_t>& extents,
                                   ir::DataType dtype) {
  if (allocation.aligns.empty()) return {};
  std::vector<ir::Expr> strides(extents.size());
  int64_t stride = 1;
  for (size_t d = extents.size(); d-- > 0;) {
    for (const auto& align : allocation.aligns) {
      if (align[0] != static_cast<int64_t>(d) || align[1] <= 0) continue;
      stride += ir::FloorModInt(align[2] - stride, align[1]);
    }
    strides[d] = ir::IntImm(dtype, stride);
    stride *= extents[d];
  }
  return ir::MakeArray(strides);
}

std::optional<Compacted> Compact(const Allocation& allocation) {
  const ir::DataType dtype = allocation.buffer->index_dtype();
  Compacted out;
  std::vector<ir::Expr> shape;
  std::vector<int64_t> extents;
  bool changed = false;
  for (size_t d = 0; d < allocation.region.size(); ++d) {
    const ir::Expr old_extent = allocation.buffer->shape[d];
    const ir::Range& range = allocation.region[d];
    const int64_t* old_number = ir::ConstInt(old_extent);
    const int64_t* number = ir::ConstInt(range.extent);
    const bool same = ir::IsZero(range.min) && (range.extent == old_extent ||
                                                (number != nullptr && old_number != nullptr && *number == *old_number));
    changed |= !same;
    out.mins.push_back(range.min);
    shape.push_back(same ? old_extent : range.extent);
    extents.push_back(number != nullptr ? *number : -1);
  }
  const bool known = std::find(extents.begin(), extents.end(), -1) == extents.end();
  const auto strides = known ? AlignedStrides(allocation, extents, dtype) : ir::Array<ir::Expr>();
  if (!changed && strides.empty()) return std::nullopt;
  auto* copy = ir::CopyNode(allocation.buffer.get());
  copy->shape = ir::MakeArray(shape);
  copy->strides = strides;
  out.buffer = ir::Buffer(copy);
  return out;
}

}  // namespace

absl::StatusOr<ir::PrimFunc> CompactBufferAllocation(ir::PrimFunc func, const PassContext&) {
  TouchedRegions regions(func);
  Rebaser rebaser;
  for (const Allocation& allocation : regions.allocations) {
    if (allocation.region.size() != allocation.buffer->shape.size()) continue;  // Nothing touches it.
    if (auto compacted = Compact(allocation)) {
      rebaser.compacted.emplace(allocation.buffer.get(), *compacted);
    }
  }
  if (rebaser.compacted.empty()) return func;
  return WithBody(func, rebaser.MutateStmt(func->body));
}

}  // namespace hone::lower
