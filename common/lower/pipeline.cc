#include "common/lower/pipeline.h"

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
    {"Simplify", Simplify},
    // Loops: vectors first, on one-dimensional indices, then copies, then registers.
    {"HoistReductionInit", HoistReductionInit},
    {"VectorizeFreeLoops", VectorizeFreeLoops},
    {"SplitVectorLoop", SplitVectorLoop},
    {"Simplify", Simplify},
    {"VectorizeLoop", VectorizeLoop},
    {"TileReduction", TileReduction},
    {"UnrollLoop", UnrollLoop},
    {"Simplify", Simplify},
    {"RegisterTile", RegisterTile},
    {"RemoveNoOp", RemoveNoOp},
};

}  // namespace

absl::Span<const Pass> CpuPipeline() { return kCpuPipeline; }

}  // namespace hone::lower
