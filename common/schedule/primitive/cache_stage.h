// What the caching primitives share: where a copy stage goes, which region it copies, and how accesses are redirected.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/ir/mutator.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// The n-th read or write buffer of the block; refused when out of range.
absl::StatusOr<ir::Buffer> NthReadBuffer(const ScheduleState& state, SrefId block, int index);
absl::StatusOr<ir::Buffer> NthWriteBuffer(const ScheduleState& state, SrefId block, int index);
// The one child block of the scope that writes the buffer; kNoSref when there is none, refused when there are several.
absl::StatusOr<SrefId> OnlyWriter(const ScheduleState& state, SrefId scope, ir::Buffer buffer);
// Every child block of the scope that reads the buffer has its reads covered.
absl::Status CheckReadersCovered(const ScheduleState& state, SrefId scope, ir::Buffer buffer);
// Child blocks of the scope that read what `writer` writes.
SrefList RawReaders(const ScheduleState& state, SrefId scope, SrefId writer);
// `blocks` and the blocks directly inside of them.
SrefList WithChildren(const ScheduleState& state, absl::Span<const SrefId> blocks);

// Before entry `position` of the body of a loop or block.
struct StageLocation {
  SrefId at = kNoSref;
  int position = 0;
};
// After `writer` and before the first of `readers` in the scope, in the innermost sequence that holds both; at the end
// of the scope without readers. Refused when no reader comes after the writer.
absl::StatusOr<StageLocation> FindStageLocation(const ScheduleState& state, SrefId scope, SrefId writer,
                                                const SrefList& readers);

// The part of the predicate of `block` that its loops from its parent up to below `high` do not matter for: where it is
// false, nothing of a region relaxed over them is accessed.
ir::Expr OuterPredicate(const ScheduleState& state, SrefId block, std::string_view storage_scope, SrefId high);
// `region` of `block`, relaxed over the loops from its parent up to below `high`, and over thread loops above that
// share the buffer's storage. A dimension without bounds becomes full; nothing is clipped.
ir::Array<ir::Range> RelaxRegion(const ScheduleState& state, SrefId block, ir::BufferRegion region, SrefId high);
// The region of `buffer` among `regions`; null when there is none.
ir::BufferRegion RegionOf(ir::Array<ir::BufferRegion> regions, ir::Buffer buffer);

// Puts `nest`, a loop nest or realize, before entry `position` of the body of `at`; gives the node of its first block.
SrefId InsertStage(ScheduleState& state, StageLocation location, ir::Stmt nest);
// The first block at or below a node.
SrefId FirstBlock(const ScheduleState& state, SrefId id);

// "<buffer>_<scope>", in another scope.
ir::Buffer CacheBuffer(ir::Buffer buffer, std::string_view storage_scope);
// "ax<i>" and "v<i>".
std::string_view AxisName(size_t index);
std::string_view IterName(size_t index);

// A nest that copies `region` of the original, block "<original>_<scope>". In full mode the cache has the original's
// shape and the same indices; else it has the region's and its indices are less by the region's minimum.
struct CopyStage {
  ir::Buffer source;
  ir::Buffer target;
  ir::Array<ir::Range> region;
  bool full = true;
  bool offset_source = true;  // When not full: the source has the original indices.
  std::string_view name;
  ir::Expr predicate;  // Null: always.
};
ir::Stmt MakeCopyNest(const CopyStage& stage);

// Redirects accesses from one buffer to another inside of statements: loads, pointers, declared reads and views; with
// `stores` also stores and declared writes. Indices are reduced by `offsets`, when given.
class BufferRedirector : public ir::StmtExprMutator {
 public:
  BufferRedirector(ir::Buffer from, ir::Buffer to, bool stores, ir::Array<ir::Range> offsets = {})
      : from_(from), to_(to), stores_(stores), offsets_(offsets) {}

  // Old and new blocks.
  const absl::InlinedVector<BlockReuse, 4>& reuse() const { return reuse_; }

 protected:
  using StmtExprMutator::Mutate;
  ir::Expr Mutate(const ir::VarNode* node) override;
  ir::Expr Mutate(const ir::BufferLoadNode* node) override;
  ir::Stmt Mutate(const ir::BufferStoreNode* node) override;
  ir::Stmt Mutate(const ir::BlockNode* node) override;
  // Whether accesses inside of `block`, but not of blocks in it, are redirected.
  virtual bool Redirects(const ir::BlockNode* block) { return true; }
  // Whether `block` is looked into at all.
  virtual bool Enters(const ir::BlockNode* block) { return true; }

 private:
  ir::Array<ir::Expr> Reduced(ir::Array<ir::Expr> indices);
  ir::Array<ir::BufferRegion> Redirected(ir::Array<ir::BufferRegion> regions);
  ir::BufferRegion Redirected(ir::BufferRegion region);

  const ir::Buffer from_;
  const ir::Buffer to_;
  const bool stores_;
  const ir::Array<ir::Range> offsets_;
  bool active_ = true;
  absl::InlinedVector<BlockReuse, 4> reuse_;
};

}  // namespace hone::schedule
