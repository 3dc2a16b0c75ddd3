#include "common/ir/expr.h"

#include <algorithm>

#include "common/ir/new_object.h"

namespace hone::ir {
namespace {

// Header fields of a new expression node.
template <typename T>
T* NewExpr(ExprKind kind, DataType dtype) {
  T* node = ::new (Arena::Current().Allocate(sizeof(T))) T();
  node->object_kind = ObjectKind::kExpr;
  node->kind = kind;
  node->dtype = dtype;
  return node;
}
template <typename T>
T* NewExpr(DataType dtype) {
  return NewExpr<T>(T::kKind, dtype);
}

// Lanes of a Ramp or Broadcast: a literal, or c * vscale() as -c.
int LanesOf(Expr lanes) {
  if (const int64_t* value = ConstInt(lanes)) return static_cast<int>(*value);
  if (const auto* mul = lanes.as<MulNode>()) {
    const int64_t* c = ConstInt(mul->a) != nullptr ? ConstInt(mul->a) : ConstInt(mul->b);
    if (c != nullptr) return static_cast<int>(-*c);
  }
  return -1;
}

}  // namespace

const TypeNode* PrimType(DataType dtype) {
  auto* node = NewObject<TypeNode>();
  node->kind = TypeKind::kPrim;
  node->dtype = dtype;
  return node;
}

const TypeNode* PointerType(DataType pointee, std::string_view scope) {
  auto* node = NewObject<TypeNode>();
  node->kind = TypeKind::kPointer;
  node->dtype = pointee;
  node->scope = CopyString(scope);
  return node;
}

const TypeNode* TupleType(Array<const TypeNode*> fields) {
  auto* node = NewObject<TypeNode>();
  node->kind = TypeKind::kTuple;
  node->dtype = DataType::Void();
  node->fields = fields;
  return node;
}

const TypeNode* VoidType() { return TupleType(); }

Expr IntImm(DataType dtype, int64_t value) {
  auto* node = NewExpr<IntImmNode>(dtype);
  node->value = value;
  return node;
}

Expr FloatImm(DataType dtype, double value) {
  auto* node = NewExpr<FloatImmNode>(dtype);
  node->value = value;
  return node;
}

Expr StringImm(std::string_view value) {
  auto* node = NewExpr<StringImmNode>(DataType::Handle());
  node->value = CopyString(value);
  return node;
}

Var MakeVar(std::string_view name, const TypeNode* type) {
  const DataType dtype = type->kind == TypeKind::kPointer ? DataType::Handle() : type->dtype;
  auto* node = NewExpr<VarNode>(dtype);
  node->name = CopyString(name);
  node->type = type;
  node->is_size_var = false;
  return Var(node);
}

Var MakeVar(std::string_view name, DataType dtype) { return MakeVar(name, PrimType(dtype)); }

Var MakeSizeVar(std::string_view name, DataType dtype) {
  auto* node = CopyNode(MakeVar(name, dtype).get());
  node->is_size_var = true;
  return Var(node);
}

Var CopyVar(Var var, std::string_view name) {
  auto* node = CopyNode(var.get());
  if (name.data() != var.name().data() || name.size() != var.name().size()) node->name = CopyString(name);
  return Var(node);
}

Expr MakeCast(DataType dtype, Expr value) {
  auto* node = NewExpr<CastNode>(dtype);
  node->value = value;
  return node;
}

Expr MakeBinary(ExprKind kind, Expr a, Expr b) {
  HONE_CHECK(a && b) << "null operand";
  HONE_CHECK(a.dtype() == b.dtype()) << "mismatched types " << a.dtype().ToString() << " and " << b.dtype().ToString();
  DataType dtype = a.dtype();
  if (kind >= ExprKind::kEQ) dtype = DataType::Bool(dtype.lanes);
  auto* node = NewExpr<BinaryNode>(kind, dtype);
  node->a = a;
  node->b = b;
  return node;
}

Expr MakeNot(Expr a) {
  auto* node = NewExpr<NotNode>(DataType::Bool(a.dtype().lanes));
  node->a = a;
  return node;
}

Expr MakeSelect(Expr condition, Expr true_value, Expr false_value) {
  HONE_CHECK(true_value.dtype() == false_value.dtype());
  auto* node = NewExpr<SelectNode>(true_value.dtype());
  node->condition = condition;
  node->true_value = true_value;
  node->false_value = false_value;
  return node;
}

Expr MakeRamp(Expr base, Expr stride, Expr lanes) {
  auto* node = NewExpr<RampNode>(base.dtype().with_lanes(LanesOf(lanes)));
  node->base = base;
  node->stride = stride;
  node->lanes = lanes;
  return node;
}
Expr MakeRamp(Expr base, Expr stride, int lanes) { return MakeRamp(base, stride, Int32(lanes)); }

Expr MakeBroadcast(Expr value, Expr lanes) {
  auto* node = NewExpr<BroadcastNode>(value.dtype().with_lanes(LanesOf(lanes)));
  node->value = value;
  node->lanes = lanes;
  return node;
}
Expr MakeBroadcast(Expr value, int lanes) { return MakeBroadcast(value, Int32(lanes)); }

Expr MakeLet(Var var, Expr value, Expr body) {
  auto* node = NewExpr<LetNode>(body.dtype());
  node->var = var;
  node->value = value;
  node->body = body;
  return node;
}

Expr MakeCall(DataType dtype, Builtin op, Array<Expr> args) {
  auto* node = NewExpr<CallNode>(dtype);
  node->function = nullptr;
  node->op = op;
  node->args = args;
  return node;
}
Expr MakeCall(DataType dtype, Builtin op, std::initializer_list<Expr> args) {
  return MakeCall(dtype, op, MakeArray(args));
}
Expr MakeCall(DataType dtype, const GlobalVarNode* function, Array<Expr> args) {
  auto* node = NewExpr<CallNode>(dtype);
  node->function = function;
  node->op = Builtin::abs;
  node->args = args;
  return node;
}

Expr MakeShuffle(Array<Expr> vectors, Array<Expr> indices) {
  auto* node = NewExpr<ShuffleNode>(vectors[0].dtype().with_lanes(static_cast<int>(indices.size())));
  node->vectors = vectors;
  node->indices = indices;
  return node;
}

Expr MakeReduce(const CommReducerNode* combiner, Array<Expr> source, Array<Expr> init, Array<IterVar> axis,
                Expr condition, int value_index) {
  auto* node = NewExpr<ReduceNode>(source[static_cast<size_t>(value_index)].dtype());
  node->combiner = combiner;
  node->source = source;
  node->init = init;
  node->axis = axis;
  node->condition = condition;
  node->value_index = value_index;
  return node;
}

Expr MakeAny() { return NewExpr<AnyNode>(kInt32); }

const GlobalVarNode* MakeGlobalVar(std::string_view name) {
  auto* node = NewObject<GlobalVarNode>();
  node->name = CopyString(name);
  return node;
}

IterVar MakeIterVar(Range dom, Var var, IterType type, std::string_view thread_tag) {
  auto* node = NewObject<IterVarNode>();
  node->dom = dom;
  node->var = var;
  node->iter_type = type;
  node->thread_tag = CopyString(thread_tag);
  return node;
}

const IndexMapNode* MakeIndexMap(Array<Var> initial, Array<Expr> final, const IndexMapNode* inverse) {
  auto* node = NewObject<IndexMapNode>();
  node->initial_indices = initial;
  node->final_indices = final;
  node->inverse = inverse;
  return node;
}

const RangeNode* RangeObject(Range range) {
  auto* node = NewObject<RangeNode>();
  node->min = range.min;
  node->extent = range.extent;
  return node;
}

}  // namespace hone::ir
