// What threads of a GPU do together: launches, barriers, asynchronous copies, exchanges within a warp or block.
// Internal to the interpreter.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "common/interp/program.h"
#include "common/interp/thread_block.h"
#include "common/ir/builtin.h"

namespace hone::interp {

// Which axis of a launch a tag names: 0..2 threadIdx.x..z, 3..5 blockIdx.x..z, -1 otherwise (vthread).
int LaunchAxis(std::string_view tag);

// A thread_extent attribute, or a loop bound to a thread axis.
struct LaunchAction final : Action {
  int axis;
  int slot;
  const Evaluator* min;  // Null for 0.
  const Evaluator* extent;
  // Threads run at the same time. A loop whose threads never meet runs one after the other, which is the meaning of
  // blocks.
  bool concurrent;
  // Of all thread axes below: extents, for the outermost one, which starts the block.
  std::vector<std::pair<int, const Evaluator*>> thread_axes;
  const Action* body;

  void Run(Frame& f) const override;

  int64_t Coordinate(const ThreadBlock& block, int thread) const;
};

// async_commit_queue_scope and async_wait_queue_scope: what was copied in the body is one group; before the body waits
// until at most so many groups are under way.
struct AsyncAction final : Action {
  const Evaluator* in_flight;  // Null to commit.
  const Action* body;
  void Run(Frame& f) const override;
};

struct CommitEval final : Evaluator {
  int64_t Int(Frame& f, int) const override;
};
struct WaitEval final : Evaluator {
  const Evaluator* in_flight;
  int64_t Int(Frame& f, int) const override;
};

// ptx_cp_async(to, offset, from, offset, bytes[, predicate]): without the predicate, zeros. Also a plain copy between
// two pointers, which is done at once.
struct CopyBytesEval final : Evaluator {
  bool async = false;
  const Evaluator* to;
  const Evaluator* to_offset = nullptr;
  int to_bytes = 1;  // Of what an offset of one skips.
  const Evaluator* from;
  const Evaluator* from_offset = nullptr;
  int from_bytes = 1;
  const Evaluator* count;  // Bytes.
  const Evaluator* predicate = nullptr;
  int64_t Int(Frame& f, int) const override;
  static void Check(const Pointer& p, int64_t n);
};

struct BarrierEval final : Evaluator {
  bool warp = false;
  int64_t Int(Frame& f, int) const override;
};

// tvm_warp_shuffle(mask, value, lane, width, warp_size) and its up and down forms.
struct WarpShuffleEval final : Evaluator {
  ir::Builtin op;
  const Evaluator* value;
  const Evaluator* lane_or_delta;
  const Evaluator* width;
  Scalar Get(Frame& f) const;
  int64_t Int(Frame& f, int) const override { return Get(f).i; }
  double Float(Frame& f, int lane) const override { return is_float ? Get(f).f : static_cast<double>(Int(f, lane)); }
};

// tvm_thread_allreduce(n, values..., condition, results..., thread variables...) under a reduce_scope attribute.
struct AllReduceEval final : Evaluator {
  struct Item {
    const Evaluator* value;
    const Evaluator* result;  // A load whose address gets the outcome, or a pointer.
    const Evaluator* identity;
    const Evaluator* combined;
    int lhs_slot;
    int rhs_slot;
    ir::DataType dtype;
    bool is_float;
  };
  std::vector<Item> items;
  const Evaluator* condition;
  std::vector<int> reduced_axes;

  static void Set(Frame& f, int slot, Scalar v) { f.scalars[slot] = v; }
  int64_t Int(Frame& f, int) const override;
  bool SameGroup(const ThreadBlock& b, int s, int t) const;
};

}  // namespace hone::interp
