// Statements of tensor IR: a closed set of immutable nodes reached through one-pointer handles.
#pragma once

#include <string_view>

#include "common/ir/buffer.h"
#include "common/ir/expr.h"
#include "common/ir/object.h"

namespace hone::ir {

enum class StmtKind : uint8_t {
  kLetStmt,
  kAttrStmt,
  kAssertStmt,
  kBufferStore,
  kBufferRealize,
  kAllocate,
  kAllocateConst,
  kDeclBuffer,
  kSeq,
  kIfThenElse,
  kEvaluate,
  kFor,
  kWhile,
  kBlock,
  kBlockRealize,
};

struct StmtNode : Object {
  StmtKind kind;
};

// A handle to a statement, maybe null; operator== compares identity.
class Stmt {
 public:
  Stmt() = default;
  Stmt(const StmtNode* node) : node_(node) {}  // NOLINT: a node is a statement.
  const StmtNode* get() const { return node_; }
  const StmtNode* operator->() const { return node_; }
  explicit operator bool() const { return node_ != nullptr; }
  bool same_as(Stmt other) const { return node_ == other.node_; }
  friend bool operator==(Stmt a, Stmt b) { return a.node_ == b.node_; }
  StmtKind kind() const { return node_->kind; }
  // Null when this is null or of another kind.
  template <typename T>
  const T* as() const {
    return node_ != nullptr && node_->kind == T::kKind ? static_cast<const T*>(node_) : nullptr;
  }
  template <typename H>
  friend H AbslHashValue(H h, Stmt s) {
    return H::combine(std::move(h), s.node_);
  }

 private:
  const StmtNode* node_ = nullptr;
};

template <StmtKind K>
struct StmtNodeOf : StmtNode {
  static constexpr StmtKind kKind = K;
};

struct LetStmtNode : StmtNodeOf<StmtKind::kLetStmt> {
  Var var;
  Expr value;
  Stmt body;
};

struct AttrStmtNode : StmtNodeOf<StmtKind::kAttrStmt> {
  const Object* node;  // IterVar for thread_extent, Var, Buffer, a literal, a string, ...
  std::string_view attr_key;
  Expr value;
  Stmt body;
};

struct AssertStmtNode : StmtNodeOf<StmtKind::kAssertStmt> {
  Expr condition;
  Expr message;
  Stmt body;
};

// value's dtype is the buffer's with the lanes of the last index. predicate may be null.
struct BufferStoreNode : StmtNodeOf<StmtKind::kBufferStore> {
  Buffer buffer;
  Expr value;
  Array<Expr> indices;
  Expr predicate;
};

struct BufferRealizeNode : StmtNodeOf<StmtKind::kBufferRealize> {
  Buffer buffer;
  Array<Range> bounds;
  Expr condition;
  Stmt body;
};

struct AllocateNode : StmtNodeOf<StmtKind::kAllocate> {
  Var buffer_var;
  DataType dtype;
  Array<Expr> extents;
  Expr condition;
  Stmt body;
  Attrs annotations;
};

struct AllocateConstNode : StmtNodeOf<StmtKind::kAllocateConst> {
  Var buffer_var;
  DataType dtype;
  Array<Expr> extents;
  const NDArrayNode* data;
  Stmt body;
  Attrs annotations;
};

struct DeclBufferNode : StmtNodeOf<StmtKind::kDeclBuffer> {
  Buffer buffer;
  Stmt body;
};

// At least two statements, none of them a SeqNode.
struct SeqNode : StmtNodeOf<StmtKind::kSeq> {
  Array<Stmt> seq;
};

struct IfThenElseNode : StmtNodeOf<StmtKind::kIfThenElse> {
  Expr condition;
  Stmt then_case;
  Stmt else_case;  // May be null.
};

struct EvaluateNode : StmtNodeOf<StmtKind::kEvaluate> {
  Expr value;
};

// Numeric values as in TVM.
enum class ForKind : uint8_t { kSerial = 0, kParallel = 1, kVectorized = 2, kUnrolled = 3, kThreadBinding = 4 };

struct ForNode : StmtNodeOf<StmtKind::kFor> {
  Var loop_var;
  Expr min;
  Expr extent;
  ForKind for_kind;
  Stmt body;
  IterVar thread_binding;  // Non-null exactly for kThreadBinding.
  Attrs annotations;
};

struct WhileNode : StmtNodeOf<StmtKind::kWhile> {
  Expr condition;
  Stmt body;
};

struct BlockNode : StmtNodeOf<StmtKind::kBlock> {
  Array<IterVar> iter_vars;
  Array<BufferRegion> reads;
  Array<BufferRegion> writes;
  std::string_view name;
  Stmt body;
  Stmt init;  // May be null.
  Array<Buffer> alloc_buffers;
  Array<MatchBufferRegion> match_buffers;
  Attrs annotations;
};

// One value per iter var of the block.
struct BlockRealizeNode : StmtNodeOf<StmtKind::kBlockRealize> {
  Array<Expr> iter_values;
  Expr predicate;
  const BlockNode* block;
};

// ---- construction, in the current arena

Stmt MakeLetStmt(Var var, Expr value, Stmt body);
Stmt MakeAttrStmt(const Object* node, std::string_view key, Expr value, Stmt body);
Stmt MakeAssertStmt(Expr condition, Expr message, Stmt body);
Stmt MakeBufferStore(Buffer buffer, Expr value, Array<Expr> indices, Expr predicate = {});
Stmt MakeBufferRealize(Buffer buffer, Array<Range> bounds, Expr condition, Stmt body);
Stmt MakeAllocate(Var buffer_var, DataType dtype, Array<Expr> extents, Expr condition, Stmt body,
                  Attrs annotations = {});
Stmt MakeAllocateConst(Var buffer_var, DataType dtype, Array<Expr> extents, const NDArrayNode* data, Stmt body,
                       Attrs annotations = {});
Stmt MakeDeclBuffer(Buffer buffer, Stmt body);
// Flattens nested sequences. One statement gives that statement; none gives Evaluate(0).
Stmt MakeSeq(const std::vector<Stmt>& stmts);
Stmt MakeIfThenElse(Expr condition, Stmt then_case, Stmt else_case = {});
Stmt MakeEvaluate(Expr value);
// Evaluate(0), the no-op.
Stmt MakeNop();
// An integer literal min or extent that is narrower than the loop variable is widened to its dtype.
Stmt MakeFor(Var loop_var, Expr min, Expr extent, ForKind kind, Stmt body, IterVar thread_binding = nullptr,
             Attrs annotations = {});
Stmt MakeWhile(Expr condition, Stmt body);
const BlockNode* MakeBlock(Array<IterVar> iter_vars, Array<BufferRegion> reads, Array<BufferRegion> writes,
                           std::string_view name, Stmt body, Stmt init = {}, Array<Buffer> alloc_buffers = {},
                           Array<MatchBufferRegion> match_buffers = {}, Attrs annotations = {});
Stmt MakeBlockRealize(Array<Expr> iter_values, Expr predicate, const BlockNode* block);

// Numbers to constants as TVM normalises annotation values: int -> int32 literal, bool -> bool literal, double ->
// float32 literal.
const Object* AnnotationInt(int64_t value);
const Object* AnnotationBool(bool value);
const Object* AnnotationFloat(double value);

}  // namespace hone::ir
