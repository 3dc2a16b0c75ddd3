#include "common/ir/visitor.h"

#include <algorithm>

namespace hone::ir {

void ExprVisitor::VisitExpr(Expr e) {
  if (!e) return;
  const ExprNode* node = e.get();
  switch (node->kind) {
    case ExprKind::kVar:
      return Visit(static_cast<const VarNode*>(node));
    case ExprKind::kIntImm:
      return Visit(static_cast<const IntImmNode*>(node));
    case ExprKind::kFloatImm:
      return Visit(static_cast<const FloatImmNode*>(node));
    case ExprKind::kStringImm:
      return Visit(static_cast<const StringImmNode*>(node));
    case ExprKind::kCast:
      return Visit(static_cast<const CastNode*>(node));
    case ExprKind::kAdd:
    case ExprKind::kSub:
    case ExprKind::kMul:
    case ExprKind::kDiv:
    case ExprKind::kMod:
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod:
    case ExprKind::kMin:
    case ExprKind::kMax:
    case ExprKind::kEQ:
    case ExprKind::kNE:
    case ExprKind::kLT:
    case ExprKind::kLE:
    case ExprKind::kGT:
    case ExprKind::kGE:
    case ExprKind::kAnd:
    case ExprKind::kOr:
      return Visit(static_cast<const BinaryNode*>(node));
    case ExprKind::kNot:
      return Visit(static_cast<const NotNode*>(node));
    case ExprKind::kSelect:
      return Visit(static_cast<const SelectNode*>(node));
    case ExprKind::kBufferLoad:
      return Visit(static_cast<const BufferLoadNode*>(node));
    case ExprKind::kRamp:
      return Visit(static_cast<const RampNode*>(node));
    case ExprKind::kBroadcast:
      return Visit(static_cast<const BroadcastNode*>(node));
    case ExprKind::kLet:
      return Visit(static_cast<const LetNode*>(node));
    case ExprKind::kCall:
      return Visit(static_cast<const CallNode*>(node));
    case ExprKind::kShuffle:
      return Visit(static_cast<const ShuffleNode*>(node));
    case ExprKind::kReduce:
      return Visit(static_cast<const ReduceNode*>(node));
    case ExprKind::kAny:
      return Visit(static_cast<const AnyNode*>(node));
  }
}

void ExprVisitor::Visit(const CastNode* node) { VisitExpr(node->value); }
void ExprVisitor::Visit(const BinaryNode* node) {
  VisitExpr(node->a);
  VisitExpr(node->b);
}
void ExprVisitor::Visit(const NotNode* node) { VisitExpr(node->a); }
void ExprVisitor::Visit(const SelectNode* node) {
  VisitExpr(node->condition);
  VisitExpr(node->true_value);
  VisitExpr(node->false_value);
}
void ExprVisitor::Visit(const BufferLoadNode* node) {
  for (Expr index : node->indices) VisitExpr(index);
  VisitExpr(node->predicate);
}
void ExprVisitor::Visit(const RampNode* node) {
  VisitExpr(node->base);
  VisitExpr(node->stride);
  VisitExpr(node->lanes);
}
void ExprVisitor::Visit(const BroadcastNode* node) {
  VisitExpr(node->value);
  VisitExpr(node->lanes);
}
void ExprVisitor::Visit(const LetNode* node) {
  VisitExpr(node->value);
  VisitExpr(node->body);
}
void ExprVisitor::Visit(const CallNode* node) {
  for (Expr arg : node->args) VisitExpr(arg);
}
void ExprVisitor::Visit(const ShuffleNode* node) {
  for (Expr index : node->indices) VisitExpr(index);
  for (Expr vector : node->vectors) VisitExpr(vector);
}
void ExprVisitor::Visit(const ReduceNode* node) {
  for (IterVar axis : node->axis) {
    VisitExpr(axis->dom.min);
    VisitExpr(axis->dom.extent);
  }
  for (Expr source : node->source) VisitExpr(source);
  for (Expr init : node->init) VisitExpr(init);
  VisitExpr(node->condition);
}

void StmtExprVisitor::VisitStmt(Stmt s) {
  if (!s) return;
  const StmtNode* node = s.get();
  switch (node->kind) {
    case StmtKind::kLetStmt:
      return Visit(static_cast<const LetStmtNode*>(node));
    case StmtKind::kAttrStmt:
      return Visit(static_cast<const AttrStmtNode*>(node));
    case StmtKind::kAssertStmt:
      return Visit(static_cast<const AssertStmtNode*>(node));
    case StmtKind::kBufferStore:
      return Visit(static_cast<const BufferStoreNode*>(node));
    case StmtKind::kBufferRealize:
      return Visit(static_cast<const BufferRealizeNode*>(node));
    case StmtKind::kAllocate:
      return Visit(static_cast<const AllocateNode*>(node));
    case StmtKind::kAllocateConst:
      return Visit(static_cast<const AllocateConstNode*>(node));
    case StmtKind::kDeclBuffer:
      return Visit(static_cast<const DeclBufferNode*>(node));
    case StmtKind::kSeq:
      return Visit(static_cast<const SeqNode*>(node));
    case StmtKind::kIfThenElse:
      return Visit(static_cast<const IfThenElseNode*>(node));
    case StmtKind::kEvaluate:
      return Visit(static_cast<const EvaluateNode*>(node));
    case StmtKind::kFor:
      return Visit(static_cast<const ForNode*>(node));
    case StmtKind::kWhile:
      return Visit(static_cast<const WhileNode*>(node));
    case StmtKind::kBlock:
      return Visit(static_cast<const BlockNode*>(node));
    case StmtKind::kBlockRealize:
      return Visit(static_cast<const BlockRealizeNode*>(node));
  }
}

void StmtExprVisitor::VisitRange(const Range& range) {
  VisitExpr(range.min);
  VisitExpr(range.extent);
}
void StmtExprVisitor::VisitRegion(BufferRegion region) {
  for (const Range& range : region->region) VisitRange(range);
}

void StmtExprVisitor::Visit(const LetStmtNode* node) {
  VisitExpr(node->value);
  VisitStmt(node->body);
}
void StmtExprVisitor::Visit(const AttrStmtNode* node) {
  VisitExpr(node->value);
  VisitStmt(node->body);
}
void StmtExprVisitor::Visit(const AssertStmtNode* node) {
  VisitExpr(node->condition);
  VisitExpr(node->message);
  VisitStmt(node->body);
}
void StmtExprVisitor::Visit(const BufferStoreNode* node) {
  VisitExpr(node->value);
  for (Expr index : node->indices) VisitExpr(index);
  VisitExpr(node->predicate);
}
void StmtExprVisitor::Visit(const BufferRealizeNode* node) {
  for (const Range& range : node->bounds) VisitRange(range);
  VisitExpr(node->condition);
  VisitStmt(node->body);
}
void StmtExprVisitor::Visit(const AllocateNode* node) {
  for (Expr extent : node->extents) VisitExpr(extent);
  VisitExpr(node->condition);
  VisitStmt(node->body);
}
void StmtExprVisitor::Visit(const AllocateConstNode* node) {
  for (Expr extent : node->extents) VisitExpr(extent);
  VisitStmt(node->body);
}
void StmtExprVisitor::Visit(const DeclBufferNode* node) { VisitStmt(node->body); }
void StmtExprVisitor::Visit(const SeqNode* node) {
  for (Stmt s : node->seq) VisitStmt(s);
}
void StmtExprVisitor::Visit(const IfThenElseNode* node) {
  VisitExpr(node->condition);
  VisitStmt(node->then_case);
  VisitStmt(node->else_case);
}
void StmtExprVisitor::Visit(const EvaluateNode* node) { VisitExpr(node->value); }
void StmtExprVisitor::Visit(const ForNode* node) {
  VisitExpr(node->min);
  VisitExpr(node->extent);
  VisitStmt(node->body);
}
void StmtExprVisitor::Visit(const WhileNode* node) {
  VisitExpr(node->condition);
  VisitStmt(node->body);
}
void StmtExprVisitor::Visit(const BlockNode* node) {
  for (IterVar iter : node->iter_vars) VisitRange(iter->dom);
  for (BufferRegion region : node->reads) VisitRegion(region);
  for (BufferRegion region : node->writes) VisitRegion(region);
  for (MatchBufferRegion match : node->match_buffers) VisitRegion(match->source);
  VisitStmt(node->init);
  VisitStmt(node->body);
}
void StmtExprVisitor::Visit(const BlockRealizeNode* node) {
  for (Expr value : node->iter_values) VisitExpr(value);
  VisitExpr(node->predicate);
  VisitStmt(node->block);
}

namespace {

class PostOrder final : public StmtExprVisitor {
 public:
  explicit PostOrder(absl::FunctionRef<void(Expr)> f) : f_(f) {}
  void VisitExpr(Expr e) override {
    if (!e) return;
    StmtExprVisitor::VisitExpr(e);
    f_(e);
  }

 private:
  absl::FunctionRef<void(Expr)> f_;
};

class PreOrder final : public StmtExprVisitor {
 public:
  explicit PreOrder(absl::FunctionRef<bool(Stmt)> f) : f_(f) {}
  void VisitExpr(Expr) override {}
  void VisitStmt(Stmt s) override {
    if (s && f_(s)) StmtExprVisitor::VisitStmt(s);
  }

 private:
  absl::FunctionRef<bool(Stmt)> f_;
};

class VarFinder final : public StmtExprVisitor {
 public:
  explicit VarFinder(absl::FunctionRef<bool(Var)> wanted) : wanted_(wanted) {}
  void VisitExpr(Expr e) override {
    if (!found_) StmtExprVisitor::VisitExpr(e);
  }
  void VisitStmt(Stmt s) override {
    if (!found_) StmtExprVisitor::VisitStmt(s);
  }
  bool found() const { return found_; }

 private:
  using StmtExprVisitor::Visit;
  void Visit(const VarNode* node) override { found_ = found_ || wanted_(Var(node)); }
  void Visit(const BufferLoadNode* node) override {
    Visit(node->buffer->data.get());
    StmtExprVisitor::Visit(node);
  }
  void Visit(const BufferStoreNode* node) override {
    Visit(node->buffer->data.get());
    StmtExprVisitor::Visit(node);
  }

  absl::FunctionRef<bool(Var)> wanted_;
  bool found_ = false;
};

}  // namespace

void PostOrderVisitExprs(Expr e, absl::FunctionRef<void(Expr)> f) { PostOrder(f).VisitExpr(e); }
void PostOrderVisitExprs(Stmt s, absl::FunctionRef<void(Expr)> f) { PostOrder(f).VisitStmt(s); }
void PreOrderVisitStmts(Stmt s, absl::FunctionRef<bool(Stmt)> f) { PreOrder(f).VisitStmt(s); }

bool UsesVar(Expr e, absl::FunctionRef<bool(Var)> wanted) {
  VarFinder finder(wanted);
  finder.VisitExpr(e);
  return finder.found();
}
bool UsesVar(Stmt s, absl::FunctionRef<bool(Var)> wanted) {
  VarFinder finder(wanted);
  finder.VisitStmt(s);
  return finder.found();
}

CallEffect SideEffect(Expr e) {
  CallEffect effect = CallEffect::kPure;
  PostOrderVisitExprs(e, [&](Expr x) {
    if (x.kind() == ExprKind::kBufferLoad) effect = std::max(effect, CallEffect::kReadState);
    if (const auto* call = x.as<CallNode>()) {
      effect = std::max(effect, call->function != nullptr ? CallEffect::kUpdateState : InfoOf(call->op).effect);
    }
  });
  return effect;
}

}  // namespace hone::ir
