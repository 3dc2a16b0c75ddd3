#include "common/schedule/primitive/cache_read.h"

#include "common/schedule/affine.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/primitive/cache_method.h"
#include "common/schedule/primitive/cache_stage.h"
#include "common/schedule/primitive/inline_rewrite.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"

namespace hone::schedule {
namespace {

using ir::BlockNode;
using ir::Buffer;

// Loads of the consumers; a block that writes the buffer stays as it is.
class ReadRedirector : public ConsumerRedirector {
 public:
  ReadRedirector(const ScheduleState& state, Buffer from, Buffer to, const SrefList& consumers,
                 ir::Array<ir::Range> offsets)
      : ConsumerRedirector(state, from, to, consumers, /*stores=*/false, offsets), from_(from) {}

 protected:
  bool Enters(const BlockNode* block) override { return !MentionsBuffer(block->writes, from_); }

 private:
  const Buffer from_;
};

}  // namespace

absl::StatusOr<SrefId> CacheRead(ScheduleState& state, SrefId block, int read_buffer_index,
                                 std::string_view storage_scope, absl::Span<const SrefId> consumer_blocks) {
  HONE_RETURN_IF_ERROR(CheckStorageScope(state, block, storage_scope));
  HONE_ASSIGN_OR_RETURN(const Buffer buffer, NthReadBuffer(state, block, read_buffer_index));
  HONE_ASSIGN_OR_RETURN(const SrefId scope, RequireScopeRoot(state, block));
  HONE_RETURN_IF_ERROR(CheckReadersCovered(state, scope, buffer));
  HONE_ASSIGN_OR_RETURN(const SrefId writer, OnlyWriter(state, scope, buffer));
  const SrefList consumers = WithChildren(state, consumer_blocks);

  CopyStage stage;
  StageLocation location{scope, 0};
  if (writer != kNoSref) {
    const SrefList readers = consumers.empty() ? RawReaders(state, scope, writer) : consumers;
    HONE_ASSIGN_OR_RETURN(location, FindStageLocation(state, scope, writer, readers));
    stage.region = RelaxRegion(state, writer, RegionOf(state.block(writer)->writes, buffer), location.at);
    stage.predicate = OuterPredicate(state, writer, buffer->scope(), location.at);
  } else {
    const ir::BufferRegion declared = RegionOf(state.block(scope)->reads, buffer);
    stage.region = (declared != nullptr ? declared : ir::FullRegion(buffer))->region;
  }
  stage.full = location.at != scope;
  stage.source = buffer;
  stage.target = ShapedCache(CacheBuffer(buffer, storage_scope), stage);
  stage.name = stage.target->name;

  ReadRedirector redirector(state, buffer, stage.target, consumers, stage.full ? ir::Array<ir::Range>() : stage.region);
  for (SrefId child : ChildBlocks(state, scope)) {
    if (!AccessesBuffer(state.block(child), buffer)) continue;
    const ir::Stmt rewritten = redirector.MutateStmt(state.block(child));
    state.ReplaceBlock(child, rewritten.as<BlockNode>(), redirector.reuse());
  }
  const SrefId copy = InsertStage(state, location, MakeCopyNest(stage));
  AddAllocation(state, scope, stage.target);
  state.SetFlags(copy, HasAffineBinding(state, copy), true, true);
  return copy;
}

// ---- method

absl::StatusOr<BlockRv> Schedule::CacheRead(BlockRv block, int read_buffer_index, std::string_view storage_scope,
                                            absl::Span<const BlockRv> consumer_blocks) {
  return ApplyCache(*this, kCacheReadRow, schedule::CacheRead, block, read_buffer_index, storage_scope,
                    consumer_blocks);
}

const InstructionRow kCacheReadRow = {
    .name = "CacheRead",
    .pure = false,
    .inputs = "b[b]",
    .attrs = "ns",
    .outputs = Outputs::kOne,
    .output_kind = 'b',
    .method = "cache_read",
    .arguments = "",
    .apply =
        [](Schedule& s, Call& c) {
          return Put(s.CacheRead(BlockOf(c, 0), IntOf(c.attrs[0]), c.attrs[1].text(), BlocksOf(c.inputs[1])), c);
        },
    .python = [](const PythonWriter& writer, absl::Span<const std::string> inputs, absl::Span<const Value> attrs,
                 PythonArgs& out) { CachePython("read_buffer_index", writer, inputs, attrs, out); }};

}  // namespace hone::schedule
