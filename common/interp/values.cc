#include "common/interp/values.h"

#include <algorithm>
#include <cmath>

#include "common/interp/math.h"
#include "common/ir/ops.h"

namespace hone::interp {

using namespace ir;  // NOLINT: an internal file that is about these nodes.

void DivisionByZero() { throw Stop(Stop::Kind::kInvalid, "integer division by zero"); }

namespace {

int64_t IntBinary(ExprKind kind, DataType t, int64_t a, int64_t b) {
  const auto ua = static_cast<uint64_t>(a);
  const auto ub = static_cast<uint64_t>(b);
  const bool wide = t.is_uint() && t.bits == 64;
  switch (kind) {
    case ExprKind::kAdd:
      return WrapTo(t, static_cast<int64_t>(ua + ub));
    case ExprKind::kSub:
      return WrapTo(t, static_cast<int64_t>(ua - ub));
    case ExprKind::kMul:
      return WrapTo(t, static_cast<int64_t>(ua * ub));
    case ExprKind::kDiv:
      if (b == 0) DivisionByZero();
      if (wide) return static_cast<int64_t>(ua / ub);
      return WrapTo(t, b == -1 ? static_cast<int64_t>(0 - ua) : a / b);
    case ExprKind::kMod:
      if (b == 0) DivisionByZero();
      if (wide) return static_cast<int64_t>(ua % ub);
      return WrapTo(t, b == -1 ? 0 : a % b);
    case ExprKind::kFloorDiv:
      if (b == 0) DivisionByZero();
      if (wide) return static_cast<int64_t>(ua / ub);
      return WrapTo(t, FloorDivInt(a, b));
    case ExprKind::kFloorMod:
      if (b == 0) DivisionByZero();
      if (wide) return static_cast<int64_t>(ua % ub);
      return WrapTo(t, FloorModInt(a, b));
    case ExprKind::kMin:
      return wide ? static_cast<int64_t>(std::min(ua, ub)) : std::min(a, b);
    case ExprKind::kMax:
      return wide ? static_cast<int64_t>(std::max(ua, ub)) : std::max(a, b);
    default:
      return 0;
  }
}

}  // namespace

double ScalarVar::Float(Frame& f, int lane) const {
  return is_float ? f.scalars[slot + (dtype.is_scalar() ? 0 : lane)].f : static_cast<double>(Int(f, lane));
}

int64_t CastEval::Int(Frame& f, int lane) const {
  if (!value->is_float) return dtype.is_bool() ? value->Int(f, lane) != 0 : WrapTo(dtype, value->Int(f, lane));
  const double v = value->Float(f, lane);
  if (dtype.is_bool()) return v != 0;
  if (std::isnan(v)) return WrapTo(dtype, INT64_MIN);
  if (v >= 9.2233720368547758e18)
    return dtype.is_uint() && v < 1.8446744073709552e19 ? static_cast<int64_t>(static_cast<uint64_t>(v))
                                                        : WrapTo(dtype, INT64_MAX);
  if (v <= -9.2233720368547758e18) return WrapTo(dtype, INT64_MIN);
  return WrapTo(dtype, static_cast<int64_t>(v));
}

double CastEval::Float(Frame& f, int lane) const {
  if (!is_float) return static_cast<double>(Int(f, lane));
  if (value->is_float) return RoundTo(dtype, value->Float(f, lane));
  const int64_t v = value->Int(f, lane);
  const bool big = value->dtype.is_uint() && value->dtype.bits == 64 && v < 0;
  return RoundTo(dtype, big ? static_cast<double>(static_cast<uint64_t>(v)) : static_cast<double>(v));
}

int64_t IntBinaryEval::Int(Frame& f, int lane) const {
  return IntBinary(kind, dtype.element(), a->Int(f, lane), b->Int(f, lane));
}

double FloatBinaryEval::Float(Frame& f, int lane) const {
  const double x = a->Float(f, lane);
  const double y = b->Float(f, lane);
  switch (kind) {
    case ExprKind::kAdd:
      return RoundTo(dtype, x + y);
    case ExprKind::kSub:
      return RoundTo(dtype, x - y);
    case ExprKind::kMul:
      return RoundTo(dtype, x * y);
    case ExprKind::kDiv:
      return RoundTo(dtype, x / y);
    case ExprKind::kMod:
      return RoundTo(dtype, std::fmod(x, y));
    case ExprKind::kFloorDiv:
      return RoundTo(dtype, std::floor(x / y));
    case ExprKind::kFloorMod:
      return RoundTo(dtype, x - std::floor(x / y) * y);
    case ExprKind::kMin:
      return std::isnan(x) || std::isnan(y) ? x + y : std::min(x, y);
    case ExprKind::kMax:
      return std::isnan(x) || std::isnan(y) ? x + y : std::max(x, y);
    default:
      return 0;
  }
}

int64_t CompareEval::Int(Frame& f, int lane) const {
  if (a->is_float) return Compare(a->Float(f, lane), b->Float(f, lane));
  const int64_t x = a->Int(f, lane);
  const int64_t y = b->Int(f, lane);
  if (a->dtype.is_uint() && a->dtype.bits == 64) return Compare(static_cast<uint64_t>(x), static_cast<uint64_t>(y));
  return Compare(x, y);
}

int64_t LogicEval::Int(Frame& f, int lane) const {
  const bool x = a->Int(f, lane) != 0;
  if (kind == ExprKind::kNot) return !x;
  if (kind == ExprKind::kAnd) return x && b->Int(f, lane) != 0;
  return x || b->Int(f, lane) != 0;
}

int64_t RampEval::Int(Frame& f, int lane) const {
  const int inner = base->dtype.lanes;  // A ramp of vectors steps once a whole vector.
  return WrapTo(dtype.element(), base->Int(f, lane % inner) + stride->Int(f, lane % inner) * (lane / inner));
}

int64_t ShuffleEval::Int(Frame& f, int lane) const {
  auto [vector, at] = Pick(f, lane);
  return vector->Int(f, at);
}

double ShuffleEval::Float(Frame& f, int lane) const {
  auto [vector, at] = Pick(f, lane);
  return vector->Float(f, at);
}

void Bind(Frame& f, int slot, const Evaluator& value) {
  for (int lane = 0; lane < value.dtype.lanes; ++lane) {
    if (value.is_float) {
      f.scalars[slot + lane].f = value.Float(f, lane);
    } else {
      f.scalars[slot + lane].i = value.Int(f, lane);
    }
  }
}

int64_t LetEval::Int(Frame& f, int lane) const {
  Bind(f, slot, *value);
  return body->Int(f, lane);
}

double LetEval::Float(Frame& f, int lane) const {
  Bind(f, slot, *value);
  return body->Float(f, lane);
}

double MathEval::Float(Frame& f, int lane) const {
  const double a = x->Float(f, lane);
  return RoundTo(dtype, y != nullptr ? EvaluateBinary(op, a, y->Float(f, lane)) : EvaluateUnary(op, a));
}

int64_t MathEval::Int(Frame& f, int lane) const {
  if (op == Builtin::abs || op == Builtin::fabs) return WrapTo(dtype.element(), std::abs(x->Int(f, lane)));
  if (op == Builtin::pow) {
    int64_t out = 1;
    for (int64_t n = y->Int(f, lane), b = x->Int(f, lane); n > 0; --n) out *= b;
    return WrapTo(dtype.element(), out);
  }
  if (!x->is_float) return x->Int(f, lane);  // floor, ceil, round, trunc of integers
  return static_cast<int64_t>(EvaluateUnary(op, x->Float(f, lane)));
}

void ReinterpretEval::Bytes(Frame& f, int lane, uint8_t* out) const {
  const DataType to = dtype.element();
  const DataType from = value->dtype.element();
  const int bytes = to.bytes();
  for (int b = 0; b < bytes; ++b) {
    const int at = lane * bytes + b;
    uint8_t buffer[8];
    const int source_lane = at / from.bytes();
    if (value->is_float) {
      StoreFloat(from, buffer, value->Float(f, source_lane));
    } else {
      StoreInt(from, buffer, value->Int(f, source_lane));
    }
    out[b] = buffer[at % from.bytes()];
  }
}

int64_t ReinterpretEval::Int(Frame& f, int lane) const {
  uint8_t bytes[8];
  Bytes(f, lane, bytes);
  return LoadInt(dtype.element(), bytes);
}

double ReinterpretEval::Float(Frame& f, int lane) const {
  if (!is_float) return static_cast<double>(Int(f, lane));
  uint8_t bytes[8];
  Bytes(f, lane, bytes);
  return LoadFloat(dtype.element(), bytes);
}

}  // namespace hone::interp
