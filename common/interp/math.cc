#include "common/interp/math.h"

#include <cmath>

namespace hone::interp {

using ir::Builtin;

bool IsUnaryMath(Builtin op) {
  switch (op) {
    case Builtin::abs:
    case Builtin::acos:
    case Builtin::acosh:
    case Builtin::asin:
    case Builtin::asinh:
    case Builtin::atan:
    case Builtin::atanh:
    case Builtin::ceil:
    case Builtin::cos:
    case Builtin::cosh:
    case Builtin::erf:
    case Builtin::exp:
    case Builtin::exp10:
    case Builtin::exp2:
    case Builtin::fabs:
    case Builtin::floor:
    case Builtin::log:
    case Builtin::log10:
    case Builtin::log1p:
    case Builtin::log2:
    case Builtin::nearbyint:
    case Builtin::round:
    case Builtin::rsqrt:
    case Builtin::sigmoid:
    case Builtin::sin:
    case Builtin::sinh:
    case Builtin::sqrt:
    case Builtin::tan:
    case Builtin::tanh:
    case Builtin::trunc:
      return true;
    default:
      return false;
  }
}

bool IsBinaryMath(Builtin op) {
  switch (op) {
    case Builtin::atan2:
    case Builtin::copysign:
    case Builtin::fmod:
    case Builtin::hypot:
    case Builtin::nextafter:
    case Builtin::pow:
      return true;
    default:
      return false;
  }
}

double EvaluateUnary(Builtin op, double x) {
  switch (op) {
    case Builtin::abs:
    case Builtin::fabs:
      return std::fabs(x);
    case Builtin::acos:
      return std::acos(x);
    case Builtin::acosh:
      return std::acosh(x);
    case Builtin::asin:
      return std::asin(x);
    case Builtin::asinh:
      return std::asinh(x);
    case Builtin::atan:
      return std::atan(x);
    case Builtin::atanh:
      return std::atanh(x);
    case Builtin::ceil:
      return std::ceil(x);
    case Builtin::cos:
      return std::cos(x);
    case Builtin::cosh:
      return std::cosh(x);
    case Builtin::erf:
      return std::erf(x);
    case Builtin::exp:
      return std::exp(x);
    case Builtin::exp10:
      return std::pow(10.0, x);
    case Builtin::exp2:
      return std::exp2(x);
    case Builtin::floor:
      return std::floor(x);
    case Builtin::log:
      return std::log(x);
    case Builtin::log10:
      return std::log10(x);
    case Builtin::log1p:
      return std::log1p(x);
    case Builtin::log2:
      return std::log2(x);
    case Builtin::nearbyint:
      return std::nearbyint(x);
    case Builtin::round:
      return std::round(x);
    case Builtin::rsqrt:
      return 1.0 / std::sqrt(x);
    case Builtin::sigmoid:
      return 1.0 / (1.0 + std::exp(-x));
    case Builtin::sin:
      return std::sin(x);
    case Builtin::sinh:
      return std::sinh(x);
    case Builtin::sqrt:
      return std::sqrt(x);
    case Builtin::tan:
      return std::tan(x);
    case Builtin::tanh:
      return std::tanh(x);
    case Builtin::trunc:
      return std::trunc(x);
    default:
      return std::nan("");
  }
}

double EvaluateBinary(Builtin op, double x, double y) {
  switch (op) {
    case Builtin::atan2:
      return std::atan2(x, y);
    case Builtin::copysign:
      return std::copysign(x, y);
    case Builtin::fmod:
      return std::fmod(x, y);
    case Builtin::hypot:
      return std::hypot(x, y);
    case Builtin::nextafter:
      return static_cast<double>(std::nextafter(static_cast<float>(x), static_cast<float>(y)));
    case Builtin::pow:
      return std::pow(x, y);
    default:
      return std::nan("");
  }
}

}  // namespace hone::interp
