#include "server/space/postproc/rewrite_parallel_vectorize_unroll.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "common/ir/mutator.h"
#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/support/status_macros.h"
#include "server/space/analysis.h"

namespace hone {
namespace {

using namespace ir;  // NOLINT: an internal file about these nodes.
using schedule::BlockRv;
using schedule::LoopRv;
using schedule::LoopRvs;
using schedule::Schedule;
using schedule::ScheduleState;
using schedule::SrefId;
using schedule::Value;

constexpr std::string_view kParallel = "meta_schedule.parallel";
constexpr std::string_view kVectorize = "meta_schedule.vectorize";
constexpr std::string_view kUnrollExplicit = "meta_schedule.unroll_explicit";
constexpr std::string_view kUnrollImplicit = "meta_schedule.unroll_implicit";

// What the root block asks for; -1 where it does not.
struct Wanted {
  int64_t max_parallel_extent = -1;
  int64_t max_vectorize_extent = -1;
  int64_t unroll_explicit = -1;
  int64_t unroll_implicit = -1;
};

// How many loops of one nest to parallelise and to vectorise; -1: not at all, and not weighed against the other.
struct Plan {
  int num_parallel = -1;
  int num_vectorize = -1;
};

// The coefficient of `var` in sums of products with literals; nullopt when it does not appear in such a form.
std::optional<int64_t> Coefficient(Expr e, const VarNode* var) {
  if (e.get() == var) return 1;
  if (const auto* mul = e.as<MulNode>()) {
    const int64_t* left = ConstInt(mul->a);
    const int64_t* right = ConstInt(mul->b);
    if (left == nullptr && right == nullptr) return std::nullopt;
    const auto inner = Coefficient(left != nullptr ? mul->b : mul->a, var);
    if (!inner.has_value()) return std::nullopt;
    return *inner * (left != nullptr ? *left : *right);
  }
  if (const auto* add = e.as<AddNode>()) {
    const auto a = Coefficient(add->a, var);
    const auto b = Coefficient(add->b, var);
    if (!a.has_value()) return b;
    if (!b.has_value()) return a;
    return std::min(*a, *b);
  }
  return std::nullopt;
}

// The coefficients of all loop variables in an expression over a block's iters, in one walk.
class LoopCoefficients {
 public:
  LoopCoefficients(const BlockRealizeNode* realize, const std::vector<const ForNode*>& loops)
      : realize_(realize), loops_(loops), found_(loops.size()) {}

  // As Coefficient of each loop's variable. False when the walk cannot tell: a negative factor turns around which of
  // two coefficients is the smaller.
  bool Walk(Expr e) {
    std::fill(found_.begin(), found_.end(), std::nullopt);
    return Collect(e, 1, /*bind=*/true);
  }
  const std::optional<int64_t>& of(size_t loop) const { return found_[loop]; }

 private:
  bool Collect(Expr e, int64_t factor, bool bind) {
    if (const auto* var = e.as<VarNode>()) return CollectVar(var, factor, bind);
    if (const auto* mul = e.as<MulNode>()) {
      const int64_t* left = ConstInt(mul->a);
      const int64_t* right = ConstInt(mul->b);
      if (left == nullptr && right == nullptr) return true;
      const int64_t literal = left != nullptr ? *left : *right;
      return literal >= 0 && Collect(left != nullptr ? mul->b : mul->a, factor * literal, bind);
    }
    if (const auto* add = e.as<AddNode>()) return Collect(add->a, factor, bind) && Collect(add->b, factor, bind);
    return true;
  }

  bool CollectVar(const VarNode* var, int64_t factor, bool bind) {
    if (bind) {
      const BlockNode* block = realize_->block;
      for (size_t i = 0; i < block->iter_vars.size(); ++i) {
        if (block->iter_vars[i]->var.get() == var) return Collect(realize_->iter_values[i], factor, /*bind=*/false);
      }
    }
    for (size_t i = 0; i < loops_.size(); ++i) {
      if (loops_[i]->loop_var.get() == var) found_[i] = std::min(found_[i].value_or(factor), factor);
    }
    return true;
  }

  const BlockRealizeNode* realize_;
  const std::vector<const ForNode*>& loops_;
  std::vector<std::optional<int64_t>> found_;
};

// By how many elements of the flattened buffer each loop advances the region; 0 where it does not. The innermost
// dimension that mentions the loop decides.
std::vector<int64_t> Strides(BufferRegion region, const BlockRealizeNode* realize,
                             const std::vector<const ForNode*>& loops) {
  std::vector<int64_t> out(loops.size(), 0);
  LoopCoefficients coefficients(realize, loops);
  int64_t buffer_stride = 1;
  for (size_t d = region->region.size(); d-- > 0;) {
    const Expr index = region->region[d].min;
    const bool walked = coefficients.Walk(index);
    Expr bound;
    if (!walked) {
      VarMap bindings;
      for (size_t i = 0; i < realize->iter_values.size(); ++i) {
        bindings[realize->block->iter_vars[i]->var.get()] = realize->iter_values[i];
      }
      bound = Substitute(index, bindings);
    }
    for (size_t i = 0; i < loops.size(); ++i) {
      if (out[i] != 0) continue;
      const auto coefficient = walked ? coefficients.of(i) : Coefficient(bound, loops[i]->loop_var.get());
      out[i] = coefficient.value_or(0) * buffer_stride;
    }
    if (const int64_t* dim = ConstInt(region->buffer->shape[d])) buffer_stride *= *dim;
  }
  return out;
}

// Innermost loops that walk the region contiguously (or not at all).
int FusibleLoops(const std::vector<int64_t>& strides, const std::vector<const ForNode*>& loops) {
  int count = 0;
  int previous = -1;
  for (int i = static_cast<int>(loops.size()) - 1; i >= 0; --i, ++count) {
    if (strides[i] == 0) continue;
    if (previous == -1) {
      if (strides[i] != 1 && count != 0) break;
    } else {
      const int64_t* extent = ConstInt(loops[previous]->extent);
      if (extent == nullptr || strides[i] != strides[previous] * *extent) break;
    }
    previous = i;
  }
  return count;
}

int MaxFusible(const ScheduleState& state, SrefId block, const std::vector<const ForNode*>& loops) {
  const BlockRealizeNode* realize = state.at(block).realize;
  int fusible = static_cast<int>(loops.size());
  auto visit = [&](Array<BufferRegion> regions) {
    for (BufferRegion region : regions) {
      fusible = std::min(fusible, FusibleLoops(Strides(region, realize, loops), loops));
    }
  };
  visit(state.block(block)->reads);
  visit(state.block(block)->writes);
  return fusible;
}

bool HasAnnotationOrBinding(const ForNode* loop) {
  return !loop->annotations.empty() || loop->thread_binding != nullptr;
}

// Which loops of a nest are spatial, outermost first, as schedule::LoopIterType says of each. One walk serves them all:
// a block that is not below a loop does not mention its variable.
std::vector<bool> SpatialLoops(const ScheduleState& state, const std::vector<SrefId>& loop_srefs,
                               const std::vector<const ForNode*>& loops) {
  std::vector<bool> spatial(loops.size(), true);
  if (loops.empty()) return spatial;
  for (SrefId block : schedule::ChildBlocks(state, loop_srefs[0])) {
    const BlockRealizeNode* realize = state.at(block).realize;
    for (size_t v = 0; v < realize->iter_values.size(); ++v) {
      if (realize->block->iter_vars[v]->iter_type == IterType::kSpatial) continue;
      (void)UsesVar(realize->iter_values[v], [&](Var var) {
        for (size_t i = 0; i < loops.size(); ++i) {
          if (loops[i]->loop_var == var) spatial[i] = false;
        }
        return false;
      });
    }
  }
  return spatial;
}

Plan MakePlan(const ScheduleState& state, SrefId block, const std::vector<SrefId>& loop_srefs, const Wanted& wanted) {
  Plan plan;
  if (wanted.max_parallel_extent == -1 && wanted.max_vectorize_extent == -1) return plan;
  const ArenaScope scope(state.arena());
  const int n = static_cast<int>(loop_srefs.size());
  std::vector<const ForNode*> loops;
  for (SrefId sref : loop_srefs) loops.push_back(state.loop(sref));
  const std::vector<bool> spatial = SpatialLoops(state, loop_srefs, loops);
  int rewritable = 0;
  for (int i = 0; i < n; ++i) {
    rewritable += !HasAnnotationOrBinding(loops[i]) && spatial[i] && space::IsSingleStatement(loops[i]->body) &&
                  ConstInt(loops[i]->extent) != nullptr;
  }
  const int max_fusible = MaxFusible(state, block, loops);
  if (wanted.max_parallel_extent != -1) {
    plan.num_parallel = 0;
    int64_t product = 1;
    for (int i = 0; i < n && spatial[i]; ++i) {
      const int64_t* extent = ConstInt(loops[i]->extent);
      if (HasAnnotationOrBinding(loops[i]) || extent == nullptr) break;
      ++plan.num_parallel;
      product *= *extent;
      if (product > wanted.max_parallel_extent || !space::IsSingleStatement(loops[i]->body)) break;
    }
    if (product == 1) plan.num_parallel = -1;
  }
  if (wanted.max_vectorize_extent != -1) {
    plan.num_vectorize = 0;
    int64_t product = 1;
    for (int i = n - 1; i >= 0 && spatial[i] && plan.num_vectorize < max_fusible; --i) {
      const int64_t* extent = ConstInt(loops[i]->extent);
      if (HasAnnotationOrBinding(loops[i]) || !space::IsSingleStatement(loops[i]->body) || extent == nullptr) break;
      product *= *extent;
      if (product > wanted.max_vectorize_extent) break;
      ++plan.num_vectorize;
    }
    if (product == 1) plan.num_vectorize = -1;
  }
  if (plan.num_parallel != -1 && plan.num_vectorize != -1) {
    if (rewritable == n && max_fusible == n) {
      plan.num_parallel = plan.num_vectorize = n;
    } else {
      plan.num_parallel = std::min(plan.num_parallel, n - plan.num_vectorize);
    }
  }
  return plan;
}

absl::Status RewriteNest(Schedule& sch, BlockRv block, const Wanted& wanted) {
  HONE_ASSIGN_OR_RETURN(const LoopRvs found, sch.GetLoops(block));
  if (found.empty()) return absl::OkStatus();
  std::vector<LoopRv> loops(found.begin(), found.end());
  std::vector<SrefId> srefs;
  for (LoopRv loop : loops) {
    HONE_ASSIGN_OR_RETURN(const SrefId sref, sch.SrefOf(loop));
    srefs.push_back(sref);
  }
  HONE_ASSIGN_OR_RETURN(const SrefId block_sref, sch.SrefOf(block));
  const Plan plan = MakePlan(sch.state(), block_sref, srefs, wanted);
  const int n = static_cast<int>(loops.size());
  if (plan.num_parallel == n && plan.num_vectorize == n) {
    HONE_ASSIGN_OR_RETURN(const LoopRv fused, sch.Fuse(loops));
    const Value factors[] = {Value::None(), Value::Int(wanted.max_vectorize_extent)};
    HONE_ASSIGN_OR_RETURN(const LoopRvs parts, sch.Split(fused, factors));
    HONE_RETURN_IF_ERROR(sch.Parallel(parts[0]));
    HONE_RETURN_IF_ERROR(sch.Vectorize(parts[1]));
    loops[0] = parts[0];
  } else {
    if (plan.num_parallel > 0) {
      HONE_ASSIGN_OR_RETURN(const LoopRv fused, sch.Fuse(absl::MakeConstSpan(loops.data(), plan.num_parallel)));
      HONE_RETURN_IF_ERROR(sch.Parallel(fused));
      std::fill(loops.begin(), loops.begin() + plan.num_parallel, fused);
    }
    if (plan.num_vectorize > 0) {
      const LoopRv* first = loops.data() + n - plan.num_vectorize;
      HONE_ASSIGN_OR_RETURN(const LoopRv fused, sch.Fuse(absl::MakeConstSpan(first, plan.num_vectorize)));
      HONE_RETURN_IF_ERROR(sch.Vectorize(fused));
      std::fill(loops.end() - plan.num_vectorize, loops.end(), fused);
    }
  }
  const int64_t max_step = wanted.unroll_explicit != -1 ? wanted.unroll_explicit : wanted.unroll_implicit;
  HONE_ASSIGN_OR_RETURN(const BlockNode* node, sch.Get(block));
  if (max_step <= 0 || space::IsSpatialBlock(node)) return absl::OkStatus();
  HONE_RETURN_IF_ERROR(sch.Annotate(loops[0], "pragma_auto_unroll_max_step", Value::Int(max_step)));
  return sch.Annotate(loops[0], "pragma_unroll_explicit", Value::Int(wanted.unroll_explicit != -1 ? 1 : 0));
}

absl::Status TakeAnnotation(Schedule& sch, BlockRv root, SrefId sref, std::string_view key, int64_t& value) {
  if (!space::HasAnnotation(sch.state(), sref, key)) return absl::OkStatus();
  value = space::IntAnnotation(sch.state(), sref, key, -1);
  return sch.Unannotate(root, key);
}

bool IsMarked(const ScheduleState& state, SrefId root) {
  return space::HasAnnotation(state, root, kParallel) || space::HasAnnotation(state, root, kVectorize) ||
         space::HasAnnotation(state, root, kUnrollExplicit) || space::HasAnnotation(state, root, kUnrollImplicit);
}

absl::Status RewriteRoot(Schedule& sch, std::string_view function, SrefId sref) {
  HONE_ASSIGN_OR_RETURN(const BlockRv root, sch.GetBlock(sch.state().block(sref)->name, function));
  Wanted wanted;
  HONE_RETURN_IF_ERROR(TakeAnnotation(sch, root, sref, kParallel, wanted.max_parallel_extent));
  HONE_RETURN_IF_ERROR(TakeAnnotation(sch, root, sref, kVectorize, wanted.max_vectorize_extent));
  HONE_RETURN_IF_ERROR(TakeAnnotation(sch, root, sref, kUnrollExplicit, wanted.unroll_explicit));
  HONE_RETURN_IF_ERROR(TakeAnnotation(sch, root, sref, kUnrollImplicit, wanted.unroll_implicit));
  HONE_ASSIGN_OR_RETURN(const schedule::BlockRvs children, sch.GetChildBlocks(root));
  for (BlockRv child : children) HONE_RETURN_IF_ERROR(RewriteNest(sch, child, wanted));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> RewriteParallelVectorizeUnroll::Apply(Schedule& sch) const {
  for (std::string_view function : sch.state().FunctionNames()) {
    const SrefId root = sch.state().RootOf(function);
    if (IsMarked(sch.state(), root)) HONE_RETURN_IF_ERROR(RewriteRoot(sch, function, root));
  }
  return true;
}

}  // namespace hone
