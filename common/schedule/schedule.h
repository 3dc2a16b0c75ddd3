// A program being scheduled: one typed method a primitive. Every method that succeeds appends its instruction to the
// trace; one that fails changes nothing.
//
// Errors of the methods: FailedPrecondition when the primitive refuses (a ScheduleError of the peer: the candidate is
// not legal), InvalidArgument for arguments that make no sense, OutOfRange for an unknown random variable. The message
// of a refusal is short and static; DescribeError names the primitive and the blocks and loops concerned.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/ir/module.h"
#include "common/schedule/instruction.h"
#include "common/schedule/random_engine.h"
#include "common/schedule/state.h"
#include "common/schedule/trace.h"

namespace hone::schedule {

using LoopRvs = absl::InlinedVector<LoopRv, 8>;
using BlockRvs = absl::InlinedVector<BlockRv, 8>;
using ExprRvs = absl::InlinedVector<ExprRv, 8>;

// A factor of Split or LoopPartition that follows from the others.
inline constexpr int64_t kInferFactor = -1;

enum class BufferSide : uint8_t { kRead = 0, kWrite = 1 };

// A block or a loop.
struct BlockOrLoopRv : Rv {
  BlockOrLoopRv() = default;
  BlockOrLoopRv(BlockRv rv) : Rv{rv.id} {}  // NOLINT
  BlockOrLoopRv(LoopRv rv) : Rv{rv.id} {}   // NOLINT
  explicit BlockOrLoopRv(Rv rv) : Rv(rv) {}
};

// A tensor intrinsic: what it computes and what implements it. Nodes live as long as the table that gave them.
struct TensorIntrin {
  ir::PrimFunc description = nullptr;
  ir::PrimFunc implementation = nullptr;
  std::shared_ptr<const ir::Arena> arena;
};
// Null `description` when there is no intrinsic of that name.
using TensorIntrinTable = TensorIntrin (*)(std::string_view name);

struct ScheduleOptions {
  int64_t seed = -1;
  bool enable_check = true;  // False skips the checks that the reference calls skippable.
  bool traced = true;
  TensorIntrinTable intrinsics = nullptr;
};

// Not thread-safe. Copy gives an independent schedule in which the same RVs are valid.
class Schedule {
 public:
  static absl::StatusOr<Schedule> Create(const ir::IRModule& module, const ScheduleOptions& options = {});

  Schedule(Schedule&&) = default;
  Schedule& operator=(Schedule&&) = default;

  // A copy with a seed forked from this one's, which advances this one's random state.
  Schedule Copy();
  // The same with the given seed (as in ScheduleOptions, but not -1); leaves this one untouched.
  Schedule CopyWithSeed(int64_t seed) const;

  ir::IRModule module() const { return state_.module(); }
  const ScheduleState& state() const { return state_; }
  ScheduleState& mutable_state() { return state_; }
  const Trace& trace() const { return trace_; }
  const ScheduleOptions& options() const { return options_; }

  // ---- seeds
  absl::Status Seed(int64_t seed);
  int64_t ForkSeed() { return random_.Fork(); }
  RandomEngine& random() { return random_; }

  // ---- random variables
  absl::StatusOr<SrefId> SrefOf(BlockRv rv) const;
  absl::StatusOr<SrefId> SrefOf(LoopRv rv) const;  // InvalidArgument for the marks.
  absl::StatusOr<SrefId> SrefOf(BlockOrLoopRv rv) const;
  bool IsRootMark(LoopRv rv) const { return IsSymbol(rv, 'l', kRootMark); }
  bool IsInlineMark(LoopRv rv) const { return IsSymbol(rv, 'l', kInlineMark); }
  bool IsBlock(Rv rv) const;
  absl::StatusOr<int64_t> ValueOf(ExprRv rv) const;
  // The number an expression of ExprRVs has: kInt, kRv or kExpr.
  absl::StatusOr<int64_t> Evaluate(const Value& value) const;
  // The map with ExprRVs replaced by their numbers.
  absl::StatusOr<const ir::IndexMapNode*> Resolve(const ir::IndexMapNode* map) const;
  absl::StatusOr<const ir::BlockNode*> Get(BlockRv rv) const;
  absl::StatusOr<const ir::ForNode*> Get(LoopRv rv) const;
  absl::Status RemoveRv(Rv rv);
  // Used by primitives: random variables for results.
  BlockRv NewBlockRv(SrefId block);
  LoopRv NewLoopRv(SrefId loop);
  LoopRv NewRootMark();
  LoopRv NewInlineMark();
  ExprRv NewExprRv(int64_t value);
  size_t rv_count() const { return symbols_.size(); }

  // The function that GetBlock means without a name.
  absl::Status WorkOn(std::string_view function);
  std::string_view working_on() const { return working_on_; }

  // ---- sampling
  absl::StatusOr<ExprRv> SampleCategorical(absl::Span<const int64_t> candidates, absl::Span<const double> probs,
                                           std::optional<int64_t> decision = {});
  // A null RV stands for "infer" (a loop of unknown extent).
  absl::StatusOr<ExprRvs> SamplePerfectTile(LoopRv loop, int n, int max_innermost_factor = 16,
                                            absl::Span<const int64_t> decision = {});
  absl::StatusOr<ExprRvs> SamplePartitionedTile(LoopRv loop, int n, int partition_pos = 0, int innerpart_factor = 1,
                                                absl::Span<const int64_t> decision = {});
  absl::StatusOr<LoopRv> SampleComputeLocation(BlockRv block, std::optional<int64_t> decision = {});

  // ---- lookup
  absl::StatusOr<BlockRv> GetBlock(std::string_view name, std::string_view function = {});
  absl::StatusOr<LoopRvs> GetLoops(BlockRv block);
  absl::StatusOr<BlockRvs> GetChildBlocks(BlockOrLoopRv block_or_loop);
  absl::StatusOr<BlockRvs> GetProducers(BlockRv block);
  absl::StatusOr<BlockRvs> GetConsumers(BlockRv block);
  absl::StatusOr<BlockRvs> GetOutputBlocks(BlockRv scope_block);

  // ---- loops
  absl::StatusOr<LoopRv> Merge(absl::Span<const LoopRv> loops);
  absl::StatusOr<LoopRv> Fuse(absl::Span<const LoopRv> loops, bool preserve_unit_iters = true);
  // Factors: integers, ExprRVs, expressions or None.
  absl::StatusOr<LoopRvs> Split(LoopRv loop, absl::Span<const Value> factors, bool preserve_unit_iters = true,
                                bool disable_predication = false);
  absl::StatusOr<LoopRvs> LoopPartition(LoopRv loop, absl::Span<const Value> factors, bool preserve_unit_iters = true);
  absl::Status Reorder(absl::Span<const LoopRv> loops);
  absl::Status ReorderBlockIterVar(BlockRv block, absl::Span<const int64_t> new_order);
  absl::StatusOr<LoopRv> AddUnitLoop(BlockOrLoopRv block_or_loop);
  absl::Status Parallel(LoopRv loop);
  absl::Status Vectorize(LoopRv loop);
  absl::Status Bind(LoopRv loop, std::string_view thread_axis);
  absl::Status Unroll(LoopRv loop);

  // ---- caches
  absl::StatusOr<BlockRv> CacheRead(BlockRv block, int read_buffer_index, std::string_view storage_scope,
                                    absl::Span<const BlockRv> consumer_blocks = {});
  absl::StatusOr<BlockRv> CacheWrite(BlockRv block, int write_buffer_index, std::string_view storage_scope,
                                     absl::Span<const BlockRv> consumer_blocks = {});
  absl::StatusOr<BlockRv> ReindexCacheRead(BlockRv block, int read_buffer_index, std::string_view storage_scope,
                                           const ir::IndexMapNode* index_map);
  absl::StatusOr<BlockRv> ReindexCacheWrite(BlockRv block, int write_buffer_index, std::string_view storage_scope,
                                            const ir::IndexMapNode* index_map);
  absl::StatusOr<BlockRvs> CacheInplace(BlockRv block, int read_buffer_index, std::string_view storage_scope);
  absl::StatusOr<BlockRvs> CacheIndex(BlockRv block, std::string_view storage_scope, int cse_thresh = 0);
  absl::StatusOr<BlockRv> ReIndex(BlockRv block, int buffer_index, BufferSide side);
  absl::StatusOr<BlockRv> ReadAt(LoopRv loop, BlockRv block, int read_buffer_index, std::string_view storage_scope);
  absl::StatusOr<BlockRv> WriteAt(LoopRv loop, BlockRv block, int write_buffer_index, std::string_view storage_scope);

  // ---- locations
  absl::Status ComputeAt(BlockRv block, LoopRv loop, bool preserve_unit_loops = false, int index = -1);
  absl::Status ReverseComputeAt(BlockRv block, LoopRv loop, bool preserve_unit_loops = false, int index = -1);
  absl::Status ComputeInline(BlockRv block);
  absl::Status ReverseComputeInline(BlockRv block);

  // ---- reductions
  absl::StatusOr<BlockRv> DecomposeReduction(BlockRv block, LoopRv loop);
  absl::StatusOr<BlockRv> RFactor(LoopRv loop, int factor_axis);

  // ---- annotations of blocks and buffers
  absl::Status StorageAlign(BlockRv block, int buffer_index, int axis, int factor, int offset);
  absl::Status SetScope(BlockRv block, int buffer_index, std::string_view storage_scope);
  absl::Status UnsafeSetDType(BlockRv block, int buffer_index, std::string_view dtype);
  absl::Status AnnotateBufferAccess(BlockRv block, int buffer_index, BufferSide side,
                                    const ir::IndexMapNode* index_map);
  absl::Status UnsafeHideBufferAccess(BlockRv block, std::string_view buffer_side,
                                      absl::Span<const int64_t> buffer_indices);
  // Values: integers, floats, bools, strings, ExprRVs, flat lists of these, maps of these or of flat lists.
  absl::Status Annotate(BlockOrLoopRv block_or_loop, std::string_view key, const Value& value);
  absl::Status Unannotate(BlockOrLoopRv block_or_loop, std::string_view key);

  // ---- blockize, tensorize
  absl::StatusOr<BlockRv> Blockize(LoopRv loop, bool preserve_unit_iters = true);
  absl::StatusOr<BlockRv> Blockize(absl::Span<const BlockRv> blocks, bool preserve_unit_iters = true);
  absl::Status Tensorize(BlockOrLoopRv block_or_loop, std::string_view tensor_intrin, bool preserve_unit_iters = true);

  // ---- layouts
  absl::Status TransformLayout(BlockRv block, int buffer_index, BufferSide side, const ir::IndexMapNode* index_map,
                               const ir::IndexMapNode* pad_value = nullptr, bool assume_injective_transform = false);
  absl::Status TransformBlockLayout(BlockRv block, const ir::IndexMapNode* index_map);
  absl::Status SetAxisSeparator(BlockRv block, int buffer_index, BufferSide side,
                                absl::Span<const int64_t> axis_separators);

  // ---- padding and the rest
  absl::StatusOr<BlockRv> DecomposePadding(BlockRv block, LoopRv loop);
  absl::Status PadEinsum(BlockRv block, absl::Span<const int64_t> padding);
  absl::Status RollingBuffer(BlockRv block, int write_buffer_index);
  absl::Status EnterPostproc();

  // ---- for primitives
  // Appends an instruction to the trace; arguments are copied into the schedule's arena, texts and lists included.
  void Record(const InstructionRow& row, absl::Span<const Value> inputs, absl::Span<const Value> attrs,
              absl::Span<const Rv> outputs, const Value& decision = {});
  // The primitive that runs, for error reports.
  void SetCurrent(const InstructionRow& row) { current_ = &row; }

  // "compute-at: block "C", loop "i": <message>" for a refusal that a method of this schedule has just returned; other
  // errors as they are, after the primitive.
  std::string DescribeError(const absl::Status& status) const;
  const InstructionRow* current() const { return current_; }

 private:
  friend class Trace;
  static constexpr int32_t kRootMark = -1;
  static constexpr int32_t kInlineMark = -2;
  struct Symbol {
    char kind;      // b, l or v; space once removed.
    int32_t value;  // A SrefId, a mark, or the number.
  };

  Schedule(ScheduleState state, const ScheduleOptions& options, int64_t random_state)
      : state_(std::move(state)), options_(options), random_(random_state) {}
  Rv NewRv(char kind, int32_t value);
  bool IsSymbol(Rv rv, char kind, int32_t value) const;
  absl::StatusOr<SrefId> LookupSref(Rv rv, char kind) const;

  ScheduleState state_;
  ScheduleOptions options_;
  RandomEngine random_;
  std::vector<Symbol> symbols_;
  Trace trace_;
  std::string_view working_on_;  // In an arena of the module.
  const InstructionRow* current_ = nullptr;
};

// Opens each primitive's method: new IR goes into the schedule's arena, and errors know the primitive.
class PrimitiveScope {
 public:
  PrimitiveScope(Schedule& schedule, const InstructionRow& row) : arena_(schedule.state().arena()) {
    schedule.SetCurrent(row);
  }

 private:
  ir::ArenaScope arena_;
};

}  // namespace hone::schedule
