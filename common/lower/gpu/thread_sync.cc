// ThreadSync: barriers between accesses to memory that threads share (scopes shared, shared.dyn) and that lanes of a
// warp share (warp). Statements are gone through in order, keeping the reads and writes since the last barrier; a
// barrier goes in front of a statement that reads what was written or writes what was read, also when that was done in
// the iteration before. Two accesses do not conflict when they name the same element by a thread's own number. All
// shared.dyn buffers count as one. After a wait for asynchronous copies there is always a barrier, for what waits is
// one thread. A barrier under a condition that differs between threads is an error.
#include <algorithm>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/arith/deep_equal.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/gpu/gpu_passes.h"
#include "common/lower/gpu/thread_loop.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

enum class AccessKind { kRead, kWrite, kSync };

struct Access {
  AccessKind kind = AccessKind::kSync;
  const ir::VarNode* data = nullptr;
  bool dynamic = false;
  ir::Array<ir::Expr> indices = {};  // Empty: anywhere in it.
  bool inside_loop = false;          // The indices are in terms of loops that are over.
  bool double_buffer_write = false;
};

struct Entry {
  const ir::StmtNode* stmt;
  std::vector<Access> accesses;
};

// Finds the statements in front of which a barrier goes.
class Planner final : public ir::StmtExprVisitor {
 public:
  explicit Planner(std::string_view scope) : scope_(scope) {}

  absl::Status Plan(ir::Stmt body) {
    scopes_.emplace_back();
    VisitStmt(body);
    return status_;
  }
  absl::flat_hash_set<const ir::StmtNode*> barriers;

 private:
  using ir::StmtExprVisitor::Visit;

  bool Watched(const ir::VarNode* data) const {
    return !threads_.empty() && data != nullptr && data->type->kind == ir::TypeKind::kPointer &&
           data->type->scope == scope_;
  }
  void Note(AccessKind kind, const ir::VarNode* data, ir::Array<ir::Expr> indices) {
    if (!Watched(data)) return;
    Access access{.kind = kind, .data = data, .dynamic = scope_ == "shared.dyn", .indices = indices};
    access.double_buffer_write = kind == AccessKind::kWrite && data == double_buffer_;
    current_.push_back(access);
  }

  // ---- statements that access

  template <typename Node>
  void Leaf(const Node* node) {
    std::vector<Access> outer;
    std::swap(outer, current_);
    ir::StmtExprVisitor::Visit(node);
    Finish(node);
    std::swap(outer, current_);
  }
  void Finish(const ir::StmtNode* node) {
    if (current_.empty()) return;
    scopes_.back().push_back({node, std::move(current_)});
    current_.clear();
  }

  void Visit(const ir::BufferStoreNode* node) override {
    std::vector<Access> outer;
    std::swap(outer, current_);
    ir::StmtExprVisitor::Visit(node);
    Note(AccessKind::kWrite, node->buffer->data.get(), node->indices);
    Finish(node);
    std::swap(outer, current_);
  }
  void Visit(const ir::EvaluateNode* node) override { Leaf(node); }
  void Visit(const ir::LetStmtNode* node) override {
    std::vector<Access> outer;
    std::swap(outer, current_);
    VisitExpr(node->value);
    Finish(node);
    std::swap(outer, current_);
    VisitStmt(node->body);
  }

  void Visit(const ir::BufferLoadNode* node) override {
    ir::StmtExprVisitor::Visit(node);
    Note(AccessKind::kRead, node->buffer->data.get(), node->indices);
  }

  void Visit(const ir::CallNode* node) override {
    switch (node->op) {
      case ir::Builtin::tvm_storage_sync: {
        const auto* scope = node->args[0].as<ir::StringImmNode>();
        if (scope != nullptr && (scope->value == scope_ || scope_ == "warp"))
          current_.push_back({.kind = AccessKind::kSync});
        return;
      }
      case ir::Builtin::tvm_access_ptr: {
        VisitExpr(node->args[2]);
        const int64_t* mask = ir::ConstInt(node->args[4]);
        const int64_t rw = mask != nullptr ? *mask : 3;
        const auto* data = node->args[1].as<ir::VarNode>();
        if (rw & 1) Note(AccessKind::kRead, data, {});
        if (rw & 2) Note(AccessKind::kWrite, data, {});
        return;
      }
      case ir::Builtin::ptx_cp_async:
        Note(AccessKind::kWrite, node->args[0].as<ir::VarNode>(), {});
        for (size_t i = 1; i < node->args.size(); ++i) VisitExpr(node->args[i]);
        return;
      case ir::Builtin::ptx_ldmatrix:
        for (size_t i = 0; i < node->args.size(); ++i) {
          const auto* data = node->args[i].as<ir::VarNode>();
          if (data != nullptr && node->args[i].dtype().is_handle()) {
            Note(i < 5 ? AccessKind::kWrite : AccessKind::kRead, data, {});
          } else {
            VisitExpr(node->args[i]);
          }
        }
        return;
      default:
        break;
    }
    for (ir::Expr arg : node->args) {
      const auto* data = arg.as<ir::VarNode>();
      if (data != nullptr && arg.dtype().is_handle() && Watched(data)) {  // Whatever the call does with it.
        Note(AccessKind::kRead, data, {});
        Note(AccessKind::kWrite, data, {});
      } else {
        VisitExpr(arg);
      }
    }
  }

  // ---- statements that hold others

  void Visit(const ir::ForNode* node) override {
    scopes_.emplace_back();
    loops_.push_back(node->loop_var.get());
    VisitStmt(node->body);
    loops_.pop_back();
    EndScope(node, node->loop_var.get());
  }

  void EndScope(const ir::StmtNode* node, const ir::VarNode* loop_var, bool loop = true) {
    std::vector<Entry> entries = std::move(scopes_.back());
    scopes_.pop_back();
    std::vector<Access> exposed = Summarize(entries, loop);
    for (Access& access : exposed) {
      for (ir::Expr index : access.indices) {
        if (loop_var != nullptr && ir::UsesVar(index, ir::Var(loop_var))) access.inside_loop = true;
      }
    }
    if (!exposed.empty()) scopes_.back().push_back({node, std::move(exposed)});
  }

  void Visit(const ir::WhileNode* node) override {
    std::vector<Access> outer;
    std::swap(outer, current_);
    scopes_.emplace_back();
    VisitExpr(node->condition);
    Finish(node);
    VisitStmt(node->body);
    EndScope(node, nullptr);
    std::swap(outer, current_);
  }

  void Visit(const ir::IfThenElseNode* node) override {
    std::vector<Access> outer;
    std::swap(outer, current_);
    VisitExpr(node->condition);
    std::vector<Access> accesses = std::move(current_);
    std::swap(outer, current_);
    const bool divergent = ir::UsesVar(node->condition, [&](ir::Var v) { return IsThread(v.get()); }) ||
                           ir::SideEffect(node->condition) > ir::CallEffect::kPure;
    if (divergent) ++divergent_;
    for (ir::Stmt branch : {node->then_case, node->else_case}) {
      if (!branch) continue;
      scopes_.emplace_back();
      VisitStmt(branch);
      std::vector<Entry> entries = std::move(scopes_.back());
      scopes_.pop_back();
      const std::vector<Access> exposed = Summarize(entries, false);
      accesses.insert(accesses.end(), exposed.begin(), exposed.end());
    }
    if (divergent) --divergent_;
    if (!accesses.empty()) scopes_.back().push_back({node, std::move(accesses)});
  }

  bool IsThread(const ir::VarNode* var) const {
    for (const auto* thread : thread_axes_) {
      if (thread == var) return true;
    }
    return false;
  }

  void Visit(const ir::AttrStmtNode* node) override {
    if (const auto* iter = ir::As<ir::IterVarNode>(node->node); iter != nullptr && node->attr_key == "thread_extent") {
      const bool own = IsThreadAxis(iter->thread_tag);
      threads_.push_back(iter->var.get());
      if (own) thread_axes_.push_back(iter->var.get());
      const bool kernel = threads_.size() == 1;
      if (kernel) scopes_.emplace_back();
      VisitStmt(node->body);
      if (kernel) {
        Summarize(scopes_.back(), false);
        scopes_.pop_back();
      }
      if (own) thread_axes_.pop_back();
      threads_.pop_back();
      return;
    }
    if (node->attr_key == "double_buffer_write") {
      const ir::VarNode* outer = double_buffer_;
      double_buffer_ = ir::Expr(static_cast<const ir::ExprNode*>(node->node)).as<ir::VarNode>();
      VisitStmt(node->body);
      double_buffer_ = outer;
      return;
    }
    if (node->attr_key == "async_wait_queue_scope") {
      // { wait; barrier; what needed the wait }: the barrier is a statement of its own, made by the inserter.
      const auto* count = node->body.as<ir::AttrStmtNode>();
      scopes_.back().push_back({node, {Access{.kind = AccessKind::kSync}}});
      VisitStmt(count != nullptr ? count->body : node->body);
      return;
    }
    VisitExpr(node->value);
    VisitStmt(node->body);
  }

  // ---- conflicts

  bool Conflict(const Access& before, const Access& now, bool carried) const {
    const bool same = before.data == now.data || (before.dynamic && now.dynamic);
    if (!same) return false;
    if (before.data == now.data && SameOwnElement(before, now, carried)) return false;
    if (before.double_buffer_write && now.kind == AccessKind::kRead && !carried) return false;
    return true;
  }

  // Both name one element of each thread's own.
  bool SameOwnElement(const Access& a, const Access& b, bool carried) const {
    if (a.indices.empty() || a.indices.size() != b.indices.size() || thread_axes_.empty()) return false;
    if (a.inside_loop || b.inside_loop) return false;
    for (const ir::VarNode* thread : thread_axes_) {
      const bool own = std::any_of(a.indices.begin(), a.indices.end(), [&](ir::Expr e) { return IsTerm(e, thread); });
      if (!own) return false;
    }
    for (size_t i = 0; i < a.indices.size(); ++i) {
      if (!a.indices[i].dtype().is_scalar() && a.indices[i].as<ir::RampNode>() == nullptr) return false;
      if (!arith::DeepEqual(a.indices[i], b.indices[i])) return false;
      if (carried && ir::UsesVar(a.indices[i], [&](ir::Var v) {
            return std::find(loops_.begin(), loops_.end(), v.get()) != loops_.end();
          })) {
        return false;
      }
    }
    return true;
  }

  // `var` is one term of the sum `e`, maybe times a constant: e differs where var does.
  static bool IsTerm(ir::Expr e, const ir::VarNode* var) {
    if (e.get() == var) return true;
    if (const auto* ramp = e.as<ir::RampNode>()) return IsTerm(ramp->base, var);
    if (const auto* add = e.as<ir::AddNode>()) return IsTerm(add->a, var) || IsTerm(add->b, var);
    if (const auto* mul = e.as<ir::MulNode>()) return mul->b.as<ir::IntImmNode>() != nullptr && IsTerm(mul->a, var);
    return false;
  }

  bool AnyConflict(const std::vector<Access>& before, const Access& now, bool carried) const {
    for (const Access& access : before) {
      if (Conflict(access, now, carried)) return true;
    }
    return false;
  }

  void Insert(const ir::StmtNode* stmt) {
    if (divergent_ > 0 && status_.ok()) {
      status_ = absl::InvalidArgumentError(StrCat("a barrier for ", std::string(scope_),
                                                  " memory is needed under a condition that differs between threads"));
    }
    barriers.insert(stmt);
  }

  bool NeedsBarrier(const Entry& entry, const std::vector<Access>& reads, const std::vector<Access>& writes,
                    bool carried) const {
    for (const Access& access : entry.accesses) {
      if (access.kind == AccessKind::kRead && AnyConflict(writes, access, carried)) return true;
      if (access.kind == AccessKind::kWrite && AnyConflict(reads, access, carried)) return true;
      if (access.kind == AccessKind::kSync) return false;  // What follows it is behind a barrier.
    }
    return false;
  }

  // Places barriers between the entries; what is exposed at both ends is returned, a kSync between them if there is a
  // barrier inside.
  std::vector<Access> Summarize(const std::vector<Entry>& entries, bool loop) {
    std::vector<Access> reads, writes;
    const auto clear = [&] {
      reads.clear();
      writes.clear();
    };
    for (const Entry& entry : entries) {
      const bool barrier = barriers.contains(entry.stmt) || NeedsBarrier(entry, reads, writes, false);
      if (barrier) {
        clear();
        if (!barriers.contains(entry.stmt)) Insert(entry.stmt);
      }
      for (const Access& access : entry.accesses) {
        if (access.kind == AccessKind::kSync) {
          clear();
        } else {
          (access.kind == AccessKind::kRead ? reads : writes).push_back(access);
        }
      }
    }
    if (loop) {
      for (const Entry& entry : entries) {
        if (barriers.contains(entry.stmt) || (reads.empty() && writes.empty())) break;
        if (NeedsBarrier(entry, reads, writes, true)) {
          Insert(entry.stmt);
          break;
        }
        bool meets = false;
        for (const Access& access : entry.accesses) meets = meets || access.kind == AccessKind::kSync;
        if (meets) break;
      }
    }
    std::vector<Access> head, tail;
    int barriers_met = 0;
    const auto meet = [&] {
      if (barriers_met++ == 0) head.push_back({.kind = AccessKind::kSync});
      tail.clear();
    };
    for (const Entry& entry : entries) {
      if (barriers.contains(entry.stmt)) meet();
      for (const Access& access : entry.accesses) {
        if (access.kind == AccessKind::kSync) {
          meet();
        } else {
          (barriers_met > 0 ? tail : head).push_back(access);
        }
      }
    }
    head.insert(head.end(), tail.begin(), tail.end());
    if (loop) {
      for (Access& access : head) access.double_buffer_write = false;
    }
    return head;
  }

  const std::string_view scope_;
  absl::Status status_;
  std::vector<std::vector<Entry>> scopes_;
  std::vector<Access> current_;
  std::vector<const ir::VarNode*> threads_;      // All launch axes.
  std::vector<const ir::VarNode*> thread_axes_;  // threadIdx only.
  std::vector<const ir::VarNode*> loops_;
  const ir::VarNode* double_buffer_ = nullptr;
  int divergent_ = 0;  // Conditions around here that differ between threads.
};

class Inserter final : public ir::StmtExprMutator {
 public:
  Inserter(std::string_view scope, const absl::flat_hash_set<const ir::StmtNode*>& barriers)
      : scope_(scope), barriers_(barriers) {}

  ir::Stmt MutateStmt(ir::Stmt stmt) override {
    if (!stmt) return stmt;
    const ir::Stmt visited = ir::StmtExprMutator::MutateStmt(stmt);
    return barriers_.contains(stmt.get()) ? ir::MakeSeq({Barrier(), visited}) : visited;
  }

 private:
  using ir::StmtExprMutator::Mutate;
  ir::Expr MutateExpr(ir::Expr e) override { return e; }

  ir::Stmt Barrier() const {
    return ir::MakeEvaluate(ir::MakeCall(ir::kInt32, ir::Builtin::tvm_storage_sync, {ir::StringImm(scope_)}));
  }

  ir::Stmt Mutate(const ir::AttrStmtNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    if (node->attr_key != "async_wait_queue_scope" || scope_ == "warp") return visited;
    const auto* wait = visited.as<ir::AttrStmtNode>();
    const auto* count = wait->body.as<ir::AttrStmtNode>();
    if (count == nullptr) return visited;
    if (HasBarrierFirst(count->body)) return visited;
    const ir::Stmt body = ir::MakeSeq({Barrier(), count->body});
    return ir::MakeAttrStmt(wait->node, wait->attr_key, wait->value,
                            ir::MakeAttrStmt(count->node, count->attr_key, count->value, body));
  }

  static bool HasBarrierFirst(ir::Stmt stmt) {
    const auto* seq = stmt.as<ir::SeqNode>();
    const auto* evaluate = (seq != nullptr ? seq->seq[0] : stmt).as<ir::EvaluateNode>();
    const auto* call = evaluate != nullptr ? evaluate->value.as<ir::CallNode>() : nullptr;
    return call != nullptr && call->Is(ir::Builtin::tvm_storage_sync);
  }

  const std::string_view scope_;
  const absl::flat_hash_set<const ir::StmtNode*>& barriers_;
};

bool Allocates(ir::Stmt body, std::string_view scope) {
  bool found = false;
  ir::PreOrderVisitStmts(body, [&](ir::Stmt s) {
    const auto* allocate = s.as<ir::AllocateNode>();
    found = found || (allocate != nullptr && allocate->buffer_var->type->scope == scope);
    return !found;
  });
  return found;
}

}  // namespace

absl::StatusOr<ir::PrimFunc> ThreadSync(ir::PrimFunc func, const PassContext&) {
  ir::Stmt body = func->body;
  for (std::string_view scope : {"shared", "shared.dyn", "warp"}) {
    if (!Allocates(body, scope)) continue;
    Planner planner(scope);
    if (absl::Status status = planner.Plan(body); !status.ok()) return status;
    body = Inserter(scope, planner.barriers).MutateStmt(body);
  }
  return WithBody(func, body);
}

}  // namespace hone::lower
