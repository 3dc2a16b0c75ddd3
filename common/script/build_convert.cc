// Values of a script as expressions, types, regions and attributes.
#include <cmath>
#include <limits>

#include "common/ir/ops.h"
#include "common/script/builder.h"
#include "common/script/difference.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

using ir::Buffer;
using ir::DataType;
using ir::Expr;

constexpr int kMaxAttrDepth = 64;
constexpr int64_t kMaxSliceElems = int64_t{1} << 32;

bool FitsInt(DataType dtype, int64_t value) {
  if (dtype.is_bool()) return value == 0 || value == 1;
  if (dtype.is_uint()) {
    return value >= 0 && (dtype.bits >= 63 || value < (int64_t{1} << dtype.bits));
  }
  if (dtype.bits >= 64) return true;
  const int64_t limit = int64_t{1} << (dtype.bits - 1);
  return value >= -limit && value < limit;
}

bool IsIntLike(DataType t) { return t.is_int() || t.is_uint(); }

}  // namespace

std::string_view Builder::Describe(const Value& value) const {
  switch (value.kind) {
    case ValueKind::kNone:
      return "None";
    case ValueKind::kBool:
      return "a Python bool";
    case ValueKind::kInt:
    case ValueKind::kWide:
      return "a Python int";
    case ValueKind::kFloat:
      return "a Python float";
    case ValueKind::kString:
      return "a string";
    case ValueKind::kExpr:
      return "an expression";
    case ValueKind::kBuffer:
      return "a buffer";
    case ValueKind::kSubscript:
      return "a buffer access";
    case ValueKind::kSequence:
      return "a list or tuple";
    case ValueKind::kDict:
      return "a dictionary";
    case ValueKind::kSlice:
      return "a slice";
    case ValueKind::kObject:
      return "an object";
    case ValueKind::kNamespace:
      return "a module of names";
    case ValueKind::kFunction:
    case ValueKind::kMethod:
    case ValueKind::kLambda:
    case ValueKind::kMacro:
    case ValueKind::kGlobal:
      return "a function";
    case ValueKind::kDtype:
      return "a data type";
    case ValueKind::kFrame:
      return "a scope";
    case ValueKind::kMeta:
      return "a meta variable";
  }
  return "a value";
}

Builder::Or<Expr> Builder::NumberToExpr(const Value& value, Position at) {
  switch (value.kind) {
    case ValueKind::kBool:
      return ir::BoolImm(value.integer != 0);
    case ValueKind::kInt:
      return ir::IntImm(FitsInt(ir::kInt32, value.integer) ? ir::kInt32 : ir::kInt64, value.integer);
    case ValueKind::kFloat:
      return ir::FloatImm(ir::kFloat32, value.number);
    default:
      return Error(at, "the integer does not fit 64 bits");
  }
}

Builder::Or<Expr> Builder::ToExpr(const Value& value, Position at) {
  switch (value.kind) {
    case ValueKind::kExpr:
      return value.expr();
    case ValueKind::kBool:
    case ValueKind::kInt:
    case ValueKind::kWide:
    case ValueKind::kFloat:
      return NumberToExpr(value, at);
    case ValueKind::kString:
      return ir::StringImm(value.text);
    case ValueKind::kSubscript:
      return ToLoad(*static_cast<const SubscriptValue*>(value.pointer), {}, at);
    case ValueKind::kObject:
      if (const auto* iter = ir::As<ir::IterVarNode>(value.object())) return Expr(iter->var);
      if (const auto* text = ir::As<ir::StringNode>(value.object())) return ir::StringImm(text->value);
      return Error(at, "expected an expression, found an object");
    case ValueKind::kMeta:
      return ToExpr(*static_cast<const Value*>(value.pointer), at);
    default:
      return Error(at, StrCat("expected an expression, found ", Describe(value)));
  }
}

Builder::Or<Expr> Builder::Stored(DataType dtype, Expr value, Position at) {
  const auto* number = value.as<ir::FloatImmNode>();
  if (number != nullptr && dtype.is_any_float()) return LiteralOf(dtype, Value::Float(number->value), at);
  const auto* integer = value.as<ir::IntImmNode>();
  const bool checked = integer != nullptr && !dtype.is_bool() && value.dtype() != DataType::UInt(64);
  if (checked && (IsIntLike(dtype) || dtype.is_any_float())) return LiteralOf(dtype, Value::Int(integer->value), at);
  return ir::Cast(dtype, value);
}

Builder::Or<Expr> Builder::LiteralOf(DataType dtype, const Value& value, Position at) {
  const DataType element = dtype.element();
  Expr literal;
  if (value.kind == ValueKind::kFloat) {
    if (!element.is_any_float()) return Error(at, StrCat("a float is no ", dtype.ToString(), " literal"));
    literal = ir::FloatImm(element, value.number);
  } else if (element.is_any_float()) {
    literal = ir::FloatImm(element, static_cast<double>(value.integer));
  } else if (IsIntLike(element)) {
    const bool fits = value.kind == ValueKind::kWide ? element == DataType::UInt(64) : FitsInt(element, value.integer);
    if (!fits) return Error(at, StrCat("the literal ", value.integer, " does not fit ", element.ToString()));
    literal = ir::IntImm(element, value.integer);
  } else {
    return Error(at, StrCat("a number is no ", dtype.ToString()));
  }
  if (const auto* imm = literal.as<ir::FloatImmNode>(); imm != nullptr && std::isfinite(imm->value)) {
    double limit = std::numeric_limits<double>::infinity();
    if (element == DataType::Float(16)) limit = 65504;
    if (element.code == ir::TypeCode::kE4M3Float) limit = 448;
    if (element.code == ir::TypeCode::kE5M2Float) limit = 57344;
    if (std::fabs(imm->value) > limit) {
      return Error(at, StrCat("the literal ", imm->value, " does not fit ", element.ToString()));
    }
  }
  return dtype.is_scalar() ? literal : ir::MakeBroadcast(literal, dtype.lanes);
}

Builder::Or<Expr> Builder::ToExprLike(const Value& value, DataType like, Position at) {
  if (!value.is_number()) return ToExpr(value, at);
  if (like.is_handle() || like.is_void()) return NumberToExpr(value, at);
  if (value.kind == ValueKind::kFloat && !like.is_any_float()) {
    return Error(at, StrCat("a float next to an expression of type ", like.ToString(), ": cast one of them"));
  }
  if (like.is_bool() && value.kind == ValueKind::kInt && !FitsInt(like, value.integer)) return NumberToExpr(value, at);
  return LiteralOf(like.element(), value, at);
}

Builder::Or<Expr> Builder::ToIndex(const Value& value, Position at, DataType like) {
  if (value.kind == ValueKind::kInt && FitsInt(like, value.integer)) return ir::IntImm(like, value.integer);
  HONE_ASSIGN_OR_RETURN(const Expr index, ToExpr(value, at));
  if (!IsIntLike(index.dtype())) {
    return Error(at, StrCat("expected an integer, found an expression of type ", index.dtype().ToString(true)));
  }
  return index;
}

Builder::Or<std::vector<Expr>> Builder::ToExprs(const Value& sequence, Position at) {
  if (!sequence.is_sequence()) return Error(at, StrCat("expected a list or tuple, found ", Describe(sequence)));
  std::vector<Expr> out;
  out.reserve(sequence.items().size());
  for (const Value& item : sequence.items()) {
    HONE_ASSIGN_OR_RETURN(const Expr e, ToExpr(item, at));
    out.push_back(e);
  }
  return out;
}

Builder::Or<std::vector<Expr>> Builder::ToShape(const Value& shape, Position at) {
  std::vector<Expr> out;
  if (!shape.is_sequence()) {
    HONE_ASSIGN_OR_RETURN(const Expr only, ToIndex(shape, at));
    out.push_back(only);
    return out;
  }
  for (const Value& item : shape.items()) {
    HONE_ASSIGN_OR_RETURN(const Expr dim, ToIndex(item, at));
    out.push_back(dim);
  }
  return out;
}

Builder::Or<Expr> Builder::ToLoadIndex(const Value& index, Buffer buffer, size_t axis, Position at) {
  const DataType like = buffer->shape[axis].dtype();
  if (index.kind != ValueKind::kSlice) return ToIndex(index, at);
  const auto& slice = *static_cast<const SliceValue*>(index.pointer);
  if (slice.stop.is_none()) return Error(at, "a slice of a load or store needs its stop");
  Expr start = ir::IntImm(like, 0);
  if (!slice.start.is_none()) {
    HONE_ASSIGN_OR_RETURN(start, ToIndex(slice.start, at));
  }
  HONE_ASSIGN_OR_RETURN(Expr stop, ToIndex(slice.stop, at));
  Expr step = ir::IntImm(start.dtype(), 1);
  if (!slice.step.is_none()) {
    HONE_ASSIGN_OR_RETURN(step, ToIndex(slice.step, at, start.dtype()));
  }
  ir::MatchTypes(start, stop);
  if (!(step.dtype() == start.dtype())) ir::MatchTypes(start, step);
  if (!(stop.dtype() == start.dtype())) ir::MatchTypes(start, stop);
  const int64_t* stride = ir::ConstInt(step);
  const Expr extent = Difference(stop, start);
  if (const auto* product = extent.as<ir::MulNode>(); product != nullptr && stride != nullptr) {
    // A scalable vector: start : start + c * vscale().
    const auto* call = product->b.as<ir::CallNode>();
    if (call != nullptr && call->Is(ir::Builtin::vscale) && *stride == 1 && ir::ConstInt(product->a) != nullptr) {
      return ir::MakeRamp(start, step, extent);
    }
  }
  const int64_t* length = ir::ConstInt(extent);
  if (length == nullptr || stride == nullptr || *stride == 0) {
    return Error(at, "the length of a slice in a load or store must be constant");
  }
  if (std::abs(*length / 2) > kMaxSliceElems || std::abs(*stride / 2) > kMaxSliceElems) {
    return Error(at, "a slice of a load or store is too long for a vector");
  }
  const int64_t lanes = (*length + *stride - (*stride > 0 ? 1 : -1)) / *stride;
  if (lanes < 1 || lanes > 32767) return Error(at, StrCat("a slice of ", lanes, " elements is no vector"));
  if (lanes == 1) return start;
  return ir::MakeRamp(start, step, static_cast<int>(lanes));
}

Builder::Or<Expr> Builder::ToLoad(const SubscriptValue& subscript, Expr predicate, Position at) {
  const Buffer buffer = subscript.buffer;
  if (subscript.indices.size() != buffer->shape.size()) {
    return Error(at, StrCat("buffer \"", buffer->name, "\" has ", buffer->shape.size(), " dimensions, but ",
                            subscript.indices.size(), " indices are given"));
  }
  std::vector<Expr> indices;
  indices.reserve(subscript.indices.size());
  for (size_t i = 0; i < subscript.indices.size(); ++i) {
    HONE_ASSIGN_OR_RETURN(const Expr index, ToLoadIndex(subscript.indices[i], buffer, i, at));
    if (!index.dtype().is_scalar() && i + 1 < subscript.indices.size()) {
      return Error(at, StrCat("only the last index of buffer \"", buffer->name, "\" may be a vector"));
    }
    indices.push_back(index);
  }
  return ir::MakeBufferLoad(buffer, ir::MakeArray(indices), predicate);
}

Builder::Or<ir::BufferRegion> Builder::ToRegion(const Value& value, Position at) {
  if (value.kind == ValueKind::kBuffer) return ir::FullRegion(value.buffer());
  if (value.kind == ValueKind::kObject) {
    if (const auto* region = ir::As<ir::BufferRegionNode>(value.object())) return region;
  }
  if (value.kind == ValueKind::kExpr) {
    if (const auto* load = value.expr().as<ir::BufferLoadNode>()) {
      std::vector<ir::Range> ranges;
      for (const Expr index : load->indices) {
        const auto* ramp = index.as<ir::RampNode>();
        ranges.push_back(ramp != nullptr ? ir::Range{ramp->base, ramp->lanes}
                                         : ir::Range{index, ir::IntImm(index.dtype(), 1)});
      }
      return ir::MakeBufferRegion(load->buffer, ir::MakeArray(ranges));
    }
  }
  if (value.kind != ValueKind::kSubscript) {
    return Error(at, StrCat("expected a buffer region, found ", Describe(value)));
  }
  const auto& subscript = *static_cast<const SubscriptValue*>(value.pointer);
  const Buffer buffer = subscript.buffer;
  if (subscript.indices.size() != buffer->shape.size()) {
    return Error(at, StrCat("buffer \"", buffer->name, "\" has ", buffer->shape.size(), " dimensions, but ",
                            subscript.indices.size(), " ranges are given"));
  }
  std::vector<ir::Range> ranges;
  ranges.reserve(subscript.indices.size());
  for (size_t i = 0; i < subscript.indices.size(); ++i) {
    const Value& index = subscript.indices[i];
    const DataType like = buffer->shape[i].dtype();
    if (index.kind != ValueKind::kSlice) {
      HONE_ASSIGN_OR_RETURN(const Expr point, ToIndex(index, at));
      ranges.push_back(ir::Range{point, ir::IntImm(point.dtype().element(), 1)});
      continue;
    }
    const auto& slice = *static_cast<const SliceValue*>(index.pointer);
    if (!slice.step.is_none()) return Error(at, "a region has no step");
    Expr start = ir::IntImm(like, 0);
    Expr stop = buffer->shape[i];
    if (!slice.start.is_none()) {
      HONE_ASSIGN_OR_RETURN(start, ToIndex(slice.start, at));
    }
    if (!slice.stop.is_none()) {
      HONE_ASSIGN_OR_RETURN(stop, ToIndex(slice.stop, at));
    }
    ir::MatchTypes(start, stop);
    ranges.push_back(ir::Range{start, Difference(stop, start)});
  }
  return ir::MakeBufferRegion(buffer, ir::MakeArray(ranges));
}

Builder::Or<ir::Var> Builder::ToVar(const Value& value, Position at, std::string_view what) {
  if (value.kind == ValueKind::kExpr) {
    if (const auto* var = value.expr().as<ir::VarNode>()) return ir::Var(var);
  }
  if (value.kind == ValueKind::kObject) {
    if (const auto* iter = ir::As<ir::IterVarNode>(value.object())) return iter->var;
  }
  return Error(at, StrCat(what, " must be a variable, not ", Describe(value)));
}

Builder::Or<std::string_view> Builder::ToString(const Value& value, Position at, std::string_view what) {
  if (value.kind == ValueKind::kString) return value.text;
  if (value.kind == ValueKind::kExpr) {
    if (const auto* imm = value.expr().as<ir::StringImmNode>()) return imm->value;
  }
  return Error(at, StrCat(what, " must be a string, not ", Describe(value)));
}

Builder::Or<int64_t> Builder::ToInt(const Value& value, Position at, std::string_view what) {
  if (value.kind == ValueKind::kInt || value.kind == ValueKind::kBool) return value.integer;
  if (value.kind == ValueKind::kExpr) {
    if (const int64_t* number = ir::ConstInt(value.expr())) return *number;
  }
  return Error(at, StrCat(what, " must be an integer literal, not ", Describe(value)));
}

Builder::Or<bool> Builder::ToBool(const Value& value, Position at, std::string_view what) {
  HONE_ASSIGN_OR_RETURN(const int64_t number, ToInt(value, at, what));
  return number != 0;
}

Builder::Or<DataType> Builder::ToDtype(const Value& value, Position at) {
  if (value.kind == ValueKind::kString || value.kind == ValueKind::kDtype) {
    const auto dtype = DataType::Parse(value.text);
    if (dtype.has_value()) return *dtype;
    return Error(at, StrCat("\"", value.text, "\" is no data type"));
  }
  return Error(at, StrCat("expected a data type, found ", Describe(value)));
}

Builder::Or<ir::Range> Builder::ToRange(const Value& dom, Position at) {
  if (dom.kind == ValueKind::kObject) {
    if (const auto* range = ir::As<ir::RangeNode>(dom.object())) return ir::Range{range->min, range->extent};
  }
  if (dom.is_sequence()) {
    if (dom.items().size() != 2) return Error(at, "a domain is an extent or a pair (begin, end)");
    HONE_ASSIGN_OR_RETURN(Expr begin, ToIndex(dom.items()[0], at));
    HONE_ASSIGN_OR_RETURN(Expr end, ToIndex(dom.items()[1], at));
    ir::MatchTypes(begin, end);
    return ir::Range{begin, Difference(end, begin)};
  }
  HONE_ASSIGN_OR_RETURN(const Expr extent, ToIndex(dom, at));
  return ir::RangeFromExtent(extent);
}

Builder::Or<const ir::Object*> Builder::ToObject(const Value& value, Position at, int depth) {
  if (depth > kMaxAttrDepth) return Error(at, "the attribute is nested too deeply");
  switch (value.kind) {
    case ValueKind::kNone:
      return static_cast<const ir::Object*>(nullptr);
    case ValueKind::kBool:
      return ir::AnnotationBool(value.integer != 0);
    case ValueKind::kInt:
    case ValueKind::kWide:
    case ValueKind::kFloat: {
      HONE_ASSIGN_OR_RETURN(const Expr number, NumberToExpr(value, at));
      return static_cast<const ir::Object*>(number.get());
    }
    case ValueKind::kString:
      return static_cast<const ir::Object*>(ir::String(value.text));
    case ValueKind::kExpr:
    case ValueKind::kBuffer:
    case ValueKind::kObject:
    case ValueKind::kGlobal:
      return value.object();
    case ValueKind::kSubscript: {
      HONE_ASSIGN_OR_RETURN(const Expr load, ToExpr(value, at));
      return static_cast<const ir::Object*>(load.get());
    }
    case ValueKind::kSequence: {
      std::vector<const ir::Object*> items;
      for (const Value& item : value.items()) {
        HONE_ASSIGN_OR_RETURN(const ir::Object* object, ToObject(item, at, depth + 1));
        items.push_back(object);
      }
      return static_cast<const ir::Object*>(ir::ObjectArray(ir::MakeArray(items)));
    }
    case ValueKind::kDict: {
      HONE_ASSIGN_OR_RETURN(const ir::Attrs attrs, ToAttrs(value, at, depth + 1));
      return static_cast<const ir::Object*>(ir::Map(attrs));
    }
    case ValueKind::kDtype:
      return static_cast<const ir::Object*>(ir::String(value.text));
    case ValueKind::kMeta:
      return ToObject(*static_cast<const Value*>(value.pointer), at, depth + 1);
    default:
      return Error(at, StrCat(Describe(value), " cannot be an attribute"));
  }
}

Builder::Or<ir::Attrs> Builder::ToAttrs(const Value& value, Position at, int depth) {
  if (value.is_none()) return ir::Attrs();
  if (value.kind != ValueKind::kDict) return Error(at, StrCat("expected a dictionary, found ", Describe(value)));
  ir::Attrs out;
  const ir::Array<Value> items = value.items();
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    HONE_ASSIGN_OR_RETURN(const std::string_view key, ToString(items[i], at, "the key of an attribute"));
    HONE_ASSIGN_OR_RETURN(const ir::Object* object, ToObject(items[i + 1], at, depth + 1));
    out = out.With(key, object);
  }
  return out;
}

}  // namespace hone::script
