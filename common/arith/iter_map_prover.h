// Proofs about factors, extents and scales, which are nearly always literals: shortcuts before the analyzer is asked.
#pragma once

#include "common/arith/analyzer.h"
#include "common/ir/ops.h"

namespace hone::arith {

class IterProver {
 public:
  explicit IterProver(Analyzer& analyzer) : analyzer_(analyzer) {}

  Analyzer& analyzer() const { return analyzer_; }

  bool Equal(ir::Expr a, ir::Expr b) const {
    if (a == b) return true;
    const int64_t* ca = ir::ConstInt(a);
    const int64_t* cb = ir::ConstInt(b);
    if (ca != nullptr && cb != nullptr) return *ca == *cb;
    return analyzer_.CanProveEqual(a, b);
  }
  // a is a multiple of b; false when b is zero.
  bool Divisible(ir::Expr a, ir::Expr b) const {
    const int64_t* ca = ir::ConstInt(a);
    const int64_t* cb = ir::ConstInt(b);
    if (cb != nullptr && *cb == 0) return false;
    if (ca != nullptr && cb != nullptr) return *ca % *cb == 0;
    if (cb != nullptr && *cb == 1) return true;
    return Equal(a, b) || analyzer_.CanProve(ir::EQ(ir::FloorMod(a, b), ir::ConstOf(a.dtype(), 0)));
  }
  bool GreaterEqual(ir::Expr a, ir::Expr b) const {
    const int64_t* ca = ir::ConstInt(a);
    const int64_t* cb = ir::ConstInt(b);
    if (ca != nullptr && cb != nullptr) return *ca >= *cb;
    return a == b || analyzer_.CanProve(ir::GE(a, b));
  }
  ir::Expr Simplify(ir::Expr e) const { return ir::ConstInt(e) != nullptr ? e : analyzer_.Simplify(e); }
  ir::Expr CeilDiv(ir::Expr a, ir::Expr b) const { return Simplify(ir::FloorDiv(a + (b - 1), b)); }

 private:
  Analyzer& analyzer_;
};

}  // namespace hone::arith
