// Recognising commutative reductions: what a block's init and update compute.
#pragma once

#include <string_view>

#include "absl/container/inlined_vector.h"
#include "common/ir/stmt.h"

namespace hone::schedule {

enum class ReducerKind {
  kAdd,
  kMul,
  kMin,
  kMax,
  kAddPair,         // (x0 + y0, x1 + y1)
  kArgMax,          // By value: (index, value), ties to x.
  kArgMaxTieIndex,  // Ties to the smaller index.
  kArgMin,
  kArgMinTieIndex,
};

using ReducerValues = absl::InlinedVector<ir::Expr, 2>;

// buffers[i][indices] = combine(x, y)[i] with x[i] = buffers[i][indices] and y free of it.
struct Reduction {
  ReducerKind kind;
  absl::InlinedVector<ir::Buffer, 2> buffers;
  ir::Array<ir::Expr> indices;
  ReducerValues identity;
  ReducerValues lhs;  // The loads x.
  ReducerValues rhs;  // y.
};

// combine(x, y), one value a buffer.
ReducerValues Combine(ReducerKind kind, const ReducerValues& x, const ReducerValues& y);

// Matches a reduction's init and update against the known reducers, in the reference's order. Init: one store or a
// sequence of stores to different buffers. Update: one store, or as many nested lets around a sequence of stores that
// each store one of the let variables. Returns the violated condition, empty when `out` is filled.
std::string_view MatchReduction(ir::Stmt init, ir::Stmt update, Reduction* out);

// body = { buffers[i][indices] = values[i] }, by way of variables v_<buffer> when there are several.
ir::Stmt StoreAll(const absl::InlinedVector<ir::Buffer, 2>& buffers, const ReducerValues& values,
                  ir::Array<ir::Expr> indices);

}  // namespace hone::schedule
