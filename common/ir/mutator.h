// Rewriting expressions and statements. A rewrite that changes nothing returns the very node it was given.
#pragma once

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "common/ir/module.h"
#include "common/ir/stmt.h"

namespace hone::ir {

// Override Mutate of the node kinds of interest; call the base for the default (rebuild when a child changed, exactly,
// without folding).
class ExprMutator {
 public:
  virtual ~ExprMutator() = default;
  // Dispatches on the kind; null stays null.
  virtual Expr MutateExpr(Expr e);

 protected:
  virtual Expr Mutate(const VarNode* node) { return node; }
  virtual Expr Mutate(const IntImmNode* node) { return node; }
  virtual Expr Mutate(const FloatImmNode* node) { return node; }
  virtual Expr Mutate(const StringImmNode* node) { return node; }
  virtual Expr Mutate(const CastNode* node);
  virtual Expr Mutate(const BinaryNode* node);  // kAdd..kOr
  virtual Expr Mutate(const NotNode* node);
  virtual Expr Mutate(const SelectNode* node);
  virtual Expr Mutate(const BufferLoadNode* node);
  virtual Expr Mutate(const RampNode* node);
  virtual Expr Mutate(const BroadcastNode* node);
  virtual Expr Mutate(const LetNode* node);
  virtual Expr Mutate(const CallNode* node);
  virtual Expr Mutate(const ShuffleNode* node);
  virtual Expr Mutate(const ReduceNode* node);
  virtual Expr Mutate(const AnyNode* node) { return node; }

  // Called for the buffer of every load and store, region, allocation and view. Identity by default; an override must
  // give the same result for the same buffer.
  virtual Buffer MutateBuffer(Buffer buffer) { return buffer; }
  Array<Expr> MutateExprs(Array<Expr> exprs);
  Range MutateRange(const Range& range);
  Array<Range> MutateRanges(Array<Range> ranges);
};

class StmtExprMutator : public ExprMutator {
 public:
  // Dispatches on the kind; null stays null.
  virtual Stmt MutateStmt(Stmt s);

 protected:
  using ExprMutator::Mutate;
  virtual Stmt Mutate(const LetStmtNode* node);
  virtual Stmt Mutate(const AttrStmtNode* node);
  virtual Stmt Mutate(const AssertStmtNode* node);
  virtual Stmt Mutate(const BufferStoreNode* node);
  virtual Stmt Mutate(const BufferRealizeNode* node);
  virtual Stmt Mutate(const AllocateNode* node);
  virtual Stmt Mutate(const AllocateConstNode* node);
  virtual Stmt Mutate(const DeclBufferNode* node);
  virtual Stmt Mutate(const SeqNode* node);
  virtual Stmt Mutate(const IfThenElseNode* node);
  virtual Stmt Mutate(const EvaluateNode* node);
  virtual Stmt Mutate(const ForNode* node);
  virtual Stmt Mutate(const WhileNode* node);
  virtual Stmt Mutate(const BlockNode* node);  // Must return a BlockNode when reached through a realize.
  virtual Stmt Mutate(const BlockRealizeNode* node);

  IterVar MutateIterVar(IterVar iter);  // Domain only.
  BufferRegion MutateRegion(BufferRegion region);
  Array<BufferRegion> MutateRegions(Array<BufferRegion> regions);
};

// A map from variables to expressions.
using VarMap = absl::flat_hash_map<const VarNode*, Expr>;

// Replaces every use of a mapped variable, also inside regions, annotations excluded; definitions stay. Buffers whose
// shape, strides, offset or data mention a mapped variable are replaced consistently. No folding is done.
Expr Substitute(Expr e, const VarMap& map);
Stmt Substitute(Stmt s, const VarMap& map);
Range Substitute(const Range& range, const VarMap& map);
BufferRegion Substitute(BufferRegion region, const VarMap& map);
// Replaces every use of a mapped buffer (loads, stores, regions, views, allocations) but nothing else.
using BufferMap = absl::flat_hash_map<const BufferNode*, Buffer>;
Stmt SubstituteBuffers(Stmt s, const BufferMap& map);

// `array` with `f` applied; the same array when nothing changed. T has operator== (identity).
template <typename T, typename F>
Array<T> MapArray(Array<T> array, F&& f) {
  static_assert(std::is_trivially_destructible_v<T>);
  const size_t size = array.size();
  for (size_t i = 0; i < size; ++i) {
    T first = f(array[i]);
    if (first == array[i]) continue;
    T* out = static_cast<T*>(Arena::Current().Allocate(sizeof(T) * size));
    std::uninitialized_copy(array.begin(), array.begin() + i, out);
    ::new (out + i) T(first);
    for (size_t j = i + 1; j < size; ++j) ::new (out + j) T(f(array[j]));
    return Array<T>(out, size);
  }
  return array;
}

}  // namespace hone::ir
