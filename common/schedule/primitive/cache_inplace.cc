#include "common/schedule/primitive/cache_inplace.h"

#include <algorithm>

#include "common/schedule/affine.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/primitive/cache_stage.h"
#include "common/schedule/primitive/inline_rewrite.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"

namespace hone::schedule {

using ir::Buffer;

absl::StatusOr<std::pair<SrefId, SrefId>> CacheInplace(ScheduleState& state, SrefId block, int read_buffer_index,
                                                       std::string_view storage_scope) {
  HONE_RETURN_IF_ERROR(CheckStorageScope(state, block, storage_scope));
  HONE_ASSIGN_OR_RETURN(const Buffer buffer, NthReadBuffer(state, block, read_buffer_index));
  HONE_ASSIGN_OR_RETURN(const SrefId scope, RequireScopeRoot(state, block));
  HONE_RETURN_IF_ERROR(CheckReadersCovered(state, scope, buffer));
  const ir::BufferRegion read = RegionOf(state.block(block)->reads, buffer);
  const ir::BufferRegion write = RegionOf(state.block(block)->writes, buffer);
  if (read == nullptr || write == nullptr) {
    return state.Refuse("The block is required to both read and write the buffer", {block});
  }
  CopyStage in;
  in.source = buffer;
  in.target = CacheBuffer(buffer, storage_scope);
  in.region = read->region;
  in.name = in.target->name;
  CopyStage out = in;
  std::swap(out.source, out.target);
  out.region = write->region;

  const SrefId parent = state.parent(block);
  BufferRedirector redirector(buffer, in.target, /*stores=*/true);
  const ir::Stmt rewritten = redirector.MutateStmt(state.block(block));
  state.ReplaceBlock(block, rewritten.as<ir::BlockNode>(), redirector.reuse());
  const auto position = [&] { return std::max(state.at(block).seq_index, 0); };
  const SrefId before = InsertStage(state, {parent, position()}, MakeCopyNest(in));
  state.SetFlags(before, HasAffineBinding(state, before), true, false);
  const SrefId after = InsertStage(state, {parent, position() + 1}, MakeCopyNest(out));
  state.SetFlags(after, HasAffineBinding(state, after), true, false);
  AddAllocation(state, scope, in.target);
  return std::make_pair(before, after);
}

// ---- method

absl::StatusOr<BlockRvs> Schedule::CacheInplace(BlockRv block, int read_buffer_index, std::string_view storage_scope) {
  const PrimitiveScope scope(*this, kCacheInplaceRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block));
  HONE_ASSIGN_OR_RETURN(const auto copies, schedule::CacheInplace(state_, id, read_buffer_index, storage_scope));
  const BlockRvs out = {NewBlockRv(copies.first), NewBlockRv(copies.second)};
  Record(kCacheInplaceRow, {Value::OfRv(block)}, {Value::Int(read_buffer_index), Value::String(storage_scope)},
         RvsOf(out));
  return out;
}

const InstructionRow kCacheInplaceRow = {.name = "CacheInplace",
                                         .pure = false,
                                         .inputs = "b",
                                         .attrs = "ns",
                                         .outputs = Outputs::kTwo,
                                         .output_kind = 'b',
                                         .method = "cache_inplace",
                                         .arguments = "block,read_buffer_index,storage_scope",
                                         .apply = [](Schedule& s, Call& c) {
                                           return PutAll(
                                               s.CacheInplace(BlockOf(c, 0), IntOf(c.attrs[0]), c.attrs[1].text()), c);
                                         }};

}  // namespace hone::schedule
