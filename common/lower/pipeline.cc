#include "common/lower/pipeline.h"

#include "common/lower/gpu/gpu_passes.h"
#include "common/lower/passes.h"

namespace hone::lower {
namespace {

constexpr Pass kCpuPipeline[] = {
    // Blocks: initialisation, storage, views, then they are gone.
    {"LowerInitBlock", LowerInitBlock},
    {"PlanAndUpdateBufferAllocationLocation", PlanAndUpdateBufferAllocationLocation},
    {"ConvertBlocksToOpaque", ConvertBlocksToOpaque},
    {"CompactBufferAllocation", CompactBufferAllocation},
    {"LowerMatchBuffer", LowerMatchBuffer},
    {"LowerOpaqueBlock", LowerOpaqueBlock},
    // Flat memory.
    {"FlattenBuffer", FlattenBuffer},
    {"BF16ComputeLegalize", LegalizeNarrowFloat},
    {"NarrowDataType", NarrowDataType},
    {"Simplify", Simplify},
    {"LoopPartition", LoopPartition},
    // Loops: vectors first, on one-dimensional indices, then copies, then registers.
    {"HoistReductionInit", HoistReductionInit},
    {"VectorizeFreeLoops", VectorizeFreeLoops},
    {"SplitVectorLoop", SplitVectorLoop},
    {"Simplify", Simplify},
    {"VectorizeLoop", VectorizeLoop},
    {"StorageRewrite", StorageRewrite},
    {"HoistIfThenElse", HoistIfThenElse},
    {"TileReduction", TileReduction},
    {"UnrollLoop", UnrollLoop},
    {"Simplify", Simplify},
    {"RegisterTile", RegisterTile},
    {"RemoveNoOp", RemoveNoOp},
    {"RewriteUnsafeSelect", RewriteUnsafeSelect},
};

constexpr Pass kGpuPipeline[] = {
    // Blocks: reductions over threads, initialisation, storage, thread axes, views, then they are gone.
    {"LowerCrossThreadReduction", LowerCrossThreadReduction},
    {"LowerInitBlock", LowerInitBlock},
    {"PlanAndUpdateBufferAllocationLocation", PlanAndUpdateBufferAllocationLocation},
    {"ConvertBlocksToOpaque", ConvertBlocksToOpaque},
    {"LiftThreadBinding", LiftThreadBinding},
    {"ManifestSharedMemoryLocalStage", ManifestSharedMemoryLocalStage},
    {"CompactBufferAllocation", CompactBufferAllocation},
    {"UnifyThreadBinding", UnifyThreadBinding},
    {"LowerMatchBuffer", LowerMatchBuffer},
    {"InjectSoftwarePipeline", InjectSoftwarePipeline},
    {"LowerOpaqueBlock", LowerOpaqueBlock},
    // Flat memory.
    {"FlattenBuffer", FlattenBuffer},
    {"BF16ComputeLegalize", LegalizeNarrowFloat},
    {"Simplify", Simplify},
    // Loops: vectors, virtual threads, copies.
    {"VectorizeLoop", VectorizeLoop},
    {"InjectVirtualThread", InjectVirtualThread},
    {"InjectDoubleBuffer", InjectDoubleBuffer},
    {"UnrollLoop", UnrollLoop},
    {"Simplify", Simplify},
    {"RemoveNoOp", RemoveNoOp},
    // Threads meet.
    {"ThreadSync", ThreadSync},
    {"InferFragment", InferFragment},
    {"LowerThreadAllreduce", LowerThreadAllreduce},
    {"InjectPTXAsyncCopy", InjectPTXAsyncCopy},
    {"SharePipelineBarrier", SharePipelineBarrier},
    {"MergeSharedMemoryAllocations", MergeSharedMemoryAllocations},
};

}  // namespace

absl::Span<const Pass> CpuPipeline() { return kCpuPipeline; }
absl::Span<const Pass> GpuPipeline() { return kGpuPipeline; }
absl::Span<const Pass> PipelineOf(std::string_view kind) { return kind == "cuda" ? GpuPipeline() : CpuPipeline(); }

}  // namespace hone::lower
