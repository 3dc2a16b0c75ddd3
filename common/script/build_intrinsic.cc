// T.<name>: literals, node constructors, intrinsics, and what else is called.
#include <cmath>
#include <limits>

#include "common/ir/ops.h"
#include "common/script/builder.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

using ir::Buffer;
using ir::Builtin;
using ir::DataType;
using ir::Expr;
using ir::ExprKind;

bool IsIntLike(DataType t) { return t.is_int() || t.is_uint(); }

struct NamedKind {
  std::string_view name;
  ExprKind kind;
  bool fold;  // The lower-case functions fold; the constructors build what they are given.
};
constexpr NamedKind kBinaries[] = {
    {"Add", ExprKind::kAdd, false},
    {"Sub", ExprKind::kSub, false},
    {"Mul", ExprKind::kMul, false},
    {"Div", ExprKind::kDiv, false},
    {"Mod", ExprKind::kMod, false},
    {"FloorDiv", ExprKind::kFloorDiv, false},
    {"FloorMod", ExprKind::kFloorMod, false},
    {"Min", ExprKind::kMin, false},
    {"Max", ExprKind::kMax, false},
    {"EQ", ExprKind::kEQ, false},
    {"NE", ExprKind::kNE, false},
    {"LT", ExprKind::kLT, false},
    {"LE", ExprKind::kLE, false},
    {"GT", ExprKind::kGT, false},
    {"GE", ExprKind::kGE, false},
    {"And", ExprKind::kAnd, false},
    {"Or", ExprKind::kOr, false},
    {"min", ExprKind::kMin, true},
    {"max", ExprKind::kMax, true},
    {"truncdiv", ExprKind::kDiv, true},
    {"truncmod", ExprKind::kMod, true},
    {"floordiv", ExprKind::kFloorDiv, true},
    {"floormod", ExprKind::kFloorMod, true},
};

// How the result type of an intrinsic follows from its arguments, for those where nothing else says so.
enum class Result : uint8_t { kFirstArg, kSecondArg, kBool, kInt32, kHandle, kVoid, kUInt32, kUInt64 };

struct ResultRow {
  Builtin op;
  Result result;
};
constexpr ResultRow kResults[] = {
    {Builtin::isnan, Result::kBool},
    {Builtin::isinf, Result::kBool},
    {Builtin::isfinite, Result::kBool},
    {Builtin::isnullptr, Result::kBool},
    {Builtin::assume, Result::kBool},
    {Builtin::clz, Result::kInt32},
    {Builtin::undef, Result::kInt32},
    {Builtin::vscale, Result::kInt32},
    {Builtin::dp4a, Result::kInt32},
    {Builtin::q_multiply_shift, Result::kInt32},
    {Builtin::q_multiply_shift_per_axis, Result::kInt32},
    {Builtin::address_of, Result::kHandle},
    {Builtin::lookup_param, Result::kHandle},
    {Builtin::tvm_access_ptr, Result::kHandle},
    {Builtin::tvm_storage_sync, Result::kInt32},
    {Builtin::tvm_thread_allreduce, Result::kHandle},
    {Builtin::tvm_thread_context, Result::kHandle},
    {Builtin::tvm_warp_shuffle, Result::kSecondArg},
    {Builtin::tvm_warp_shuffle_up, Result::kSecondArg},
    {Builtin::tvm_warp_shuffle_down, Result::kSecondArg},
    {Builtin::tvm_warp_activemask, Result::kUInt32},
    {Builtin::tvm_load_matrix_sync, Result::kHandle},
    {Builtin::tvm_mma_sync, Result::kHandle},
    {Builtin::tvm_bmma_sync, Result::kHandle},
    {Builtin::tvm_fill_fragment, Result::kHandle},
    {Builtin::tvm_store_matrix_sync, Result::kHandle},
    {Builtin::make_filled_simdgroup_matrix, Result::kHandle},
    {Builtin::simdgroup_load, Result::kHandle},
    {Builtin::simdgroup_store, Result::kHandle},
    {Builtin::simdgroup_multiply_accumulate, Result::kHandle},
    {Builtin::ptx_commit_group, Result::kVoid},
    {Builtin::ptx_wait_group, Result::kVoid},
    {Builtin::ptx_cp_async_barrier, Result::kVoid},
    {Builtin::ptx_init_barrier_thread_count, Result::kVoid},
    {Builtin::ptx_arrive_barrier, Result::kVoid},
    {Builtin::ptx_arrive_barrier_expect_tx, Result::kVoid},
    {Builtin::ptx_wait_barrier, Result::kVoid},
    {Builtin::create_barriers, Result::kVoid},
    {Builtin::tvm_call_packed, Result::kInt32},
    {Builtin::tvm_call_cpacked, Result::kInt32},
    {Builtin::tvm_call_packed_lowered, Result::kInt32},
    {Builtin::tvm_call_cpacked_lowered, Result::kInt32},
    {Builtin::tvm_call_trace_packed_lowered, Result::kInt32},
    {Builtin::tvm_tuple, Result::kHandle},
    {Builtin::tvm_struct_set, Result::kInt32},
    {Builtin::tvm_stack_alloca, Result::kHandle},
    {Builtin::tvm_stack_make_shape, Result::kHandle},
    {Builtin::tvm_stack_make_array, Result::kHandle},
    {Builtin::tvm_check_return, Result::kInt32},
    {Builtin::tvm_throw_last_error, Result::kHandle},
    {Builtin::tvm_context_id, Result::kInt32},
    {Builtin::tvm_static_handle, Result::kHandle},
    {Builtin::tvm_global_barrier_kinit, Result::kVoid},
    {Builtin::anylist_getitem, Result::kHandle},
    {Builtin::anylist_resetitem, Result::kInt32},
    {Builtin::anylist_setitem_call_packed, Result::kInt32},
    {Builtin::anylist_setitem_call_cpacked, Result::kInt32},
    {Builtin::start_profile_intrinsic, Result::kHandle},
    {Builtin::end_profile_intrinsic, Result::kHandle},
    {Builtin::TVMBackendAllocWorkspace, Result::kHandle},
    {Builtin::TVMBackendFreeWorkspace, Result::kInt32},
    {Builtin::nd_mem_alloc_with_scope, Result::kHandle},
    {Builtin::texture2d_store, Result::kHandle},
    {Builtin::dma_copy, Result::kInt32},
    {Builtin::dma_wait, Result::kInt32},
    {Builtin::dma_start_group, Result::kInt32},
    {Builtin::dma_end_group, Result::kInt32},
    {Builtin::mem_copy, Result::kInt32},
    {Builtin::prefetch, Result::kVoid},
    {Builtin::atomic_add, Result::kSecondArg},
    {Builtin::large_uint_imm, Result::kUInt64},
};

Result ResultOf(Builtin op) {
  for (const ResultRow& row : kResults) {
    if (row.op == op) return row.result;
  }
  return Result::kFirstArg;
}

// Names of the script that differ from the builtin's own.
std::string_view BuiltinNameOf(std::string_view name) {
  if (name == "call_packed") return "tvm_call_packed";
  if (name == "call_cpacked") return "tvm_call_cpacked";
  if (name == "call_packed_lowered") return "tvm_call_packed_lowered";
  if (name == "call_cpacked_lowered") return "tvm_call_cpacked_lowered";
  return name;
}

Expr FoldBits(Builtin op, Expr a, Expr b) {
  const int64_t* x = ir::ConstInt(a);
  const int64_t* y = ir::ConstInt(b);
  if (x == nullptr || y == nullptr) return {};
  switch (op) {
    case Builtin::bitwise_and:
      return ir::IntImm(a.dtype(), *x & *y);
    case Builtin::bitwise_or:
      return ir::IntImm(a.dtype(), *x | *y);
    case Builtin::bitwise_xor:
      return ir::IntImm(a.dtype(), *x ^ *y);
    default:
      return {};
  }
}

}  // namespace

Builder::Or<std::vector<Expr>> Builder::CallArgs(const Arguments& args, size_t from) {
  std::vector<Expr> out;
  for (size_t i = from; i < args.positional.size(); ++i) {
    const Value& value = args.positional[i];
    if (value.kind == ValueKind::kBuffer && args.callee.find("packed") != std::string_view::npos) {
      HONE_ASSIGN_OR_RETURN(const Expr packed, PackBuffer(value.buffer()));
      out.push_back(packed);
      continue;
    }
    HONE_ASSIGN_OR_RETURN(const Expr e, ToExpr(value, args.at));
    out.push_back(e);
  }
  return out;
}

Builder::Or<Expr> Builder::PackBuffer(Buffer buffer) {
  const Expr shape = ir::MakeCall(DataType::Handle(), Builtin::tvm_stack_make_shape, buffer->shape);
  const Expr strides = buffer->strides.empty()
                           ? ir::Int32(0)
                           : ir::MakeCall(DataType::Handle(), Builtin::tvm_stack_make_shape, buffer->strides);
  return ir::MakeCall(DataType::Handle(), Builtin::tvm_stack_make_array,
                      {buffer->data, shape, strides, ir::Int32(static_cast<int64_t>(buffer->shape.size())),
                       ir::ConstOf(buffer->dtype.element(), 0), buffer->elem_offset});
}

Builder::Or<Value> Builder::CallDtype(DataType dtype, const Arguments& args) {
  HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"expr", "is_size_var"}, 0));
  if (dtype.is_void()) return Error(args.at, "T.void has no values");
  if (v[0].is_none()) {
    bool is_size_var = false;
    if (!v[1].is_none()) {
      HONE_ASSIGN_OR_RETURN(is_size_var, ToBool(v[1], args.at, "is_size_var"));
    }
    const ir::Var var = is_size_var ? ir::MakeSizeVar("", dtype) : ir::MakeVar("", dtype);
    bare_vars_.insert(var.get());
    return Value::Of(Expr(var));
  }
  if (v[0].kind == ValueKind::kString) {
    const std::string_view text = v[0].text;
    double number;
    if (text == "inf") {
      number = std::numeric_limits<double>::infinity();
    } else if (text == "-inf") {
      number = -std::numeric_limits<double>::infinity();
    } else if (text == "nan" || text == "-nan") {
      number = std::numeric_limits<double>::quiet_NaN();
    } else {
      return Error(args.at, StrCat("expected \"inf\", \"-inf\" or \"nan\", found \"", text, "\""));
    }
    if (!dtype.is_any_float()) return Error(args.at, StrCat(dtype.ToString(), " has no such value"));
    return Value::Of(ir::Const(dtype, number));
  }
  if (v[0].is_number()) {
    if (v[0].kind == ValueKind::kFloat && IsIntLike(dtype)) {
      HONE_ASSIGN_OR_RETURN(const Expr number, NumberToExpr(v[0], args.at));
      return Value::Of(ir::Cast(dtype, number));
    }
    HONE_ASSIGN_OR_RETURN(const Expr literal, LiteralOf(dtype, v[0], args.at));
    return Value::Of(literal);
  }
  HONE_ASSIGN_OR_RETURN(const Expr e, ToExpr(v[0], args.at));
  if (e.dtype().is_void() || (e.dtype().is_handle() && !dtype.is_handle())) {
    return Error(args.at,
                 StrCat("a value of type ", e.dtype().ToString(true), " does not convert to ", dtype.ToString()));
  }
  if (!e.dtype().is_scalar() && e.dtype().lanes != dtype.lanes) {
    return Error(args.at, StrCat("a value of type ", e.dtype().ToString(), " does not convert to ", dtype.ToString()));
  }
  return Value::Of(ir::Cast(dtype, e));
}

Builder::Or<Value> Builder::CallNode(std::string_view name, const Arguments& args, bool* found) {
  *found = true;
  for (const NamedKind& row : kBinaries) {
    if (row.name != name) continue;
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"a", "b"}, 2));
    if (row.fold && v[0].is_number() && v[1].is_number() && (name == "min" || name == "max")) {
      HONE_ASSIGN_OR_RETURN(const Value less, Compare("<", v[1], v[0], args.at));
      return (less.integer != 0) == (name == "min") ? v[1] : v[0];
    }
    Expr a, b;
    if (v[0].is_number() && !v[1].is_number()) {
      HONE_ASSIGN_OR_RETURN(b, ToExpr(v[1], args.at));
      HONE_ASSIGN_OR_RETURN(a, ToExprLike(v[0], b.dtype(), args.at));
    } else {
      HONE_ASSIGN_OR_RETURN(a, ToExpr(v[0], args.at));
      HONE_ASSIGN_OR_RETURN(b, ToExprLike(v[1], a.dtype(), args.at));
    }
    HONE_ASSIGN_OR_RETURN(const Expr e, BuildBinary(row.kind, a, b, row.fold, args.at));
    return Value::Of(e);
  }
  if (name == "Not") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"a"}, 1));
    HONE_ASSIGN_OR_RETURN(const Expr a, ToExpr(v[0], args.at));
    if (a.dtype().element() != ir::kBool) return Error(args.at, "T.Not needs a bool");
    return Value::Of(ir::MakeNot(a));
  }
  if (name == "Select" || name == "if_then_else") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"condition", "true_value", "false_value"}, 3));
    HONE_ASSIGN_OR_RETURN(const Expr condition,
                          v[0].kind == ValueKind::kBool ? Or<Expr>(ir::BoolImm(v[0].integer)) : ToExpr(v[0], args.at));
    Expr a, b;
    if (v[1].is_number() && !v[2].is_number()) {
      HONE_ASSIGN_OR_RETURN(b, ToExpr(v[2], args.at));
      HONE_ASSIGN_OR_RETURN(a, ToExprLike(v[1], b.dtype(), args.at));
    } else {
      HONE_ASSIGN_OR_RETURN(a, ToExpr(v[1], args.at));
      HONE_ASSIGN_OR_RETURN(b, ToExprLike(v[2], a.dtype(), args.at));
    }
    if (condition.dtype().element() != ir::kBool) {
      return Error(args.at, StrCat("the condition has type ", condition.dtype().ToString(true), ", not bool"));
    }
    if (!(a.dtype() == b.dtype())) {
      HONE_RETURN_IF_ERROR(SameType(a, b, args.at));
      ir::MatchTypes(a, b);
    }
    if (name == "Select") return Value::Of(ir::MakeSelect(condition, a, b));
    return Value::Of(ir::IfThenElse(condition, a, b));
  }
  if (name == "Cast" || name == "cast") {
    HONE_ASSIGN_OR_RETURN(const auto v,
                          name == "Cast" ? Bind(args, {"dtype", "value"}, 2) : Bind(args, {"value", "dtype"}, 2));
    HONE_ASSIGN_OR_RETURN(const DataType dtype, ToDtype(v[name == "Cast" ? 0 : 1], args.at));
    HONE_ASSIGN_OR_RETURN(const Expr e, ToExpr(v[name == "Cast" ? 1 : 0], args.at));
    if (dtype.is_void() || e.dtype().is_void()) return Error(args.at, "nothing converts to or from void");
    if (name == "Cast") return Value::Of(ir::MakeCast(dtype, e));
    if (!e.dtype().is_scalar() && e.dtype().lanes != dtype.lanes) {
      return Error(args.at,
                   StrCat("a value of type ", e.dtype().ToString(), " does not convert to ", dtype.ToString()));
    }
    return Value::Of(ir::Cast(dtype, e));
  }
  auto lanes_of = [&](const Value& v) -> Or<Expr> {
    HONE_ASSIGN_OR_RETURN(const Expr lanes, ToIndex(v, args.at));
    if (const int64_t* number = ir::ConstInt(lanes); number != nullptr && (*number < 1 || *number > 32767)) {
      return Error(args.at, StrCat("a vector of ", *number, " lanes"));
    }
    return lanes;
  };
  if (name == "Ramp" || name == "ramp") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"base", "stride", "lanes"}, 3));
    HONE_ASSIGN_OR_RETURN(const Expr base, ToExpr(v[0], args.at));
    HONE_ASSIGN_OR_RETURN(const Expr stride, ToExprLike(v[1], base.dtype(), args.at));
    HONE_ASSIGN_OR_RETURN(const Expr lanes, lanes_of(v[2]));
    if (!IsIntLike(base.dtype()) || !base.dtype().is_scalar() || !(stride.dtype() == base.dtype())) {
      return Error(args.at, "base and stride of T.Ramp are integers of one type");
    }
    return Value::Of(ir::MakeRamp(base, stride, lanes));
  }
  if (name == "Broadcast" || name == "broadcast") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"value", "lanes"}, 2));
    HONE_ASSIGN_OR_RETURN(const Expr value, ToExpr(v[0], args.at));
    HONE_ASSIGN_OR_RETURN(const Expr lanes, lanes_of(v[1]));
    if (!value.dtype().is_scalar()) return Error(args.at, "T.Broadcast needs a scalar");
    return Value::Of(ir::MakeBroadcast(value, lanes));
  }
  if (name == "Shuffle") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"vectors", "indices"}, 2));
    HONE_ASSIGN_OR_RETURN(const std::vector<Expr> vectors, ToExprs(v[0], args.at));
    HONE_ASSIGN_OR_RETURN(const std::vector<Expr> indices, ToExprs(v[1], args.at));
    if (vectors.empty() || indices.empty()) return Error(args.at, "T.Shuffle needs vectors and indices");
    return Value::Of(ir::MakeShuffle(ir::MakeArray(vectors), ir::MakeArray(indices)));
  }
  if (name == "Let") return LetExpr(args);
  if (name == "Any") return Value::Of(Expr(ir::MakeAny()));
  if (name == "BufferLoad") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"buffer", "indices", "predicate"}, 2));
    if (v[0].kind != ValueKind::kBuffer || !v[1].is_sequence()) {
      return Error(args.at, "T.BufferLoad needs a buffer and a list of indices");
    }
    Expr predicate;
    if (!v[2].is_none()) {
      HONE_ASSIGN_OR_RETURN(predicate, ToExpr(v[2], args.at));
    }
    HONE_ASSIGN_OR_RETURN(const Expr load, ToLoad({v[0].buffer(), v[1].items()}, predicate, args.at));
    return Value::Of(load);
  }
  if (name == "IntImm" || name == "FloatImm") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"dtype", "value"}, 2));
    HONE_ASSIGN_OR_RETURN(const DataType dtype, ToDtype(v[0], args.at));
    if (!v[1].is_number()) return Error(args.at, StrCat("T.", name, " needs a number"));
    if (!dtype.is_scalar() || (name == "FloatImm") != dtype.is_any_float()) {
      return Error(args.at, StrCat(dtype.ToString(true), " is no type of T.", name));
    }
    HONE_ASSIGN_OR_RETURN(const Expr literal, LiteralOf(dtype, v[1], args.at));
    return Value::Of(literal);
  }
  if (name == "StringImm") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"value"}, 1));
    HONE_ASSIGN_OR_RETURN(const std::string_view text, ToString(v[0], args.at, "T.StringImm"));
    return Value::Of(ir::StringImm(text));
  }
  if (name == "Var" || name == "SizeVar" || name == "var") {
    Arguments ordered = args;
    if (name == "var") ordered.positional.insert(ordered.positional.begin(), Value::String(""));
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(ordered, {"name", "dtype"}, 2));
    HONE_ASSIGN_OR_RETURN(const std::string_view text, ToString(v[0], args.at, "the name of a variable"));
    if (v[1].kind == ValueKind::kExpr && v[1].expr().as<ir::VarNode>() != nullptr) {
      return Value::Of(Expr(ir::MakeVar(text, v[1].expr().as<ir::VarNode>()->type)));
    }
    HONE_ASSIGN_OR_RETURN(const DataType dtype, ToDtype(v[1], args.at));
    return Value::Of(Expr(name == "SizeVar" ? ir::MakeSizeVar(text, dtype) : ir::MakeVar(text, dtype)));
  }
  if (name == "Range") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"begin", "end"}, 1));
    HONE_ASSIGN_OR_RETURN(const ir::Range range, ToRange(v[1].is_none() ? v[0] : Sequence({v[0], v[1]}), args.at));
    return Value::Object(ir::RangeObject(range));
  }
  if (name == "IterVar" || name == "iter_var") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"var", "dom", "iter_type", "thread_tag"}, 4));
    ir::Var var;
    if (v[0].kind == ValueKind::kString) {
      var = ir::MakeVar(v[0].text, ir::kInt32);
    } else {
      HONE_ASSIGN_OR_RETURN(var, ToVar(v[0], args.at, "the variable of T.iter_var"));
    }
    ir::Range dom;
    if (!v[1].is_none()) {
      HONE_ASSIGN_OR_RETURN(dom, ToRange(v[1], args.at));
    }
    HONE_ASSIGN_OR_RETURN(const std::string_view type, ToString(v[2], args.at, "iter_type"));
    HONE_ASSIGN_OR_RETURN(const std::string_view tag, ToString(v[3], args.at, "thread_tag"));
    constexpr std::string_view kTypes[] = {"DataPar",  "ThreadIndex", "CommReduce",   "Ordered",   "Opaque",
                                           "Unrolled", "Vectorized",  "Parallelized", "Tensorized"};
    for (size_t i = 0; i < std::size(kTypes); ++i) {
      if (kTypes[i] == type) return Value::Object(ir::MakeIterVar(dom, var, static_cast<ir::IterType>(i), tag));
    }
    return Error(args.at, StrCat("\"", type, "\" is no kind of iterator"));
  }
  if (name == "CommReducer" || name == "comm_reducer") return CommReducerFrom(args);
  if (name == "index_map") return IndexMapFrom(args);
  if (name == "reduce") return ReduceFrom(args);
  *found = false;
  return Value::None();
}

Builder::Or<Value> Builder::LetExpr(const Arguments& args) {
  if (args.callee == "let") {  // The old T.let(var, value, body).
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"var", "value", "body"}, 3));
    HONE_ASSIGN_OR_RETURN(const ir::Var var, ToVar(v[0], args.at, "the variable of T.let"));
    HONE_ASSIGN_OR_RETURN(const Expr value, ToExpr(v[1], args.at));
    HONE_ASSIGN_OR_RETURN(const Expr body, ToExpr(v[2], args.at));
    return Value::Of(ir::MakeLet(var, value, body));
  }
  HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"expr", "where"}, 2));
  if (v[1].kind != ValueKind::kDict || v[1].items().empty()) {
    return Error(args.at, "T.Let needs where={variable: value}");
  }
  HONE_ASSIGN_OR_RETURN(Expr e, ToExpr(v[0], args.at));
  const ir::Array<Value> items = v[1].items();
  for (size_t i = items.size(); i >= 2; i -= 2) {
    HONE_ASSIGN_OR_RETURN(const ir::Var var, ToVar(items[i - 2], args.at, "a key of T.Let"));
    HONE_ASSIGN_OR_RETURN(const Expr value, ToExprLike(items[i - 1], var.dtype(), args.at));
    if (!(value.dtype() == var.dtype())) return Error(args.at, "the value of T.Let has another type than its variable");
    e = ir::MakeLet(var, value, e);
  }
  return Value::Of(e);
}

Builder::Or<Value> Builder::IndexMapFrom(const Arguments& args) {
  HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"mapping", "inverse_index_map"}, 1));
  if (v[0].kind != ValueKind::kLambda) return Error(args.at, "T.index_map needs a lambda");
  const Node* lambda = static_cast<const Node*>(v[0].pointer);
  std::vector<ir::Var> vars;
  std::vector<Value> values;
  for (const Keyword& parameter : lambda->keywords) {
    vars.push_back(ir::MakeVar(parameter.name, ir::kInt32));
    values.push_back(Value::Of(Expr(vars.back())));
  }
  HONE_ASSIGN_OR_RETURN(const Value result, CallLambda(lambda, values, args.at));
  HONE_ASSIGN_OR_RETURN(const std::vector<Expr> finals,
                        ToExprs(result.is_sequence() ? result : Sequence({result}), args.at));
  const ir::IndexMapNode* inverse = nullptr;
  if (v[1].kind == ValueKind::kLambda) {
    Arguments nested{args.at, "index_map", {v[1]}, {}};
    HONE_ASSIGN_OR_RETURN(const Value map, IndexMapFrom(nested));
    inverse = ir::As<ir::IndexMapNode>(map.object());
  } else if (v[1].kind == ValueKind::kObject) {
    inverse = ir::As<ir::IndexMapNode>(v[1].object());
  }
  return Value::Object(ir::MakeIndexMap(ir::MakeArray(vars), ir::MakeArray(finals), inverse));
}

Builder::Or<Value> Builder::CommReducerFrom(const Arguments& args) {
  HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"combiner", "identity"}, 2));
  if (v[0].kind != ValueKind::kLambda) return Error(args.at, "T.comm_reducer needs a lambda");
  const Node* lambda = static_cast<const Node*>(v[0].pointer);
  HONE_ASSIGN_OR_RETURN(const std::vector<Expr> identity, ToExprs(v[1], args.at));
  const size_t n = identity.size();
  if (lambda->keywords.size() != 2 * n) {
    return Error(args.at, StrCat("the lambda of T.comm_reducer takes ", 2 * n, " values: two for each identity"));
  }
  std::vector<ir::Var> lhs, rhs;
  std::vector<Value> values;
  for (size_t i = 0; i < 2 * n; ++i) {
    const ir::Var var = ir::MakeVar(lambda->keywords[i].name, identity[i % n].dtype());
    (i < n ? lhs : rhs).push_back(var);
    values.push_back(Value::Of(Expr(var)));
  }
  HONE_ASSIGN_OR_RETURN(const Value result, CallLambda(lambda, values, args.at));
  HONE_ASSIGN_OR_RETURN(const std::vector<Expr> results,
                        ToExprs(result.is_sequence() ? result : Sequence({result}), args.at));
  auto* node = ir::New<ir::CommReducerNode>();
  node->object_kind = ir::ObjectKind::kCommReducer;
  node->lhs = ir::MakeArray(lhs);
  node->rhs = ir::MakeArray(rhs);
  node->result = ir::MakeArray(results);
  node->identity = ir::MakeArray(identity);
  return Value::Object(node);
}

Builder::Or<Value> Builder::ReduceFrom(const Arguments& args) {
  HONE_ASSIGN_OR_RETURN(const auto v,
                        Bind(args, {"combiner", "source", "init", "axis", "condition", "value_index"}, 6));
  const auto* combiner = v[0].kind == ValueKind::kObject ? ir::As<ir::CommReducerNode>(v[0].object()) : nullptr;
  if (combiner == nullptr || !v[3].is_sequence()) return Error(args.at, "T.reduce needs a T.comm_reducer and axes");
  std::vector<ir::IterVar> axis;
  for (const Value& item : v[3].items()) {
    const auto* iter = item.kind == ValueKind::kObject ? ir::As<ir::IterVarNode>(item.object()) : nullptr;
    if (iter == nullptr) return Error(args.at, "an axis of T.reduce must be a T.iter_var");
    axis.push_back(iter);
  }
  HONE_ASSIGN_OR_RETURN(const std::vector<Expr> source, ToExprs(v[1], args.at));
  HONE_ASSIGN_OR_RETURN(const std::vector<Expr> init, ToExprs(v[2], args.at));
  HONE_ASSIGN_OR_RETURN(const Expr condition, ToExpr(v[4], args.at));
  HONE_ASSIGN_OR_RETURN(const int64_t index, ToInt(v[5], args.at, "value_index"));
  if (index < 0 || index >= static_cast<int64_t>(source.size())) return Error(args.at, "value_index is out of range");
  return Value::Of(ir::MakeReduce(combiner, ir::MakeArray(source), ir::MakeArray(init), ir::MakeArray(axis), condition,
                                  static_cast<int>(index)));
}

Builder::Or<Value> Builder::CallIntrinsic(std::string_view name, const Arguments& args, bool* found) {
  *found = true;
  if (name == "Call" || name == "call_intrin") {
    // T.Call(dtype, op, args): the operator by name.
    if (args.positional.size() < 2) return Error(args.at, StrCat("T.", name, " needs a type and an operator"));
    HONE_ASSIGN_OR_RETURN(const DataType dtype, ToDtype(args.positional[0], args.at));
    HONE_ASSIGN_OR_RETURN(std::string_view op_name, ToString(args.positional[1], args.at, "the operator"));
    if (op_name.substr(0, 4) == "tir.") op_name.remove_prefix(4);
    const auto op = ir::BuiltinFromName(op_name);
    if (!op.has_value()) return Error(args.at, StrCat("there is no operator \"tir.", op_name, "\""));
    std::vector<Expr> values;
    if (name == "Call") {
      HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"dtype", "op", "args"}, 3));
      HONE_ASSIGN_OR_RETURN(values, ToExprs(v[2], args.at));
    } else {
      HONE_ASSIGN_OR_RETURN(values, CallArgs(args, 2));
    }
    return Value::Of(ir::MakeCall(dtype, *op, ir::MakeArray(values)));
  }
  if (name == "ceildiv") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"lhs", "rhs"}, 2));
    HONE_ASSIGN_OR_RETURN(const Value sum, Arithmetic("+", v[0], v[1], args.at));
    HONE_ASSIGN_OR_RETURN(const Value less, Arithmetic("-", sum, Value::Int(1), args.at));
    return Arithmetic("//", less, v[1], args.at);
  }
  if (name == "infinity" || name == "min_value" || name == "max_value") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"dtype"}, 1));
    HONE_ASSIGN_OR_RETURN(const DataType dtype, ToDtype(v[0], args.at));
    if (!IsIntLike(dtype) && !dtype.is_any_float())
      return Error(args.at, StrCat(dtype.ToString(true), " is no number"));
    if (name == "infinity") {
      if (!dtype.is_any_float()) return Error(args.at, StrCat(dtype.ToString(), " has no infinity"));
      return Value::Of(ir::Const(dtype, std::numeric_limits<double>::infinity()));
    }
    const double limit = dtype.is_any_float() ? ir::MaxFloat(dtype) : 0;
    if (dtype.is_any_float()) return Value::Of(ir::Const(dtype, name == "min_value" ? -limit : limit));
    return Value::Of(ir::ConstOf(dtype, name == "min_value" ? ir::MinInt(dtype) : ir::MaxInt(dtype)));
  }
  if (name == "type_annotation") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"dtype"}, 1));
    HONE_ASSIGN_OR_RETURN(const DataType dtype, ToDtype(v[0], args.at));
    return Value::Of(ir::MakeCall(dtype, Builtin::type_annotation, {}));
  }
  if (name == "abs") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"x"}, 1));
    HONE_ASSIGN_OR_RETURN(const Expr x, ToExpr(v[0], args.at));
    if (const int64_t* n = ir::ConstInt(x); n != nullptr && *n != INT64_MIN) {
      return Value::Of(ir::ConstOf(x.dtype(), *n < 0 ? -*n : *n));
    }
    if (x.dtype().is_int()) {
      return Value::Of(ir::Select(ir::GE(x, ir::ConstOf(x.dtype(), 0)), x, ir::Neg(x)));
    }
    if (x.dtype().is_uint()) return Value::Of(x);
    return Value::Of(ir::MakeCall(x.dtype(), Builtin::fabs, {x}));
  }
  if (name == "address_of") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"buffer_load"}, 1));
    if (v[0].kind == ValueKind::kBuffer) {
      std::vector<Value> zeros(v[0].buffer()->shape.size(), Value::Int(0));
      HONE_ASSIGN_OR_RETURN(const Expr load, ToLoad({v[0].buffer(), Sequence(zeros).items()}, {}, args.at));
      return Value::Of(ir::MakeCall(DataType::Handle(), Builtin::address_of, {load}));
    }
  }
  const auto op = ir::BuiltinFromName(BuiltinNameOf(name));
  if (!op.has_value()) {
    *found = false;
    return Value::None();
  }
  const ir::BuiltinInfo& info = ir::InfoOf(*op);
  std::vector<Value> values = args.positional;
  DataType dtype;
  bool has_dtype = false;
  for (const auto& [key, value] : args.named) {
    if (key == "dtype") {
      HONE_ASSIGN_OR_RETURN(dtype, ToDtype(value, args.at));
      has_dtype = true;
    } else if (key != "span") {
      values.push_back(value);
    }
  }
  if (!has_dtype && info.dtype_argument != ir::DtypeArgument::kNone && !values.empty()) {
    const bool first = info.dtype_argument == ir::DtypeArgument::kFirst;
    const Value& candidate = first ? values.front() : values.back();
    // T.dp4a(a, b, c) carries no type, although the printer writes one.
    const bool optional = *op == Builtin::dp4a;
    if (!optional || candidate.kind == ValueKind::kString) {
      HONE_ASSIGN_OR_RETURN(dtype, ToDtype(candidate, args.at));
      has_dtype = true;
      if (first) {
        values.erase(values.begin());
      } else {
        values.pop_back();
      }
    }
  }
  Arguments rest{args.at, name, std::move(values), {}};
  const bool bits = *op == Builtin::bitwise_and || *op == Builtin::bitwise_or || *op == Builtin::bitwise_xor ||
                    *op == Builtin::shift_left || *op == Builtin::shift_right;
  if (bits || *op == Builtin::pow) {
    if (rest.positional.size() != 2) return Error(args.at, StrCat("T.", name, " takes two arguments"));
    HONE_ASSIGN_OR_RETURN(Expr a, ToExpr(rest.positional[0], args.at));
    HONE_ASSIGN_OR_RETURN(Expr b, ToExpr(rest.positional[1], args.at));
    if (bits && (!IsIntLike(a.dtype()) || !IsIntLike(b.dtype()))) {
      return Error(args.at, StrCat("T.", name, " needs integers, found ", a.dtype().ToString(true), " and ",
                                   b.dtype().ToString(true)));
    }
    HONE_RETURN_IF_ERROR(SameType(a, b, args.at));
    ir::MatchTypes(a, b);
    if (const Expr folded = FoldBits(*op, a, b)) return Value::Of(folded);
    return Value::Of(ir::MakeCall(a.dtype(), *op, {a, b}));
  }
  HONE_ASSIGN_OR_RETURN(std::vector<Expr> exprs, CallArgs(rest, 0));
  if (!has_dtype) {
    switch (ResultOf(*op)) {
      case Result::kFirstArg:
        if (exprs.empty()) return Error(args.at, StrCat("T.", name, " needs an argument"));
        dtype = exprs[0].dtype();
        break;
      case Result::kSecondArg:
        if (exprs.size() < 2) return Error(args.at, StrCat("T.", name, " needs two arguments"));
        dtype = exprs[1].dtype();
        break;
      case Result::kBool:
        dtype = ir::kBool;
        break;
      case Result::kInt32:
        dtype = ir::kInt32;
        break;
      case Result::kHandle:
        dtype = DataType::Handle();
        break;
      case Result::kVoid:
        dtype = DataType::Void();
        break;
      case Result::kUInt32:
        dtype = DataType::UInt(32);
        break;
      case Result::kUInt64:
        dtype = DataType::UInt(64);
        break;
    }
  }
  if (*op == Builtin::large_uint_imm && exprs.size() == 2) {
    const int64_t* low = ir::ConstInt(exprs[0]);
    const int64_t* high = ir::ConstInt(exprs[1]);
    if (low != nullptr && high != nullptr) {
      return Value::Of(ir::IntImm(
          DataType::UInt(64),
          static_cast<int64_t>((static_cast<uint64_t>(*high) << 32) | (static_cast<uint64_t>(*low) & 0xFFFFFFFF))));
    }
  }
  return Value::Of(ir::MakeCall(dtype, *op, ir::MakeArray(exprs)));
}

Builder::Or<Value> Builder::CallMisc(std::string_view name, const Arguments& args, bool* found) {
  *found = true;
  if (name == "handle" || name == "Ptr") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"dtype", "storage_scope", "is_size_var"}, 0));
    if (v[0].is_none() && v[1].is_none()) return Value::Of(Expr(ir::MakeVar("", DataType::Handle())));
    DataType pointee = DataType::Void();
    if (!v[0].is_none()) {
      HONE_ASSIGN_OR_RETURN(pointee, ToDtype(v[0], args.at));
    }
    std::string_view scope;
    if (!v[1].is_none()) {
      HONE_ASSIGN_OR_RETURN(scope, ToString(v[1], args.at, "the scope of a pointer"));
    }
    return Value::Of(Expr(ir::MakeVar("", ir::PointerType(pointee, scope))));
  }
  if (name == "meta_var") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"value"}, 1));
    Value meta;
    meta.kind = ValueKind::kMeta;
    meta.pointer = NewScratch(v[0]);
    return meta;
  }
  if (name == "evaluate") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"value"}, 1));
    if (frames_.empty()) return Error(args.at, "T.evaluate must stand in a function");
    HONE_ASSIGN_OR_RETURN(const Expr e, ToExpr(v[0], args.at));
    Emit(ir::MakeEvaluate(e));
    return Value::None();
  }
  if (name == "target") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"target_config", "host"}, 1));
    return TargetFrom(v[0], args.at);
  }
  if (name == "buffer_store") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"buffer", "value", "indices", "predicate"}, 3));
    if (v[0].kind != ValueKind::kBuffer || frames_.empty()) return Error(args.at, "T.buffer_store needs a buffer");
    Expr predicate;
    if (!v[3].is_none()) {
      HONE_ASSIGN_OR_RETURN(predicate, ToExpr(v[3], args.at));
    }
    HONE_RETURN_IF_ERROR(
        StoreTo(v[0].buffer(), (v[2].is_sequence() ? v[2] : Sequence({v[2]})).items(), v[1], predicate, args.at));
    return Value::None();
  }
  if (name == "llvm_lookup_intrinsic_id") {
    HONE_ASSIGN_OR_RETURN(const auto v, Bind(args, {"name"}, 1));
    return v[0];  // Intrinsics are kept by name.
  }
  if (name == "prefetch") return Error(args.at, "T.prefetch belongs to tensor expressions and is not supported");
  *found = false;
  return Value::None();
}

}  // namespace hone::script
