// Scalars of a kernel.
#include <cmath>

#include "common/ir/visitor.h"
#include "common/support/strings.h"
#include "worker/codegen/cuda/kernel_emitter.h"

namespace hone::codegen {

using ir::Builtin;
using ir::DataType;
using ir::Expr;
using ir::ExprKind;

namespace {

// Of C++: higher binds tighter.
enum Precedence {
  kTernary = 1,
  kOr = 2,
  kAnd = 3,
  kBitOr = 4,
  kBitXor = 5,
  kBitAnd = 6,
  kEquality = 7,
  kRelation = 8,
  kShift = 10,
  kSum = 11,
  kProduct = 12,
  kUnary = 13,
};

std::string Wrapped(const std::string& text, int own, int around) {
  return own < around ? StrCat("(", text, ")") : text;
}

// Operator and its precedence; null for kinds that are functions.
const char* Symbol(ExprKind kind, int* precedence) {
  switch (kind) {
    case ExprKind::kAdd:
      *precedence = kSum;
      return " + ";
    case ExprKind::kSub:
      *precedence = kSum;
      return " - ";
    case ExprKind::kMul:
      *precedence = kProduct;
      return " * ";
    case ExprKind::kDiv:
      *precedence = kProduct;
      return " / ";
    case ExprKind::kEQ:
      *precedence = kEquality;
      return " == ";
    case ExprKind::kNE:
      *precedence = kEquality;
      return " != ";
    case ExprKind::kLT:
      *precedence = kRelation;
      return " < ";
    case ExprKind::kLE:
      *precedence = kRelation;
      return " <= ";
    case ExprKind::kGT:
      *precedence = kRelation;
      return " > ";
    case ExprKind::kGE:
      *precedence = kRelation;
      return " >= ";
    case ExprKind::kAnd:
      *precedence = kAnd;
      return " && ";
    case ExprKind::kOr:
      *precedence = kOr;
      return " || ";
    default:
      return nullptr;
  }
}

bool IsNarrowFloat(DataType dtype) { return dtype.is_bfloat16() || (dtype.is_float() && dtype.bits == 16); }

}  // namespace

std::string KernelEmitter::Scalar(Expr e, int precedence) {
  if (!status_.ok()) return "0";
  switch (e.kind()) {
    case ExprKind::kIntImm: {
      const std::string text = CudaIntLiteral(e.dtype(), e.as<ir::IntImmNode>()->value);
      if (!e.dtype().is_bool()) prelude_.Use(e.dtype());
      return text[0] == '-' ? Wrapped(text, kUnary, precedence) : text;
    }
    case ExprKind::kFloatImm: {
      prelude_.Use(e.dtype());
      if (!CudaScalarType(e.dtype()).has_value()) TypeName(e.dtype());
      if (!status_.ok()) return "0";
      const std::string text = CudaFloatLiteral(e.dtype(), e.as<ir::FloatImmNode>()->value);
      return text[0] == '-' ? Wrapped(text, kUnary, precedence) : text;
    }
    case ExprKind::kStringImm:
      FailUnimplemented("text in a kernel");
      return "0";
    case ExprKind::kVar: {
      const auto* var = e.as<ir::VarNode>();
      if (auto it = names_.find(var); it != names_.end()) return it->second;
      if (auto it = pointers_.find(var); it != pointers_.end()) return it->second.name;
      Fail(absl::InternalError(StrCat("variable \"", var->name, "\" is used in a kernel and not defined there")));
      return "0";
    }
    case ExprKind::kCast: {
      const auto* cast = e.as<ir::CastNode>();
      return Wrapped(CastTo(e.dtype(), cast->value.dtype(), Scalar(cast->value)), kUnary, precedence);
    }
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod:
    case ExprKind::kMod:
      return Divide(e.as<ir::BinaryNode>(), precedence);
    case ExprKind::kAdd:
    case ExprKind::kSub:
    case ExprKind::kMul:
    case ExprKind::kDiv:
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
      return Binary(e.as<ir::BinaryNode>(), precedence);
    case ExprKind::kNot:
      return Wrapped(StrCat("!", Scalar(e.as<ir::NotNode>()->a, kUnary)), kUnary, precedence);
    case ExprKind::kSelect: {
      const auto* select = e.as<ir::SelectNode>();
      return Wrapped(StrCat(Scalar(select->condition, kOr), " ? ", Scalar(select->true_value, kOr), " : ",
                            Scalar(select->false_value, kTernary)),
                     kTernary, precedence);
    }
    case ExprKind::kBufferLoad: {
      const auto* load = e.as<ir::BufferLoadNode>();
      if (load->indices.size() != 1) {
        FailUnimplemented(StrCat("access of \"", load->buffer->name, "\" with ", load->indices.size(), " indices"));
        return "0";
      }
      const std::string element = Element(ir::Buffer(load->buffer), Scalar(load->indices[0]));
      if (!load->predicate) return element;
      return Wrapped(StrCat(Scalar(load->predicate, kOr), " ? ", element, " : ", TypeName(e.dtype()), "(0)"), kTernary,
                     precedence);
    }
    case ExprKind::kLet: {
      const auto* let = e.as<ir::LetNode>();
      names_[let->var.get()] = StrCat("(", Scalar(let->value), ")");
      return Scalar(let->body, precedence);
    }
    case ExprKind::kCall:
      return Call(e.as<ir::CallNode>(), precedence);
    case ExprKind::kShuffle: {
      const auto* shuffle = e.as<ir::ShuffleNode>();
      const int64_t* at = shuffle->indices.size() == 1 ? ir::ConstInt(shuffle->indices[0]) : nullptr;
      if (at == nullptr) break;
      int64_t lane = *at;
      for (Expr vector : shuffle->vectors) {
        if (lane < vector.dtype().lanes) {
          if (vector.dtype().is_scalar()) return Scalar(vector, precedence);
          return StrCat(Vector(vector), "[", lane, "]");
        }
        lane -= vector.dtype().lanes;
      }
      break;
    }
    case ExprKind::kRamp:
    case ExprKind::kBroadcast:
    case ExprKind::kReduce:
    case ExprKind::kAny:
      break;
  }
  FailUnimplemented("an expression that no kernel can have");
  return "0";
}

std::string KernelEmitter::CastTo(DataType to, DataType from, const std::string& value) {
  const std::string type = TypeName(to.element());
  prelude_.Use(from.element());
  // half and bfloat16 are made from floats, and become floats first.
  if (IsNarrowFloat(from) && !to.is_float()) return StrCat(type, "(float(", value, "))");
  if (IsNarrowFloat(to) && !(from.is_float() && from.bits == 32)) return StrCat(type, "(float(", value, "))");
  if (type.find(' ') == std::string::npos) return StrCat(type, "(", value, ")");
  return StrCat("(", type, ")(", value, ")");
}

// min and max; the rest are operators.
std::string KernelEmitter::Combine(ExprKind kind, DataType dtype, const std::string& a, const std::string& b) {
  int precedence = 0;
  if (const char* symbol = Symbol(kind, &precedence)) {
    const bool narrow_integer = ir::IsArithmetic(kind) && (dtype.is_int() || dtype.is_uint()) && dtype.bits < 32;
    std::string text = StrCat("(", a, symbol, b, ")");
    // C++ widens to int.
    return narrow_integer ? StrCat(TypeName(dtype.element()), text) : text;
  }
  const std::string_view name = kind == ExprKind::kMin ? "min" : "max";
  if (kind == ExprKind::kMin || kind == ExprKind::kMax) {
    if (dtype.is_float() && dtype.bits >= 32)
      return StrCat("f", name, dtype.bits == 32 ? "f" : "", "(", a, ", ", b, ")");
    if (IsNarrowFloat(dtype)) {
      return StrCat(TypeName(dtype.element()), "(f", name, "f(float(", a, "), float(", b, ")))");
    }
    if (dtype.bits >= 32) return StrCat(name, "(", a, ", ", b, ")");
    return StrCat(TypeName(dtype.element()), "(", name, "(int(", a, "), int(", b, ")))");
  }
  const bool divide = kind == ExprKind::kFloorDiv;
  if (divide || kind == ExprKind::kFloorMod) {
    if (dtype.is_uint()) return StrCat("(", a, divide ? " / " : " % ", b, ")");
    if (dtype.is_float()) {
      const std::string f = dtype.bits == 64 ? "" : "f";
      if (divide) return StrCat("floor", f, "(", a, " / ", b, ")");
      return StrCat("(", a, " - ", b, " * floor", f, "(", a, " / ", b, "))");
    }
    prelude_.Use(divide ? "floordiv" : "floormod");
    const std::string type = TypeName(dtype.element());
    return StrCat(divide ? "floordiv<" : "floormod<", type, ">(", a, ", ", b, ")");
  }
  if (kind == ExprKind::kMod) {
    if (dtype.is_float()) return StrCat("fmod", dtype.bits == 64 ? "" : "f", "(", a, ", ", b, ")");
    return StrCat("(", a, " % ", b, ")");
  }
  FailUnimplemented("an operator that no kernel has");
  return "0";
}

std::string KernelEmitter::Binary(const ir::BinaryNode* node, int precedence) {
  const DataType dtype = node->a.dtype();
  int own = 0;
  const char* symbol = Symbol(node->kind, &own);
  const bool narrow_integer = ir::IsArithmetic(node->kind) && (dtype.is_int() || dtype.is_uint()) && dtype.bits < 32;
  if (symbol == nullptr || narrow_integer) {
    return Combine(node->kind, dtype, Scalar(node->a, kUnary), Scalar(node->b, kUnary));
  }
  if (ir::IsComparison(node->kind) && IsNarrowFloat(dtype)) {
    return Wrapped(StrCat("float(", Scalar(node->a), ")", symbol, "float(", Scalar(node->b), ")"), own, precedence);
  }
  return Wrapped(StrCat(Scalar(node->a, own), symbol, Scalar(node->b, own + 1)), own, precedence);
}

// Quotients and remainders, rounded down. Where both operands are surely not negative, those of C++ are the same.
std::string KernelEmitter::Divide(const ir::BinaryNode* node, int precedence) {
  const DataType dtype = node->dtype;
  const bool integer = dtype.is_int() && dtype.bits >= 32;
  const bool simple = dtype.is_uint() || (node->kind == ExprKind::kMod && dtype.is_int()) ||
                      (integer && analyzer_.const_int_bound(node->a).min_value >= 0 &&
                       analyzer_.const_int_bound(node->b).min_value > 0);
  if (!simple) return Combine(node->kind, dtype, Scalar(node->a, kUnary), Scalar(node->b, kUnary));
  const char* symbol = node->kind == ExprKind::kFloorDiv ? " / " : " % ";
  return Wrapped(StrCat(Scalar(node->a, kProduct), symbol, Scalar(node->b, kProduct + 1)), kProduct, precedence);
}

// CUDA's __dp4a has no form for factors of which one is signed; the instruction has.
std::string KernelEmitter::Dp4a(const ir::CallNode* call, size_t first) {
  if (call->args.size() != first + 3) {
    FailUnimplemented("a dp4a that has not two factors and a sum");
    return "0";
  }
  const bool a_unsigned = call->args[first].dtype().is_uint(), b_unsigned = call->args[first + 1].dtype().is_uint();
  prelude_.Use("bitcast");
  const auto word = [&](Expr e) {
    return StrCat("bitcast<", e.dtype().is_uint() ? "unsigned" : "int", ">(",
                  e.dtype().is_vector() ? Vector(e) : Scalar(e), ")");
  };
  std::string name = "__dp4a";
  if (a_unsigned != b_unsigned) {
    name = a_unsigned ? "dp4a_us" : "dp4a_su";
    prelude_.Use(name);
  }
  const std::string sum = StrCat(a_unsigned && b_unsigned ? "unsigned(" : "int(", Scalar(call->args[first + 2]), ")");
  const std::string a = word(call->args[first]), b = word(call->args[first + 1]);
  return StrCat(name, "(", a, ", ", b, ", ", sum, ")");
}

std::string KernelEmitter::ExternCall(const ir::CallNode* call) {
  const auto* name = call->args.empty() ? nullptr : call->args[0].as<ir::StringImmNode>();
  if (name == nullptr) {
    FailUnimplemented("an external call without a name");
    return "0";
  }
  if (name->value == "__dp4a") return Dp4a(call, 1);
  std::string text = StrCat(name->value, "(");
  for (size_t i = 1; i < call->args.size(); ++i) {
    const Expr arg = call->args[i];
    StrAppend(&text, i > 1 ? ", " : "");
    if (arg.dtype().is_handle()) {
      StrAppend(&text, PointerExpr(arg));
    } else if (arg.dtype().is_vector()) {
      // Such functions take packed words.
      prelude_.Use("bitcast");
      StrAppend(&text, "bitcast<", arg.dtype().is_uint() ? "unsigned" : "int", ">(", Vector(arg), ")");
    } else {
      StrAppend(&text, Scalar(arg));
    }
  }
  return text + ")";
}

std::string KernelEmitter::Call(const ir::CallNode* call, int precedence) {
  if (call->function != nullptr) {
    FailUnimplemented(StrCat("call of \"", call->function->name, "\" in a kernel"));
    return "0";
  }
  const auto arg = [&](size_t i, int around = 0) { return Scalar(call->args[i], around); };
  const auto infix = [&](const char* symbol, int own) {
    return Wrapped(StrCat(arg(0, own), symbol, arg(1, own + 1)), own, precedence);
  };
  switch (call->op) {
    case Builtin::if_then_else:
      return Wrapped(StrCat(arg(0, kOr), " ? ", arg(1, kOr), " : ", arg(2, kTernary)), kTernary, precedence);
    case Builtin::likely:
      return arg(0, precedence);
    case Builtin::assume:
      return "0";
    case Builtin::undef:
      return StrCat(TypeName(call->dtype), "(0)");
    case Builtin::bitwise_and:
      return infix(" & ", kBitAnd);
    case Builtin::bitwise_or:
      return infix(" | ", kBitOr);
    case Builtin::bitwise_xor:
      return infix(" ^ ", kBitXor);
    case Builtin::bitwise_not:
      return Wrapped(StrCat("~", arg(0, kUnary)), kUnary, precedence);
    case Builtin::shift_left:
      return infix(" << ", kShift);
    case Builtin::shift_right:
      return infix(" >> ", kShift);
    case Builtin::reinterpret: {
      if (call->args[0].dtype() == call->dtype) return arg(0, precedence);
      prelude_.Use("bitcast");
      const std::string from = call->args[0].dtype().is_vector() ? Vector(call->args[0]) : arg(0);
      return StrCat("bitcast<", TypeName(call->dtype), ">(", from, ")");
    }
    case Builtin::large_uint_imm: {
      const int64_t *low = ir::ConstInt(call->args[0]), *high = ir::ConstInt(call->args[1]);
      if (low == nullptr || high == nullptr) break;
      return StrCat((static_cast<uint64_t>(*high) << 32) | static_cast<uint32_t>(*low), "ull");
    }
    case Builtin::infinity:
      return CudaFloatLiteral(call->dtype, HUGE_VAL);
    case Builtin::tvm_warp_activemask:
      return "__activemask()";
    case Builtin::tvm_warp_shuffle:
    case Builtin::tvm_warp_shuffle_up:
    case Builtin::tvm_warp_shuffle_down: {
      const char* name = call->op == Builtin::tvm_warp_shuffle      ? "__shfl_sync"
                         : call->op == Builtin::tvm_warp_shuffle_up ? "__shfl_up_sync"
                                                                    : "__shfl_down_sync";
      const DataType dtype = call->args[1].dtype();
      std::string value = arg(1);
      const bool packed = IsNarrowFloat(dtype);
      if (packed) value = StrCat("int((", value, ").bits)");
      std::string text = StrCat(name, "(", arg(0), ", ", value, ", ", arg(2), ", ", arg(3), ")");
      if (!packed) return text;
      prelude_.Use("bitcast");
      return StrCat("bitcast<", TypeName(dtype), ">((unsigned short)", text, ")");
    }
    case Builtin::dp4a:
      return Dp4a(call, 0);
    case Builtin::call_extern:
    case Builtin::call_pure_extern:
      return ExternCall(call);
    case Builtin::address_of:
    case Builtin::tvm_access_ptr:
      return PointerExpr(Expr(call));
    case Builtin::atomic_add:
      return StrCat("atomicAdd(", PointerExpr(call->args[0]), ", ", arg(1), ")");
    default:
      return Math(call);
  }
  FailUnimplemented(StrCat("no code for builtin \"", ir::InfoOf(call->op).name, "\" on a GPU"));
  return "0";
}

std::string KernelEmitter::Math(const ir::CallNode* call) {
  std::vector<std::string> args;
  for (Expr e : call->args) {
    if (!e.dtype().is_scalar()) {
      FailUnimplemented(StrCat("no code for builtin \"", ir::InfoOf(call->op).name, "\" on a GPU"));
      return "0";
    }
    args.push_back(Scalar(e));
  }
  const bool classifies = call->op == Builtin::isnan || call->op == Builtin::isinf || call->op == Builtin::isfinite;
  return MathOf(
      call->op,
      classifies || call->op == Builtin::popcount || call->op == Builtin::clz ? call->args[0].dtype() : call->dtype,
      args);
}

std::string KernelEmitter::MathOf(Builtin op, DataType dtype, const std::vector<std::string>& args) {
  const auto joined = [&](const std::string& name) {
    std::string text = StrCat(name, "(");
    for (size_t i = 0; i < args.size(); ++i) StrAppend(&text, i > 0 ? ", " : "", args[i]);
    return text + ")";
  };
  const std::string name(ir::InfoOf(op).name);
  if (op == Builtin::popcount) return joined(dtype.bits == 64 ? "__popcll" : "__popc");
  if (op == Builtin::clz) return joined(dtype.bits == 64 ? "__clzll" : "__clz");
  if (dtype.is_int() && (op == Builtin::abs || op == Builtin::fabs)) return joined(dtype.bits == 64 ? "llabs" : "abs");
  if (!dtype.is_float() && !dtype.is_bfloat16()) {
    FailUnimplemented(StrCat("no code for builtin \"", name, "\" of ", dtype.ToString(), " on a GPU"));
    return "0";
  }
  if (IsNarrowFloat(dtype)) {
    std::vector<std::string> wide;
    for (const std::string& arg : args) wide.push_back(StrCat("float(", arg, ")"));
    const std::string text = MathOf(op, ir::kFloat32, wide);
    const bool classifies = op == Builtin::isnan || op == Builtin::isinf || op == Builtin::isfinite;
    return classifies ? text : StrCat(TypeName(dtype.element()), "(", text, ")");
  }
  const bool single = dtype.bits == 32;
  const std::string f = single ? "f" : "";
  switch (op) {
    // Fast forms for float, as the peer's.
    case Builtin::exp:
    case Builtin::exp10:
    case Builtin::log:
    case Builtin::log2:
    case Builtin::log10:
    case Builtin::cos:
    case Builtin::sin:
    case Builtin::pow:
      return joined(single ? StrCat("__", name, "f") : name);
    case Builtin::sigmoid:
      return single ? StrCat("__fdividef(1.0f, 1.0f + __expf(-(", args[0], ")))")
                    : StrCat("1.0 / (1.0 + exp(-(", args[0], ")))");
    case Builtin::abs:
    case Builtin::fabs:
      return joined("fabs" + f);
    case Builtin::fma:
      return joined("fma" + f);
    case Builtin::isnan:
      return StrCat("(", args[0], " != ", args[0], ")");
    case Builtin::isinf:
      return StrCat("(fabs", f, "(", args[0], ") == ", CudaFloatLiteral(dtype.element(), HUGE_VAL), ")");
    case Builtin::isfinite:
      return StrCat("(fabs", f, "(", args[0], ") < ", CudaFloatLiteral(dtype.element(), HUGE_VAL), ")");
    case Builtin::acos:
    case Builtin::acosh:
    case Builtin::asin:
    case Builtin::asinh:
    case Builtin::atan:
    case Builtin::atan2:
    case Builtin::atanh:
    case Builtin::ceil:
    case Builtin::copysign:
    case Builtin::cosh:
    case Builtin::erf:
    case Builtin::exp2:
    case Builtin::floor:
    case Builtin::fmod:
    case Builtin::hypot:
    case Builtin::ldexp:
    case Builtin::log1p:
    case Builtin::nearbyint:
    case Builtin::nextafter:
    case Builtin::round:
    case Builtin::rsqrt:
    case Builtin::sinh:
    case Builtin::sqrt:
    case Builtin::tan:
    case Builtin::tanh:
    case Builtin::trunc:
      return joined(name + f);
    default:
      FailUnimplemented(StrCat("no code for builtin \"", name, "\" on a GPU"));
      return "0";
  }
}

}  // namespace hone::codegen
