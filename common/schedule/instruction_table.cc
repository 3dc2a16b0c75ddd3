#include "common/schedule/instruction.h"
#include "common/schedule/primitive/annotate.h"
#include "common/schedule/primitive/blockize.h"
#include "common/schedule/primitive/buffer_access.h"
#include "common/schedule/primitive/cache_index.h"
#include "common/schedule/primitive/cache_inplace.h"
#include "common/schedule/primitive/cache_read.h"
#include "common/schedule/primitive/cache_write.h"
#include "common/schedule/primitive/compute_at.h"
#include "common/schedule/primitive/compute_inline.h"
#include "common/schedule/primitive/decompose_padding.h"
#include "common/schedule/primitive/decompose_reduction.h"
#include "common/schedule/primitive/fuse.h"
#include "common/schedule/primitive/lookup.h"
#include "common/schedule/primitive/loop_kind.h"
#include "common/schedule/primitive/loop_partition.h"
#include "common/schedule/primitive/merge.h"
#include "common/schedule/primitive/pad_einsum.h"
#include "common/schedule/primitive/postproc_marker.h"
#include "common/schedule/primitive/read_write_at.h"
#include "common/schedule/primitive/reindex.h"
#include "common/schedule/primitive/reindex_cache.h"
#include "common/schedule/primitive/reorder.h"
#include "common/schedule/primitive/reverse_compute_inline.h"
#include "common/schedule/primitive/rfactor.h"
#include "common/schedule/primitive/rolling_buffer.h"
#include "common/schedule/primitive/sample.h"
#include "common/schedule/primitive/set_scope.h"
#include "common/schedule/primitive/split.h"
#include "common/schedule/primitive/storage_align.h"
#include "common/schedule/primitive/tensorize.h"
#include "common/schedule/primitive/transform_block_layout.h"
#include "common/schedule/primitive/transform_layout.h"

namespace hone::schedule {
namespace {

// One line a primitive, in the order of the reference's summary.
constexpr const InstructionRow* kRows[] = {
    &kSampleCategoricalRow,
    &kSamplePerfectTileRow,
    &kSamplePartitionedTileRow,
    &kSampleComputeLocationRow,
    &kGetBlockRow,
    &kGetLoopsRow,
    &kGetChildBlocksRow,
    &kGetProducersRow,
    &kGetConsumersRow,
    &kGetOutputBlocksRow,
    &kMergeRow,
    &kFuseRow,
    &kSplitRow,
    &kLoopPartitionRow,
    &kReorderRow,
    &kReorderBlockIterVarRow,
    &kAddUnitLoopRow,
    &kParallelRow,
    &kVectorizeRow,
    &kBindRow,
    &kUnrollRow,
    &kCacheReadRow,
    &kCacheWriteRow,
    &kReindexCacheReadRow,
    &kReindexCacheWriteRow,
    &kCacheInplaceRow,
    &kCacheIndexRow,
    &kReIndexRow,
    &kReadAtRow,
    &kWriteAtRow,
    &kComputeAtRow,
    &kReverseComputeAtRow,
    &kComputeInlineRow,
    &kReverseComputeInlineRow,
    &kDecomposeReductionRow,
    &kRFactorRow,
    &kStorageAlignRow,
    &kSetScopeRow,
    &kUnsafeSetDTypeRow,
    &kBlockizeRow,
    &kTensorizeRow,
    &kAnnotateRow,
    &kUnannotateRow,
    &kTransformLayoutRow,
    &kTransformBlockLayoutRow,
    &kSetAxisSeparatorRow,
    &kAnnotateBufferAccessRow,
    &kUnsafeHideBufferAccessRow,
    &kDecomposePaddingRow,
    &kPadEinsumRow,
    &kRollingBufferRow,
    &kEnterPostprocRow,
};

}  // namespace

absl::Span<const InstructionRow* const> AllInstructions() { return kRows; }

const InstructionRow* FindInstruction(std::string_view name) {
  for (const InstructionRow* row : kRows) {
    if (row->name == name) return row;
  }
  return nullptr;
}

}  // namespace hone::schedule
