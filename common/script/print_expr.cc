// Expressions and attribute values.
#include <cmath>
#include <cstdio>

#include "absl/strings/str_format.h"
#include "common/ir/ops.h"
#include "common/script/quote.h"
#include "common/script/script_printer.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

using ir::Builtin;
using ir::DataType;
using ir::Expr;
using ir::ExprKind;

struct BinaryText {
  ExprKind kind;
  std::string_view op;        // Empty: always a call.
  std::string_view function;  // Used where the operator would fold.
  int precedence;
};
constexpr BinaryText kBinaries[] = {
    {ExprKind::kAdd, "+", "Add", kAdditive},
    {ExprKind::kSub, "-", "Sub", kAdditive},
    {ExprKind::kMul, "*", "Mul", kMultiplicative},
    {ExprKind::kDiv, "/", "Div", kMultiplicative},
    {ExprKind::kMod, "", "truncmod", kAtom},
    {ExprKind::kFloorDiv, "//", "FloorDiv", kMultiplicative},
    {ExprKind::kFloorMod, "%", "FloorMod", kMultiplicative},
    {ExprKind::kMin, "", "min", kAtom},
    {ExprKind::kMax, "", "max", kAtom},
    {ExprKind::kEQ, "==", "EQ", kComparison},
    {ExprKind::kNE, "!=", "NE", kComparison},
    {ExprKind::kLT, "<", "LT", kComparison},
    {ExprKind::kLE, "<=", "LE", kComparison},
    {ExprKind::kGT, ">", "GT", kComparison},
    {ExprKind::kGE, ">=", "GE", kComparison},
    {ExprKind::kAnd, "and", "And", kAnd},
    {ExprKind::kOr, "or", "Or", kOr},
};

const BinaryText& TextOf(ExprKind kind) {
  return kBinaries[static_cast<size_t>(kind) - static_cast<size_t>(ExprKind::kAdd)];
}

bool IsLiteral(Expr e) { return e.kind() == ExprKind::kIntImm || e.kind() == ExprKind::kFloatImm; }

std::string_view ScriptName(Builtin op) {
  switch (op) {
    case Builtin::tvm_call_packed:
      return "call_packed";
    case Builtin::tvm_call_cpacked:
      return "call_cpacked";
    case Builtin::tvm_call_packed_lowered:
      return "call_packed_lowered";
    case Builtin::tvm_call_cpacked_lowered:
      return "call_cpacked_lowered";
    default:
      return ir::InfoOf(op).name;
  }
}

constexpr std::string_view kIterTypes[] = {"DataPar",  "ThreadIndex", "CommReduce",   "Ordered",   "Opaque",
                                           "Unrolled", "Vectorized",  "Parallelized", "Tensorized"};

}  // namespace

Expr ScriptPrinter::Sum(Expr min, Expr extent) {
  const ir::ArenaScope scope(scratch_);
  if (!(min.dtype() == extent.dtype()) && (min.dtype().is_handle() || extent.dtype().is_handle())) return extent;
  return ir::Add(min, extent);
}

void ScriptPrinter::EmitString(std::string_view text, std::string* out) {
  if (text.find('\n') != std::string_view::npos) {
    const ir::ArenaScope scope(scratch_);
    *out += Metadata("runtime.String", ir::String(text));
    return;
  }
  *out += Quoted(text);
}

void ScriptPrinter::EmitInt(const ir::IntImmNode* node, std::string* out) {
  if (node->dtype == ir::kInt32) {
    StrAppend(out, node->value);
  } else if (node->dtype.is_bool()) {
    StrAppend(out, options_.tir_prefix, ".bool(", node->value != 0 ? "True)" : "False)");
  } else if (node->dtype == DataType::UInt(64) && node->value < 0) {
    const uint64_t bits = static_cast<uint64_t>(node->value);
    StrAppend(out, options_.tir_prefix, ".large_uint_imm(", options_.tir_prefix, ".uint32(", bits & 0xFFFFFFFF, "), ",
              options_.tir_prefix, ".uint32(", bits >> 32, "))");
  } else {
    StrAppend(out, options_.tir_prefix, ".", node->dtype.ToString(true), "(", node->value, ")");
  }
}

void ScriptPrinter::EmitFloat(const ir::FloatImmNode* node, std::string* out) {
  StrAppend(out, options_.tir_prefix, ".", node->dtype.ToString(true), "(");
  const double value = node->value;
  if (std::isnan(value)) {
    *out += "\"nan\"";
  } else if (std::isinf(value)) {
    *out += value > 0 ? "\"inf\"" : "\"-inf\"";
  } else if (std::nearbyint(value) == value) {
    *out += absl::StrFormat("%.1f", value);
  } else {
    *out += absl::StrFormat("%.17g", value);
  }
  *out += ')';
}

void ScriptPrinter::EmitOperation(int precedence, std::string_view op, Expr a, Expr b, std::string* out) {
  size_t begin = out->size();
  if (Emit(a, out) < precedence) {
    out->insert(begin, 1, '(');
    *out += ')';
  }
  StrAppend(out, " ", op, " ");
  begin = out->size();
  if (Emit(b, out) <= precedence) {
    out->insert(begin, 1, '(');
    *out += ')';
  }
}

int ScriptPrinter::EmitBinary(const ir::BinaryNode* node, std::string* out) {
  const BinaryText& text = TextOf(node->kind);
  bool as_operator = !text.op.empty();
  if (as_operator && (IsLiteral(node->a) || IsLiteral(node->b))) {
    // Reading the operator back would fold, or swap in another operand.
    const ir::ArenaScope scope(scratch_);
    const Expr again = ir::Binary(node->kind, node->a, node->b);
    const auto* same = again.as<ir::BinaryNode>();
    as_operator = same != nullptr && same->kind == node->kind && same->a == node->a && same->b == node->b;
  }
  const DataType operand = node->a.dtype();
  if (node->kind == ExprKind::kDiv && (operand.is_int() || operand.is_uint())) as_operator = false;
  if (as_operator) {
    EmitOperation(text.precedence, text.op, node->a, node->b, out);
    return text.precedence;
  }
  StrAppend(out, options_.tir_prefix, ".", text.function, "(");
  Emit(node->a, out);
  *out += ", ";
  Emit(node->b, out);
  *out += ')';
  return kAtom;
}

void ScriptPrinter::EmitList(ir::Array<Expr> items, std::string* out) {
  *out += '[';
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) *out += ", ";
    Emit(items[i], out);
  }
  *out += ']';
}

void ScriptPrinter::EmitTuple(ir::Array<Expr> items, std::string* out) {
  *out += '(';
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) *out += ", ";
    Emit(items[i], out);
  }
  *out += items.size() == 1 ? ",)" : ")";
}

void ScriptPrinter::EmitIndices(ir::Array<Expr> indices, std::string* out) {
  if (indices.empty()) {
    *out += "()";
    return;
  }
  for (size_t i = 0; i < indices.size(); ++i) {
    if (i > 0) *out += ", ";
    const auto* ramp = indices[i].as<ir::RampNode>();
    const int64_t* stride = ramp != nullptr ? ir::ConstInt(ramp->stride) : nullptr;
    if (stride == nullptr) {
      Emit(indices[i], out);
      continue;
    }
    Emit(ramp->base, out);
    *out += ':';
    Expr stop;
    {
      const ir::ArenaScope scope(scratch_);
      stop = ir::Add(ramp->base, ir::Mul(ramp->lanes, ramp->stride));
    }
    Emit(stop, out);
    if (*stride != 1) {
      *out += ':';
      Emit(ramp->stride, out);
    }
  }
}

int ScriptPrinter::EmitLoad(const ir::BufferLoadNode* node, std::string* out) {
  *out += BufferName(node->buffer);
  if (node->predicate) {
    *out += ".vload(";
    EmitList(node->indices, out);
    *out += ", predicate=";
    Emit(node->predicate, out);
    *out += ')';
    return kAtom;
  }
  *out += '[';
  EmitIndices(node->indices, out);
  *out += ']';
  return kAtom;
}

void ScriptPrinter::EmitRegion(const ir::BufferRegionNode* region, std::string* out) {
  *out += BufferName(region->buffer);
  *out += '[';
  if (region->region.empty()) *out += "()";
  for (size_t i = 0; i < region->region.size(); ++i) {
    if (i > 0) *out += ", ";
    const ir::Range& range = region->region[i];
    Emit(range.min, out);
    if (ir::IsOne(range.extent)) continue;
    *out += ':';
    Emit(Sum(range.min, range.extent), out);
  }
  *out += ']';
}

int ScriptPrinter::EmitCall(const ir::CallNode* node, std::string* out) {
  bool first = true;
  auto comma = [&] {
    if (!first) *out += ", ";
    first = false;
  };
  if (node->function != nullptr) {
    if (!class_name_.empty()) StrAppend(out, class_name_, ".");
    StrAppend(out, node->function->name, "(");
  } else {
    const ir::BuiltinInfo& info = ir::InfoOf(node->op);
    StrAppend(out, options_.tir_prefix, ".", ScriptName(node->op), "(");
    const bool leads = info.dtype_argument == ir::DtypeArgument::kFirst || node->op == Builtin::type_annotation;
    if (leads) {
      comma();
      *out += Quoted(node->dtype.ToString(true));
    }
  }
  for (const Expr arg : node->args) {
    comma();
    Emit(arg, out);
  }
  if (node->function == nullptr && ir::InfoOf(node->op).dtype_argument == ir::DtypeArgument::kLast) {
    comma();
    *out += Quoted(node->dtype.ToString(true));
  }
  *out += ')';
  return kAtom;
}

int ScriptPrinter::Emit(Expr e, std::string* out) {
  if (!e) {
    *out += "None";
    return kAtom;
  }
  auto call = [&](std::string_view name) { StrAppend(out, options_.tir_prefix, ".", name, "("); };
  switch (e.kind()) {
    case ExprKind::kVar:
      *out += VarName(e.as<ir::VarNode>());
      return kAtom;
    case ExprKind::kIntImm:
      EmitInt(e.as<ir::IntImmNode>(), out);
      return kAtom;
    case ExprKind::kFloatImm:
      EmitFloat(e.as<ir::FloatImmNode>(), out);
      return kAtom;
    case ExprKind::kStringImm:
      if (e.as<ir::StringImmNode>()->value.find('\n') != std::string_view::npos) {
        *out += Metadata("tir.StringImm", e.get());
        return kAtom;
      }
      *out += Quoted(e.as<ir::StringImmNode>()->value);
      return kAtom;
    case ExprKind::kCast:
      call("Cast");
      StrAppend(out, "\"", e.dtype().ToString(true), "\", ");
      Emit(e.as<ir::CastNode>()->value, out);
      *out += ')';
      return kAtom;
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
      return EmitBinary(e.as<ir::BinaryNode>(), out);
    case ExprKind::kNot: {
      *out += "not ";
      const size_t begin = out->size();
      if (Emit(e.as<ir::NotNode>()->a, out) < kNot) {
        out->insert(begin, 1, '(');
        *out += ')';
      }
      return kNot;
    }
    case ExprKind::kSelect: {
      const auto* node = e.as<ir::SelectNode>();
      call("Select");
      Emit(node->condition, out);
      *out += ", ";
      Emit(node->true_value, out);
      *out += ", ";
      Emit(node->false_value, out);
      *out += ')';
      return kAtom;
    }
    case ExprKind::kBufferLoad:
      return EmitLoad(e.as<ir::BufferLoadNode>(), out);
    case ExprKind::kRamp: {
      const auto* node = e.as<ir::RampNode>();
      call("Ramp");
      Emit(node->base, out);
      *out += ", ";
      Emit(node->stride, out);
      *out += ", ";
      Emit(node->lanes, out);
      *out += ')';
      return kAtom;
    }
    case ExprKind::kBroadcast: {
      const auto* node = e.as<ir::BroadcastNode>();
      call("Broadcast");
      Emit(node->value, out);
      *out += ", ";
      Emit(node->lanes, out);
      *out += ')';
      return kAtom;
    }
    case ExprKind::kLet: {
      const auto* node = e.as<ir::LetNode>();
      call("Let");
      Emit(node->body, out);
      *out += ", where={";
      *out += VarName(node->var);
      *out += ": ";
      Emit(node->value, out);
      *out += "})";
      return kAtom;
    }
    case ExprKind::kCall:
      return EmitCall(e.as<ir::CallNode>(), out);
    case ExprKind::kShuffle: {
      const auto* node = e.as<ir::ShuffleNode>();
      call("Shuffle");
      EmitList(node->vectors, out);
      *out += ", ";
      EmitList(node->indices, out);
      *out += ')';
      return kAtom;
    }
    case ExprKind::kReduce: {
      const auto* node = e.as<ir::ReduceNode>();
      call("reduce");
      EmitReducer(node->combiner, out);
      *out += ", ";
      EmitList(node->source, out);
      *out += ", ";
      EmitList(node->init, out);
      *out += ", [";
      for (size_t i = 0; i < node->axis.size(); ++i) {
        if (i > 0) *out += ", ";
        EmitIterVar(node->axis[i], out);
      }
      *out += "], ";
      Emit(node->condition, out);
      StrAppend(out, ", ", node->value_index, ")");
      return kAtom;
    }
    case ExprKind::kAny:
      call("Any");
      *out += ')';
      return kAtom;
  }
  return kAtom;
}

void ScriptPrinter::EmitIndexMap(const ir::IndexMapNode* map, std::string* out) {
  StrAppend(out, options_.tir_prefix, ".index_map(lambda ");
  {
    Frame frame(this, map);
    for (size_t i = 0; i < map->initial_indices.size(); ++i) {
      if (i > 0) *out += ", ";
      *out += DefineVar(map->initial_indices[i], &frame);
    }
    *out += ": ";
    EmitTuple(map->final_indices, out);
  }
  if (map->inverse != nullptr) {
    *out += ", inverse_index_map=";
    EmitIndexMap(map->inverse, out);
  }
  *out += ')';
}

void ScriptPrinter::EmitReducer(const ir::CommReducerNode* reducer, std::string* out) {
  StrAppend(out, options_.tir_prefix, ".comm_reducer(lambda ");
  {
    Frame frame(this, reducer);
    bool first = true;
    for (const auto& vars : {reducer->lhs, reducer->rhs}) {
      for (const ir::Var var : vars) {
        if (!first) *out += ", ";
        first = false;
        *out += DefineVar(var, &frame);
      }
    }
    *out += ": ";
    if (reducer->result.size() == 1) {
      Emit(reducer->result[0], out);
    } else {
      EmitTuple(reducer->result, out);
    }
  }
  *out += ", ";
  EmitList(reducer->identity, out);
  *out += ')';
}

void ScriptPrinter::EmitIterVar(ir::IterVar iter, std::string* out) {
  StrAppend(out, options_.tir_prefix, ".iter_var(", VarName(iter->var), ", ");
  if (iter->dom) {
    StrAppend(out, options_.tir_prefix, ".Range(");
    Emit(iter->dom.min, out);
    *out += ", ";
    Emit(Sum(iter->dom.min, iter->dom.extent), out);
    *out += ')';
  } else {
    *out += "None";
  }
  StrAppend(out, ", \"", kIterTypes[static_cast<size_t>(iter->iter_type)], "\", ", Quoted(iter->thread_tag), ")");
}

void ScriptPrinter::EmitType(const ir::TypeNode* type, std::string* out) {
  switch (type->kind) {
    case ir::TypeKind::kPrim:
      StrAppend(out, options_.tir_prefix, ".", type->dtype.ToString(true));
      return;
    case ir::TypeKind::kPointer:
      StrAppend(out, options_.tir_prefix, ".handle(", Quoted(type->dtype.ToString(true)));
      if (!type->scope.empty()) StrAppend(out, ", ", Quoted(type->scope));
      *out += ')';
      return;
    case ir::TypeKind::kTuple:
      if (type->fields.empty()) {
        *out += "None";
        return;
      }
      StrAppend(out, options_.tir_prefix, ".Tuple(");
      for (size_t i = 0; i < type->fields.size(); ++i) {
        if (i > 0) *out += ", ";
        EmitType(type->fields[i], out);
      }
      *out += ')';
      return;
  }
}

void ScriptPrinter::EmitAttrs(const ir::Attrs& attrs, std::string* out) {
  *out += '{';
  bool first = true;
  for (const ir::Attr& attr : attrs) {
    if (!first) *out += ", ";
    first = false;
    *out += Quoted(attr.key);
    *out += ": ";
    EmitObject(attr.value, out);
  }
  *out += '}';
}

void ScriptPrinter::EmitTarget(std::string_view json, std::string* out) {
  StrAppend(out, options_.tir_prefix, ".target(");
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '"') {
      size_t end = i + 1;
      while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2 : 1;
      *out += json.substr(i, std::min(end + 1, json.size()) - i);
      i = end;
    } else if (c == ',' || c == ':') {
      *out += c;
      *out += ' ';
    } else if (json.substr(i, 4) == "true") {
      *out += "True";
      i += 3;
    } else if (json.substr(i, 5) == "false") {
      *out += "False";
      i += 4;
    } else if (json.substr(i, 4) == "null") {
      *out += "None";
      i += 3;
    } else if (c != ' ' && c != '\n') {
      *out += c;
    }
  }
  *out += ')';
}

void ScriptPrinter::EmitObject(const ir::Object* object, std::string* out) {
  if (object == nullptr) {
    *out += "None";
    return;
  }
  switch (object->object_kind) {
    case ir::ObjectKind::kExpr:
      Emit(static_cast<const ir::ExprNode*>(object), out);
      return;
    case ir::ObjectKind::kStmt:
      *out += Metadata("tir.Stmt", object);
      return;
    case ir::ObjectKind::kType:
      EmitType(ir::As<ir::TypeNode>(object), out);
      return;
    case ir::ObjectKind::kRange: {
      const auto* range = ir::As<ir::RangeNode>(object);
      StrAppend(out, options_.tir_prefix, ".Range(");
      Emit(range->min, out);
      *out += ", ";
      Emit(Sum(range->min, range->extent), out);
      *out += ')';
      return;
    }
    case ir::ObjectKind::kIterVar:
      EmitIterVar(ir::As<ir::IterVarNode>(object), out);
      return;
    case ir::ObjectKind::kBuffer:
      *out += BufferName(ir::As<ir::BufferNode>(object));
      return;
    case ir::ObjectKind::kBufferRegion:
      EmitRegion(ir::As<ir::BufferRegionNode>(object), out);
      return;
    case ir::ObjectKind::kMatchBufferRegion:
      EmitRegion(ir::As<ir::MatchBufferRegionNode>(object)->source, out);
      return;
    case ir::ObjectKind::kCommReducer:
      EmitReducer(ir::As<ir::CommReducerNode>(object), out);
      return;
    case ir::ObjectKind::kIndexMap:
      EmitIndexMap(ir::As<ir::IndexMapNode>(object), out);
      return;
    case ir::ObjectKind::kGlobalVar:
      if (!class_name_.empty()) StrAppend(out, class_name_, ".");
      *out += ir::As<ir::GlobalVarNode>(object)->name;
      return;
    case ir::ObjectKind::kPrimFunc:
      *out += Metadata("tir.PrimFunc", object);
      return;
    case ir::ObjectKind::kExternFunc:
      StrAppend(out, Ir("ExternFunc"), "(", Quoted(ir::As<ir::ExternFuncNode>(object)->global_symbol), ")");
      return;
    case ir::ObjectKind::kModule:
      *out += Metadata("IRModule", object);
      return;
    case ir::ObjectKind::kString:
      EmitString(ir::As<ir::StringNode>(object)->value, out);
      return;
    case ir::ObjectKind::kArray: {
      *out += '[';
      bool first = true;
      for (const ir::Object* item : ir::As<ir::ArrayNode>(object)->items) {
        if (!first) *out += ", ";
        first = false;
        EmitObject(item, out);
      }
      *out += ']';
      return;
    }
    case ir::ObjectKind::kMap:
      EmitAttrs(ir::As<ir::MapNode>(object)->entries, out);
      return;
    case ir::ObjectKind::kNDArray:
      *out += Metadata("runtime.NDArray", object);
      return;
    case ir::ObjectKind::kTarget:
      EmitTarget(ir::As<ir::TargetNode>(object)->json, out);
      return;
  }
}

}  // namespace hone::script
