#include "common/schedule/primitive/cache_write.h"

#include <algorithm>

#include "common/schedule/affine.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/primitive/cache_method.h"
#include "common/schedule/primitive/cache_stage.h"
#include "common/schedule/primitive/inline_rewrite.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"

namespace hone::schedule {

using ir::BlockNode;
using ir::Buffer;

absl::StatusOr<SrefId> CacheWrite(ScheduleState& state, SrefId block, int write_buffer_index,
                                  std::string_view storage_scope, absl::Span<const SrefId> consumer_blocks) {
  HONE_RETURN_IF_ERROR(CheckStorageScope(state, block, storage_scope));
  HONE_ASSIGN_OR_RETURN(const Buffer buffer, NthWriteBuffer(state, block, write_buffer_index));
  HONE_ASSIGN_OR_RETURN(const SrefId scope, RequireScopeRoot(state, block));
  HONE_RETURN_IF_ERROR(OnlyWriter(state, scope, buffer).status());
  const SrefList consumers = WithChildren(state, consumer_blocks);
  SrefList readers;
  for (SrefId reader : RawReaders(state, scope, block)) {
    if (std::find(consumers.begin(), consumers.end(), reader) == consumers.end()) readers.push_back(reader);
  }
  HONE_ASSIGN_OR_RETURN(const StageLocation location, FindStageLocation(state, scope, block, readers));

  CopyStage stage;
  stage.region = RelaxRegion(state, block, RegionOf(state.block(block)->writes, buffer), location.at);
  stage.predicate = OuterPredicate(state, block, buffer->scope(), location.at);
  stage.full = location.at != scope;
  stage.source = ShapedCache(CacheBuffer(buffer, storage_scope), stage);
  stage.target = buffer;
  stage.offset_source = false;
  stage.name = stage.source->name;
  const ir::Array<ir::Range> offsets = stage.full ? ir::Array<ir::Range>() : stage.region;

  BufferRedirector writer(buffer, stage.source, /*stores=*/true, offsets);
  const ir::Stmt rewritten = writer.MutateStmt(state.block(block));
  ConsumerRedirector others(state, buffer, stage.source, consumers, /*stores=*/true, offsets);
  absl::InlinedVector<std::pair<SrefId, const BlockNode*>, 4> users;
  for (SrefId child : consumers.empty() ? SrefList() : ChildBlocks(state, scope)) {
    if (child == block) continue;
    users.emplace_back(child, others.MutateStmt(state.block(child)).as<BlockNode>());
  }
  state.ReplaceBlock(block, rewritten.as<BlockNode>(), writer.reuse());
  for (const auto& [user, changed] : users) state.ReplaceBlock(user, changed, others.reuse());
  const SrefId copy = InsertStage(state, location, MakeCopyNest(stage));
  AddAllocation(state, scope, stage.source);
  state.SetFlags(copy, HasAffineBinding(state, copy), true, true);
  return copy;
}

// ---- method

absl::StatusOr<BlockRv> Schedule::CacheWrite(BlockRv block, int write_buffer_index, std::string_view storage_scope,
                                             absl::Span<const BlockRv> consumer_blocks) {
  return ApplyCache(*this, kCacheWriteRow, schedule::CacheWrite, block, write_buffer_index, storage_scope,
                    consumer_blocks);
}

const InstructionRow kCacheWriteRow = {
    .name = "CacheWrite",
    .pure = false,
    .inputs = "b[b]",
    .attrs = "ns",
    .outputs = Outputs::kOne,
    .output_kind = 'b',
    .method = "cache_write",
    .arguments = "",
    .apply =
        [](Schedule& s, Call& c) {
          return Put(s.CacheWrite(BlockOf(c, 0), IntOf(c.attrs[0]), c.attrs[1].text(), BlocksOf(c.inputs[1])), c);
        },
    .python = [](const PythonWriter& writer, absl::Span<const std::string> inputs, absl::Span<const Value> attrs,
                 PythonArgs& out) { CachePython("write_buffer_index", writer, inputs, attrs, out); }};

}  // namespace hone::schedule
