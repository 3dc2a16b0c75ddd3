#include "common/schedule/oracle/oracle.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/interp/interpreter.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/schedule/trace_from_python.h"
#include "common/schedule/trace_json.h"
#include "common/script/printer.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using ir::Expr;
using ir::Stmt;

// Whether a reduction is below the loop: its order may matter for where the first point is.
bool HoldsReduction(const ir::ForNode* loop) {
  bool used = false;
  ir::PreOrderVisitStmts(loop->body, [&](Stmt s) {
    // Blocks in blocks: what the iters of the outer ones stand for is not followed.
    if (const auto* realize = s.as<ir::BlockRealizeNode>()) {
      for (ir::IterVar iter : realize->block->iter_vars) used = used || iter->iter_type != ir::IterType::kSpatial;
    }
    return !used;
  });
  return used;
}

class LoopReverser final : public ir::StmtExprMutator {
 private:
  using StmtExprMutator::Mutate;
  Stmt Mutate(const ir::ForNode* node) override {
    const Stmt out = StmtExprMutator::Mutate(node);
    const auto* loop = out.as<ir::ForNode>();
    const bool any_order = loop->for_kind == ir::ForKind::kParallel || loop->for_kind == ir::ForKind::kVectorized ||
                           loop->for_kind == ir::ForKind::kThreadBinding;
    if (!any_order || HoldsReduction(loop)) return out;
    const Expr last = ir::Add(loop->min, ir::Sub(loop->extent, ir::ConstOf(loop->extent.dtype(), 1)));
    const Expr reversed = ir::Add(loop->min, ir::Sub(last, loop->loop_var));
    auto* copy = ir::CopyNode(loop);
    copy->body = ir::Substitute(loop->body, {{loop->loop_var.get(), reversed}});
    return copy;
  }
};

absl::Status CompareReplay(const ir::IRModule& before, const Schedule& schedule, const Trace& trace,
                           std::string_view form) {
  ScheduleOptions options = schedule.options();
  options.seed = 1;
  HONE_ASSIGN_OR_RETURN(Schedule again, Schedule::Create(before, options));
  if (absl::Status status = trace.ApplyTo(again); !status.ok()) {
    return absl::DataLossError(StrCat(form, ": the trace is refused on replay: ", ToStd(status.message())));
  }
  if (script::PrintModule(again.module()) != script::PrintModule(schedule.module())) {
    return absl::DataLossError(StrCat(form, ": the trace gives another program on replay"));
  }
  return absl::OkStatus();
}

// The Python form leaves out quotes and types.
bool LosesInPython(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kMap:
    case Value::Kind::kIndexMap:
    case Value::Kind::kBool:
      return true;
    case Value::Kind::kString:
      return value.text().find_first_of("\"\\\n\r") != std::string_view::npos;
    case Value::Kind::kList:
      return std::any_of(value.list().begin(), value.list().end(), [](const Value& v) { return LosesInPython(v); });
    default:
      return false;
  }
}

bool LosesInPython(const Trace& trace) {
  const auto loses = [](const Value& value) { return LosesInPython(value); };
  for (const Instruction& instruction : trace.instructions()) {
    if (std::any_of(instruction.inputs.begin(), instruction.inputs.end(), loses)) return true;
    for (const Value& attr : instruction.attrs) {
      if (!attr.is(Value::Kind::kBool) && LosesInPython(attr)) return true;
    }
  }
  return false;
}

}  // namespace

absl::Status CheckResults(const ir::IRModule& before, const Schedule& schedule, uint64_t seed) {
  HONE_RETURN_IF_ERROR(interp::ExpectSameResults(before, schedule.module(), seed));
  const ir::IRModule backwards = RunBackwards(schedule.module());
  if (backwards.get() == schedule.module().get()) return absl::OkStatus();
  const absl::Status status = interp::ExpectSameResults(before, backwards, seed);
  if (status.ok()) return status;
  return absl::Status(status.code(), StrCat("with parallel loops backwards: ", ToStd(status.message())));
}

absl::Status CheckTrace(const ir::IRModule& before, const Schedule& schedule) {
  const absl::StatusOr<std::string> json = TraceToJson(schedule.trace());
  if (!json.ok()) return absl::DataLossError(StrCat("no JSON: ", ToStd(json.status().message())));
  const absl::StatusOr<Trace> read = TraceFromJson(*json);
  if (!read.ok()) return absl::DataLossError(StrCat("JSON is not read: ", ToStd(read.status().message())));
  const absl::StatusOr<std::string> again = TraceToJson(*read);
  if (!again.ok() || *again != *json) return absl::DataLossError("JSON comes back differently");
  HONE_RETURN_IF_ERROR(CompareReplay(before, schedule, *read, "JSON"));
  if (LosesInPython(schedule.trace())) return absl::OkStatus();
  std::string text;
  for (const std::string& line : schedule.trace().AsPython()) StrAppend(&text, line, "\n");
  const absl::StatusOr<Trace> python = TraceFromPython(text);
  if (!python.ok()) return absl::DataLossError(StrCat("Python is not read: ", ToStd(python.status().message())));
  return CompareReplay(before, schedule, *python, "Python");
}

ir::IRModule RunBackwards(const ir::IRModule& program) {
  auto arena = std::make_shared<ir::Arena>();
  arena->KeepAlive(program.arena());
  const ir::ArenaScope scope(arena);
  const ir::IRModuleNode* module = program.get();
  for (const ir::ModuleEntry& entry : program->functions) {
    const ir::PrimFunc function = program.FindPrimFunc(entry.var->name);
    if (function == nullptr) continue;
    const Stmt body = LoopReverser().MutateStmt(function->body);
    if (body == function->body) continue;
    auto* copy = ir::CopyNode(function);
    copy->body = body;
    module = ir::WithFunction(module, entry.var->name, copy);
  }
  return module == program.get() ? program : ir::IRModule(std::move(arena), module);
}

std::string Describe(const ir::IRModule& before, const Schedule& schedule) {
  std::string out = script::PrintModule(before) + "\n\n";
  for (const std::string& line : schedule.trace().AsPython()) StrAppend(&out, line, "\n");
  return StrCat(out, "\n", script::PrintModule(schedule.module()), "\n");
}

}  // namespace hone::schedule
