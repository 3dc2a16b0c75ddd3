#include "common/lower/gpu/verify_dma.h"

#include <vector>

#include "common/arith/iter_map.h"
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
    if (node->attr_key == "async_commit_queue_scope") ++async_;
    VisitStmt(node->body);
    if (node->attr_key == "async_commit_queue_scope") --async_;
  }

  void Visit(const ir::BufferStoreNode* node) override {
    if (async_ == 0 || found) return;
    const auto* load = node->value.as<ir::BufferLoadNode>();
    found = !Contiguous(node->indices) || (load != nullptr && !Contiguous(load->indices));
  }

  bool Contiguous(ir::Array<ir::Expr> indices) {
    return arith::DetectIterMap({indices.data(), indices.size()}, loops_, ir::BoolImm(true),
                                arith::IterMapLevel::kSurjective, analyzer_, /*simplify_trivial_iterators=*/false)
        .ok;
  }

  int async_ = 0;
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
