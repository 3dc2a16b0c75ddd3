#include "server/cost_model/feature/direct/placement.h"

#include <algorithm>
#include <memory>

#include "common/arith/conditional_bounds.h"
#include "common/arith/region.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"

namespace hone::direct {
namespace {

using ir::Expr;

// Whether all threads of the loop share storage of `scope`.
bool SharedAcross(std::string_view scope, Axis axis) {
  if (axis == Axis::kNone || axis == Axis::kOther) return false;
  const std::string_view base = scope.substr(0, scope.find('.'));
  const bool block = axis < Axis::kThreadX;
  if (base == "global") return true;
  if (base == "shared") return !block;
  return base == "warp" && axis == Axis::kThreadX;
}

class Placer final : private Expressions {
 public:
  explicit Placer(ReadState& state) : Expressions(state) {}

  bool Place() { return PlaceBuffers() && Finish(); }

 private:
  // What is touched of one dimension: `outer` holds loops outside of the allocation.
  struct Hull {
    bool touched = false;
    LinearIndex outer;  // Its base is the least index.
    int64_t width = 0;
  };
  using Hulls = absl::InlinedVector<Hull, 6>;

  bool PlaceBuffers() {
    finishing_ = true;
    for (size_t id = 0; id < states_.size(); ++id) {
      BufferFacts& facts = program_.buffers[id];
      if (!facts.parameter && !states_[id].allocated) return false;  // Where it lives is unknown.
      if (std::find(facts.shape.begin(), facts.shape.end(), -1) != facts.shape.end()) return false;
      if (facts.parameter || states_[id].scope < 0) continue;
      facts.placed = true;
      facts.scope = facts.buffer->scope() == "global" ? OutsideOfKernels(states_[id].scope) : states_[id].scope;
      facts.outer_product = ProductAround(facts.scope);
      if (!Compact(static_cast<int>(id))) return false;
    }
    return true;
  }

  // Temporaries in global memory never land inside of a kernel.
  int OutsideOfKernels(int scope) const {
    int out = scope;
    for (int s = scope; s > 0; s = scopes_[s].parent) {
      const int loop = scopes_[s].loop;
      if (loop >= 0 && program_.loops[loop].axis >= Axis::kBlockX && program_.loops[loop].axis < Axis::kThreadX) {
        out = scopes_[s].parent;
      }
    }
    return out;
  }

  // Of the extents of the loops around what stands in the scope, bound ones around their kernel.
  double ProductAround(int scope) const {
    double product = 1;
    if (scopes_[scope].kernel >= 0) {
      for (int axis : program_.kernels[scopes_[scope].kernel].axes) {
        product *= static_cast<double>(program_.loops[axis].extent);
      }
    }
    for (int s = scope; s > 0; s = scopes_[s].parent) {
      if (scopes_[s].loop < 0) continue;
      const Loop& loop = program_.loops[scopes_[s].loop];
      if (loop.axis == Axis::kNone) product *= static_cast<double>(loop.extent);
    }
    return product;
  }

  template <typename F>
  bool ForEachAccess(int buffer, const F& f) {
    for (Access& access : program_.silent) {
      if (access.buffer == buffer && !f(access)) return false;
    }
    for (Store& store : program_.stores) {
      if (store.target.buffer == buffer && !f(store.target)) return false;
      for (Access& load : store.loads) {
        if (load.buffer == buffer && !f(load)) return false;
      }
    }
    return true;
  }

  bool Compact(int id) {
    BufferFacts& facts = program_.buffers[id];
    Hulls hulls(facts.shape.size());
    absl::InlinedVector<const Access*, 4> later;
    const bool known = ForEachAccess(id, [&](Access& access) {
      if (!IsLinear(access) || IsConditional(access.scope)) {
        later.push_back(&access);
        return true;
      }
      return IncludeLinear(access, facts, nullptr, hulls);
    });
    if (!known) return false;
    for (const Opening& opening : openings_) {
      if (opening.mins.buffer != id) continue;
      if (IsConditional(opening.mins.scope) || !IncludeLinear(opening.mins, facts, &opening.extents, hulls)) {
        return false;
      }
    }
    for (const Access* access : later) {
      if (!IncludeConditional(*access, facts, hulls)) return false;
    }
    for (size_t d = 0; d < hulls.size(); ++d) {
      const Hull& hull = hulls[d];
      if (!hull.touched) continue;
      if (hull.outer.base() < 0) return false;
      if (hull.width + 1 >= facts.shape[d]) {
        if (hull.outer.base() != 0 || hull.outer.size() != 0) return false;
        continue;
      }
      facts.shape[d] = hull.width + 1;
      const bool rebased = ForEachAccess(id, [&](Access& access) { return Rebase(access.indices[d], facts, hull); });
      if (!rebased) return false;
    }
    return true;
  }

  // Whether a dimension's extent includes what the loop runs over.
  bool IsRelaxed(int loop, const BufferFacts& facts) const {
    return depth_of_loop_[loop] >= scopes_[facts.scope].loops ||
           (program_.loops[loop].axis != Axis::kNone && SharedAcross(facts.buffer->scope(), program_.loops[loop].axis));
  }

  void HullOf(const LinearIndex& index, int64_t extent, const BufferFacts& facts, Hull& out) const {
    out.touched = true;
    out.outer.set_base(index.base());
    out.width = extent - 1;
    for (const LinearIndex::Term& term : index) {
      if (IsRelaxed(term.key, facts)) {
        out.width += Growth(term, program_.loops[term.key].extent);
      } else {
        out.outer.Add(term, 1);
      }
    }
  }

  bool IncludeLinear(const Access& access, const BufferFacts& facts, const Shape* extents, Hulls& hulls) const {
    for (size_t d = 0; d < hulls.size(); ++d) {
      Hull one;
      HullOf(access.indices[d].linear, extents != nullptr ? (*extents)[d] : 1, facts, one);
      if (!Include(one, hulls[d])) return false;
    }
    return true;
  }

  static bool SameOuter(const Hull& a, const Hull& b) {
    if (a.outer.size() != b.outer.size()) return false;
    for (const LinearIndex::Term& term : a.outer) {
      const LinearIndex::Term* same = b.outer.Find(term.key);
      if (same == nullptr || same->scale != term.scale || same->lower != term.lower || same->upper != term.upper) {
        return false;
      }
    }
    return true;
  }

  // False when the loops outside are not the same as those of accesses before.
  static bool Include(const Hull& one, Hull& hull) {
    if (!hull.touched) {
      hull = one;
      return true;
    }
    if (!SameOuter(one, hull)) return false;
    const int64_t begin = std::min(hull.outer.base(), one.outer.base());
    const int64_t end = std::max(hull.outer.base() + hull.width, one.outer.base() + one.width);
    hull.outer.set_base(begin);
    hull.width = end - begin;
    return true;
  }

  // An access under conditions or with an index that is not linear: nothing new when it stays inside of the others even
  // without its conditions, else as the pass estimates it.
  bool IncludeConditional(const Access& access, const BufferFacts& facts, Hulls& hulls) {
    if (IsLinear(access)) {
      bool inside = true;
      for (size_t d = 0; inside && d < hulls.size(); ++d) {
        Hull one;
        HullOf(access.indices[d].linear, 1, facts, one);
        inside = hulls[d].touched && SameOuter(one, hulls[d]) && one.outer.base() >= hulls[d].outer.base() &&
                 one.outer.base() + one.width <= hulls[d].outer.base() + hulls[d].width;
      }
      if (inside) return true;
    }
    absl::InlinedVector<int, 20> loops;
    absl::InlinedVector<Expr, 2> conditions;
    for (int s = access.scope; s > 0; s = scopes_[s].parent) {
      if (scopes_[s].loop >= 0) loops.push_back(scopes_[s].loop);
      if (scopes_[s].condition) conditions.push_back(scopes_[s].condition);
    }
    std::reverse(loops.begin(), loops.end());
    arith::Analyzer& analyzer = KnowLoops(loops);
    arith::DomMap domains;
    for (int loop : loops) {
      const ir::ForNode* node = program_.loops[loop].node;
      domains.Set(node->loop_var, ir::Range{node->min, node->extent});
    }
    absl::InlinedVector<std::unique_ptr<arith::ConditionalBounds>, 2> narrowed;
    Expr predicate = ir::BoolImm(true);
    for (size_t i = conditions.size(); i-- > 0;) {
      narrowed.push_back(std::make_unique<arith::ConditionalBounds>(conditions[i], true, domains, analyzer));
      AddPending(conditions[i], predicate);
    }
    absl::InlinedVector<arith::IterDomain, 8> iters;
    for (size_t i = 0; i < loops.size(); ++i) {
      if (!IsRelaxed(loops[i], facts)) continue;
      const ir::Var var = program_.loops[loops[i]].node->loop_var;
      const ir::Range none = ir::RangeFromExtent(ir::IntImm(var.dtype(), 0));
      iters.push_back({var, domains.Find(var)->CoverRange(none, analyzer)});
    }
    absl::InlinedVector<ir::Range, 4> region;
    for (const Index& index : access.indices) {
      if (!index.source) return false;
      const ir::DataType dtype = facts.buffer->index_dtype();
      region.push_back({index.source, ir::IntImm(dtype, 1)});
    }
    const ir::Array<ir::Range> ranges(region.data(), region.size());
    const arith::NDIntSet sets = arith::EstimateRegionUpperBound(ranges, iters, predicate, analyzer);
    while (!narrowed.empty()) narrowed.pop_back();
    for (size_t d = 0; d < hulls.size(); ++d) {
      const ir::Range range = sets[d].CoverRange(ir::RangeFromExtent(facts.buffer->shape[d]), analyzer);
      const Expr extent = analyzer.Simplify(range.extent);
      const int64_t* width = ir::ConstInt(extent);
      Hull one;
      one.touched = true;
      if (width == nullptr || !Collect(analyzer.Simplify(range.min), 1, one.outer) || !one.outer.Finish()) return false;
      one.width = *width - 1;
      if (!Include(one, hulls[d])) return false;
    }
    return true;
  }

  // The comparisons of several variables in a conjunction.
  static void AddPending(Expr condition, Expr& out) {
    if (const auto* both = condition.as<ir::AndNode>()) {
      AddPending(both->a, out);
      return AddPending(both->b, out);
    }
    if (const auto* call = condition.as<ir::CallNode>(); call != nullptr && call->Is(ir::Builtin::likely)) {
      return AddPending(call->args[0], out);
    }
    const auto* comparison = condition.as<ir::BinaryNode>();
    if (comparison == nullptr || !ir::IsComparison(comparison->kind)) return;
    absl::InlinedVector<const ir::VarNode*, 4> vars;
    bool simple = true;
    for (Expr side : {comparison->a, comparison->b}) {
      ir::PostOrderVisitExprs(side, [&](Expr e) {
        if (const auto* var = e.as<ir::VarNode>()) {
          if (std::find(vars.begin(), vars.end(), var) == vars.end()) vars.push_back(var);
          return;
        }
        simple = simple && (e.as<ir::IntImmNode>() != nullptr || e.as<ir::BinaryNode>() != nullptr);
      });
    }
    if (simple && vars.size() > 1) out = ir::And(out, condition);
  }

  bool Rebase(Index& index, const BufferFacts& facts, const Hull& hull) {
    if (index.unknown) return true;
    if (index.source) index.source = ir::Sub(index.source, ToExpr(hull.outer, index.source.dtype()));
    if (index.written) {
      const ir::DataType dtype = index.written.dtype();
      index.written = ir::Sub(index.written, ToExpr(hull.outer, dtype));
      return true;
    }
    LinearIndex out;
    out.set_base(index.linear.base() - hull.outer.base());
    for (const LinearIndex::Term& term : index.linear) {
      if (IsRelaxed(term.key, facts)) out.Add(term, 1);
    }
    index.linear = out;
    return true;
  }

  // ---- what is left when all is read

  bool Finish() {
    for (Access& access : program_.silent) {
      if (!FinishAccess(access)) return false;
    }
    for (size_t i = 0; i < program_.stores.size(); ++i) {
      Store& store = program_.stores[i];
      SetLoops(store);
      if (store.is_load && !lite_ && !IsLinear(store.loads[0]) && !SimplifyLoad(store.loads[0])) return false;
      if (!FinishAccess(store.target)) return false;
      for (Access& load : store.loads) {
        if (!FinishAccess(load)) return false;
        // Operations in the indices of loads count with the value's.
        for (const Index& index : load.indices) {
          if (index.tree >= 0) {
            program_.trees[index.tree].CountOperations(store.operations);
          } else {
            CountOperations(index.linear, store.operations);
          }
        }
      }
    }
    return true;
  }

  void SetLoops(Store& store) const {
    absl::InlinedVector<int, 20> inner;
    const int kernel = scopes_[store.target.scope].kernel;
    for (int s = store.target.scope; s > 0; s = scopes_[s].parent) {
      const int loop = scopes_[s].loop;
      if (loop >= 0 && program_.loops[loop].axis == Axis::kNone) inner.push_back(loop);
      if (kernel < 0 || s != program_.kernels[kernel].scope) continue;
      const auto& axes = program_.kernels[kernel].axes;
      inner.insert(inner.end(), axes.rbegin(), axes.rend());
    }
    store.loops.assign(inner.rbegin(), inner.rend());
  }

  // All indices of a load at once, as the pass does it.
  bool SimplifyLoad(Access& access) {
    absl::InlinedVector<Expr, 4> indices;
    for (const Index& index : access.indices) {
      if (!index.source) return false;
      indices.push_back(index.source);
    }
    const ir::Buffer buffer = program_.buffers[access.buffer].buffer;
    const Expr simple = Simplify(ir::MakeBufferLoad(buffer, ir::Array<Expr>(indices.data(), indices.size())));
    const auto* load = simple.as<ir::BufferLoadNode>();
    if (load == nullptr) return false;
    for (size_t d = 0; d < indices.size(); ++d) {
      Index& index = access.indices[d];
      index.written = load->indices[d];
      index.simplified = true;
    }
    return true;
  }

  bool FinishAccess(Access& access) {
    for (Index& index : access.indices) {
      if (index.unknown) continue;
      if (index.written && !FinishWritten(index)) return false;
      if (index.tree < 0 && !Unify(index.linear)) return false;
    }
    return true;
  }

  bool FinishWritten(Index& index) {
    const Expr simple = index.simplified ? index.written : Simplify(index.written);
    index.linear = {};
    if (Collect(simple, 1, index.linear) && index.linear.Finish()) {
      index.written = {};
      return true;
    }
    index.written = simple;
    index.tree = static_cast<int>(program_.trees.size());
    program_.trees.emplace_back();
    absl::InlinedVector<int, 8> met;
    bool clash = false;
    const bool built = program_.trees.back().Build(simple, [&](const ir::VarNode* var) {
      const int loop = LoopOf(var);
      if (loop < 0) return -1;
      for (int other : met) clash = clash || (other != loop && FinalOf(other) == FinalOf(loop));
      met.push_back(loop);
      return FinalOf(loop);
    });
    return built && !clash;
  }

  int FinalOf(int loop) const { return program_.loops[loop].final; }

  // False when loops that become one meet in the index.
  bool Unify(LinearIndex& index) const {
    const bool same = std::all_of(index.begin(), index.end(),
                                  [&](const LinearIndex::Term& term) { return FinalOf(term.key) == term.key; });
    if (same) return true;
    LinearIndex out;
    out.set_base(index.base());
    for (const LinearIndex::Term& term : index) {
      LinearIndex::Term renamed = term;
      renamed.key = FinalOf(term.key);
      if (out.Find(renamed.key) != nullptr) return false;
      out.Add(renamed, 1);
    }
    index = out;
    return true;
  }
};

}  // namespace

bool PlaceBuffers(ReadState& state) { return Placer(state).Place(); }

}  // namespace hone::direct
