// What compute_inline and reverse_compute_inline share: rewriting blocks so that a buffer is not used any more.
#pragma once

#include "absl/container/inlined_vector.h"
#include "common/ir/mutator.h"
#include "common/schedule/state.h"

namespace hone::schedule {

// Rewrites statements so that `buffer` disappears; derived classes replace its loads or stores. Blocks that declare an
// access to the buffer get their reads and writes inferred anew.
class BufferEliminator : public ir::StmtExprMutator {
 public:
  // `inlined` is the block that goes; buffers of its signature may appear elsewhere.
  BufferEliminator(ir::Buffer buffer, const ir::BlockNode* inlined) : buffer_(buffer), inlined_(inlined) {}

  // The buffer is used other than by loads and stores: as a pointer or by a view.
  bool found_opaque_use() const { return found_opaque_use_; }
  // Blocks that were rewritten.
  const absl::InlinedVector<BlockReuse, 4>& reuse() const { return reuse_; }

 protected:
  using StmtExprMutator::Mutate;
  ir::Expr Mutate(const ir::VarNode* node) override;
  ir::Stmt Mutate(const ir::BlockNode* node) override;

  const ir::Buffer buffer_;
  const ir::BlockNode* const inlined_;

 private:
  bool found_opaque_use_ = false;
  absl::InlinedVector<BlockReuse, 4> reuse_;
};

bool MentionsBuffer(ir::Array<ir::BufferRegion> regions, ir::Buffer buffer);
// The block declares an access to the buffer, or its body (or init) makes one that is not declared: caches of indices
// and hidden accesses are such, and so are those of blocks inside of it.
bool AccessesBuffer(const ir::BlockNode* block, ir::Buffer buffer);
// Takes `buffer` out of the allocations of block `scope`.
void DropAllocation(ScheduleState& state, SrefId scope, ir::Buffer buffer);
// Adds `buffer` at their end.
void AddAllocation(ScheduleState& state, SrefId scope, ir::Buffer buffer);

}  // namespace hone::schedule
