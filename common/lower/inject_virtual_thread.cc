// InjectVirtualThread: what depends on a virtual thread is done once for each of them, by one real thread. Allocations
// that depend on it grow by their number; statements that do not depend on it stay single, so that what they load is
// used by all virtual threads. A statement is copied for fewer than 16 virtual threads unless it holds a loop;
// otherwise a serial loop runs over them.
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/ir/mutator.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/lower/passes.h"
#include "common/lower/renew.h"
#include "common/lower/vector_index.h"
#include "common/support/strings.h"

namespace hone::lower {
namespace {

constexpr int64_t kUnrollBelow = 16;

// Variables (of lets, loops and buffers' data) whose value depends on `root`.
class TouchedVars final : public ir::StmtExprVisitor {
 public:
  TouchedVars(ir::Stmt body, ir::Var root) {
    vars.insert(root.get());
    size_t before = 0;
    while (before != vars.size()) {
      before = vars.size();
      VisitStmt(body);
    }
  }

  absl::flat_hash_set<const ir::VarNode*> vars;

 private:
  using ir::StmtExprVisitor::Visit;

  bool Depends(ir::Expr e) const {
    bool depends = false;
    ir::PostOrderVisitExprs(e, [&](ir::Expr x) {
      if (const auto* var = x.as<ir::VarNode>()) depends = depends || vars.contains(var);
      if (const auto* load = x.as<ir::BufferLoadNode>()) depends = depends || vars.contains(load->buffer->data.get());
    });
    return depends;
  }
  void Record(ir::Var target, ir::Expr source) {
    if (source && Depends(source)) vars.insert(target.get());
  }

  void Visit(const ir::LetStmtNode* node) override {
    Record(node->var, node->value);
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::LetNode* node) override {
    Record(node->var, node->value);
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::ForNode* node) override {
    Record(node->loop_var, node->min);
    Record(node->loop_var, node->extent);
    ir::StmtExprVisitor::Visit(node);
  }
  void Visit(const ir::BufferStoreNode* node) override {
    Record(node->buffer->data, node->value);
    Record(node->buffer->data, node->predicate);
    for (ir::Expr index : node->indices) Record(node->buffer->data, index);
    ir::StmtExprVisitor::Visit(node);
  }
  // A store under a condition that depends on the virtual thread does so itself.
  void Visit(const ir::IfThenElseNode* node) override {
    if (Depends(node->condition)) {
      for (ir::Stmt branch : {node->then_case, node->else_case}) {
        if (!branch) continue;
        ir::PreOrderVisitStmts(branch, [&](ir::Stmt s) {
          if (const auto* store = s.as<ir::BufferStoreNode>()) vars.insert(store->buffer->data.get());
          return true;
        });
      }
    }
    ir::StmtExprVisitor::Visit(node);
  }
  // Pointers that a call gets may be written from its other arguments.
  void Visit(const ir::CallNode* node) override {
    if (ir::InfoOf(node->op).effect == ir::CallEffect::kUpdateState || node->Is(ir::Builtin::tvm_access_ptr)) {
      bool depends = false;
      for (ir::Expr arg : node->args) depends = depends || Depends(arg);
      if (depends) {
        for (ir::Expr arg : node->args) {
          if (arg.dtype().is_handle() && arg.as<ir::VarNode>() != nullptr) vars.insert(arg.as<ir::VarNode>());
          if (const auto* pointer = arg.as<ir::CallNode>();
              pointer != nullptr && pointer->Is(ir::Builtin::tvm_access_ptr)) {
            if (const auto* data = pointer->args[1].as<ir::VarNode>()) vars.insert(data);
          }
          // The results of an all-reduce are given as loads.
          if (const auto* load = arg.as<ir::BufferLoadNode>();
              load != nullptr && node->Is(ir::Builtin::tvm_thread_allreduce)) {
            vars.insert(load->buffer->data.get());
          }
        }
      }
    }
    ir::StmtExprVisitor::Visit(node);
  }
};

class Injector final : public ir::StmtExprMutator {
 public:
  Injector(ir::Var var, int64_t threads, const absl::flat_hash_set<const ir::VarNode*>& touched)
      : var_(var), threads_(threads), touched_(touched) {}

  ir::Stmt MutateStmt(ir::Stmt stmt) override {
    if (!stmt) return stmt;
    const ir::Stmt visited = ir::StmtExprMutator::MutateStmt(stmt);
    if (!visits_touched_) return visited;
    if (!injected_) return Inject(visited, /*visited=*/true);
    visits_touched_ = false;
    return visited;
  }

 private:
  using ir::StmtExprMutator::Mutate;

  ir::Expr Mutate(const ir::VarNode* node) override {
    visits_touched_ = visits_touched_ || touched_.contains(node);
    return node;
  }

  // index + virtual thread * elements of one.
  ir::Expr Shifted(ir::Expr index, ir::Expr elements) const {
    return ShiftIndex(index,
                      ir::Mul(ir::Cast(index.dtype().element(), var_), ir::Cast(index.dtype().element(), elements)));
  }

  ir::Array<ir::Expr> ShiftedIndices(ir::Buffer buffer, ir::Array<ir::Expr> indices) const {
    auto it = grown_.find(buffer->data.get());
    if (it == grown_.end()) return indices;
    std::vector<ir::Expr> out = indices.ToVector();
    out.back() = Shifted(out.back(), it->second);
    return ir::MakeArray(out);
  }

  ir::Buffer MutateBuffer(ir::Buffer buffer) override {
    auto it = grown_.find(buffer->data.get());
    if (it == grown_.end()) return buffer;
    auto [entry, inserted] = buffers_.try_emplace(buffer.get(), buffer);
    if (inserted) {
      auto* copy = ir::CopyNode(buffer.get());
      std::vector<ir::Expr> shape = buffer->shape.ToVector();
      shape.back() = ir::Mul(shape.back(), ir::IntImm(shape.back().dtype(), threads_));
      copy->shape = ir::MakeArray(shape);
      entry->second = ir::Buffer(copy);
    }
    return entry->second;
  }

  ir::Expr Mutate(const ir::BufferLoadNode* node) override {
    const ir::Expr visited = ir::StmtExprMutator::Mutate(node);
    visits_touched_ = visits_touched_ || touched_.contains(node->buffer->data.get());
    const auto* load = visited.as<ir::BufferLoadNode>();
    return ir::MakeBufferLoad(load->buffer, ShiftedIndices(node->buffer, load->indices), load->predicate);
  }
  ir::Stmt Mutate(const ir::BufferStoreNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    visits_touched_ = visits_touched_ || touched_.contains(node->buffer->data.get());
    const auto* store = visited.as<ir::BufferStoreNode>();
    return ir::MakeBufferStore(store->buffer, store->value, ShiftedIndices(node->buffer, store->indices),
                               store->predicate);
  }

  // Pointers into a buffer that grew: tvm_access_ptr(type, data, offset, extent, mask), and the fragments and registers
  // that matrix instructions name by a pointer followed by an index.
  ir::Expr Mutate(const ir::CallNode* node) override {
    const ir::Expr visited = ir::StmtExprMutator::Mutate(node);
    const auto* call = visited.as<ir::CallNode>();
    std::vector<ir::Expr> args = call->args.ToVector();
    bool changed = false;
    for (size_t i = 0; i + 1 < args.size(); ++i) {
      const auto* data = args[i].as<ir::VarNode>();
      auto it = data != nullptr ? grown_.find(data) : grown_.end();
      if (it == grown_.end()) continue;
      ir::Expr elements = it->second;
      size_t at = i + 1;
      if (node->Is(ir::Builtin::tvm_fill_fragment) || node->Is(ir::Builtin::tvm_load_matrix_sync) ||
          node->Is(ir::Builtin::tvm_store_matrix_sync)) {
        at = i + 4;
        // Fragments are counted, not elements.
        elements = ir::FloorDiv(elements, FragmentElements(*call, data));
      } else if (node->Is(ir::Builtin::tvm_mma_sync)) {
        elements = ir::FloorDiv(elements, ir::IntImm(elements.dtype(), 256));
      }
      if (at >= args.size() || !args[at].dtype().is_index()) continue;
      args[at] = Shifted(args[at], elements);
      changed = true;
    }
    return changed ? ir::MakeCall(call->dtype, call->op, ir::MakeArray(args)) : visited;
  }

  static ir::Expr FragmentElements(const ir::CallNode& call, const ir::VarNode* data) {
    const std::string_view scope = data->type->scope;
    const ir::Expr m = call.args[1], n = call.args[2], k = call.args[3];
    if (scope == "wmma.matrix_a") return ir::Mul(m, k);
    if (scope == "wmma.matrix_b") return ir::Mul(k, n);
    return ir::Mul(m, n);
  }

  ir::Stmt Mutate(const ir::AttrStmtNode* node) override {
    const ir::Expr value = MutateExpr(node->value);
    if (visits_touched_ && !injected_) return Inject(node, /*visited=*/false);
    visits_touched_ = false;
    const ir::Stmt body = MutateStmt(node->body);
    if (value == node->value && body == node->body) return node;
    return ir::MakeAttrStmt(node->node, node->attr_key, value, body);
  }

  ir::Stmt Mutate(const ir::LetStmtNode* node) override {
    const ir::Expr value = MutateExpr(node->value);
    if (visits_touched_ && !injected_) return Inject(node, /*visited=*/false);
    visits_touched_ = false;
    const ir::Stmt body = MutateStmt(node->body);
    if (value == node->value && body == node->body) return node;
    return ir::MakeLetStmt(node->var, value, body);
  }

  ir::Stmt Mutate(const ir::ForNode* node) override {
    const ir::Expr min = MutateExpr(node->min);
    const ir::Expr extent = MutateExpr(node->extent);
    if (visits_touched_ && !injected_) {
      const ir::Stmt out = Inject(node, /*visited=*/false);
      ++loop_depth_;
      return out;
    }
    visits_touched_ = false;
    const ir::Stmt body = MutateStmt(node->body);
    ++loop_depth_;
    if (min == node->min && extent == node->extent && body == node->body) return node;
    auto* copy = ir::CopyNode(node);
    copy->min = min;
    copy->extent = extent;
    copy->body = body;
    return copy;
  }

  ir::Stmt Mutate(const ir::WhileNode* node) override {
    const ir::Expr condition = MutateExpr(node->condition);
    if (visits_touched_ && !injected_) return Inject(node, /*visited=*/false);
    visits_touched_ = false;
    const ir::Stmt body = MutateStmt(node->body);
    return condition == node->condition && body == node->body ? ir::Stmt(node) : ir::MakeWhile(condition, body);
  }

  ir::Stmt Mutate(const ir::IfThenElseNode* node) override {
    const ir::Expr condition = MutateExpr(node->condition);
    if (visits_touched_ && !injected_) return Inject(node, /*visited=*/false);
    visits_touched_ = false;
    const ir::Stmt then_case = MutateStmt(node->then_case);
    const ir::Stmt else_case = MutateStmt(node->else_case);
    if (condition == node->condition && then_case == node->then_case && else_case == node->else_case) return node;
    return ir::MakeIfThenElse(condition, then_case, else_case);
  }

  // Depth counts from each statement of a sequence on.
  ir::Stmt Mutate(const ir::SeqNode* node) override {
    std::vector<ir::Stmt> out;
    int deepest = loop_depth_;
    for (ir::Stmt stmt : node->seq) {
      loop_depth_ = 0;
      out.push_back(MutateStmt(stmt));
      deepest = std::max(deepest, loop_depth_);
    }
    loop_depth_ = deepest;
    return ir::MakeSeq(out);
  }

  ir::Stmt Mutate(const ir::AllocateNode* node) override {
    ir::Array<ir::Expr> extents = MutateExprs(node->extents);
    if (visits_touched_ && !injected_) return Inject(node, /*visited=*/false);
    visits_touched_ = false;
    if (touched_.contains(node->buffer_var.get())) {
      ir::Expr elements = extents[0];
      for (size_t i = 1; i < extents.size(); ++i) elements = ir::Mul(elements, extents[i]);
      grown_[node->buffer_var.get()] = elements;
      std::vector<ir::Expr> grown = extents.ToVector();
      grown[0] = ir::Mul(grown[0], ir::IntImm(grown[0].dtype(), threads_));
      extents = ir::MakeArray(grown);
    }
    const ir::Stmt body = MutateStmt(node->body);
    auto* copy = ir::CopyNode(node);
    copy->extents = extents;
    copy->body = body;
    return copy;
  }

  ir::Stmt Inject(ir::Stmt stmt, bool visited) {
    visits_touched_ = false;
    injected_ = true;
    if (!visited) stmt = MutateStmt(stmt);
    injected_ = false;
    visits_touched_ = false;
    if (loop_depth_ == 0 && threads_ < kUnrollBelow) {
      std::vector<ir::Stmt> copies;
      for (int64_t i = 0; i < threads_; ++i) {
        const ir::Stmt one = ir::Substitute(stmt, {{var_.get(), ir::IntImm(var_.dtype(), i)}});
        copies.push_back(i == 0 ? one : RenewDefinitions(one));
      }
      return ir::MakeSeq(copies);
    }
    const ir::Var each = ir::CopyVar(var_, ir::CopyString(StrCat(var_.name(), ".s")));
    return ir::MakeFor(each, ir::IntImm(var_.dtype(), 0), ir::IntImm(var_.dtype(), threads_), ir::ForKind::kSerial,
                       RenewDefinitions(ir::Substitute(stmt, {{var_.get(), each}})));
  }

  const ir::Var var_;
  const int64_t threads_;
  const absl::flat_hash_set<const ir::VarNode*>& touched_;
  bool visits_touched_ = false;  // Something that depends on the virtual thread was met since this was reset.
  bool injected_ = false;        // Inside of a statement that is copied already.
  int loop_depth_ = 0;
  absl::flat_hash_map<const ir::VarNode*, ir::Expr> grown_;  // Elements of one virtual thread.
  absl::flat_hash_map<const ir::BufferNode*, ir::Buffer> buffers_;
};

class VirtualThreads final : public ir::StmtExprMutator {
 public:
  absl::Status status;

 private:
  using ir::StmtExprMutator::Mutate;
  ir::Expr MutateExpr(ir::Expr e) override { return e; }

  ir::Stmt Mutate(const ir::AttrStmtNode* node) override {
    const ir::Stmt visited = ir::StmtExprMutator::Mutate(node);
    const auto* attr = visited.as<ir::AttrStmtNode>();
    const auto* iter = ir::As<ir::IterVarNode>(attr->node);
    if (attr->attr_key != "virtual_thread" || iter == nullptr) return visited;
    const int64_t* threads = ir::ConstInt(attr->value);
    if (threads == nullptr) {
      status = absl::InvalidArgumentError(
          StrCat("the number of virtual threads of \"", iter->var.name(), "\" is no constant"));
      return visited;
    }
    const TouchedVars touched(attr->body, iter->var);
    return Injector(iter->var, *threads, touched.vars).MutateStmt(attr->body);
  }
};

}  // namespace

absl::StatusOr<ir::PrimFunc> InjectVirtualThread(ir::PrimFunc func, const PassContext&) {
  VirtualThreads threads;
  const ir::Stmt body = threads.MutateStmt(func->body);
  if (!threads.status.ok()) return threads.status;
  return WithBody(func, body);
}

}  // namespace hone::lower
