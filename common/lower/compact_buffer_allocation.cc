// CompactBufferAllocation: buffers allocated in blocks shrink to the hull of what is touched, and indices are rebased
// on its minimum. The hull is taken dimension by dimension, relaxed over every loop between allocation and access; a
// dimension whose hull is not understood keeps its extent. Requests of storage_align become strides here.
#include <algorithm>
#include <vector>

#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/attr_value.h"
#include "common/lower/linear.h"
#include "common/lower/passes.h"
#include "common/lower/vector_index.h"

namespace hone::lower {
namespace {

// [min, min + width], in terms of what is visible at the allocation.
struct Hull {
  Linear min;
  int64_t width = 0;
};

// What is known of one dimension: nothing touched yet, a hull, or the full dimension.
struct Dimension {
  bool touched = false;
  bool full = false;
  Hull hull;
};

struct Allocation {
  ir::Buffer buffer;
  int loop_depth;  // Loops open where it is allocated.
  std::vector<Dimension> dims;
  std::vector<std::vector<int64_t>> aligns;  // [axis, factor, offset]
};

struct OpenLoop {
  const ir::VarNode* var;
  std::string_view thread_tag;
};

// Whether a loop outside of the allocation is relaxed, too, because its threads share the storage.
bool SharedAcross(std::string_view scope, std::string_view tag) {
  if (tag.empty()) return false;
  const std::string_view base = scope.substr(0, scope.find('.'));
  const bool thread = tag.substr(0, 9) == "threadIdx" || tag.substr(0, 7) == "vthread";
  if (base == "global") return true;
  if (base == "shared") return thread;
  if (base == "warp") return tag == "threadIdx.x";
  return false;
}

class TouchedRegions final : public ir::StmtExprVisitor {
 public:
  LinearContext context;
  absl::flat_hash_map<const ir::BufferNode*, int> index_of;
  std::vector<Allocation> allocations;

  explicit TouchedRegions(ir::PrimFunc func) { VisitStmt(func->body); }

 private:
  using ir::StmtExprVisitor::Visit;

  Allocation* Find(ir::Buffer buffer) {
    auto it = index_of.find(buffer.get());
    return it != index_of.end() ? &allocations[it->second] : nullptr;
  }

  void Visit(const ir::BlockRealizeNode* node) override {
    VisitExpr(node->predicate);
    const bool guarded = !ir::IsTrue(node->predicate);
    if (guarded) context.EnterCondition(node->predicate);
    VisitBlock(node->block);
    if (guarded) context.LeaveCondition();
  }

  void VisitBlock(const ir::BlockNode* block) {
    for (ir::Buffer buffer : block->alloc_buffers) {
      index_of[buffer.get()] = static_cast<int>(allocations.size());
      by_data_[buffer->data.get()] = buffer;
      allocations.push_back(
          {buffer, static_cast<int>(loops_.size()), std::vector<Dimension>(buffer->shape.size()), {}});
    }
    for (ir::MatchBufferRegion match : block->match_buffers) TouchRegion(match->source);
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
      TouchRegion(regions[index]);
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
    context.BindLoop(node->loop_var, node->min, node->extent);
    loops_.push_back({node->loop_var.get(), node->thread_binding != nullptr ? node->thread_binding->thread_tag : ""});
    VisitStmt(node->body);
    loops_.pop_back();
  }

  void Visit(const ir::IfThenElseNode* node) override {
    VisitExpr(node->condition);
    context.EnterCondition(node->condition);
    VisitStmt(node->then_case);
    context.LeaveCondition();
    if (!node->else_case) return;
    context.EnterCondition(ir::Not(node->condition));
    VisitStmt(node->else_case);
    context.LeaveCondition();
  }

  void Visit(const ir::LetStmtNode* node) override {
    VisitExpr(node->value);
    lets_.push_back(node->var.get());
    VisitStmt(node->body);
  }

  void Visit(const ir::CallNode* node) override {
    if (!node->Is(ir::Builtin::if_then_else)) return ir::StmtExprVisitor::Visit(node);
    VisitExpr(node->args[0]);
    context.EnterCondition(node->args[0]);
    VisitExpr(node->args[1]);
    context.LeaveCondition();
    context.EnterCondition(ir::Not(node->args[0]));
    VisitExpr(node->args[2]);
    context.LeaveCondition();
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
          TouchRegion(region);
          declared = true;
        }
      }
    }
    if (!declared) TouchFull(it->second);
  }

  void TouchFull(ir::Buffer buffer) {
    if (Allocation* allocation = Find(buffer)) {
      for (Dimension& dim : allocation->dims) dim.touched = dim.full = true;
    }
  }

  void TouchPoint(ir::Buffer buffer, ir::Array<ir::Expr> indices) {
    if (std::find(trusted_.begin(), trusted_.end(), buffer.get()) != trusted_.end()) return;
    Allocation* allocation = Find(buffer);
    if (allocation == nullptr) return;
    for (size_t d = 0; d < indices.size(); ++d) {
      const auto* ramp = indices[d].as<ir::RampNode>();
      const int64_t* stride = ramp != nullptr ? ir::ConstInt(ramp->stride) : nullptr;
      if (stride != nullptr && *stride > 0 && ramp->base.dtype().is_index()) {
        Touch(*allocation, d, context.Of(ramp->base), (indices[d].dtype().lanes - 1) * *stride + 1);
        continue;
      }
      if (!indices[d].dtype().is_index()) {
        allocation->dims[d].touched = allocation->dims[d].full = true;
        continue;
      }
      Touch(*allocation, d, context.Of(indices[d]), 1);
    }
  }

  void TouchRegion(ir::BufferRegion region) {
    Allocation* allocation = Find(region->buffer);
    if (allocation == nullptr) return;
    for (size_t d = 0; d < region->region.size(); ++d) {
      const Bounds extent = context.BoundsOf(region->region[d].extent);
      if (!extent.bounded()) {
        allocation->dims[d].touched = allocation->dims[d].full = true;
        continue;
      }
      Touch(*allocation, d, context.Of(region->region[d].min), extent.hi);
    }
  }

  void Touch(Allocation& allocation, size_t d, const Linear& index, int64_t extent) {
    Dimension& dim = allocation.dims[d];
    if (dim.full) return;
    std::optional<Hull> hull = Relax(index, allocation);
    if (!hull) {
      dim.touched = dim.full = true;
      return;
    }
    hull->width += extent - 1;
    if (!dim.touched) {
      dim.touched = true;
      dim.hull = *hull;
      return;
    }
    const Linear shift = hull->min - dim.hull.min;
    if (!shift.is_const()) {
      dim.full = true;
      return;
    }
    const int64_t end = std::max(dim.hull.width, shift.constant + hull->width);
    if (shift.constant < 0) dim.hull.min = hull->min;
    const int64_t begin = std::min<int64_t>(0, shift.constant);
    dim.hull.width = end - begin;
  }

  bool IsInner(const ir::VarNode* var, const Allocation& allocation) const {
    for (size_t i = 0; i < loops_.size(); ++i) {
      if (loops_[i].var != var) continue;
      return static_cast<int>(i) >= allocation.loop_depth ||
             SharedAcross(allocation.buffer->scope(), loops_[i].thread_tag);
    }
    return std::find(lets_.begin(), lets_.end(), var) != lets_.end();
  }

  // The hull of `index` over the loops inside of the allocation; nullopt when it has no constant width.
  std::optional<Hull> Relax(const Linear& index, const Allocation& allocation) {
    Hull out;
    out.min.constant = index.constant;
    for (const auto& term : index.terms) {
      Linear single;
      single.terms.push_back(term);
      const bool inner = context.Mentions(single, [&](ir::Var var) { return IsInner(var.get(), allocation); });
      if (!inner) {
        out.min = out.min + single;
        continue;
      }
      const std::optional<Hull> relaxed = RelaxAtom(term.atom, allocation);
      if (!relaxed) return std::nullopt;
      out.width += relaxed->width * std::abs(term.coef);
      Linear low = relaxed->min;
      if (term.coef < 0) low.constant += relaxed->width;
      out.min = out.min + low * term.coef;
    }
    return out;
  }

  std::optional<Hull> RelaxAtom(int id, const Allocation& allocation) {
    const LinearContext::Atom atom = context.atom(id);
    Linear self;
    self.terms.push_back({id, 1});
    if (atom.kind == LinearContext::AtomKind::kDiv) {
      if (std::optional<Hull> inner = Relax(atom.a, allocation); inner && !inner->min.is_const()) {
        // floor((m + w) / c) <= floor(m / c) + ceil(w / c).
        return Hull{context.FloorDiv(inner->min, atom.divisor), (inner->width + atom.divisor - 1) / atom.divisor};
      }
    }
    const Bounds bounds = context.BoundsOf(self);
    if (!bounds.bounded()) return std::nullopt;
    return Hull{ConstLinear(bounds.lo), bounds.width()};
  }

  std::vector<OpenLoop> loops_;
  std::vector<const ir::VarNode*> lets_;
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

std::optional<Compacted> Compact(LinearContext& context, const Allocation& allocation) {
  const ir::DataType dtype = allocation.buffer->index_dtype();
  Compacted out;
  std::vector<ir::Expr> shape;
  std::vector<int64_t> extents;
  bool changed = false;
  for (size_t d = 0; d < allocation.dims.size(); ++d) {
    const ir::Expr old_extent = allocation.buffer->shape[d];
    const int64_t* old_number = ir::ConstInt(old_extent);
    const Dimension& dim = allocation.dims[d];
    const int64_t extent = dim.hull.width + 1;
    const bool shrinks = dim.touched && !dim.full && (old_number == nullptr || extent < *old_number);
    changed |= shrinks;
    out.mins.push_back(shrinks ? context.ToExpr(dim.hull.min, old_extent.dtype()) : ir::IntImm(old_extent.dtype(), 0));
    shape.push_back(shrinks ? ir::IntImm(old_extent.dtype(), extent) : old_extent);
    extents.push_back(shrinks ? extent : old_number != nullptr ? *old_number : -1);
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
    if (auto compacted = Compact(regions.context, allocation)) {
      rebaser.compacted.emplace(allocation.buffer.get(), *compacted);
    }
  }
  if (rebaser.compacted.empty()) return func;
  return WithBody(func, rebaser.MutateStmt(func->body));
}

}  // namespace hone::lower
