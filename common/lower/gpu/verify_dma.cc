#include "common/lower/gpu/verify_dma.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/arith/iter_map.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/gpu/gpu_passes.h"
#include "common/lower/gpu/storage_plan.h"
#include "common/lower/passes.h"

namespace hone::lower {
namespace {

// Null when a pass refuses.
ir::PrimFunc Lowered(ir::PrimFunc func, absl::Span<const PassFunction> passes) {
  PassContext context;
  context.check_views = false;
  for (const PassFunction pass : passes) {
    const absl::StatusOr<ir::PrimFunc> next = pass(func, context);
    if (!next.ok()) return nullptr;
    func = *next;
  }
  return func;
}

class StridedCopyFinder final : public ir::StmtExprVisitor {
 public:
  bool found = false;

 private:
  using ir::StmtExprVisitor::Visit;

  void Visit(const ir::ForNode* node) override {
    loops_.push_back({node->loop_var, {node->min, node->extent}});
    VisitStmt(node->body);
    loops_.pop_back();
  }

  void Visit(const ir::AttrStmtNode* node) override {
    const bool begins = node->attr_key == "async_commit_queue_scope" && first_copy_loop_ == kNowhere;
    if (begins) first_copy_loop_ = loops_.size();
    VisitStmt(node->body);
    if (begins) first_copy_loop_ = kNowhere;
  }

  void Visit(const ir::BufferStoreNode* node) override {
    if (first_copy_loop_ == kNowhere || found) return;
    const auto* load = node->value.as<ir::BufferLoadNode>();
    found = !Contiguous(node->indices) || (load != nullptr && !Contiguous(load->indices));
  }

  // One address after the other over the loops around, where the copy has loops of its own without gaps (the peer takes
  // every second element for contiguous).
  bool Contiguous(ir::Array<ir::Expr> indices) {
    const arith::IterMapResult map =
        arith::DetectIterMap({indices.data(), indices.size()}, loops_, ir::BoolImm(true),
                             arith::IterMapLevel::kSurjective, analyzer_, /*simplify_trivial_iterators=*/false);
    if (!map.ok) return false;
    const ir::Expr last = indices[indices.size() - 1];
    const bool copies_many = ir::UsesVar(last, [this](ir::Var v) {
      return std::any_of(loops_.begin() + static_cast<std::ptrdiff_t>(first_copy_loop_), loops_.end(),
                         [v](const arith::IterDomain& loop) { return loop.var == v; });
    });
    const auto& splits = map.indices[map.indices.size() - 1].args;
    return !copies_many || splits.empty() || ir::IsOne(splits[0].scale);
  }

  static constexpr size_t kNowhere = SIZE_MAX;
  size_t first_copy_loop_ = kNowhere;  // The first loop inside of what is copied asynchronously.
  std::vector<arith::IterDomain> loops_;
  arith::Analyzer analyzer_;
};

constexpr PassFunction kVtcmPasses[] = {
    LowerInitBlock,
    PlanAndUpdateBufferAllocationLocation,
    ConvertBlocksToOpaque,
    CompactBufferAllocation,
    LowerMatchBuffer,
    InjectSoftwarePipeline,
    LowerOpaqueBlock,
    FlattenBuffer,
    Simplify,
    VectorizeLoop,
};

constexpr PassFunction kCopyPasses[] = {
    LowerInitBlock,        PlanAndUpdateBufferAllocationLocation,
    ConvertBlocksToOpaque, CompactBufferAllocation,
    LowerMatchBuffer,      InjectSoftwarePipeline,
    LowerOpaqueBlock,      FlattenBuffer,
    LegalizeNarrowFloat,   Simplify,
    InjectVirtualThread,
};

}  // namespace

bool FitsVtcm(ir::PrimFunc func, int64_t capacity_bytes) {
  const ir::PrimFunc lowered = Lowered(func, kVtcmPasses);
  return lowered != nullptr && PlannedBytes(lowered->body, "global.vtcm") <= capacity_bytes;
}

bool AsyncCopiesAreContiguous(ir::PrimFunc func) {
  const ir::PrimFunc lowered = Lowered(func, kCopyPasses);
  if (lowered == nullptr) return false;
  StridedCopyFinder finder;
  finder.VisitStmt(lowered->body);
  return !finder.found;
}

}  // namespace hone::lower
