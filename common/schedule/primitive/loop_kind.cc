#include "common/schedule/primitive/loop_kind.h"

#include <algorithm>

#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using ir::ForKind;

bool IsThreadAxis(std::string_view tag) {
  static constexpr std::string_view kAxes[] = {"blockIdx.x",  "blockIdx.y", "blockIdx.z", "threadIdx.x", "threadIdx.y",
                                               "threadIdx.z", "vthread",    "vthread.x",  "vthread.y",   "vthread.z"};
  return std::find(std::begin(kAxes), std::end(kAxes), tag) != std::end(kAxes);
}

// Every iter of the blocks below that uses the loop may be run in any order.
absl::Status CheckParallelizable(const ScheduleState& state, SrefId loop, std::string_view thread_axis) {
  const ir::Var var = state.loop(loop)->loop_var;
  const bool across_threads = thread_axis.substr(0, 10) == "threadIdx.";
  for (SrefId block : AllBlocksBelow(state, loop)) {
    const ir::BlockRealizeNode* realize = state.at(block).realize;
    for (size_t i = 0; i < realize->iter_values.size(); ++i) {
      const ir::IterType type = realize->block->iter_vars[i]->iter_type;
      if (type == ir::IterType::kSpatial || (type == ir::IterType::kReduce && across_threads)) continue;
      if (!ir::UsesVar(realize->iter_values[i], var)) continue;
      return state.Refuse(
          "The loop cannot be parallelized: a block below uses it in an iter that is not data parallel (nor a "
          "reduction across threads)",
          {loop, block});
    }
  }
  return absl::OkStatus();
}

void SetKind(ScheduleState& state, SrefId loop, ForKind kind, std::string_view thread_axis) {
  const ir::ForNode* old = state.loop(loop);
  auto* copy = ir::CopyNode(old);
  copy->for_kind = kind;
  copy->thread_binding = nullptr;
  if (kind == ForKind::kThreadBinding) {
    copy->thread_binding = ir::MakeIterVar(ir::Range{}, ir::MakeVar(thread_axis, old->loop_var.dtype()),
                                           ir::IterType::kThreadIndex, thread_axis);
  }
  state.ReplaceShallow(loop, copy);
}

absl::Status ChangeKind(ScheduleState& state, SrefId loop, ForKind kind, std::string_view thread_axis) {
  if (state.enable_check()) HONE_RETURN_IF_ERROR(CheckCompactDataflow(state, loop));
  HONE_RETURN_IF_ERROR(CheckParallelizable(state, loop, thread_axis));
  SetKind(state, loop, kind, thread_axis);
  return absl::OkStatus();
}

}  // namespace

absl::Status Parallel(ScheduleState& state, SrefId loop) { return ChangeKind(state, loop, ForKind::kParallel, {}); }
absl::Status Vectorize(ScheduleState& state, SrefId loop) { return ChangeKind(state, loop, ForKind::kVectorized, {}); }
absl::Status Bind(ScheduleState& state, SrefId loop, std::string_view thread_axis) {
  if (!IsThreadAxis(thread_axis)) {
    return absl::InvalidArgumentError(
        StrCat("thread axis \"", thread_axis, "\": expected blockIdx, threadIdx or vthread with .x, .y or .z"));
  }
  return ChangeKind(state, loop, ForKind::kThreadBinding, thread_axis);
}
absl::Status Unroll(ScheduleState& state, SrefId loop) {
  SetKind(state, loop, ForKind::kUnrolled, {});
  return absl::OkStatus();
}

// ---- methods

absl::Status Schedule::Parallel(LoopRv loop) {
  const PrimitiveScope scope(*this, kParallelRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(loop));
  HONE_RETURN_IF_ERROR(schedule::Parallel(state_, id));
  Record(kParallelRow, {Value::OfRv(loop)}, {}, {});
  return absl::OkStatus();
}

absl::Status Schedule::Vectorize(LoopRv loop) {
  const PrimitiveScope scope(*this, kVectorizeRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(loop));
  HONE_RETURN_IF_ERROR(schedule::Vectorize(state_, id));
  Record(kVectorizeRow, {Value::OfRv(loop)}, {}, {});
  return absl::OkStatus();
}

absl::Status Schedule::Bind(LoopRv loop, std::string_view thread_axis) {
  const PrimitiveScope scope(*this, kBindRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(loop));
  HONE_RETURN_IF_ERROR(schedule::Bind(state_, id, thread_axis));
  Record(kBindRow, {Value::OfRv(loop)}, {Value::String(thread_axis)}, {});
  return absl::OkStatus();
}

absl::Status Schedule::Unroll(LoopRv loop) {
  const PrimitiveScope scope(*this, kUnrollRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(loop));
  HONE_RETURN_IF_ERROR(schedule::Unroll(state_, id));
  Record(kUnrollRow, {Value::OfRv(loop)}, {}, {});
  return absl::OkStatus();
}

// ---- rows

const InstructionRow kParallelRow = {.name = "Parallel",
                                     .pure = false,
                                     .inputs = "l",
                                     .attrs = "",
                                     .outputs = Outputs::kNone,
                                     .output_kind = ' ',
                                     .method = "parallel",
                                     .arguments = "loop",
                                     .apply = [](Schedule& s, Call& c) { return s.Parallel(LoopOf(c, 0)); }};

const InstructionRow kVectorizeRow = {.name = "Vectorize",
                                      .pure = false,
                                      .inputs = "l",
                                      .attrs = "",
                                      .outputs = Outputs::kNone,
                                      .output_kind = ' ',
                                      .method = "vectorize",
                                      .arguments = "loop",
                                      .apply = [](Schedule& s, Call& c) { return s.Vectorize(LoopOf(c, 0)); }};

const InstructionRow kBindRow = {.name = "Bind",
                                 .pure = false,
                                 .inputs = "l",
                                 .attrs = "s",
                                 .outputs = Outputs::kNone,
                                 .output_kind = ' ',
                                 .method = "bind",
                                 .arguments = "loop,thread_axis",
                                 .apply = [](Schedule& s, Call& c) { return s.Bind(LoopOf(c, 0), c.attrs[0].text()); }};

const InstructionRow kUnrollRow = {.name = "Unroll",
                                   .pure = false,
                                   .inputs = "l",
                                   .attrs = "",
                                   .outputs = Outputs::kNone,
                                   .output_kind = ' ',
                                   .method = "unroll",
                                   .arguments = "loop",
                                   .apply = [](Schedule& s, Call& c) { return s.Unroll(LoopOf(c, 0)); }};

}  // namespace hone::schedule
