#include "common/lower/pipeline.h"

#include <vector>

#include "common/lower/gpu/gpu_passes.h"
#include "common/lower/inject_prefetch.h"
#include "common/lower/passes.h"

namespace hone::lower {
namespace {

enum Machines { kCpu = 1, kGpu = 2, kAll = kCpu | kGpu };

struct Step {
  int machines;
  Pass pass;
};

constexpr Step kSteps[] = {
    // Blocks: reductions over threads, initialisation, storage, thread axes, views, overlap of iterations, then they
    // are gone.
    {kGpu, {"LowerCrossThreadReduction", LowerCrossThreadReduction}},
    {kAll, {"LowerInitBlock", LowerInitBlock}},
    {kAll, {"PlanAndUpdateBufferAllocationLocation", PlanAndUpdateBufferAllocationLocation}},
    {kAll, {"ConvertBlocksToOpaque", ConvertBlocksToOpaque}},
    {kGpu, {"LiftThreadBinding", LiftThreadBinding}},
    {kGpu, {"ManifestSharedMemoryLocalStage", ManifestSharedMemoryLocalStage}},
    {kAll, {"CompactBufferAllocation", CompactBufferAllocation}},
    {kGpu, {"UnifyThreadBinding", UnifyThreadBinding}},
    {kAll, {"LowerMatchBuffer", LowerMatchBuffer}},
    {kAll, {"InjectSoftwarePipeline", InjectSoftwarePipeline}},
    {kAll, {"LowerOpaqueBlock", LowerOpaqueBlock}},
    // Flat memory.
    {kAll, {"FlattenBuffer", FlattenBuffer}},
    {kAll, {"BF16ComputeLegalize", LegalizeNarrowFloat}},
    {kCpu, {"NarrowDataType", NarrowDataType}},
    {kAll, {"Simplify", Simplify}},
    {kCpu, {"LoopPartition", LoopPartition}},
    // Loops: vectors first, on one-dimensional indices, then copies (a virtual thread each), then registers.
    {kCpu, {"HoistReductionInit", HoistReductionInit}},
    {kCpu, {"VectorizeFreeLoops", VectorizeFreeLoops}},
    {kCpu, {"SplitVectorLoop", SplitVectorLoop}},
    {kCpu, {"Simplify", Simplify}},
    {kAll, {"VectorizeLoop", VectorizeLoop}},
    {kAll, {"InjectVirtualThread", InjectVirtualThread}},
    {kAll, {"InjectDoubleBuffer", InjectDoubleBuffer}},
    {kCpu, {"StorageRewrite", StorageRewrite}},
    {kCpu, {"HoistIfThenElse", HoistIfThenElse}},
    {kCpu, {"TileReduction", TileReduction}},
    {kAll, {"UnrollLoop", UnrollLoop}},
    {kAll, {"Simplify", Simplify}},
    {kCpu, {"RegisterTile", RegisterTile}},
    {kAll, {"RemoveNoOp", RemoveNoOp}},
    {kCpu, {"RewriteUnsafeSelect", RewriteUnsafeSelect}},
    {kCpu, {"InjectPrefetch", InjectPrefetch}},
    {kCpu, {"CommonSubexprElimTIR", CommonSubexprElim}},
    // Threads meet.
    {kGpu, {"ThreadSync", ThreadSync}},
    {kGpu, {"InferFragment", InferFragment}},
    {kGpu, {"LowerThreadAllreduce", LowerThreadAllreduce}},
    {kGpu, {"InjectPTXAsyncCopy", InjectPTXAsyncCopy}},
    {kGpu, {"SharePipelineBarrier", SharePipelineBarrier}},
    {kGpu, {"MergeSharedMemoryAllocations", MergeSharedMemoryAllocations}},
};

std::vector<Pass> PassesFor(Machines machine) {
  std::vector<Pass> passes;
  for (const Step& step : kSteps) {
    if ((step.machines & machine) != 0) passes.push_back(step.pass);
  }
  return passes;
}

}  // namespace

absl::Span<const Pass> PipelineOf(std::string_view kind) {
  static const auto& cpu = *new std::vector<Pass>(PassesFor(kCpu));
  static const auto& gpu = *new std::vector<Pass>(PassesFor(kGpu));
  return kind == "cuda" ? gpu : cpu;
}

}  // namespace hone::lower
