// The reference meaning of elementwise builtins, in double precision. Internal to the interpreter.
#pragma once

#include "common/ir/builtin.h"

namespace hone::interp {

// True when `op` is one of those of one (two) float operand(s).
bool IsUnaryMath(ir::Builtin op);
bool IsBinaryMath(ir::Builtin op);
double EvaluateUnary(ir::Builtin op, double x);
double EvaluateBinary(ir::Builtin op, double x, double y);

}  // namespace hone::interp
