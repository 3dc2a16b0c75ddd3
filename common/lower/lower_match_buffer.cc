// LowerMatchBuffer: views made by match_buffer are replaced by their sources with shifted indices, and the view's
// symbolic shape, strides, offset and data pointer by the source's.
#include <algorithm>

#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/lower/linear.h"
#include "common/lower/passes.h"
#include "common/lower/vector_index.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

struct View {
  ir::Buffer source;
  std::vector<ir::Range> region;
  size_t leading;  // Dimensions of the source in front of those of the view.
};

// In elements, by the strides, or row-major.
std::vector<ir::Expr> StridesOf(ir::Buffer buffer) {
  if (!buffer->strides.empty()) return buffer->strides.ToVector();
  std::vector<ir::Expr> strides(buffer->shape.size());
  ir::Expr stride = ir::IntImm(buffer->index_dtype(), 1);
  for (size_t d = strides.size(); d-- > 0;) {
    strides[d] = stride;
    stride = ir::Mul(stride, buffer->shape[d]);
  }
  return strides;
}

class MatchLowerer final : public ir::StmtExprMutator {
 public:
  absl::Status status;

  explicit MatchLowerer(bool check_rows) : check_rows_(check_rows) {}

 private:
  using ir::StmtExprMutator::Mutate;

  ir::Expr Mutate(const ir::VarNode* node) override {
    auto it = values_.find(node);
    return it != values_.end() ? it->second : ir::Expr(node);
  }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    context_.BindLoop(node->loop_var, node->min, node->extent);
    return ir::StmtExprMutator::Mutate(node);
  }

  ir::Stmt Mutate(const ir::BlockNode* node) override {
    if (node->match_buffers.empty()) return ir::StmtExprMutator::Mutate(node);
    for (ir::MatchBufferRegion match : node->match_buffers) AddView(match);
    auto* copy = ir::CopyNode(node);
    copy->match_buffers = {};
    return ir::StmtExprMutator::Mutate(copy);
  }

  void Fail(const std::string& message) {
    if (status.ok()) status = absl::InvalidArgumentError(message);
  }

  void AddView(ir::MatchBufferRegion match) {
    const ir::Buffer view = match->buffer;
    // The region may itself be in terms of an outer view.
    ir::BufferRegion source = MutateRegion(match->source);
    ir::Buffer base = source->buffer;
    std::vector<ir::Range> region(source->region.begin(), source->region.end());
    if (auto it = views_.find(base.get()); it != views_.end()) {
      region = Composed(it->second, region);
      base = it->second.source;
    }
    if (view->scope() != base->scope()) {
      return Fail(StrCat("match_buffer \"", view->name, "\" has scope ", view->scope(), ", its source \"", base->name,
                         "\" has ", base->scope()));
    }
    if (view->dtype != base->dtype) {
      return Fail(StrCat("match_buffer \"", view->name, "\" is ", view->dtype.ToString(), ", its source \"", base->name,
                         "\" is ", base->dtype.ToString()));
    }
    const View entry{base, region, region.size() - view->shape.size()};
    views_[view.get()] = entry;
    Bind(view->data, base->data, view);
    const std::vector<ir::Expr> strides = StridesOf(base);
    ir::Expr offset = base->elem_offset;
    for (size_t d = 0; d < region.size(); ++d) offset = ir::Add(offset, ir::Mul(region[d].min, strides[d]));
    offset = context_.Simplify(offset);
    if (view->offset_factor > 1) {
      const Linear rest = context_.FloorMod(context_.Of(offset), view->offset_factor);
      if (!rest.is_const() || rest.constant != 0) {
        return Fail(
            StrCat("match_buffer \"", view->name, "\" needs an offset that is a multiple of ", view->offset_factor));
      }
    }
    if (view->elem_offset.as<ir::VarNode>() != nullptr) Bind(view->elem_offset, offset, view);
    for (size_t d = 0; d < view->shape.size(); ++d) Bind(view->shape[d], region[entry.leading + d].extent, view);
    for (size_t d = 0; d < view->strides.size(); ++d) Bind(view->strides[d], strides[entry.leading + d], view);
  }

  // A variable takes the value; a constant must be equal to it.
  void Bind(ir::Expr formal, ir::Expr actual, ir::Buffer view) {
    if (const auto* var = formal.as<ir::VarNode>()) {
      values_[var] = actual;
      return;
    }
    const Linear difference = context_.Of(MutateExpr(formal)) - context_.Of(actual);
    if (!difference.is_const() || difference.constant != 0) {
      Fail(StrCat("match_buffer \"", view->name, "\" does not fit its source: an extent or stride differs"));
    }
  }

  static std::vector<ir::Range> Composed(const View& outer, const std::vector<ir::Range>& region) {
    std::vector<ir::Range> out;
    for (size_t d = 0; d < outer.region.size(); ++d) {
      if (d < outer.leading) {
        out.push_back({outer.region[d].min, ir::IntImm(outer.region[d].min.dtype(), 1)});
      } else {
        const ir::Range& inner = region[d - outer.leading];
        out.push_back({ir::Add(outer.region[d].min, inner.min), inner.extent});
      }
    }
    return out;
  }

  // A view is compact unless it says otherwise, and some intrinsics read several of its rows as one vector. That is
  // right only where the rows of the source follow each other, too.
  void CheckRows(ir::Buffer view_buffer, const View& view, ir::Array<ir::Expr> indices) {
    const size_t rank = indices.size();
    if (!check_rows_ || rank < 2 || !view_buffer->strides.empty()) return;
    const auto* ramp = indices[rank - 1].as<ir::RampNode>();
    Bounds bounds = context_.BoundsOf(ramp != nullptr ? ramp->base : indices[rank - 1]);
    if (ramp != nullptr) {
      const int64_t* stride = ir::ConstInt(ramp->stride);
      bounds.hi += (indices[rank - 1].dtype().lanes - 1) * (stride != nullptr ? std::max<int64_t>(0, *stride) : 0);
    }
    const int64_t* extent = ir::ConstInt(view.region[view.leading + rank - 1].extent);
    if (extent == nullptr || !bounds.bounded() || bounds.hi < *extent) return;
    const std::vector<ir::Expr> strides = StridesOf(view.source);
    for (size_t d = 1; d < rank; ++d) {
      const ir::Expr row = ir::Mul(view.region[view.leading + d].extent, strides[view.leading + d]);
      const Linear gap = context_.Of(row) - context_.Of(strides[view.leading + d - 1]);
      if (gap.is_const() && gap.constant == 0) continue;
      return Fail(StrCat("match_buffer \"", view_buffer->name, "\" is accessed across its rows, which do not follow ",
                         "each other in \"", view.source->name, "\""));
    }
  }

  static ir::Array<ir::Expr> Shifted(const View& view, ir::Array<ir::Expr> indices) {
    std::vector<ir::Expr> out;
    for (size_t d = 0; d < view.region.size(); ++d) {
      out.push_back(d < view.leading ? view.region[d].min : ShiftIndex(indices[d - view.leading], view.region[d].min));
    }
    return ir::MakeArray(out);
  }

  ir::Expr Mutate(const ir::BufferLoadNode* node) override {
    const ir::Expr visited = ir::StmtExprMutator::Mutate(node);
    auto it = views_.find(node->buffer);
    if (it == views_.end()) return visited;
    const auto* load = visited.as<ir::BufferLoadNode>();
    CheckRows(node->buffer, it->second, load->indices);
    return ir::MakeBufferLoad(it->second.source, Shifted(it->second, load->indices), load->predicate);
  }
  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    auto it = views_.find(node->buffer.get());
    if (it == views_.end()) return visited;
    const auto* store = visited.as<ir::BufferStoreNode>();
    CheckRows(node->buffer, it->second, store->indices);
    return ir::MakeBufferStore(it->second.source, store->value, Shifted(it->second, store->indices), store->predicate);
  }

  const bool check_rows_;
  LinearContext context_;
  ir::VarMap values_;
  absl::flat_hash_map<const ir::BufferNode*, View> views_;
};

}  // namespace

absl::StatusOr<ir::PrimFunc> LowerMatchBuffer(ir::PrimFunc func, const PassContext& context) {
  MatchLowerer lowerer(context.check_views);
  const ir::Stmt body = lowerer.MutateStmt(func->body);
  if (!lowerer.status.ok()) return lowerer.status;
  return WithBody(func, body);
}

}  // namespace hone::lower
