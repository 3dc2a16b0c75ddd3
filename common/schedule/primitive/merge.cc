#include "common/schedule/primitive/merge.h"

#include <algorithm>
#include <vector>

#include "common/ir/ops.h"
#include "common/schedule/analysis.h"
#include "common/schedule/primitive/apply.h"
#include "common/schedule/rebind.h"
#include "common/schedule/schedule.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

// The loops from `loop` up to below `lca`, innermost first.
absl::StatusOr<SrefList> NestOf(const ScheduleState& state, SrefId loop, SrefId lca) {
  SrefList nest;
  for (SrefId id = loop; id != lca; id = state.parent(id)) {
    if (state.loop(id) == nullptr) return state.Refuse("The loops are not in the same scope", {loop});
    HONE_RETURN_IF_ERROR(CheckPlainLoop(state, id));
    if (!nest.empty() && state.loop(id)->body.get() != state.at(nest.back()).stmt) {
      return state.Refuse("The inner loop is not the only child of the outer loop", {id, nest.back()});
    }
    HONE_RETURN_IF_ERROR(CheckStartsAtZero(state, id));
    nest.push_back(id);
  }
  return nest;
}

absl::Status CheckSameShape(const ScheduleState& state, const SrefList& a, const SrefList& b) {
  if (a.size() != b.size()) {
    return absl::InvalidArgumentError(
        StrCat("merge: the nests are ", a.size(), " and ", b.size(), " loops deep; expected the same depth"));
  }
  arith::Analyzer analyzer;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!analyzer.CanProveEqual(state.loop(a[i])->extent, state.loop(b[i])->extent)) {
      return absl::InvalidArgumentError(StrCat("merge: loops \"", state.loop(a[i])->loop_var.name(), "\" and \"",
                                               state.loop(b[i])->loop_var.name(), "\" differ in extent"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SrefId> Merge(ScheduleState& state, absl::Span<const SrefId> loops) {
  if (loops.size() < 2) return absl::InvalidArgumentError("merge: expected two loops or more");
  const SrefId scope = ScopeRootOf(state, loops[0]);
  for (SrefId loop : loops) {
    if (ScopeRootOf(state, loop) != scope) return state.Refuse("The loops are not in the same scope", {loops[0], loop});
  }
  const SrefId lca = LowestCommonAncestor(state, loops);
  std::vector<SrefList> nests;
  for (SrefId loop : loops) {
    HONE_ASSIGN_OR_RETURN(SrefList nest, NestOf(state, loop, lca));
    if (nest.empty()) return absl::InvalidArgumentError("merge: one loop is inside of another");
    nests.push_back(std::move(nest));
  }
  for (size_t i = 1; i < nests.size(); ++i) HONE_RETURN_IF_ERROR(CheckSameShape(state, nests[0], nests[i]));
  const auto* seq = BodyOf(state, lca).as<ir::SeqNode>();
  if (seq == nullptr) return state.Refuse("The nests do not stand in one sequence", {lca});

  const size_t depth = nests[0].size();
  std::vector<ir::Var> vars;
  for (SrefId id : nests[0]) {
    const ir::Var var = state.loop(id)->loop_var;
    vars.push_back(ir::CopyVar(var, StrCat(var.name(), "_m")));
  }
  LoopDomains domains;
  BlockReuses reuses;
  std::vector<ir::Stmt> bodies;
  for (const SrefList& nest : nests) {
    Rebinding rebinding;
    rebinding.simplify = false;
    for (size_t i = 0; i < depth; ++i) {
      const ir::Var old = state.loop(nest[i])->loop_var;
      rebinding.values.emplace_back(old, ir::Cast(old.dtype(), vars[i]));
    }
    bodies.push_back(RebindNest(state.loop(nest[0])->body, rebinding, domains, reuses));
  }
  ir::Stmt merged = ir::MakeSeq(bodies);
  for (size_t i = 0; i < depth; ++i) {
    const ir::ForNode* first = state.loop(nests[0][i]);
    merged = ir::MakeFor(vars[i], ir::IntImm(vars[i].dtype(), 0), first->extent, ir::ForKind::kSerial, merged);
  }
  std::vector<ir::Stmt> entries;
  for (ir::Stmt entry : seq->seq) {
    size_t which = nests.size();
    for (size_t i = 0; i < nests.size(); ++i) {
      if (StatementOf(state, nests[i].back()) == entry) which = i;
    }
    if (which == nests.size()) entries.push_back(entry);
    if (which + 1 == nests.size()) entries.push_back(merged);
  }
  const ir::Stmt body = ir::MakeSeq(entries);
  if (const ir::BlockNode* block = state.block(lca)) {
    auto* copy = ir::CopyNode(block);
    copy->body = body;
    state.ReplaceBlock(lca, copy, reuses);
  } else {
    auto* copy = ir::CopyNode(state.loop(lca));
    copy->body = body;
    state.Replace(lca, copy, reuses);
  }
  SrefId out = state.Find(merged.get(), lca);
  for (size_t i = 1; i < depth; ++i) out = state.at(out).first_child;
  return out;
}

absl::StatusOr<LoopRv> Schedule::Merge(absl::Span<const LoopRv> loops) {
  const PrimitiveScope scope(*this, kMergeRow);
  SrefList ids;
  absl::InlinedVector<Value, 8> inputs;
  for (LoopRv loop : loops) {
    HONE_ASSIGN_OR_RETURN(const SrefId id, SrefOf(loop));
    ids.push_back(id);
    inputs.push_back(Value::OfRv(loop));
  }
  HONE_ASSIGN_OR_RETURN(const SrefId merged, schedule::Merge(state_, ids));
  const LoopRv out = NewLoopRv(merged);
  Record(kMergeRow, inputs, {}, {out});
  return out;
}

const InstructionRow kMergeRow = {.name = "Merge",
                                  .pure = false,
                                  .inputs = "l*",
                                  .attrs = "",
                                  .outputs = Outputs::kOne,
                                  .output_kind = 'l',
                                  .method = "merge",
                                  .arguments = "*",
                                  .apply = [](Schedule& s, Call& c) { return Put(s.Merge(LoopsOf(c.inputs)), c); }};

}  // namespace hone::schedule
