// Evaluation of expressions.
#include <algorithm>
#include <cmath>
#include <optional>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/script/builder.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

using ir::DataType;
using ir::Expr;
using ir::ExprKind;

// Lambdas and macros calling each other.
constexpr int kMaxCallDepth = 64;

bool IsIntLike(DataType t) { return t.is_int() || t.is_uint(); }

double AsDouble(const Value& v) { return v.kind == ValueKind::kFloat ? v.number : static_cast<double>(v.integer); }

Value WithText(Value value, std::string_view text) {
  value.text = text;
  return value;
}

std::optional<ExprKind> ComparisonKind(std::string_view op) {
  if (op == "<") return ExprKind::kLT;
  if (op == "<=") return ExprKind::kLE;
  if (op == ">") return ExprKind::kGT;
  if (op == ">=") return ExprKind::kGE;
  if (op == "==") return ExprKind::kEQ;
  if (op == "!=") return ExprKind::kNE;
  return std::nullopt;
}

std::optional<ir::Builtin> BitOperator(std::string_view op) {
  if (op == "&") return ir::Builtin::bitwise_and;
  if (op == "|") return ir::Builtin::bitwise_or;
  if (op == "^") return ir::Builtin::bitwise_xor;
  if (op == "<<") return ir::Builtin::shift_left;
  if (op == ">>") return ir::Builtin::shift_right;
  return std::nullopt;
}

// MatchTypes would not find a common type.
bool CanMatch(DataType a, DataType b) {
  if (a == b) return true;
  auto group = [](DataType t) {
    if (t.is_int() || t.is_uint()) return 0;
    if (t.is_float()) return 1;
    if (t.is_bfloat16()) return 2;
    if (t.is_float8()) return 3;
    return 4;
  };
  if (a.lanes != b.lanes && !a.is_scalar() && !b.is_scalar()) return false;
  const int ga = group(a);
  const int gb = group(b);
  if (ga == 4 || gb == 4) return false;
  // The two kinds of float8 have no common type.
  return ga != 3 || gb != 3 || a.element() == b.element();
}

}  // namespace

Value Builder::Sequence(const std::vector<Value>& items) {
  Value out;
  out.kind = ValueKind::kSequence;
  out.integer = static_cast<int64_t>(items.size());
  if (!items.empty()) {
    Value* copy = static_cast<Value*>(scratch_.Allocate(sizeof(Value) * items.size()));
    std::copy(items.begin(), items.end(), copy);
    out.pointer = copy;
  }
  return out;
}

absl::Status Builder::Step(Position at) {
  if (++steps_ > options_.max_steps) {
    return Error(at, StrCat("the script takes more than ", options_.max_steps, " steps to evaluate, the limit"));
  }
  return absl::OkStatus();
}

namespace {

// Counts the nodes of a tree and its depth, giving up beyond the limits.
class TreeSize : public ir::ExprVisitor {
 public:
  TreeSize(int64_t max_nodes, int max_depth) : max_nodes_(max_nodes), max_depth_(max_depth) {}
  void VisitExpr(Expr e) override {
    if (!e || !fits()) return;
    ++nodes_;
    deepest_ = std::max(deepest_, ++depth_);
    ExprVisitor::VisitExpr(e);
    --depth_;
  }
  bool fits() const { return nodes_ <= max_nodes_ && deepest_ <= max_depth_; }
  int64_t nodes() const { return nodes_; }

 private:
  const int64_t max_nodes_;
  const int max_depth_;
  int64_t nodes_ = 0;
  int depth_ = 0;
  int deepest_ = 0;
};

}  // namespace

absl::Status Builder::Reuse(const Value& value, Position at) {
  switch (value.kind) {
    case ValueKind::kExpr: {
      const Expr e = value.expr();
      if (e.kind() == ExprKind::kVar || e.kind() == ExprKind::kIntImm) return absl::OkStatus();
      TreeSize size(options_.max_steps - steps_, options_.max_depth);
      size.VisitExpr(e);
      steps_ += size.nodes();
      if (!size.fits()) return Error(at, "the expression has grown beyond the limits");
      return absl::OkStatus();
    }
    case ValueKind::kSequence:
    case ValueKind::kDict:
      for (const Value& item : value.items()) {
        HONE_RETURN_IF_ERROR(Step(at));
        HONE_RETURN_IF_ERROR(Reuse(item, at));
      }
      return absl::OkStatus();
    case ValueKind::kSubscript:
      for (const Value& item : static_cast<const SubscriptValue*>(value.pointer)->indices) {
        HONE_RETURN_IF_ERROR(Reuse(item, at));
      }
      return absl::OkStatus();
    case ValueKind::kSlice: {
      const auto& slice = *static_cast<const SliceValue*>(value.pointer);
      HONE_RETURN_IF_ERROR(Reuse(slice.start, at));
      return Reuse(slice.stop, at);
    }
    case ValueKind::kMeta:
      return Reuse(*static_cast<const Value*>(value.pointer), at);
    default:
      return absl::OkStatus();
  }
}

Builder::Or<Value> Builder::Eval(const Node* node) {
  HONE_RETURN_IF_ERROR(Step(node->at));
  if (eval_depth_ > 2 * options_.max_depth) return Error(node->at, "the evaluation is nested too deeply");
  ++eval_depth_;
  Or<Value> value = EvalKind(node);
  --eval_depth_;
  return value;
}

Builder::Or<Value> Builder::EvalKind(const Node* node) {
  switch (node->kind) {
    case NodeKind::kName:
      return EvalName(node);
    case NodeKind::kInt: {
      if (!node->text.empty()) return Error(node->at, StrCat("the integer ", node->text, " does not fit 64 bits"));
      Value value = Value::Int(node->integer);
      if (node->wide) value.kind = ValueKind::kWide;
      return value;
    }
    case NodeKind::kFloat:
      return Value::Float(node->number);
    case NodeKind::kString:
      return Value::String(node->text);
    case NodeKind::kTrue:
      return Value::Bool(true);
    case NodeKind::kFalse:
      return Value::Bool(false);
    case NodeKind::kNone:
      return Value::None();
    case NodeKind::kTuple:
    case NodeKind::kList:
      return EvalItems(node, 0, ValueKind::kSequence);
    case NodeKind::kDict:
      return EvalItems(node, 0, ValueKind::kDict);
    case NodeKind::kAttribute:
      return EvalAttribute(node);
    case NodeKind::kCall:
      return EvalCall(node);
    case NodeKind::kSubscript:
      return EvalSubscript(node);
    case NodeKind::kSlice: {
      SliceValue slice;
      Value* parts[] = {&slice.start, &slice.stop, &slice.step};
      for (size_t i = 0; i < 3; ++i) {
        if (node->items[i] == nullptr) continue;
        HONE_ASSIGN_OR_RETURN(*parts[i], Eval(node->items[i]));
      }
      Value value;
      value.kind = ValueKind::kSlice;
      value.pointer = NewScratch(slice);
      return value;
    }
    case NodeKind::kUnary:
      return EvalUnary(node);
    case NodeKind::kBinary:
      return EvalBinary(node);
    case NodeKind::kCompare:
      return EvalCompare(node);
    case NodeKind::kCondition:
      return EvalCondition(node);
    case NodeKind::kLambda: {
      Value value;
      value.kind = ValueKind::kLambda;
      value.pointer = node;
      return value;
    }
    case NodeKind::kStar:
      return Error(node->at, "'*' is only allowed in arguments and lists");
  }
  return Error(node->at, "unknown expression");
}

Builder::Or<Value> Builder::EvalItems(const Node* node, size_t from, ValueKind kind) {
  std::vector<Value> items;
  items.reserve(node->items.size());
  for (size_t i = from; i < node->items.size(); ++i) {
    const Node* item = node->items[i];
    if (item->kind == NodeKind::kStar) {
      HONE_ASSIGN_OR_RETURN(const Value inner, Eval(item->items[0]));
      if (!inner.is_sequence()) return Error(item->at, StrCat("'*' needs a list or tuple, not ", Describe(inner)));
      items.insert(items.end(), inner.items().begin(), inner.items().end());
      continue;
    }
    HONE_ASSIGN_OR_RETURN(const Value value, Eval(item));
    items.push_back(value);
  }
  Value out = Sequence(items);
  out.kind = kind;
  if (kind == ValueKind::kDict) out.integer /= 2;
  return out;
}

Builder::Or<Value> Builder::EvalName(const Node* node) {
  const Value* value = Find(node->text);
  if (value != nullptr) {
    HONE_RETURN_IF_ERROR(Reuse(*value, node->at));
    return *value;
  }
  if (node->text == "range" || node->text == "int" || node->text == "float" || node->text == "bool" ||
      node->text == "min" || node->text == "max" || node->text == "len" || node->text == "list" ||
      node->text == "tuple") {
    return Value::Function(Namespace::kPackage, node->text);
  }
  return Error(node->at, StrCat("the name '", node->text, "' is not defined here"));
}

Builder::Or<Value> Builder::EvalAttribute(const Node* node) {
  HONE_ASSIGN_OR_RETURN(const Value base, Eval(node->items[0]));
  const std::string_view name = node->text;
  if (base.kind == ValueKind::kNamespace) {
    switch (base.name_space()) {
      case Namespace::kTir:
        if (name == "axis") return Value::Of(Namespace::kAxis);
        // T.<dtype>, except where a function has the name of a type.
        if (name == "boolean") return WithText(Value{ValueKind::kDtype, 0, 0, {}, nullptr}, "bool");
        if (name == "void" || (!name.empty() && name != "handle" && DataType::Parse(name).has_value())) {
          return WithText(Value{ValueKind::kDtype, 0, 0, {}, nullptr}, name);
        }
        return Value::Function(Namespace::kTir, name);
      case Namespace::kIr:
      case Namespace::kAxis:
        return Value::Function(base.name_space(), name);
      case Namespace::kModule: {
        auto it = declared_.find(name);
        if (it == declared_.end()) {
          return Error(node->at, StrCat("the module has no function called '", name, "'"));
        }
        return Value{ValueKind::kGlobal, 0, 0, {}, it->second.var};
      }
      case Namespace::kPackage:
        if (name == "script" || name == "tvm") return Value::Of(Namespace::kPackage);
        if (name == "tir") return Value::Of(Namespace::kTir);
        if (name == "ir") return Value::Of(Namespace::kIr);
        if (name == "ir_module") return Value::Function(Namespace::kIr, name);
        return Error(node->at, StrCat("'", name, "' is not supported here"));
    }
  }
  if (base.kind == ValueKind::kBuffer) {
    const ir::Buffer buffer = base.buffer();
    if (name == "data") return Value::Of(Expr(buffer->data));
    if (name == "elem_offset") {
      HONE_RETURN_IF_ERROR(Reuse(Value::Of(buffer->elem_offset), node->at));
      return Value::Of(buffer->elem_offset);
    }
    if (name == "shape" || name == "strides") {
      std::vector<Value> items;
      for (const Expr e : name == "shape" ? buffer->shape : buffer->strides) items.push_back(Value::Of(e));
      const Value parts = Sequence(items);
      HONE_RETURN_IF_ERROR(Reuse(parts, node->at));
      return parts;
    }
    if (name == "dtype") return Value::String(ir::CopyString(buffer->dtype.ToString()));
    if (name == "name") return Value::String(buffer->name);
    if (name == "data_alignment") return Value::Int(buffer->data_alignment);
    if (name == "offset_factor") return Value::Int(buffer->offset_factor);
    if (name == "vload" || name == "vstore" || name == "access_ptr" || name == "scope" || name == "offset_of") {
      return Value{ValueKind::kMethod, 0, 0, name, NewScratch(base)};
    }
    return Error(node->at, StrCat("a buffer has no '", name, "'"));
  }
  if (base.kind == ValueKind::kExpr || base.kind == ValueKind::kSubscript) {
    HONE_ASSIGN_OR_RETURN(const Expr e, ToExpr(base, node->at));
    if (name == "dtype") return Value::String(ir::CopyString(e.dtype().ToString()));
    if (name == "astype") return Value{ValueKind::kMethod, 0, 0, name, NewScratch(Value::Of(e))};
    if (const auto* var = e.as<ir::VarNode>(); var != nullptr && name == "name") return Value::String(var->name);
    return Error(node->at, StrCat("an expression has no '", name, "'"));
  }
  if (base.kind == ValueKind::kObject) {
    if (const auto* iter = ir::As<ir::IterVarNode>(base.object())) {
      if (name == "var") return Value::Of(Expr(iter->var));
    }
    if (const auto* range = ir::As<ir::RangeNode>(base.object())) {
      HONE_RETURN_IF_ERROR(Reuse(Value::Of(range->min), node->at));
      HONE_RETURN_IF_ERROR(Reuse(Value::Of(range->extent), node->at));
      if (name == "min") return Value::Of(range->min);
      if (name == "extent") return Value::Of(range->extent);
    }
  }
  if (base.kind == ValueKind::kFunction && (base.text == "Buffer" || base.text == "prim_func")) {
    return Error(node->at, StrCat("'", base.text, "' has no '", name, "'"));
  }
  return Error(node->at, StrCat(Describe(base), " has no '", name, "'"));
}

Builder::Or<Value> Builder::EvalSubscript(const Node* node) {
  HONE_ASSIGN_OR_RETURN(const Value base, Eval(node->items[0]));
  if (base.kind == ValueKind::kBuffer) {
    HONE_ASSIGN_OR_RETURN(const Value indices, EvalItems(node, 1, ValueKind::kSequence));
    Value value;
    value.kind = ValueKind::kSubscript;
    value.pointer = NewScratch(SubscriptValue{base.buffer(), indices.items()});
    return value;
  }
  HONE_ASSIGN_OR_RETURN(const Value indices, EvalItems(node, 1, ValueKind::kSequence));
  if (base.kind == ValueKind::kFunction && (base.text == "Buffer" || base.text == "Ptr" || base.text == "Tuple")) {
    // Deprecated T.Buffer[shape, dtype].
    Arguments args{node->at, base.text, {}, {}};
    for (const Value& v : indices.items()) args.positional.push_back(v);
    return CallTir(base.text, args);
  }
  if (indices.items().size() != 1) return Error(node->at, StrCat(Describe(base), " takes one index"));
  const Value& index = indices.items()[0];
  if (base.is_sequence()) {
    HONE_ASSIGN_OR_RETURN(int64_t at, ToInt(index, node->at, "the index of a list"));
    const int64_t size = static_cast<int64_t>(base.items().size());
    if (at < 0) at += size;
    if (at < 0 || at >= size) return Error(node->at, StrCat("index ", at, " is outside of a list of ", size));
    return base.items()[static_cast<size_t>(at)];
  }
  if (base.kind == ValueKind::kObject) {
    const ir::Object* item = nullptr;
    if (const auto* map = ir::As<ir::MapNode>(base.object()); map != nullptr && index.kind == ValueKind::kString) {
      item = map->entries.Get(index.text);
    } else if (const auto* array = ir::As<ir::ArrayNode>(base.object())) {
      HONE_ASSIGN_OR_RETURN(const int64_t at, ToInt(index, node->at, "the index of an array"));
      if (at >= 0 && at < static_cast<int64_t>(array->items.size())) item = array->items[static_cast<size_t>(at)];
    }
    if (item == nullptr) return Error(node->at, "the metadata has no such entry");
    if (item->object_kind != ir::ObjectKind::kExpr) return Value::Object(item);
    const Value value = Value::Of(Expr(static_cast<const ir::ExprNode*>(item)));
    HONE_RETURN_IF_ERROR(Reuse(value, node->at));
    return value;
  }
  if (base.kind == ValueKind::kDict && index.kind == ValueKind::kString) {
    const ir::Array<Value> items = base.items();
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      if (items[i].kind == ValueKind::kString && items[i].text == index.text) return items[i + 1];
    }
    return Error(node->at, StrCat("the dictionary has no key \"", index.text, "\""));
  }
  return Error(node->at, StrCat(Describe(base), " cannot be indexed"));
}

Builder::Or<Value> Builder::EvalUnary(const Node* node) {
  HONE_ASSIGN_OR_RETURN(Value operand, Eval(node->items[0]));
  if (operand.kind == ValueKind::kMeta) operand = *static_cast<const Value*>(operand.pointer);
  const std::string_view op = node->text;
  if (operand.is_number()) {
    if (op == "not") return Value::Bool(AsDouble(operand) == 0);
    if (op == "~" && operand.kind != ValueKind::kFloat) return Value::Int(~operand.integer);
    if (op == "+") return operand;
    if (op == "-") {
      if (operand.kind == ValueKind::kFloat) return Value::Float(-operand.number);
      if (operand.kind == ValueKind::kWide) {
        if (operand.integer == INT64_MIN) return Value::Int(INT64_MIN);
        return Error(node->at, "the integer does not fit 64 bits");
      }
      return Value::Int(static_cast<int64_t>(0 - static_cast<uint64_t>(operand.integer)));
    }
    return Error(node->at, StrCat("'", op, "' does not apply to ", Describe(operand)));
  }
  HONE_ASSIGN_OR_RETURN(const Expr e, ToExpr(operand, node->at));
  if (op == "not") {
    if (e.dtype().element() != ir::kBool) {
      return Error(node->at, StrCat("'not' needs a bool, found ", e.dtype().ToString(true)));
    }
    return Value::Of(ir::MakeNot(e));
  }
  if (op == "~") {
    if (!IsIntLike(e.dtype())) return Error(node->at, StrCat("'~' needs an integer, found ", e.dtype().ToString(true)));
    return Value::Of(ir::MakeCall(e.dtype(), ir::Builtin::bitwise_not, {e}));
  }
  if (op == "-") {
    if (!IsIntLike(e.dtype()) && !e.dtype().is_any_float()) {
      return Error(node->at, StrCat("'-' needs a number, found ", e.dtype().ToString(true)));
    }
    return Value::Of(ir::Mul(e, ir::ConstOf(e.dtype(), -1)));
  }
  return Error(node->at, StrCat("'", op, "' is not supported for expressions"));
}

Builder::Or<Value> Builder::PythonArithmetic(std::string_view op, const Value& a, const Value& b, Position at) {
  const bool floating = a.kind == ValueKind::kFloat || b.kind == ValueKind::kFloat;
  if (a.kind == ValueKind::kWide || b.kind == ValueKind::kWide) return Error(at, "the integer does not fit 64 bits");
  if (op == "/" || (floating && (op == "+" || op == "-" || op == "*" || op == "//" || op == "%" || op == "**"))) {
    const double x = AsDouble(a);
    const double y = AsDouble(b);
    if (y == 0 && (op == "/" || op == "//" || op == "%")) return Error(at, "division by zero");
    if (op == "+") return Value::Float(x + y);
    if (op == "-") return Value::Float(x - y);
    if (op == "*") return Value::Float(x * y);
    if (op == "/") return Value::Float(x / y);
    if (op == "//") return Value::Float(std::floor(x / y));
    if (op == "%") return Value::Float(x - y * std::floor(x / y));
    return Value::Float(std::pow(x, y));
  }
  if (floating) return Error(at, StrCat("'", op, "' does not apply to floats"));
  int64_t result = 0;
  bool overflow = false;
  if (op == "+") {
    overflow = __builtin_add_overflow(a.integer, b.integer, &result);
  } else if (op == "-") {
    overflow = __builtin_sub_overflow(a.integer, b.integer, &result);
  } else if (op == "*") {
    overflow = __builtin_mul_overflow(a.integer, b.integer, &result);
  } else if (op == "//" || op == "%") {
    if (b.integer == 0) return Error(at, "division by zero");
    if (a.integer == INT64_MIN && b.integer == -1) {
      overflow = op == "//";
    } else {
      result = op == "//" ? ir::FloorDivInt(a.integer, b.integer) : ir::FloorModInt(a.integer, b.integer);
    }
  } else if (op == "**") {
    if (b.integer < 0) return Value::Float(std::pow(AsDouble(a), AsDouble(b)));
    result = 1;
    if (b.integer > 64 && a.integer != 0 && a.integer != 1 && a.integer != -1) overflow = true;
    for (int64_t i = 0; i < b.integer % 66 && !overflow; ++i) {
      overflow = __builtin_mul_overflow(result, a.integer, &result);
    }
    if (b.integer > 65 && a.integer == -1) result = b.integer % 2 == 0 ? 1 : -1;
    if (b.integer > 65 && a.integer >= 0 && !overflow) result = a.integer;
  } else if (op == "&") {
    result = a.integer & b.integer;
  } else if (op == "|") {
    result = a.integer | b.integer;
  } else if (op == "^") {
    result = a.integer ^ b.integer;
  } else if (op == "<<" || op == ">>") {
    if (b.integer < 0) return Error(at, "negative shift");
    if (op == ">>") {
      result = b.integer > 63 ? (a.integer < 0 ? -1 : 0) : a.integer >> b.integer;
    } else {
      overflow = b.integer > 62 ? a.integer != 0 : __builtin_mul_overflow(a.integer, int64_t{1} << b.integer, &result);
    }
  } else {
    return Error(at, StrCat("'", op, "' does not apply to integers"));
  }
  if (overflow) return Error(at, "the integer does not fit 64 bits");
  return Value::Int(result);
}

absl::Status Builder::SameType(Expr a, Expr b, Position at) const {
  if (CanMatch(a.dtype(), b.dtype())) return absl::OkStatus();
  return Error(at, StrCat("the operands have types ", a.dtype().ToString(true), " and ", b.dtype().ToString(true),
                          ", which do not go together"));
}

Builder::Or<Expr> Builder::BuildBinary(ExprKind kind, Expr a, Expr b, bool fold, Position at) {
  HONE_RETURN_IF_ERROR(SameType(a, b, at));
  const bool logic = kind == ExprKind::kAnd || kind == ExprKind::kOr;
  if (ir::IsArithmetic(kind) && (a.dtype().is_handle() || a.dtype().is_void())) {
    return Error(at, "a handle does not take part in arithmetic");
  }
  if (logic && (a.dtype().element() != ir::kBool || b.dtype().element() != ir::kBool)) {
    return Error(
        at, StrCat("'and' and 'or' need bools, found ", a.dtype().ToString(true), " and ", b.dtype().ToString(true)));
  }
  if (kind == ExprKind::kDiv || kind == ExprKind::kMod || kind == ExprKind::kFloorDiv || kind == ExprKind::kFloorMod) {
    if (ir::IsZero(b)) return Error(at, "division by zero");
  }
  if (fold) return ir::Binary(kind, a, b);
  ir::MatchTypes(a, b);
  return ir::MakeBinary(kind, a, b);
}

Builder::Or<Value> Builder::Arithmetic(std::string_view op, const Value& a, const Value& b, Position at) {
  if (a.is_number() && b.is_number()) return PythonArithmetic(op, a, b, at);
  if (a.kind == ValueKind::kString && b.kind == ValueKind::kString && op == "+") {
    return Value::String(scratch_.CopyString(StrCat(a.text, b.text)));
  }
  if (a.is_sequence() && b.is_sequence() && op == "+") {
    std::vector<Value> items(a.items().begin(), a.items().end());
    items.insert(items.end(), b.items().begin(), b.items().end());
    return Sequence(items);
  }
  HONE_ASSIGN_OR_RETURN(const Expr x, ToExpr(a, at));
  HONE_ASSIGN_OR_RETURN(const Expr y, ToExpr(b, at));
  if (const auto bits = BitOperator(op)) {
    if (!IsIntLike(x.dtype()) || !IsIntLike(y.dtype())) {
      return Error(
          at, StrCat("'", op, "' needs integers, found ", x.dtype().ToString(true), " and ", y.dtype().ToString(true)));
    }
    Arguments args{at, ir::InfoOf(*bits).name, {Value::Of(x), Value::Of(y)}, {}};
    bool found = false;
    return CallIntrinsic(args.callee, args, &found);
  }
  ExprKind kind;
  if (op == "+") {
    kind = ExprKind::kAdd;
  } else if (op == "-") {
    kind = ExprKind::kSub;
  } else if (op == "*") {
    kind = ExprKind::kMul;
  } else if (op == "//") {
    kind = ExprKind::kFloorDiv;
  } else if (op == "%") {
    kind = ExprKind::kFloorMod;
  } else if (op == "/") {
    if (IsIntLike(x.dtype()) && IsIntLike(y.dtype())) {
      return Error(at, "'/' of integers is ambiguous: write '//', T.truncdiv or T.Div");
    }
    kind = ExprKind::kDiv;
  } else {
    return Error(at, StrCat("'", op, "' is not supported for expressions"));
  }
  HONE_ASSIGN_OR_RETURN(const Expr result, BuildBinary(kind, x, y, /*fold=*/true, at));
  return Value::Of(result);
}

Builder::Or<Value> Builder::Compare(std::string_view op, const Value& a, const Value& b, Position at) {
  const auto kind = ComparisonKind(op);
  const bool python = (a.is_number() || a.kind == ValueKind::kString || a.is_none()) &&
                      (b.is_number() || b.kind == ValueKind::kString || b.is_none());
  if (op == "is" || op == "is not") {
    const bool same = a.kind == b.kind && a.pointer == b.pointer && a.integer == b.integer && a.text == b.text;
    return Value::Bool(same == (op == "is"));
  }
  if (op == "in" || op == "not in") {
    if (!b.is_sequence()) return Error(at, StrCat("'in' needs a list or tuple, found ", Describe(b)));
    bool found = false;
    for (const Value& item : b.items()) {
      if (item.is_number() && a.is_number()) found = found || AsDouble(item) == AsDouble(a);
      if (item.kind == ValueKind::kString && a.kind == ValueKind::kString) found = found || item.text == a.text;
    }
    return Value::Bool(found == (op == "in"));
  }
  if (python) {
    int order;
    if (a.is_number() && b.is_number()) {
      const double x = AsDouble(a);
      const double y = AsDouble(b);
      const bool integers = a.kind != ValueKind::kFloat && b.kind != ValueKind::kFloat;
      order = integers ? (a.integer < b.integer ? -1 : a.integer > b.integer) : (x < y ? -1 : x > y);
    } else if (a.kind == b.kind) {
      order = a.text.compare(b.text);
    } else if (*kind == ExprKind::kEQ || *kind == ExprKind::kNE) {
      return Value::Bool(*kind == ExprKind::kNE);
    } else {
      return Error(at, StrCat(Describe(a), " and ", Describe(b), " have no order"));
    }
    switch (*kind) {
      case ExprKind::kLT:
        return Value::Bool(order < 0);
      case ExprKind::kLE:
        return Value::Bool(order <= 0);
      case ExprKind::kGT:
        return Value::Bool(order > 0);
      case ExprKind::kGE:
        return Value::Bool(order >= 0);
      case ExprKind::kEQ:
        return Value::Bool(order == 0);
      default:
        return Value::Bool(order != 0);
    }
  }
  Expr x, y;
  if (a.is_number()) {
    HONE_ASSIGN_OR_RETURN(y, ToExpr(b, at));
    HONE_ASSIGN_OR_RETURN(x, ToExprLike(a, y.dtype(), at));
  } else {
    HONE_ASSIGN_OR_RETURN(x, ToExpr(a, at));
    HONE_ASSIGN_OR_RETURN(y, ToExprLike(b, x.dtype(), at));
  }
  HONE_ASSIGN_OR_RETURN(const Expr result, BuildBinary(*kind, x, y, /*fold=*/false, at));
  return Value::Of(result);
}

Builder::Or<Value> Builder::EvalCompare(const Node* node) {
  if (node->wide) return Error(node->at, "chained comparisons are not supported: use 'and'");
  HONE_ASSIGN_OR_RETURN(Value a, Eval(node->items[0]));
  HONE_ASSIGN_OR_RETURN(Value b, Eval(node->items[1]));
  if (a.kind == ValueKind::kMeta) a = *static_cast<const Value*>(a.pointer);
  if (b.kind == ValueKind::kMeta) b = *static_cast<const Value*>(b.pointer);
  return Compare(node->text, a, b, node->at);
}

Builder::Or<Value> Builder::Logic(bool is_and, const Value& a, const Value& b, Position at) {
  if (a.is_number() && b.is_number()) {
    const bool left = AsDouble(a) != 0;
    return is_and == left ? b : a;
  }
  auto convert = [&](const Value& v) -> Or<Expr> {
    if (v.kind == ValueKind::kInt) return Expr(ir::BoolImm(v.integer != 0));
    return ToExpr(v, at);
  };
  HONE_ASSIGN_OR_RETURN(const Expr x, convert(a));
  HONE_ASSIGN_OR_RETURN(const Expr y, convert(b));
  if (x.dtype().is_vector() || y.dtype().is_vector()) {
    return Arithmetic(is_and ? "&" : "|", Value::Of(x), Value::Of(y), at);
  }
  HONE_ASSIGN_OR_RETURN(const Expr result,
                        BuildBinary(is_and ? ExprKind::kAnd : ExprKind::kOr, x, y, /*fold=*/false, at));
  return Value::Of(result);
}

Builder::Or<Value> Builder::EvalBinary(const Node* node) {
  HONE_ASSIGN_OR_RETURN(Value a, Eval(node->items[0]));
  HONE_ASSIGN_OR_RETURN(Value b, Eval(node->items[1]));
  if (a.kind == ValueKind::kMeta) a = *static_cast<const Value*>(a.pointer);
  if (b.kind == ValueKind::kMeta) b = *static_cast<const Value*>(b.pointer);
  if (node->text == "and" || node->text == "or") return Logic(node->text == "and", a, b, node->at);
  return Arithmetic(node->text, a, b, node->at);
}

Builder::Or<Value> Builder::EvalCondition(const Node* node) {
  HONE_ASSIGN_OR_RETURN(const Value condition, Eval(node->items[1]));
  if (!condition.is_number() && !condition.is_none()) {
    return Error(node->at, "'x if c else y' needs a condition known to Python: use T.if_then_else or T.Select");
  }
  return Eval(!condition.is_none() && AsDouble(condition) != 0 ? node->items[0] : node->items[2]);
}

Builder::Or<Value> Builder::CallLambda(const Node* lambda, const std::vector<Value>& args, Position at) {
  if (lambda->keywords.size() != args.size()) {
    return Error(at,
                 StrCat("the lambda takes ", lambda->keywords.size(), " arguments, but ", args.size(), " are given"));
  }
  if (call_depth_ >= kMaxCallDepth) return Error(at, "lambdas and macros are nested too deeply");
  ++call_depth_;
  const size_t mark = Mark();
  for (size_t i = 0; i < args.size(); ++i) Define(lambda->keywords[i].name, args[i]);
  Or<Value> result = Eval(lambda->items[0]);
  Release(mark);
  --call_depth_;
  return result;
}

Builder::Or<Value> Builder::CallMacro(const Statement* macro, const Arguments& args) {
  if (call_depth_ >= kMaxCallDepth) return Error(args.at, "lambdas and macros are nested too deeply");
  std::vector<Value> values(macro->parameters.size());
  std::vector<bool> given(macro->parameters.size(), false);
  if (args.positional.size() > values.size()) {
    return Error(args.at, StrCat("the macro '", macro->text, "' takes ", values.size(), " arguments"));
  }
  for (size_t i = 0; i < args.positional.size(); ++i) {
    values[i] = args.positional[i];
    given[i] = true;
  }
  for (const auto& [name, value] : args.named) {
    size_t i = 0;
    while (i < values.size() && macro->parameters[i].name != name) ++i;
    if (i == values.size() || given[i]) {
      return Error(args.at, StrCat("the macro '", macro->text, "' takes no further argument '", name, "'"));
    }
    values[i] = value;
    given[i] = true;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    if (!given[i]) {
      return Error(args.at, StrCat("the macro '", macro->text, "' needs '", macro->parameters[i].name, "'"));
    }
  }
  ++call_depth_;
  const size_t mark = Mark();
  for (size_t i = 0; i < values.size(); ++i) Define(macro->parameters[i].name, values[i]);
  const absl::Status status = Execute(macro->body);
  Release(mark);
  --call_depth_;
  HONE_RETURN_IF_ERROR(status);
  return Value::None();
}

}  // namespace hone::script
