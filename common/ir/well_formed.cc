#include "common/ir/well_formed.h"

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "common/ir/visitor.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::ir {
namespace {

class Verifier : public StmtExprVisitor {
 public:
  absl::Status Run(PrimFunc func) {
    for (const Var param : func->params) Define(param, "parameter");
    for (const BufferBinding& binding : func->buffer_map) DefineBuffer(binding.buffer, /*parts=*/true);
    VisitStmt(func->body);
    return status_;
  }

 protected:
  using StmtExprVisitor::Visit;

  void Visit(const VarNode* var) override {
    if (!scope_.contains(var)) {
      Fail(StrCat("variable \"", var->name, "\" is used ", past_.contains(var) ? "outside of its scope" : "undefined"));
      return;
    }
    auto it = loop_depth_.find(var);
    if (it != loop_depth_.end() && it->second < barrier_) {
      Fail(StrCat("loop variable \"", var->name, "\" is used in block \"", block_name_,
                  "\", which stands inside of its loop: bind it to an iterator of the block"));
    }
  }

  void Visit(const BufferLoadNode* node) override {
    UseBuffer(node->buffer);
    StmtExprVisitor::Visit(node);
  }
  void Visit(const LetNode* node) override {
    VisitExpr(node->value);
    // The same let may stand in several places of an expression.
    const size_t mark = defined_.size();
    DefineLet(node->var);
    VisitExpr(node->body);
    Leave(mark);
  }
  void Visit(const ReduceNode* node) override {
    const size_t mark = defined_.size();
    for (const IterVar iter : node->axis) {
      VisitRange(iter->dom);
      DefineLet(iter->var);
    }
    for (const Expr e : node->source) VisitExpr(e);
    for (const Expr e : node->init) VisitExpr(e);
    VisitExpr(node->condition);
    Leave(mark);
  }

  void Visit(const LetStmtNode* node) override {
    VisitExpr(node->value);
    Scoped([&] {
      Define(node->var, "let");
      VisitStmt(node->body);
    });
  }
  void Visit(const AttrStmtNode* node) override {
    const auto* iter = As<IterVarNode>(node->node);
    VisitExpr(node->value);
    if (iter == nullptr || (node->attr_key != "thread_extent" && node->attr_key != "virtual_thread")) {
      if (node->node != nullptr && node->node->object_kind == ObjectKind::kExpr) {
        VisitExpr(static_cast<const ExprNode*>(node->node));
      }
      VisitStmt(node->body);
      return;
    }
    if (node->attr_key == "thread_extent") {
      const auto [it, added] = threads_.try_emplace(iter->thread_tag, iter->var.get());
      if (!added && it->second != iter->var.get()) {
        Fail(StrCat("two variables stand for the thread axis \"", iter->thread_tag, "\""));
      }
    }
    Scoped([&] {
      // An environment thread may be launched in several places.
      if (!scope_.contains(iter->var.get())) DefineLet(iter->var);
      VisitStmt(node->body);
    });
  }
  void Visit(const BufferStoreNode* node) override {
    UseBuffer(node->buffer);
    StmtExprVisitor::Visit(node);
  }
  void Visit(const BufferRealizeNode* node) override {
    for (const Range& range : node->bounds) VisitRange(range);
    VisitExpr(node->condition);
    Scoped([&] {
      DefineBuffer(node->buffer, /*parts=*/true);
      VisitStmt(node->body);
    });
  }
  void Visit(const AllocateNode* node) override {
    for (const Expr e : node->extents) VisitExpr(e);
    VisitExpr(node->condition);
    Scoped([&] {
      Define(node->buffer_var, "allocation");
      VisitStmt(node->body);
    });
  }
  void Visit(const AllocateConstNode* node) override {
    for (const Expr e : node->extents) VisitExpr(e);
    Scoped([&] {
      Define(node->buffer_var, "constant");
      VisitStmt(node->body);
    });
  }
  void Visit(const DeclBufferNode* node) override {
    UseBuffer(node->buffer);
    VisitStmt(node->body);
  }
  void Visit(const ForNode* node) override {
    VisitExpr(node->min);
    VisitExpr(node->extent);
    Scoped([&] {
      Define(node->loop_var, "loop");
      loop_depth_[node->loop_var.get()] = ++depth_;
      VisitStmt(node->body);
      --depth_;
    });
  }
  void Visit(const BlockRealizeNode* node) override {
    for (const Expr value : node->iter_values) VisitExpr(value);
    VisitExpr(node->predicate);
    VisitStmt(Stmt(node->block));
  }
  void Visit(const BlockNode* node) override {
    for (const IterVar iter : node->iter_vars) VisitRange(iter->dom);
    const int outer_barrier = barrier_;
    const std::string_view outer_name = block_name_;
    if (!node->iter_vars.empty()) {
      barrier_ = depth_ + 1;
      block_name_ = node->name;
    }
    Scoped([&] {
      for (const IterVar iter : node->iter_vars) Define(iter->var, "block iterator");
      for (const Buffer buffer : node->alloc_buffers) DefineBuffer(buffer, /*parts=*/false);
      for (const BufferRegion region : node->reads) VisitRegionOf(region);
      for (const BufferRegion region : node->writes) VisitRegionOf(region);
      for (const MatchBufferRegion match : node->match_buffers) {
        VisitRegionOf(match->source);
        DefineBuffer(match->buffer, /*parts=*/true);
      }
      VisitStmt(node->init);
      VisitStmt(node->body);
    });
    barrier_ = outer_barrier;
    block_name_ = outer_name;
  }

 private:
  void Fail(std::string message) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(ToAbsl(message));
  }

  template <typename F>
  void Scoped(F&& f) {
    const size_t mark = defined_.size();
    f();
    Leave(mark);
  }
  void Leave(size_t mark) {
    while (defined_.size() > mark) {
      scope_.erase(defined_.back());
      past_.insert(defined_.back());
      defined_.pop_back();
    }
  }
  void DefineLet(Var var) {
    if (scope_.contains(var.get())) {
      Fail(StrCat("variable \"", var.name(), "\" is defined again inside of its own scope"));
      return;
    }
    scope_.insert(var.get());
    defined_.push_back(var.get());
  }
  void Define(Var var, std::string_view what) {
    if (past_.contains(var.get())) Fail(StrCat("variable \"", var.name(), "\" of a ", what, " is defined twice"));
    DefineLet(var);
  }
  // Parts: shape, strides and offset may define variables, too.
  void DefineBuffer(Buffer buffer, bool parts) {
    if (!scope_.contains(buffer->data.get())) Define(buffer->data, "buffer");
    auto part = [&](Expr e) {
      if (const auto* var = e.as<VarNode>(); parts && var != nullptr && !scope_.contains(var)) {
        Define(var, "buffer");
      } else {
        VisitExpr(e);
      }
    };
    for (const Expr e : buffer->shape) part(e);
    for (const Expr e : buffer->strides) part(e);
    if (buffer->elem_offset) part(buffer->elem_offset);
    checked_buffers_.insert(buffer.get());
  }
  void UseBuffer(Buffer buffer) {
    const auto* data = buffer->data.get();
    if (!scope_.contains(data)) {
      Fail(StrCat("buffer \"", buffer->name, "\" is used ",
                  past_.contains(data) ? "outside of its scope" : "without being declared"));
      return;
    }
    if (!checked_buffers_.insert(buffer.get()).second) return;
    for (const Expr e : buffer->shape) VisitExpr(e);
    for (const Expr e : buffer->strides) VisitExpr(e);
    VisitExpr(buffer->elem_offset);
  }
  void VisitRegionOf(BufferRegion region) {
    UseBuffer(region->buffer);
    for (const Range& range : region->region) VisitRange(range);
  }

  absl::Status status_;
  absl::flat_hash_set<const VarNode*> scope_;
  absl::flat_hash_set<const VarNode*> past_;  // Defined once, their scope has ended.
  std::vector<const VarNode*> defined_;
  absl::flat_hash_set<const BufferNode*> checked_buffers_;
  absl::flat_hash_map<const VarNode*, int> loop_depth_;
  absl::flat_hash_map<std::string_view, const VarNode*> threads_;
  int depth_ = 0;
  int barrier_ = 0;  // Loops of a smaller depth may not be mentioned.
  std::string_view block_name_;
};

}  // namespace

absl::Status VerifyWellFormed(PrimFunc func) { return Verifier().Run(func); }

absl::Status VerifyWellFormed(const IRModule& module) {
  for (const ModuleEntry& entry : module->functions) {
    const auto* func = As<PrimFuncNode>(entry.function);
    if (func == nullptr) continue;
    const absl::Status status = VerifyWellFormed(func);
    if (!status.ok()) {
      return absl::InvalidArgumentError(
          ToAbsl(StrCat("function \"", entry.var->name, "\": ", ToStd(status.message()))));
    }
  }
  return absl::OkStatus();
}

}  // namespace hone::ir
