// An index that is no sum of single loops' quotients and remainders, as a tree of numbers and loops.
#pragma once

#include <array>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "common/ir/expr.h"

namespace hone::direct {

// The simplified expression, operands before operators: what the features ask of an index without its nodes.
class IndexTree {
 public:
  // `loop_of` gives the loop that a variable runs over, or -1. False when `e` holds anything but loops, numbers, sums,
  // differences, products, quotients and remainders by positive numbers, minima and maxima.
  bool Build(ir::Expr e, absl::FunctionRef<int(const ir::VarNode*)> loop_of);

  struct Interval {
    int64_t low;
    int64_t high;
  };
  // `largest` gives the largest value of a loop (the least is 0).
  Interval Evaluate(absl::FunctionRef<int64_t(int)> largest) const;
  bool Mentions(int loop) const;
  // What the peer's scan for the coefficient of a loop finds, with its quirks (reference/costmodel.md, Stride).
  int64_t ScannedCoefficient(int loop) const;
  // Adds the operations to the features' counts of integer operations.
  void CountOperations(std::array<int64_t, 16>& counts) const;

 private:
  enum class Op : uint8_t { kNumber, kLoop, kAdd, kSub, kMul, kFloorDiv, kFloorMod, kMin, kMax };
  struct Node {
    Op op;
    int a, b;       // Operands, by position.
    int64_t value;  // The number or the loop.
  };
  int Add(ir::Expr e, absl::FunctionRef<int(const ir::VarNode*)> loop_of);

  absl::InlinedVector<Node, 16> nodes_;
};

}  // namespace hone::direct
