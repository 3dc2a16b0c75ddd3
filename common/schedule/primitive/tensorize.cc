#include "common/schedule/primitive/tensorize.h"

#include <string>
#include <vector>

#include "common/ir/ops.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/primitive/blockize.h"
#include "common/schedule/primitive/intrin_match.h"
#include "common/schedule/renew.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using ir::Buffer;

const ir::BlockNode* RootBlock(ir::PrimFunc func) {
  const auto* realize = func->body.as<ir::BlockRealizeNode>();
  return realize != nullptr ? realize->block : nullptr;
}

// The region that the implementation declares for one of its parameters; null when there is none.
ir::BufferRegion DeclaredRegion(const ir::BlockNode* block, Buffer buffer) {
  for (const auto& regions : {block->reads, block->writes}) {
    for (ir::BufferRegion region : regions) {
      if (region->buffer == buffer) return region;
    }
  }
  return nullptr;
}

// One view a parameter of the implementation, on the region that the description's parameter stands for.
absl::StatusOr<std::vector<ir::MatchBufferRegion>> Views(const ScheduleState& state, SrefId block,
                                                         const TensorIntrin& intrinsic, const IntrinMatcher& match) {
  std::vector<ir::MatchBufferRegion> out;
  const ir::BlockNode* implementation = RootBlock(intrinsic.implementation);
  for (size_t i = 0; i < intrinsic.implementation->params.size(); ++i) {
    const Buffer to = intrinsic.implementation->BufferOf(intrinsic.implementation->params[i]);
    const Buffer described = intrinsic.description->BufferOf(intrinsic.description->params[i]);
    const Buffer current = described ? match.BufferOf(described) : Buffer();
    const ir::BufferRegion declared = to ? DeclaredRegion(implementation, to) : nullptr;
    const std::vector<ir::Expr>* base = current ? match.BaseOf(current) : nullptr;
    if (base == nullptr || declared == nullptr || base->size() < declared->region.size()) {
      return state.Refuse("A parameter of the tensor intrinsic has no region in the block", {block});
    }
    const size_t offset = base->size() - declared->region.size();
    std::vector<ir::Range> ranges;
    for (size_t d = 0; d < base->size(); ++d) {
      const ir::Expr min = (*base)[d];
      ranges.push_back(
          {min, d < offset ? ir::IntImm(min.dtype(), 1) : ir::Cast(min.dtype(), declared->region[d - offset].extent)});
    }
    out.push_back(ir::MakeMatchBufferRegion(to, ir::MakeBufferRegion(current, ir::MakeArray(ranges))));
  }
  return out;
}

// The views that the body of the intrinsic gets in `block`, when that is what the intrinsic describes. Refusals name
// `named`.
absl::StatusOr<std::vector<ir::MatchBufferRegion>> Match(const ScheduleState& state, SrefId block, SrefId named,
                                                         const TensorIntrin& intrinsic) {
  IntrinMatcher match;
  if (!match.Match(state.block(block), RootBlock(intrinsic.description))) {
    return state.Refuse("The stmt doesn't match the tensor intrin", {named}, std::string(match.mismatch()));
  }
  return Views(state, named, intrinsic, match);
}

// Blockizing is tried on a copy, so that a refusal leaves nothing behind.
absl::Status CheckLoop(const ScheduleState& state, SrefId loop, const TensorIntrin& intrinsic,
                       bool preserve_unit_iters) {
  ScheduleState trial(state);
  const ir::ArenaScope scope(trial.arena());
  const absl::StatusOr<SrefId> block = BlockizeLoop(trial, loop, preserve_unit_iters);
  if (!block.ok()) return state.Refuse("The loop cannot be blockized for the tensor intrinsic", {loop});
  const auto views = Match(trial, *block, loop, intrinsic);
  if (views.ok()) return absl::OkStatus();
  return state.Refuse(trial.last_refusal().message, {loop}, trial.last_refusal().extra);
}

}  // namespace

absl::Status Tensorize(ScheduleState& state, SrefId id, const TensorIntrin& intrinsic, bool preserve_unit_iters) {
  const ir::BlockNode* description = RootBlock(intrinsic.description);
  const ir::BlockNode* implementation = RootBlock(intrinsic.implementation);
  if (description == nullptr || implementation == nullptr ||
      intrinsic.description->params.size() != intrinsic.implementation->params.size()) {
    return absl::InvalidArgumentError("tensorize: an intrinsic needs root blocks and the same parameters in both");
  }
  SrefId block = id;
  if (state.loop(id) != nullptr) {
    HONE_RETURN_IF_ERROR(CheckLoop(state, id, intrinsic, preserve_unit_iters));
    HONE_ASSIGN_OR_RETURN(block, BlockizeLoop(state, id, preserve_unit_iters));
  }
  HONE_ASSIGN_OR_RETURN(const std::vector<ir::MatchBufferRegion> views, Match(state, block, id, intrinsic));
  auto* shell = ir::CopyNode(implementation);
  shell->match_buffers = ir::MakeArray(views);
  shell->reads = {};
  shell->writes = {};
  ir::VarMap strides;  // Called after their buffer, as the peer prints them.
  for (ir::MatchBufferRegion view : views) {
    for (size_t i = 0; i < view->buffer->strides.size(); ++i) {
      const auto* var = view->buffer->strides[i].as<ir::VarNode>();
      if (var != nullptr) strides[var] = ir::MakeVar(StrCat(view->buffer->name, "_s", i), var->dtype);
    }
  }
  const auto* fresh = RenewDefinitions(shell, {}, strides).as<ir::BlockNode>();
  const ir::BlockNode* old = state.block(block);
  auto* copy = ir::CopyNode(old);
  copy->body = fresh->body;
  copy->match_buffers = fresh->match_buffers;
  for (const ir::Attr& attr : implementation->annotations) {
    if (!copy->annotations.Has(attr.key)) copy->annotations = copy->annotations.With(attr.key, attr.value);
  }
  state.ReplaceBlock(block, copy);
  return absl::OkStatus();
}

absl::Status Schedule::Tensorize(BlockOrLoopRv block_or_loop, std::string_view tensor_intrin,
                                 bool preserve_unit_iters) {
  const PrimitiveScope scope(*this, kTensorizeRow);
  HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(block_or_loop));
  const TensorIntrin intrinsic = options_.intrinsics != nullptr ? options_.intrinsics(tensor_intrin) : TensorIntrin{};
  if (intrinsic.description == nullptr || intrinsic.implementation == nullptr) {
    return absl::InvalidArgumentError(StrCat("tensor intrinsic \"", tensor_intrin, "\": not known"));
  }
  state_.arena()->KeepAlive(intrinsic.arena);
  HONE_RETURN_IF_ERROR(schedule::Tensorize(state_, id, intrinsic, preserve_unit_iters));
  Record(kTensorizeRow, {Value::OfRv(block_or_loop)}, {Value::String(tensor_intrin), Value::Bool(preserve_unit_iters)},
         {});
  return absl::OkStatus();
}

const InstructionRow kTensorizeRow = {
    .name = "Tensorize",
    .pure = false,
    .inputs = "x",
    .attrs = "sn",
    .outputs = Outputs::kNone,
    .output_kind = ' ',
    .method = "tensorize",
    .arguments = "block_or_loop,tensor_intrin,preserve_unit_iters",
    .apply = [](Schedule& s,
                Call& c) { return s.Tensorize(BlockOrLoopOf(c, 0), c.attrs[0].text(), BoolOf(c.attrs[1])); },
    .bool_attrs = 2};

}  // namespace hone::schedule
