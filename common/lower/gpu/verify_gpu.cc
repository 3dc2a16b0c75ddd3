#include "common/lower/gpu/verify_gpu.h"

#include <algorithm>
#include <array>

#include "common/ir/visitor.h"
#include "common/lower/gpu/gpu_passes.h"
#include "common/lower/gpu/shared_layout.h"
#include "common/lower/gpu/storage_plan.h"
#include "common/lower/gpu/thread_loop.h"
#include "common/lower/passes.h"
#include "common/lower/pipeline.h"

namespace hone::lower {
namespace {

// The threads that blocks ask for (meta_schedule.thread_extent_low/high_inclusive), and the most that a block may have,
// against those around them.
class ThreadExtents final : public ir::StmtExprVisitor {
 public:
  explicit ThreadExtents(const GpuLimits& limits) : limits_(limits) {}
  bool ok = true;

 private:
  using ir::StmtExprVisitor::Visit;
  void VisitExpr(ir::Expr) override {}

  void Visit(const ir::ForNode* node) override {
    if (!ok) return;
    const std::string_view tag = ThreadTag(node);
    if (!IsThreadAxis(tag) || tag.size() != 11) return VisitStmt(node->body);
    const int64_t* extent = ir::ConstInt(node->extent);
    if (extent == nullptr) {
      ok = false;
      return;
    }
    int64_t& current = extents_[tag[10] - 'x'];
    const int64_t outer = std::exchange(current, *extent);
    ok = extents_[0] * extents_[1] * extents_[2] <= limits_.threads;
    VisitStmt(node->body);
    current = outer;
  }

  void Visit(const ir::BlockNode* node) override {
    if (!ok) return;
    const int64_t outer = extents_[0];
    if (node->annotations.GetInt("warp_execution", 0) != 0) extents_[0] = limits_.warp_size;
    constexpr std::string_view kLow = "meta_schedule.thread_extent_low_inclusive";
    constexpr std::string_view kHigh = "meta_schedule.thread_extent_high_inclusive";
    if (node->annotations.Has(kLow) && node->annotations.Has(kHigh)) {
      const int64_t threads = extents_[0] * extents_[1] * extents_[2];
      ok = threads >= node->annotations.GetInt(kLow, 0) && threads <= node->annotations.GetInt(kHigh, 0);
    }
    if (ok) VisitStmt(node->body);
    extents_[0] = outer;
  }

  const GpuLimits& limits_;
  std::array<int64_t, 3> extents_ = {1, 1, 1};
};

// Counts what the kernels of a lowered function use.
class Counter final : public ir::StmtExprVisitor {
 public:
  explicit Counter(const GpuLimits& limits) : limits_(limits) {}
  bool ok = true;

  // Whether no launch can ask for more shared memory than there is: by its buffers side by side. (UnrollLoop keeps that
  // bound; double buffers, which come later, do not.)
  bool AreLaunchesSureToFit() const { return !doubles_ && most_launch_bytes_ <= limits_.launch_shared_bytes; }

 private:
  using ir::StmtExprVisitor::Visit;

  void Visit(const ir::AttrStmtNode* node) override {
    doubles_ = doubles_ || node->attr_key == "double_buffer_scope";
    const auto* iter = ir::As<ir::IterVarNode>(node->node);
    const bool axis = iter != nullptr && (node->attr_key == "thread_extent" || node->attr_key == "virtual_thread");
    if (!axis) return ir::StmtExprVisitor::Visit(node);
    const int64_t bytes_around = launch_bytes_;
    if (depth_ == 0) {
      launch_bytes_ += MostReductionScratchBytes(node);
      threads_ = 1;
      seen_ = {};
      ok = ok && PlannedBytes(node, "shared") <= limits_.shared_memory_bytes;
    }
    const int64_t* extent = ir::ConstInt(node->value);
    const std::string_view tag = iter->thread_tag;
    if (extent != nullptr && IsThreadAxis(tag) && tag.size() == 11) {
      int64_t& seen = seen_[tag[10] - 'x'];
      if (seen == 0) {
        seen = *extent;
        threads_ *= *extent;
      } else if (seen != *extent) {
        ok = false;
      }
    }
    if (!ok || threads_ > limits_.threads) {
      ok = false;
      return;
    }
    ++depth_;
    ir::StmtExprVisitor::Visit(node);
    --depth_;
    most_launch_bytes_ = std::max(most_launch_bytes_, launch_bytes_);
    if (depth_ == 0) launch_bytes_ = bytes_around;
  }

  void Visit(const ir::ForNode* node) override {
    const int64_t* extent = ir::ConstInt(node->extent);
    if (node->loop_var.name() == "vthread.s" && extent != nullptr) ok = ok && *extent <= limits_.virtual_threads;
    ir::StmtExprVisitor::Visit(node);
  }

  void CheckVector(ir::DataType dtype) {
    if (dtype.lanes > 1) ok = ok && static_cast<int64_t>(dtype.lanes) * ((dtype.bits + 7) / 8) <= limits_.vector_bytes;
  }
  void CheckIndices(ir::Array<ir::Expr> indices) {
    for (ir::Expr index : indices) {
      const auto* ramp = index.as<ir::RampNode>();
      if (ramp != nullptr && !ir::IsOne(ramp->stride)) CheckVector(index.dtype());
    }
  }
  void Visit(const ir::AllocateNode* node) override {
    CheckVector(node->dtype);
    const int64_t bytes = RegisterBytes(node);
    register_bytes_ += bytes;
    if (IsSharedScope(node->buffer_var->type->scope)) {
      launch_bytes_ += AlignShared(Elements(node) * node->dtype.bytes());
    }
    ok = ok && register_bytes_ <= limits_.register_bytes;
    ir::StmtExprVisitor::Visit(node);
    register_bytes_ -= bytes;
  }
  // Of one thread. Factors of wmma are loaded in time for their use and do not count.
  int64_t RegisterBytes(const ir::AllocateNode* node) const {
    const std::string_view scope = node->buffer_var->type->scope;
    const bool accumulator = scope == "wmma.accumulator";
    if (scope != "local" && !accumulator) return 0;
    const int64_t bytes = Elements(node) * node->dtype.bytes();
    return accumulator ? bytes / limits_.warp_size : bytes;
  }
  static int64_t Elements(const ir::AllocateNode* node) {
    int64_t elements = 1;
    for (ir::Expr extent : node->extents) {
      const int64_t* value = ir::ConstInt(extent);
      elements *= value != nullptr ? *value : 1;
    }
    return elements;
  }
  void Visit(const ir::CastNode* node) override {
    CheckVector(node->dtype);
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::BufferLoadNode* node) override {
    CheckVector(node->dtype);
    CheckIndices(node->indices);
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::BufferStoreNode* node) override {
    CheckVector(node->value.dtype());
    CheckIndices(node->indices);
    ir::StmtExprVisitor::Visit(node);
  }

  const GpuLimits& limits_;
  int depth_ = 0;
  int64_t register_bytes_ = 0;
  int64_t threads_ = 1;
  std::array<int64_t, 3> seen_ = {};
  int64_t launch_bytes_ = 0;  // Shared memory that the kernel around may ask for.
  int64_t most_launch_bytes_ = 0;
  bool doubles_ = false;
};

// Whether the kernels that are built of `func` may be launched.
bool LaunchesFit(ir::PrimFunc func, const GpuLimits& limits) {
  PassContext context;
  context.machine.kind = "cuda";
  context.machine.sm = limits.sm;
  for (const Pass& pass : PipelineOf(context.machine.kind)) {
    const absl::StatusOr<ir::PrimFunc> next = pass.run(func, context);
    if (!next.ok()) return false;
    func = *next;
  }
  return LaunchSharedBytes(func->body) <= limits.launch_shared_bytes;
}

constexpr PassFunction kPasses[] = {
    LowerCrossThreadReduction, LowerInitBlock,     PlanAndUpdateBufferAllocationLocation,
    ConvertBlocksToOpaque,     LiftThreadBinding,  ManifestSharedMemoryLocalStage,
    CompactBufferAllocation,   UnifyThreadBinding, LowerMatchBuffer,
    InjectSoftwarePipeline,    LowerOpaqueBlock,   FlattenBuffer,
    LegalizeNarrowFloat,       Simplify,           VectorizeLoop,
    InjectVirtualThread,
};

}  // namespace

bool ThreadsFit(ir::PrimFunc func, const GpuLimits& limits) {
  ThreadExtents extents(limits);
  extents.VisitStmt(func->body);
  return extents.ok;
}

bool FitsGpu(ir::PrimFunc func, const GpuLimits& limits) {
  if (!ThreadsFit(func, limits)) return false;
  const ir::PrimFunc scheduled = func;
  PassContext context;
  context.machine.kind = "cuda";
  context.check_views = false;
  for (const PassFunction pass : kPasses) {
    const absl::StatusOr<ir::PrimFunc> next = pass(func, context);
    if (!next.ok()) return false;
    func = *next;
  }
  Counter counter(limits);
  counter.VisitStmt(func->body);
  return counter.ok && (counter.AreLaunchesSureToFit() || LaunchesFit(scheduled, limits));
}

}  // namespace hone::lower
