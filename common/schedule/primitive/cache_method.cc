#include "common/schedule/primitive/cache_method.h"

#include <algorithm>

#include "common/schedule/primitive/apply.h"
#include "common/support/status_macros.h"

namespace hone::schedule {

ConsumerRedirector::ConsumerRedirector(const ScheduleState& state, ir::Buffer from, ir::Buffer to,
                                       const SrefList& consumers, bool stores, ir::Array<ir::Range> offsets)
    : BufferRedirector(from, to, stores, offsets), all_(consumers.empty()) {
  for (SrefId consumer : consumers) consumers_.push_back(state.block(consumer));
}

bool ConsumerRedirector::Redirects(const ir::BlockNode* block) {
  return all_ || std::find(consumers_.begin(), consumers_.end(), block) != consumers_.end();
}

ir::Buffer ShapedCache(ir::Buffer cache, const CopyStage& stage) {
  if (stage.full) return cache;
  auto* compact = ir::CopyNode(cache.get());
  absl::InlinedVector<ir::Expr, 6> shape;
  for (const ir::Range& range : stage.region) shape.push_back(range.extent);
  compact->shape = ir::MakeArray(shape.data(), shape.size());
  return compact;
}

absl::StatusOr<BlockRv> ApplyCache(Schedule& schedule, const InstructionRow& row, CacheFunction function, BlockRv block,
                                   int buffer_index, std::string_view storage_scope,
                                   absl::Span<const BlockRv> consumer_blocks) {
  const PrimitiveScope scope(schedule, row);
  HONE_ASSIGN_OR_RETURN(const SrefId id, schedule.SrefOf(block));
  SrefList consumers;
  for (BlockRv rv : consumer_blocks) {
    HONE_ASSIGN_OR_RETURN(const SrefId consumer, schedule.SrefOf(rv));
    consumers.push_back(consumer);
  }
  HONE_ASSIGN_OR_RETURN(const SrefId copy,
                        function(schedule.mutable_state(), id, buffer_index, storage_scope, consumers));
  const BlockRv out = schedule.NewBlockRv(copy);
  schedule.Record(row, {Value::OfRv(block), ListOfRvs(consumer_blocks)},
                  {Value::Int(buffer_index), Value::String(storage_scope)}, {out});
  return out;
}

void CachePython(std::string_view index_name, const PythonWriter& writer, absl::Span<const std::string> inputs,
                 absl::Span<const Value> attrs, PythonArgs& out) {
  out.emplace_back("block", inputs[0]);
  out.emplace_back(index_name, writer.Attr(attrs[0]));
  out.emplace_back("storage_scope", writer.Attr(attrs[1]));
  if (inputs[1] != "[]") out.emplace_back("consumer_blocks", inputs[1]);
}

}  // namespace hone::schedule
