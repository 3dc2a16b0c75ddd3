// What cache_read and cache_write share beyond their stage: the listed consumers, the method and its trace row.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/schedule/primitive/cache_stage.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace_python.h"

namespace hone::schedule {

// Redirects accesses inside of the listed blocks only; without a list, inside of all.
class ConsumerRedirector : public BufferRedirector {
 public:
  ConsumerRedirector(const ScheduleState& state, ir::Buffer from, ir::Buffer to, const SrefList& consumers, bool stores,
                     ir::Array<ir::Range> offsets);

 protected:
  bool Redirects(const ir::BlockNode* block) override;

 private:
  const bool all_;
  absl::InlinedVector<const ir::BlockNode*, 4> consumers_;
};

// `cache` as it is in full mode; else in the shape of the region that the stage copies.
ir::Buffer ShapedCache(ir::Buffer cache, const CopyStage& stage);

// The primitive on nodes: (state, block, index of the buffer, scope, consumers) gives the block of the copy.
using CacheFunction = absl::StatusOr<SrefId> (*)(ScheduleState&, SrefId, int, std::string_view,
                                                 absl::Span<const SrefId>);
// The method of the schedule: looks up, applies and records.
absl::StatusOr<BlockRv> ApplyCache(Schedule& schedule, const InstructionRow& row, CacheFunction function, BlockRv block,
                                   int buffer_index, std::string_view storage_scope,
                                   absl::Span<const BlockRv> consumer_blocks);
// The arguments of the Python form; consumers appear only when there are some. `index_name` is a literal.
void CachePython(std::string_view index_name, const PythonWriter& writer, absl::Span<const std::string> inputs,
                 absl::Span<const Value> attrs, PythonArgs& out);

}  // namespace hone::schedule
