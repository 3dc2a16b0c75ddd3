#include "common/arith/testing/evaluate.h"

#include <algorithm>

#include "common/ir/ops.h"
#include "common/support/strings.h"

namespace hone::arith::testing {

using ir::DataType;
using ir::Expr;
using ir::ExprKind;

namespace {

using Value = std::optional<int64_t>;

// Index values beyond it count as undefined while set.
constexpr __int128 kNoLimit = static_cast<__int128>(1) << 64;
thread_local __int128 index_limit = kNoLimit;

// `value` as a literal of `type` would hold it.
Value Hold(DataType type, __int128 value) {
  type = type.element();
  if (type.is_index()) {
    if (value < ir::MinInt(type) || value > ir::MaxInt(type)) return std::nullopt;
    if (value > index_limit || -value > index_limit) return std::nullopt;
    return static_cast<int64_t>(value);
  }
  if (type.bits >= 64) return static_cast<int64_t>(value);
  const uint64_t mask = (uint64_t{1} << type.bits) - 1;
  uint64_t low = static_cast<uint64_t>(value) & mask;
  if (type.is_int() && (low >> (type.bits - 1)) != 0) low |= ~mask;
  return static_cast<int64_t>(low);
}

Value Apply(ExprKind kind, DataType type, int64_t a, int64_t b) {
  const __int128 x = a;
  const __int128 y = b;
  switch (kind) {
    case ExprKind::kAdd:
      return Hold(type, x + y);
    case ExprKind::kSub:
      return Hold(type, x - y);
    case ExprKind::kMul:
      return Hold(type, x * y);
    case ExprKind::kDiv:
      return b == 0 ? Value() : Hold(type, x / y);
    case ExprKind::kMod:
      return b == 0 ? Value() : Hold(type, x % y);
    case ExprKind::kFloorDiv:
      return b == 0 ? Value() : Hold(type, x / y - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0));
    case ExprKind::kFloorMod:
      return b == 0 ? Value() : Hold(type, x % y + (x % y != 0 && (x < 0) != (y < 0) ? y : 0));
    case ExprKind::kMin:
      return std::min(a, b);
    case ExprKind::kMax:
      return std::max(a, b);
    case ExprKind::kEQ:
      return a == b;
    case ExprKind::kNE:
      return a != b;
    case ExprKind::kLT:
      return a < b;
    case ExprKind::kLE:
      return a <= b;
    case ExprKind::kGT:
      return a > b;
    case ExprKind::kGE:
      return a >= b;
    case ExprKind::kAnd:
      return a != 0 && b != 0;
    case ExprKind::kOr:
      return a != 0 || b != 0;
    default:
      return std::nullopt;
  }
}

Value EvaluateCall(const ir::CallNode* call, const Environment& environment, int lane) {
  if (call->Is(ir::Builtin::likely)) return Evaluate(call->args[0], environment, lane);
  if (call->Is(ir::Builtin::if_then_else)) {
    const Value condition = Evaluate(call->args[0], environment, lane);
    if (!condition) return std::nullopt;
    return Evaluate(call->args[*condition != 0 ? 1 : 2], environment, lane);
  }
  if (call->args.size() != 2) return std::nullopt;
  const Value a = Evaluate(call->args[0], environment, lane);
  const Value b = Evaluate(call->args[1], environment, lane);
  if (!a || !b) return std::nullopt;
  if (call->Is(ir::Builtin::bitwise_and)) return *a & *b;
  if (call->Is(ir::Builtin::bitwise_or)) return *a | *b;
  if (call->Is(ir::Builtin::bitwise_xor)) return *a ^ *b;
  const bool shift = *b >= 0 && *b < call->dtype.bits;
  if (call->Is(ir::Builtin::shift_right) && shift) return *a >> *b;
  if (call->Is(ir::Builtin::shift_left) && shift) return Hold(call->dtype, static_cast<__int128>(*a) << *b);
  return std::nullopt;
}

}  // namespace

Value Evaluate(Expr e, const Environment& environment, int lane) {
  switch (e.kind()) {
    case ExprKind::kVar:
      for (const auto& [var, value] : environment) {
        if (var == e.get()) return value;
      }
      return std::nullopt;
    case ExprKind::kIntImm:
      return e.as<ir::IntImmNode>()->value;
    case ExprKind::kCast: {
      const auto* cast = e.as<ir::CastNode>();
      const Value value = Evaluate(cast->value, environment, lane);
      if (!value) return value;
      if (cast->dtype.element().is_bool()) return *value != 0;
      return Hold(cast->dtype, *value);
    }
    case ExprKind::kNot: {
      const Value value = Evaluate(e.as<ir::NotNode>()->a, environment, lane);
      return value ? Value(*value == 0) : value;
    }
    case ExprKind::kSelect: {
      const auto* select = e.as<ir::SelectNode>();
      const Value condition = Evaluate(select->condition, environment, lane);
      const Value a = Evaluate(select->true_value, environment, lane);
      const Value b = Evaluate(select->false_value, environment, lane);
      if (!condition || !a || !b) return std::nullopt;
      return *condition != 0 ? a : b;
    }
    case ExprKind::kRamp: {
      const auto* ramp = e.as<ir::RampNode>();
      const Value base = Evaluate(ramp->base, environment);
      const Value stride = Evaluate(ramp->stride, environment);
      if (!base || !stride) return std::nullopt;
      return Hold(e.dtype(), static_cast<__int128>(*base) + static_cast<__int128>(*stride) * lane);
    }
    case ExprKind::kBroadcast:
      return Evaluate(e.as<ir::BroadcastNode>()->value, environment);
    case ExprKind::kLet: {
      const auto* let = e.as<ir::LetNode>();
      const Value value = Evaluate(let->value, environment);
      if (!value) return value;
      Environment inner = environment;
      inner.insert(inner.begin(), {let->var.get(), *value});
      return Evaluate(let->body, inner, lane);
    }
    case ExprKind::kCall:
      return EvaluateCall(e.as<ir::CallNode>(), environment, lane);
    default: {
      const auto* op = e.as<ir::BinaryNode>();
      if (op == nullptr) return std::nullopt;
      const Value a = Evaluate(op->a, environment, lane);
      if (!a) return a;
      const Value b = Evaluate(op->b, environment, lane);
      if (!b) return b;
      return Apply(op->kind, op->a.dtype(), *a, *b);
    }
  }
}

Value EvaluateSmall(Expr e, const Environment& environment, int lane) {
  index_limit = int64_t{1} << 20;
  const Value value = Evaluate(e, environment, lane);
  index_limit = kNoLimit;
  return value;
}

std::string ToText(Expr e) {
  if (!e) return "inf";
  switch (e.kind()) {
    case ExprKind::kVar:
      return std::string(e.as<ir::VarNode>()->name);
    case ExprKind::kIntImm:
      return StrCat(e.as<ir::IntImmNode>()->value);
    case ExprKind::kFloatImm:
      return StrCat(e.as<ir::FloatImmNode>()->value);
    case ExprKind::kCast:
      return StrCat(e.dtype().ToString(), "(", ToText(e.as<ir::CastNode>()->value), ")");
    case ExprKind::kNot:
      return StrCat("!", ToText(e.as<ir::NotNode>()->a));
    case ExprKind::kSelect: {
      const auto* s = e.as<ir::SelectNode>();
      return StrCat("select(", ToText(s->condition), ", ", ToText(s->true_value), ", ", ToText(s->false_value), ")");
    }
    case ExprKind::kRamp: {
      const auto* r = e.as<ir::RampNode>();
      return StrCat("ramp(", ToText(r->base), ", ", ToText(r->stride), ", ", ToText(r->lanes), ")");
    }
    case ExprKind::kBroadcast: {
      const auto* b = e.as<ir::BroadcastNode>();
      return StrCat("broadcast(", ToText(b->value), ", ", ToText(b->lanes), ")");
    }
    case ExprKind::kLet: {
      const auto* l = e.as<ir::LetNode>();
      return StrCat("(let ", ToText(l->var), " = ", ToText(l->value), " in ", ToText(l->body), ")");
    }
    case ExprKind::kCall: {
      const auto* c = e.as<ir::CallNode>();
      std::string out = StrCat(c->function != nullptr ? c->function->name : ir::InfoOf(c->op).name, "(");
      for (size_t i = 0; i < c->args.size(); ++i) StrAppend(&out, i == 0 ? "" : ", ", ToText(c->args[i]));
      return out + ")";
    }
    default:
      break;
  }
  const auto* op = e.as<ir::BinaryNode>();
  if (op == nullptr) return "?";
  static constexpr const char* kNames[] = {"+",  "-",  "*", "/",  "%", "//", "%%", "min", "max",
                                           "==", "!=", "<", "<=", ">", ">=", "&&", "||"};
  const char* name = kNames[static_cast<int>(op->kind) - static_cast<int>(ExprKind::kAdd)];
  if (op->kind == ExprKind::kMin || op->kind == ExprKind::kMax) {
    return StrCat(name, "(", ToText(op->a), ", ", ToText(op->b), ")");
  }
  return StrCat("(", ToText(op->a), " ", name, " ", ToText(op->b), ")");
}

}  // namespace hone::arith::testing
