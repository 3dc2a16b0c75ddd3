// SharePipelineBarrier: a pipelined loop of asynchronous copies
//   barrier; copy tile i; commit; wait until n groups are on their way; barrier; use tile i - n
// becomes
//   wait until n - 1 groups are on their way; barrier; copy tile i; commit; use tile i - n
// The barrier after the wait is also the one that lets the copies overwrite what was used in the iteration before. Done
// where every copy goes to one of n + 1 versions, in turn, so that no copy touches what is used beside it.
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/gpu/gpu_passes.h"

namespace hone::lower {
namespace {

bool IsBarrier(ir::Stmt stmt) {
  const auto* evaluate = stmt.as<ir::EvaluateNode>();
  const auto* call = evaluate != nullptr ? evaluate->value.as<ir::CallNode>() : nullptr;
  return call != nullptr && call->Is(ir::Builtin::tvm_storage_sync);
}

const ir::AttrStmtNode* AttrOf(ir::Stmt stmt, std::string_view key) {
  const auto* attr = stmt.as<ir::AttrStmtNode>();
  return attr != nullptr && attr->attr_key == key ? attr : nullptr;
}

// { wait; count; barrier; what waits }.
struct Wait {
  const ir::AttrStmtNode* scope = nullptr;
  const ir::AttrStmtNode* count = nullptr;
  int64_t in_flight = 0;
  ir::Expr condition;                 // Of `in_flight`; without it nothing is on its way any more. May be null.
  const ir::SeqNode* body = nullptr;  // Begins with the barrier.
};

Wait WaitOf(ir::Stmt stmt) {
  Wait wait;
  wait.scope = AttrOf(stmt, "async_wait_queue_scope");
  wait.count = wait.scope != nullptr ? AttrOf(wait.scope->body, "async_wait_inflight_count") : nullptr;
  if (wait.count == nullptr) return {};
  ir::Expr count = wait.count->value;
  if (const auto* call = count.as<ir::CallNode>(); call != nullptr && call->Is(ir::Builtin::if_then_else)) {
    if (!ir::IsZero(call->args[2])) return {};
    wait.condition = call->args[0];
    count = call->args[1];
  }
  const int64_t* in_flight = ir::ConstInt(count);
  wait.body = wait.count->body.as<ir::SeqNode>();
  if (in_flight == nullptr || wait.body == nullptr || wait.body->seq.size() < 2 || !IsBarrier(wait.body->seq[0])) {
    return {};
  }
  wait.in_flight = *in_flight;
  return wait;
}

bool ChoosesVersion(ir::Expr index, int64_t versions) {
  bool found = false;
  ir::PostOrderVisitExprs(index, [&](ir::Expr e) {
    const auto* mod = e.as<ir::FloorModNode>();
    const int64_t* divisor = mod != nullptr ? ir::ConstInt(mod->b) : nullptr;
    found = found || (divisor != nullptr && *divisor == versions);
  });
  return found;
}

// Nothing but copies into one of `versions`.
bool OnlyCopies(ir::Stmt stmt, int64_t versions) {
  bool only = true;
  int copies = 0;
  ir::PreOrderVisitStmts(stmt, [&](ir::Stmt s) {
    if (s.kind() == ir::StmtKind::kBufferStore) only = false;
    const auto* evaluate = s.as<ir::EvaluateNode>();
    if (evaluate == nullptr) return only;
    const auto* call = evaluate->value.as<ir::CallNode>();
    const bool copy = call != nullptr && call->Is(ir::Builtin::ptx_cp_async);
    only = only && copy && ChoosesVersion(call->args[1], versions);
    copies += copy;
    return only;
  });
  return only && copies > 0;
}

// What is committed before the wait, without the barrier in front of it; null when it is anything else.
ir::Stmt Copies(const ir::SeqNode* seq, int64_t versions) {
  if (seq->seq.size() == 3) {
    const ir::Stmt committed = seq->seq[1];
    const auto* condition = committed.as<ir::IfThenElseNode>();
    if (!IsBarrier(seq->seq[0]) || (condition != nullptr && condition->else_case)) return {};
    const ir::Stmt commit = condition != nullptr ? condition->then_case : committed;
    const bool copies = AttrOf(commit, "async_commit_queue_scope") != nullptr && OnlyCopies(commit, versions);
    return copies ? committed : ir::Stmt();
  }
  // The barrier may stand inside of what is committed.
  const ir::AttrStmtNode* commit = AttrOf(seq->seq[0], "async_commit_queue_scope");
  const auto* inner = commit != nullptr ? commit->body.as<ir::SeqNode>() : nullptr;
  if (seq->seq.size() != 2 || inner == nullptr || !IsBarrier(inner->seq[0])) return {};
  const ir::Stmt copied = ir::MakeSeq({inner->seq.begin() + 1, inner->seq.end()});
  if (!OnlyCopies(copied, versions)) return {};
  return ir::MakeAttrStmt(commit->node, commit->attr_key, commit->value, copied);
}

class Sharer final : public ir::StmtExprMutator {
 private:
  using ir::StmtExprMutator::Mutate;
  ir::Expr MutateExpr(ir::Expr e) override { return e; }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    const auto* loop = visited.as<ir::ForNode>();
    const auto* seq = loop != nullptr ? loop->body.as<ir::SeqNode>() : nullptr;
    if (seq == nullptr || seq->seq.size() < 2) return visited;
    const Wait wait = WaitOf(seq->seq[seq->seq.size() - 1]);
    if (wait.in_flight < 1) return visited;
    const ir::Stmt copies = Copies(seq, wait.in_flight + 1);
    if (!copies) return visited;
    std::vector<ir::Stmt> stmts = {wait.body->seq[0], copies};
    stmts.insert(stmts.end(), wait.body->seq.begin() + 1, wait.body->seq.end());
    ir::Expr count = ir::IntImm(ir::kInt32, wait.in_flight - 1);
    if (wait.condition && wait.in_flight > 1) {
      count = ir::MakeCall(ir::kInt32, ir::Builtin::if_then_else, {wait.condition, count, ir::Int32(0)});
    }
    auto* out = ir::CopyNode(loop);
    out->body = ir::MakeAttrStmt(wait.scope->node, wait.scope->attr_key, wait.scope->value,
                                 ir::MakeAttrStmt(wait.count->node, wait.count->attr_key, count, ir::MakeSeq(stmts)));
    return out;
  }
};

}  // namespace

absl::StatusOr<ir::PrimFunc> SharePipelineBarrier(ir::PrimFunc func, const PassContext&) {
  return WithBody(func, Sharer().MutateStmt(func->body));
}

}  // namespace hone::lower
