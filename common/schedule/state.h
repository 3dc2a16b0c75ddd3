// The program under transformation: its tree of loops and blocks, what is known of the blocks, and the one operation
// that changes it, Replace.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/ir/module.h"
#include "common/schedule/block_scope.h"
#include "common/schedule/flag_memo.h"
#include "common/schedule/sref.h"

namespace hone::schedule {

// `first` of the old program lives on as `second` of the new one.
using BlockReuse = std::pair<const ir::BlockNode*, const ir::BlockNode*>;
using SrefList = absl::InlinedVector<SrefId, 16>;

// What a primitive last refused, for the report that is rendered when somebody wants to read it.
struct Refusal {
  std::string_view message;  // Static text.
  absl::InlinedVector<SrefId, 4> nodes;
  std::string extra;  // Appended to the message, may be empty.
};

// Owns an arena that new IR goes into; primitives run inside of an ArenaScope of it. A copy is cheap (its nodes are
// plain data and the programs are shared) and independent; it keeps the original's arena alive. Used by one thread at a
// time; a copy may be used by another.
//
// Flags of a block, kept as the peer keeps them: computed when the state is created, false for blocks that appear
// later until a primitive sets them, otherwise untouched.
//   affine_binding: the bindings are an independent quasi-affine map of the loops up to the scope root;
//   region_cover:   what the block reads of buffers made in its scope is covered by their producers;
//   stage_pipeline: as a scope: no WAR dependency among child blocks, and each child has region_cover.
class ScheduleState {
 public:
  // Fails when a function body is not a well-formed program of blocks in a root block.
  static absl::StatusOr<ScheduleState> Create(const ir::IRModule& module);

  ScheduleState(const ScheduleState& other);
  ScheduleState& operator=(const ScheduleState&) = delete;
  ScheduleState(ScheduleState&&) = default;
  ScheduleState& operator=(ScheduleState&&) = default;

  const ir::ArenaRef& arena() const { return arena_; }
  // The module as it now is. Shares this state's arena.
  ir::IRModule module() const;

  // ---- nodes
  const Sref& at(SrefId id) const { return nodes_[id]; }
  bool alive(SrefId id) const { return id >= 0 && id < static_cast<SrefId>(nodes_.size()) && nodes_[id].alive(); }
  const ir::ForNode* loop(SrefId id) const { return nodes_[id].loop(); }
  const ir::BlockNode* block(SrefId id) const { return nodes_[id].block(); }
  SrefId parent(SrefId id) const { return nodes_[id].parent; }
  // The root block of a function; kNoSref when there is no such function or it has no root block.
  SrefId RootOf(std::string_view function) const;
  // The function a node belongs to.
  std::string_view FunctionOf(SrefId id) const;
  const ir::PrimFuncNode* PrimFuncOf(SrefId id) const;
  // Names of the functions that have a root block.
  std::vector<std::string_view> FunctionNames() const;

  // The node whose statement is `stmt`, searched below `below`; kNoSref when there is none.
  SrefId Find(const ir::StmtNode* stmt, SrefId below) const;
  // Looks for it in all functions.
  SrefId Find(const ir::StmtNode* stmt) const;

  // ---- facts
  const BlockScope& ScopeOf(SrefId block) const;
  void SetAffineBinding(SrefId block, bool value) {
    Settle();
    nodes_[block].affine_binding = value;
  }
  void SetRegionCover(SrefId block, bool value) {
    Settle();
    nodes_[block].region_cover = value;
  }
  void SetStagePipeline(SrefId block, bool value) {
    Settle();
    nodes_[block].stage_pipeline = value;
  }
  void SetFlags(SrefId block, bool affine, bool cover, bool pipeline);
  bool affine_binding(SrefId block) const {
    Settle();
    return nodes_[block].affine_binding;
  }
  bool region_cover(SrefId block) const {
    Settle();
    return nodes_[block].region_cover;
  }
  bool stage_pipeline(SrefId block) const {
    Settle();
    return nodes_[block].stage_pipeline;
  }
  // Recomputes the flags of `block` and of everything below it from the program.
  void RecomputeFlags(SrefId block);
  // The same, done only when somebody asks for a flag or changes the program: what ends a schedule often needs none.
  void RecomputeFlagsLater(SrefId block) {
    Settle();
    unsettled_ = block;
  }
  // The same for everything below `block`, and its stage_pipeline.
  void RecomputeScope(SrefId block);
  // Of flags computed so far; their nodes live in the arenas that this state keeps alive.
  FlagMemo& flag_memo() { return flag_memo_; }

  // ---- change
  // Puts `stmt` in the place of the loop `id` or of the realize of the block `id`. `stmt` is a For, a BlockRealize, or
  // a sequence or other statement holding them; a sequence is spliced into an enclosing one. For a block that stays a
  // block, ReplaceBlock keeps the realize's bindings. Afterwards:
  //   statements that are the very same in old and new program keep their nodes,
  //   a For with the loop variable of a removed For takes over its node,
  //   a block that `reuse` names takes over the old block's node,
  //   all other old nodes expire, and new ones are made with all flags false.
  // Ancestors are copied up to the root. A pointer to a Sref or a statement of an ancestor is stale afterwards.
  // Returns the node of the first loop or block of `stmt` (kNoSref when there is none).
  SrefId Replace(SrefId id, ir::Stmt stmt, absl::Span<const BlockReuse> reuse = {});
  // Puts `block` in the place of block `id`, under the same bindings and predicate. `block` takes over the node.
  void ReplaceBlock(SrefId id, const ir::BlockNode* block, absl::Span<const BlockReuse> reuse = {});
  // Takes the loop or realize `id`, an entry of a sequence, out of it; a sequence of one is unwrapped. Nodes expire,
  // except those of block `keep` (kNoSref: none) and below: they stay until the next Replace, which must put the very
  // same block, or one that `reuse` says it becomes, somewhere.
  void Remove(SrefId id, SrefId keep = kNoSref);
  // Replaces the loop or block `id` by a copy that differs in its own fields only: the body is the very same.
  void ReplaceShallow(SrefId id, const ir::StmtNode* stmt);
  // Gives the block new bindings or predicate.
  void ReplaceRealize(SrefId id, const ir::BlockRealizeNode* realize);
  // Takes the function of `root` apart from its body: parameters, buffer map, attributes. The body stays.
  void ReplaceFunctionHeader(SrefId root, const ir::PrimFuncNode* header);

  // Whether the checks that may be skipped are made.
  bool enable_check() const { return enable_check_; }
  void set_enable_check(bool value) { enable_check_ = value; }

  // ---- errors
  // A failed precondition. `message` is static text; the offending nodes are named when the error is rendered.
  absl::Status Refuse(std::string_view message, std::initializer_list<SrefId> nodes = {}, std::string extra = {}) const;
  const Refusal& last_refusal() const { return refusal_; }

  // CHECKs that the tree is the one the program has.
  void VerifyTree() const;

 private:
  struct Function {
    const ir::GlobalVarNode* var;
    const ir::PrimFuncNode* header;  // With the body it had when created; see bodies_.
    SrefId root;                     // kNoSref when the body is no root block.
  };

  ScheduleState() = default;
  // Does what RecomputeFlagsLater put off.
  void Settle() const {
    if (unsettled_ != kNoSref) [[unlikely]] {
      const_cast<ScheduleState*>(this)->RecomputeFlags(unsettled_);
    }
  }
  const ir::StmtNode* Container(SrefId id) const;
  void CopyAncestors(SrefId parent, int hint, const ir::StmtNode* container, ir::Stmt replacement);
  SrefId Before(SrefId id) const;
  void LinkAfter(SrefId parent, SrefId before, SrefId next);
  void Reindex(SrefId parent);
  void ForgetScope(SrefId below);

  ir::ArenaRef arena_;
  const ir::IRModuleNode* original_ = nullptr;
  std::vector<Function> functions_;
  mutable std::vector<Sref> nodes_;
  SrefId detached_ = kNoSref;
  SrefId unsettled_ = kNoSref;  // The block whose flags, and those below it, are to be computed.
  FlagMemo flag_memo_;
  bool enable_check_ = true;
  mutable Refusal refusal_;
  mutable const ir::IRModuleNode* module_ = nullptr;  // Null when it must be rebuilt.
};

}  // namespace hone::schedule
