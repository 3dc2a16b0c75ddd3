// Expressions of tensor IR: a closed set of immutable nodes, each with a dtype, reached through one-pointer handles.
// Node constructors here (MakeX) build exactly what they are asked for; common/ir/ops.h has the operators that match
// dtypes and fold constants. Both operands of a binary node have the same dtype (a CHECK).
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "common/ir/arena.h"
#include "common/ir/builtin.h"
#include "common/ir/dtype.h"
#include "common/ir/object.h"

namespace hone::ir {

enum class ExprKind : uint8_t {
  kVar,
  kIntImm,
  kFloatImm,
  kStringImm,
  kCast,
  // Binary: first kAdd, last kOr.
  kAdd,
  kSub,
  kMul,
  kDiv,  // Truncated for integers, true division for floats.
  kMod,  // Truncated.
  kFloorDiv,
  kFloorMod,
  kMin,
  kMax,
  kEQ,
  kNE,
  kLT,
  kLE,
  kGT,
  kGE,
  kAnd,
  kOr,
  kNot,
  kSelect,
  kBufferLoad,
  kRamp,
  kBroadcast,
  kLet,
  kCall,
  kShuffle,
  kReduce,
  kAny,
};

struct ExprNode : Object {
  ExprKind kind;
  DataType dtype;
};

// A handle to an expression, maybe null. operator== compares identity (use EQ of ops.h to build a comparison, and
// StructuralEqual for structure).
class Expr {
 public:
  Expr() = default;
  Expr(const ExprNode* node) : node_(node) {}  // NOLINT: a node is an expression.

  const ExprNode* get() const { return node_; }
  const ExprNode* operator->() const { return node_; }
  explicit operator bool() const { return node_ != nullptr; }
  bool same_as(Expr other) const { return node_ == other.node_; }
  friend bool operator==(Expr a, Expr b) { return a.node_ == b.node_; }

  ExprKind kind() const { return node_->kind; }
  DataType dtype() const { return node_->dtype; }
  // Null when this is null or of another kind.
  template <typename T>
  const T* as() const {
    return node_ != nullptr && T::Is(node_->kind) ? static_cast<const T*>(node_) : nullptr;
  }

  template <typename H>
  friend H AbslHashValue(H h, Expr e) {
    return H::combine(std::move(h), e.node_);
  }

 protected:
  const ExprNode* node_ = nullptr;
};

template <ExprKind K, typename Base = ExprNode>
struct ExprNodeOf : Base {
  static constexpr ExprKind kKind = K;
  static constexpr bool Is(ExprKind kind) { return kind == K; }
};

// ---- types of variables and functions

enum class TypeKind : uint8_t { kPrim, kPointer, kTuple };

// kPrim: dtype. kPointer: dtype of the pointee and a storage scope ("" means global). kTuple: fields; none = void.
struct TypeNode : Object {
  static constexpr ObjectKind kObjectKind = ObjectKind::kType;
  TypeKind kind;
  DataType dtype;
  std::string_view scope;
  Array<const TypeNode*> fields;
};

const TypeNode* PrimType(DataType dtype);
const TypeNode* PointerType(DataType pointee, std::string_view scope = {});
const TypeNode* TupleType(Array<const TypeNode*> fields = {});
const TypeNode* VoidType();

// ---- leaves

// Identity is the node's address. `type` is never null (PrimType(dtype) when nothing more is known).
struct VarNode : ExprNodeOf<ExprKind::kVar> {
  std::string_view name;
  const TypeNode* type;
  bool is_size_var;  // Known not to be negative.
};

struct IntImmNode : ExprNodeOf<ExprKind::kIntImm> {
  int64_t value;  // uint64 literals above INT64_MAX keep their bits.
};

struct FloatImmNode : ExprNodeOf<ExprKind::kFloatImm> {
  double value;  // As given; rounded to the dtype only by folding.
};

struct StringImmNode : ExprNodeOf<ExprKind::kStringImm> {
  std::string_view value;
};

// A handle that is known to be a variable (or null).
class Var : public Expr {
 public:
  Var() = default;
  Var(const VarNode* node) : Expr(node) {}  // NOLINT
  const VarNode* get() const { return static_cast<const VarNode*>(node_); }
  const VarNode* operator->() const { return get(); }
  std::string_view name() const { return get()->name; }
};

// ---- composite expressions

struct CastNode : ExprNodeOf<ExprKind::kCast> {
  Expr value;
};

struct BinaryNode : ExprNode {
  static constexpr bool Is(ExprKind kind) { return kind >= ExprKind::kAdd && kind <= ExprKind::kOr; }
  Expr a;
  Expr b;
};
template <ExprKind K>
using BinaryNodeOf = ExprNodeOf<K, BinaryNode>;
using AddNode = BinaryNodeOf<ExprKind::kAdd>;
using SubNode = BinaryNodeOf<ExprKind::kSub>;
using MulNode = BinaryNodeOf<ExprKind::kMul>;
using DivNode = BinaryNodeOf<ExprKind::kDiv>;
using ModNode = BinaryNodeOf<ExprKind::kMod>;
using FloorDivNode = BinaryNodeOf<ExprKind::kFloorDiv>;
using FloorModNode = BinaryNodeOf<ExprKind::kFloorMod>;
using MinNode = BinaryNodeOf<ExprKind::kMin>;
using MaxNode = BinaryNodeOf<ExprKind::kMax>;
using EQNode = BinaryNodeOf<ExprKind::kEQ>;
using NENode = BinaryNodeOf<ExprKind::kNE>;
using LTNode = BinaryNodeOf<ExprKind::kLT>;
using LENode = BinaryNodeOf<ExprKind::kLE>;
using GTNode = BinaryNodeOf<ExprKind::kGT>;
using GENode = BinaryNodeOf<ExprKind::kGE>;
using AndNode = BinaryNodeOf<ExprKind::kAnd>;
using OrNode = BinaryNodeOf<ExprKind::kOr>;

constexpr bool IsComparison(ExprKind kind) { return kind >= ExprKind::kEQ && kind <= ExprKind::kGE; }
constexpr bool IsArithmetic(ExprKind kind) { return kind >= ExprKind::kAdd && kind <= ExprKind::kMax; }

struct NotNode : ExprNodeOf<ExprKind::kNot> {
  Expr a;
};

// Evaluates both branches (unlike if_then_else).
struct SelectNode : ExprNodeOf<ExprKind::kSelect> {
  Expr condition;
  Expr true_value;
  Expr false_value;
};

struct BufferNode;
class Buffer;

// dtype: the buffer's with the lanes of the last index, which alone may be a vector. predicate may be null.
struct BufferLoadNode : ExprNodeOf<ExprKind::kBufferLoad> {
  const BufferNode* buffer;
  Array<Expr> indices;
  Expr predicate;
};

struct RampNode : ExprNodeOf<ExprKind::kRamp> {
  Expr base;
  Expr stride;
  Expr lanes;  // int32 literal, or c * vscale().
};

struct BroadcastNode : ExprNodeOf<ExprKind::kBroadcast> {
  Expr value;
  Expr lanes;
};

struct LetNode : ExprNodeOf<ExprKind::kLet> {
  Var var;
  Expr value;
  Expr body;
};

// A function of the module as a callee; unique by name in its module.
struct GlobalVarNode : Object {
  static constexpr ObjectKind kObjectKind = ObjectKind::kGlobalVar;
  std::string_view name;
};

struct CallNode : ExprNodeOf<ExprKind::kCall> {
  const GlobalVarNode* function;  // Null for a builtin.
  Builtin op;                     // Valid when `function` is null.
  Array<Expr> args;
  // Non-expression arguments such as a Buffer are not kept here: see script.md for how they print.

  bool Is(Builtin builtin) const { return function == nullptr && op == builtin; }
  static constexpr bool Is(ExprKind kind) { return kind == ExprKind::kCall; }
};

struct ShuffleNode : ExprNodeOf<ExprKind::kShuffle> {
  Array<Expr> vectors;
  Array<Expr> indices;
};

struct RangeNode : Object {
  static constexpr ObjectKind kObjectKind = ObjectKind::kRange;
  Expr min;
  Expr extent;
};

// A half-open interval [min, min + extent) as a value.
struct Range {
  Expr min;
  Expr extent;
  explicit operator bool() const { return static_cast<bool>(extent); }
  // The very same expressions.
  friend bool operator==(const Range& a, const Range& b) { return a.min == b.min && a.extent == b.extent; }
};

// Numeric values as in TVM.
enum class IterType : uint8_t {
  kSpatial = 0,  // Data parallel.
  kThreadIndex = 1,
  kReduce = 2,
  kScan = 3,  // Ordered.
  kOpaque = 4,
  kUnrolled = 5,
  kVectorized = 6,
  kParallelized = 7,
  kTensorized = 8,
};

// Identity is the node's address, but everything works on its `var`. `dom` may be undefined (null extent).
struct IterVarNode : Object {
  static constexpr ObjectKind kObjectKind = ObjectKind::kIterVar;
  Range dom;
  Var var;
  IterType iter_type;
  std::string_view thread_tag;
};
using IterVar = const IterVarNode*;

struct CommReducerNode : Object {
  static constexpr ObjectKind kObjectKind = ObjectKind::kCommReducer;
  Array<Var> lhs;
  Array<Var> rhs;
  Array<Expr> result;
  Array<Expr> identity;
};

// Tensor-expression level only: parsed and printed, refused by everything else.
struct ReduceNode : ExprNodeOf<ExprKind::kReduce> {
  const CommReducerNode* combiner;
  Array<Expr> source;
  Array<Expr> init;
  Array<IterVar> axis;
  Expr condition;
  int value_index;
};

struct AnyNode : ExprNodeOf<ExprKind::kAny> {};

// lambda initial_indices: final_indices.
struct IndexMapNode : Object {
  static constexpr ObjectKind kObjectKind = ObjectKind::kIndexMap;
  Array<Var> initial_indices;
  Array<Expr> final_indices;
  const IndexMapNode* inverse;  // May be null.
};

// ---- construction, exactly as asked; everything goes into the current arena

Expr IntImm(DataType dtype, int64_t value);
inline Expr Int32(int64_t value) { return IntImm(kInt32, value); }
inline Expr BoolImm(bool value) { return IntImm(kBool, value); }
Expr FloatImm(DataType dtype, double value);
Expr StringImm(std::string_view value);
Var MakeVar(std::string_view name, DataType dtype);
Var MakeVar(std::string_view name, const TypeNode* type);  // dtype is the type's, handle for a pointer.
Var MakeSizeVar(std::string_view name, DataType dtype);
// A new variable with the type of `var` and another name.
Var CopyVar(Var var, std::string_view name);
inline Var CopyVar(Var var) { return CopyVar(var, var.name()); }

Expr MakeCast(DataType dtype, Expr value);
// `kind` is one of kAdd..kOr; dtype is bool (with the lanes) for comparisons and logic.
Expr MakeBinary(ExprKind kind, Expr a, Expr b);
Expr MakeNot(Expr a);
Expr MakeSelect(Expr condition, Expr true_value, Expr false_value);
Expr MakeRamp(Expr base, Expr stride, Expr lanes);
Expr MakeRamp(Expr base, Expr stride, int lanes);
Expr MakeBroadcast(Expr value, Expr lanes);
Expr MakeBroadcast(Expr value, int lanes);
Expr MakeLet(Var var, Expr value, Expr body);
Expr MakeCall(DataType dtype, Builtin op, Array<Expr> args);
Expr MakeCall(DataType dtype, Builtin op, std::initializer_list<Expr> args);
Expr MakeCall(DataType dtype, const GlobalVarNode* function, Array<Expr> args);
Expr MakeShuffle(Array<Expr> vectors, Array<Expr> indices);
// dtype of source[value_index].
Expr MakeReduce(const CommReducerNode* combiner, Array<Expr> source, Array<Expr> init, Array<IterVar> axis,
                Expr condition, int value_index);
Expr MakeAny();
const GlobalVarNode* MakeGlobalVar(std::string_view name);
IterVar MakeIterVar(Range dom, Var var, IterType type, std::string_view thread_tag = {});
const IndexMapNode* MakeIndexMap(Array<Var> initial, Array<Expr> final, const IndexMapNode* inverse = nullptr);
const RangeNode* RangeObject(Range range);
inline Range RangeFromExtent(Expr extent) { return Range{IntImm(extent.dtype(), 0), extent}; }

// ---- looking at constants

inline bool IsConstInt(Expr e, int64_t value) {
  const auto* imm = e.as<IntImmNode>();
  return imm != nullptr && imm->value == value;
}
inline bool IsZero(Expr e) { return IsConstInt(e, 0); }
inline bool IsOne(Expr e) { return IsConstInt(e, 1); }
// True for the bool literal true.
inline bool IsTrue(Expr e) { return e && e.dtype().is_bool() && IsOne(e); }
inline bool IsFalse(Expr e) { return e && e.dtype().is_bool() && IsZero(e); }
// Null when `e` is no integer literal.
inline const int64_t* ConstInt(Expr e) {
  const auto* imm = e.as<IntImmNode>();
  return imm != nullptr ? &imm->value : nullptr;
}

}  // namespace hone::ir

template <>
struct std::hash<hone::ir::Expr> {
  size_t operator()(hone::ir::Expr e) const { return std::hash<const void*>()(e.get()); }
};
template <>
struct std::hash<hone::ir::Var> : std::hash<hone::ir::Expr> {};
