// Putting another buffer in the place of one, everywhere below a block.
#pragma once

#include <utility>

#include "absl/container/inlined_vector.h"
#include "common/ir/mutator.h"
#include "common/schedule/rebind.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Where a buffer comes from, seen from a block: the block that allocates it or matches it, or the function.
struct DefiningSite {
  SrefId block = kNoSref;  // kNoSref: a parameter of the function.
  bool allocated = false;  // False for a match_buffer view (or a parameter).
};
DefiningSite FindDefiningSite(const ScheduleState& state, SrefId block, ir::Buffer buffer);
// The block that allocates it; refused for parameters and views.
absl::StatusOr<SrefId> RequireAllocationSite(const ScheduleState& state, SrefId block, ir::Buffer buffer);

// The buffer of the block's read (or write) region at `index`; refused when there is none.
absl::StatusOr<ir::Buffer> AccessedBuffer(const ScheduleState& state, SrefId block, int index, bool write);

// Replaces buffers by their data variable: every buffer over `from`'s data becomes `to`, and mentions of the variable
// itself become `to`'s. Views of a replaced buffer may be replaced, too.
class BufferRewriter : public ir::StmtExprMutator {
 public:
  BufferRewriter(ir::Buffer from, ir::Buffer to) { Add(from, to); }

  // `block` rewritten, itself included.
  const ir::BlockNode* Rewrite(const ir::BlockNode* block);
  const BlockReuses& reuses() const { return reuses_; }

 protected:
  using StmtExprMutator::Mutate;
  // The view that takes the place of `view` now that its source has become `source`.
  virtual ir::Buffer RewriteView(ir::Buffer view, ir::Buffer source);
  ir::Buffer Find(const ir::VarNode* data) const;
  void Add(ir::Buffer from, ir::Buffer to) { map_.emplace_back(from->data.get(), to); }

  ir::Expr Mutate(const ir::VarNode* node) override;
  ir::Stmt Mutate(const ir::BlockNode* node) override;
  ir::Buffer MutateBuffer(ir::Buffer buffer) override;

 private:
  absl::InlinedVector<std::pair<const ir::VarNode*, ir::Buffer>, 2> map_;
  BlockReuses reuses_;
};

// The function's parameters with `from` replaced by `to`.
void ReplaceParameterBuffer(ScheduleState& state, SrefId root, ir::Buffer from, ir::Buffer to);
// The function's root block.
SrefId FunctionRootOf(const ScheduleState& state, SrefId id);

// The block with the regions of one side replaced.
const ir::BlockNode* WithRegions(const ir::BlockNode* block, bool write, ir::Array<ir::BufferRegion> regions);

}  // namespace hone::schedule
