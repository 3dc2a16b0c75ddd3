// InverseAffineIterMap: pushes the outputs from the sums down to the variables.
#include <algorithm>

#include "common/arith/iter_map.h"
#include "common/arith/iter_map_prover.h"
#include "common/ir/ops.h"

namespace hone::arith {

using ir::ConstOf;
using ir::Expr;

namespace {

class Inverter {
 public:
  Inverter(Analyzer& analyzer, ir::VarMap* inverse) : prove_(analyzer), inverse_(*inverse) {}

  bool Run(absl::Span<const IterSum> sums, absl::Span<const Expr> outputs) {
    for (const IterSum& sum : sums) {
      for (const IterSplit& split : sum.args) Order(split.source);
    }
    for (size_t i = 0; i < sums.size(); ++i) {
      if (!PushSum(sums[i], outputs[i])) return false;
    }
    // Users come before what they use.
    for (auto it = marks_.rbegin(); it != marks_.rend(); ++it) {
      if (!PushMark(*it->mark, it->value)) return false;
    }
    return true;
  }

 private:
  struct Node {
    const IterMark* mark;
    Expr value;  // What was pushed to it so far.
  };

  void Order(const IterMark* mark) {
    for (const Node& node : marks_) {
      if (node.mark == mark) return;
    }
    if (mark->sum != nullptr) {
      for (const IterSplit& split : mark->sum->args) Order(split.source);
    }
    marks_.push_back({mark, Expr()});
  }

  bool PushMark(const IterMark& mark, Expr value) {
    if (mark.sum != nullptr) return PushSum(*mark.sum, value);
    Expr source = mark.source;
    if (const auto* op = source.as<ir::SubNode>()) {
      // Variable - minimum.
      source = op->a;
      value = value + op->b;
    }
    const auto* var = source.as<ir::VarNode>();
    if (var == nullptr) return false;
    inverse_[var] = prove_.Simplify(value);
    return true;
  }

  bool PushSum(const IterSum& sum, Expr value) {
    const Expr input = value - sum.base;
    if (sum.args.size() == 1) {
      const int64_t* scale = ir::ConstInt(sum.args[0].scale);
      const bool unit =
          scale != nullptr ? (*scale == 1 || *scale == -1) : prove_.Equal(sum.args[0].scale, ConstOf(value.dtype(), 1));
      if (!unit) return false;
      PushSplit(sum.args[0], input * sum.args[0].scale);
      return true;
    }
    if (sum.args.empty()) return true;
    Expr expected = sum.args.back().scale;
    for (size_t i = sum.args.size(); i-- > 0;) {
      const IterSplit& split = sum.args[i];
      if (!prove_.Equal(split.scale, expected)) return false;
      expected = expected * split.extent;
      // The topmost part needs no modulo.
      Expr part = ir::FloorDiv(input, split.scale);
      if (i > 0) part = ir::FloorMod(part, split.extent);
      PushSplit(split, part);
    }
    return true;
  }

  void PushSplit(const IterSplit& split, Expr value) {
    value = value * split.lower_factor;
    for (Node& node : marks_) {
      if (node.mark == split.source) node.value = node.value ? node.value + value : value;
    }
  }

  const IterProver prove_;
  ir::VarMap& inverse_;
  absl::InlinedVector<Node, 8> marks_;  // What is used comes before its users.
};

}  // namespace

bool InverseAffineIterMap(absl::Span<const IterSum> sums, absl::Span<const Expr> outputs, Analyzer& analyzer,
                          ir::VarMap* inverse) {
  return Inverter(analyzer, inverse).Run(sums, outputs);
}

}  // namespace hone::arith
