#include "common/schedule/primitive/fuse.h"

#include <algorithm>
#include <string>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/rebind.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace_python.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using ir::Expr;

absl::Status CheckFusable(const ScheduleState& state, absl::Span<const SrefId> loops) {
  for (size_t i = 0; i < loops.size(); ++i) {
    HONE_RETURN_IF_ERROR(CheckPlainLoop(state, loops[i]));
    if (i > 0) {
      if (state.parent(loops[i]) != loops[i - 1]) {
        return state.Refuse("The outer loop is not the parent of the inner loop", {loops[i - 1], loops[i]});
      }
      if (state.loop(loops[i - 1])->body.get() != state.at(loops[i]).stmt) {
        return state.Refuse("The inner loop is not the only child of the outer loop", {loops[i - 1], loops[i]});
      }
    }
    HONE_RETURN_IF_ERROR(CheckStartsAtZero(state, loops[i]));
    for (size_t outer = 0; outer < i; ++outer) {
      if (ir::UsesVar(state.loop(loops[i])->extent, state.loop(loops[outer])->loop_var)) {
        return state.Refuse("The loop's extent is dependent on another loop", {loops[i], loops[outer]});
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SrefId> Fuse(ScheduleState& state, absl::Span<const SrefId> loops, bool preserve_unit_iters) {
  if (loops.empty()) return absl::InvalidArgumentError("expected one loop or more");
  HONE_RETURN_IF_ERROR(CheckFusable(state, loops));
  std::string name;
  int bits = 0;
  Expr extent;
  for (SrefId id : loops) {
    const ir::ForNode* loop = state.loop(id);
    StrAppend(&name, loop->loop_var.name(), "_");
    bits = std::max<int>(bits, loop->loop_var.dtype().bits);
    extent = extent ? extent * loop->extent : loop->extent;
  }
  const ir::DataType dtype = ir::DataType::Int(bits);
  const ir::Var fused = ir::MakeVar(name + "fused", dtype);
  extent = ir::Cast(dtype, arith::Simplify(extent));

  LoopDomains domains = DomainsAbove(state, loops[0]);
  domains.push_back({fused, ir::RangeFromExtent(extent)});
  Rebinding rebinding;
  rebinding.preserve_unit_iters = preserve_unit_iters;
  Expr lower;  // Product of the extents of the loops inside.
  for (size_t i = loops.size(); i-- > 0;) {
    const ir::ForNode* loop = state.loop(loops[i]);
    Expr value = fused;
    if (ir::IsOne(loop->extent)) {
      value = ir::IntImm(dtype, 0);
    } else {
      if (i > 0) value = ir::FloorMod(value, lower ? lower * loop->extent : loop->extent);
      if (lower) value = ir::FloorDiv(value, lower);
    }
    rebinding.values.emplace_back(loop->loop_var, ir::Cast(loop->loop_var.dtype(), value));
    lower = lower ? lower * loop->extent : loop->extent;
  }
  BlockReuses reuses;
  const ir::Stmt body = RebindNest(state.loop(loops.back())->body, rebinding, domains, reuses);
  return state.Replace(loops[0], ir::MakeFor(fused, ir::IntImm(dtype, 0), extent, ir::ForKind::kSerial, body), reuses);
}

absl::StatusOr<LoopRv> Schedule::Fuse(absl::Span<const LoopRv> loops, bool preserve_unit_iters) {
  const PrimitiveScope scope(*this, kFuseRow);
  SrefList ids;
  absl::InlinedVector<Value, 8> inputs;
  for (LoopRv loop : loops) {
    HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(loop));
    ids.push_back(id);
    inputs.push_back(Value::OfRv(loop));
  }
  HONE_ASSIGN_OR_RETURN(const SrefId fused, schedule::Fuse(state_, ids, preserve_unit_iters));
  const LoopRv out = NewLoopRv(fused);
  Record(kFuseRow, inputs, {Value::Int(preserve_unit_iters)}, {out});
  return out;
}

namespace {

void FusePython(const PythonWriter& writer, absl::Span<const std::string> inputs, absl::Span<const Value> attrs,
                PythonArgs& out) {
  for (const std::string& input : inputs) out.emplace_back("", input);
  out.emplace_back("preserve_unit_iters", writer.Bool(attrs[0]));
}

}  // namespace

const InstructionRow kFuseRow = {
    .name = "Fuse",
    .pure = false,
    .inputs = "l*",
    .attrs = "n",
    .outputs = Outputs::kOne,
    .output_kind = 'l',
    .method = "fuse",
    .arguments = "",
    .apply = [](Schedule& s, Call& c) { return Put(s.Fuse(LoopsOf(c.inputs), BoolOf(c.attrs[0])), c); },
    .python = FusePython};

}  // namespace hone::schedule
