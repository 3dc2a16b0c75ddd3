// Operators that match operand dtypes and fold literals at construction, as TVM's do (reference: "construction-time
// folding"). They never rearrange what is not literal: (x + 1) + 1 stays.
#pragma once

#include "common/ir/expr.h"

namespace hone::ir {

// Makes both operands the same dtype: scalars are broadcast to vectors, float wins over int, wider wins, and of equal
// width unsigned wins.
void MatchTypes(Expr& a, Expr& b);

Expr Cast(DataType dtype, Expr value);
Expr Add(Expr a, Expr b);
Expr Sub(Expr a, Expr b);
Expr Mul(Expr a, Expr b);
Expr Div(Expr a, Expr b);       // True division for floats; TruncDiv for integers.
Expr TruncDiv(Expr a, Expr b);  // Integers, rounding toward zero.
Expr TruncMod(Expr a, Expr b);
Expr FloorDiv(Expr a, Expr b);
Expr FloorMod(Expr a, Expr b);
Expr Min(Expr a, Expr b);
Expr Max(Expr a, Expr b);
Expr EQ(Expr a, Expr b);
Expr NE(Expr a, Expr b);
Expr LT(Expr a, Expr b);
Expr LE(Expr a, Expr b);
Expr GT(Expr a, Expr b);
Expr GE(Expr a, Expr b);
Expr And(Expr a, Expr b);
Expr Or(Expr a, Expr b);
Expr Not(Expr a);
Expr Neg(Expr a);  // a * -1 folds to a literal; otherwise 0 - a.
Expr Select(Expr condition, Expr true_value, Expr false_value);
Expr IfThenElse(Expr condition, Expr true_value, Expr false_value);
// Any binary kind, kAdd..kOr, with folding; kDiv and kMod truncate.
Expr Binary(ExprKind kind, Expr a, Expr b);

// A literal of `dtype` (a Broadcast of one for vectors).
Expr Const(DataType dtype, double value);
Expr ConstOf(DataType dtype, int64_t value);

inline Expr operator+(Expr a, Expr b) { return Add(a, b); }
inline Expr operator-(Expr a, Expr b) { return Sub(a, b); }
inline Expr operator*(Expr a, Expr b) { return Mul(a, b); }
inline Expr operator+(Expr a, int64_t b) { return Add(a, ConstOf(a.dtype(), b)); }
inline Expr operator-(Expr a, int64_t b) { return Sub(a, ConstOf(a.dtype(), b)); }
inline Expr operator*(Expr a, int64_t b) { return Mul(a, ConstOf(a.dtype(), b)); }
inline Expr FloorDiv(Expr a, int64_t b) { return FloorDiv(a, ConstOf(a.dtype(), b)); }
inline Expr FloorMod(Expr a, int64_t b) { return FloorMod(a, ConstOf(a.dtype(), b)); }

// Integer division helpers on numbers; b != 0.
int64_t FloorDivInt(int64_t a, int64_t b);
int64_t FloorModInt(int64_t a, int64_t b);

}  // namespace hone::ir
