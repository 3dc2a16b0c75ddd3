// Walking over expressions and statements.
#pragma once

#include "absl/functional/function_ref.h"
#include "common/ir/stmt.h"

namespace hone::ir {

// Visits every sub-expression. Override what is of interest and call the base to go on below.
class ExprVisitor {
 public:
  virtual ~ExprVisitor() = default;
  // Dispatches on the kind; null is ignored.
  virtual void VisitExpr(Expr e);

 protected:
  virtual void Visit(const VarNode* node) {}
  virtual void Visit(const IntImmNode* node) {}
  virtual void Visit(const FloatImmNode* node) {}
  virtual void Visit(const StringImmNode* node) {}
  virtual void Visit(const CastNode* node);
  virtual void Visit(const BinaryNode* node);  // kAdd..kOr
  virtual void Visit(const NotNode* node);
  virtual void Visit(const SelectNode* node);
  virtual void Visit(const BufferLoadNode* node);  // Indices, then predicate.
  virtual void Visit(const RampNode* node);
  virtual void Visit(const BroadcastNode* node);
  virtual void Visit(const LetNode* node);
  virtual void Visit(const CallNode* node);
  virtual void Visit(const ShuffleNode* node);
  virtual void Visit(const ReduceNode* node);
  virtual void Visit(const AnyNode* node) {}
};

// Also statements. A block is visited in the order: iter var domains, reads, writes, match buffers, init, body.
class StmtExprVisitor : public ExprVisitor {
 public:
  // Dispatches on the kind; null is ignored.
  virtual void VisitStmt(Stmt s);

 protected:
  using ExprVisitor::Visit;
  virtual void Visit(const LetStmtNode* node);
  virtual void Visit(const AttrStmtNode* node);
  virtual void Visit(const AssertStmtNode* node);
  virtual void Visit(const BufferStoreNode* node);
  virtual void Visit(const BufferRealizeNode* node);
  virtual void Visit(const AllocateNode* node);
  virtual void Visit(const AllocateConstNode* node);
  virtual void Visit(const DeclBufferNode* node);
  virtual void Visit(const SeqNode* node);
  virtual void Visit(const IfThenElseNode* node);
  virtual void Visit(const EvaluateNode* node);
  virtual void Visit(const ForNode* node);
  virtual void Visit(const WhileNode* node);
  virtual void Visit(const BlockNode* node);
  virtual void Visit(const BlockRealizeNode* node);

  void VisitRegion(BufferRegion region);
  void VisitRange(const Range& range);
};

// Calls `f` on every expression below `e` (or in `s`), parents after children; the statement form visits expressions
// inside of statements, too.
void PostOrderVisitExprs(Expr e, absl::FunctionRef<void(Expr)> f);
void PostOrderVisitExprs(Stmt s, absl::FunctionRef<void(Expr)> f);
// Calls `f` on every statement of `s`, parents first; below a statement for which `f` returns false nothing is
// visited. Block realizes are followed by their Block (as a statement), then init and body.
void PreOrderVisitStmts(Stmt s, absl::FunctionRef<bool(Stmt)> f);

// True when `e` (or `s`) mentions a variable for which `wanted` holds.
bool UsesVar(Expr e, absl::FunctionRef<bool(Var)> wanted);
bool UsesVar(Stmt s, absl::FunctionRef<bool(Var)> wanted);
inline bool UsesVar(Expr e, Var var) {
  return UsesVar(e, [&](Var v) { return v == var; });
}

// The strongest effect of any call below `e`; a BufferLoad counts as kReadState, everything else as kPure.
CallEffect SideEffect(Expr e);

}  // namespace hone::ir
