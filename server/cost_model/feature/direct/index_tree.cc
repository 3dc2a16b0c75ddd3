#include "server/cost_model/feature/direct/index_tree.h"

#include <algorithm>

#include "common/ir/ops.h"

namespace hone::direct {

using ir::Expr;
using ir::ExprKind;

int IndexTree::Add(Expr e, absl::FunctionRef<int(const ir::VarNode*)> loop_of) {
  Node node{Op::kNumber, -1, -1, 0};
  switch (e.kind()) {
    case ExprKind::kIntImm:
      node.value = static_cast<const ir::IntImmNode*>(e.get())->value;
      break;
    case ExprKind::kVar:
      node.op = Op::kLoop;
      node.value = loop_of(static_cast<const ir::VarNode*>(e.get()));
      if (node.value < 0) return -1;
      break;
    case ExprKind::kAdd:
      node.op = Op::kAdd;
      break;
    case ExprKind::kSub:
      node.op = Op::kSub;
      break;
    case ExprKind::kMul:
      node.op = Op::kMul;
      break;
    case ExprKind::kFloorDiv:
      node.op = Op::kFloorDiv;
      break;
    case ExprKind::kFloorMod:
      node.op = Op::kFloorMod;
      break;
    case ExprKind::kMin:
      node.op = Op::kMin;
      break;
    case ExprKind::kMax:
      node.op = Op::kMax;
      break;
    default:
      return -1;
  }
  if (node.op != Op::kNumber && node.op != Op::kLoop) {
    const auto* op = static_cast<const ir::BinaryNode*>(e.get());
    node.a = Add(op->a, loop_of);
    if (node.a < 0) return -1;
    node.b = Add(op->b, loop_of);
    if (node.b < 0) return -1;
    const bool divides = node.op == Op::kFloorDiv || node.op == Op::kFloorMod;
    if (divides && (nodes_[node.b].op != Op::kNumber || nodes_[node.b].value <= 0)) return -1;
  }
  nodes_.push_back(node);
  return static_cast<int>(nodes_.size()) - 1;
}

bool IndexTree::Build(Expr e, absl::FunctionRef<int(const ir::VarNode*)> loop_of) {
  nodes_.clear();
  return Add(e, loop_of) >= 0;
}

IndexTree::Interval IndexTree::Evaluate(absl::FunctionRef<int64_t(int)> largest) const {
  absl::InlinedVector<Interval, 16> values(nodes_.size());
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    Interval& out = values[i];
    const Interval a = node.a >= 0 ? values[node.a] : Interval{0, 0};
    const Interval b = node.b >= 0 ? values[node.b] : Interval{0, 0};
    switch (node.op) {
      case Op::kNumber:
        out = {node.value, node.value};
        break;
      case Op::kLoop:
        out = {0, largest(static_cast<int>(node.value))};
        break;
      case Op::kAdd:
        out = {a.low + b.low, a.high + b.high};
        break;
      case Op::kSub:
        out = {a.low - b.high, a.high - b.low};
        break;
      case Op::kMul: {
        const auto [low, high] = std::minmax({a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high});
        out = {low, high};
        break;
      }
      case Op::kFloorDiv:
        out = {ir::FloorDivInt(a.low, b.low), ir::FloorDivInt(a.high, b.low)};
        break;
      case Op::kFloorMod:
        if (a.low >= 0) {
          out = a.high < b.low ? a : Interval{0, std::min(a.high, b.low - 1)};
        } else {
          out = {0, b.low - 1};
        }
        break;
      case Op::kMin:
        out = {std::min(a.low, b.low), std::min(a.high, b.high)};
        break;
      case Op::kMax:
        out = {std::max(a.low, b.low), std::max(a.high, b.high)};
        break;
    }
  }
  return values.back();
}

bool IndexTree::Mentions(int loop) const {
  return std::any_of(nodes_.begin(), nodes_.end(),
                     [&](const Node& node) { return node.op == Op::kLoop && node.value == loop; });
}

int64_t IndexTree::ScannedCoefficient(int loop) const {
  bool seen = false, seen_product = false, seen_sum = false;
  int64_t value = 0;
  for (const Node& node : nodes_) {
    if (node.op == Op::kLoop && node.value == loop) {
      seen = true;
      value = 2;
    } else if (node.op == Op::kMul && seen && !seen_sum) {
      const Node& literal = nodes_[node.a].op == Op::kNumber ? nodes_[node.a] : nodes_[node.b];
      if (literal.op != Op::kNumber) continue;
      seen_product = true;
      value = literal.value;
    } else if (node.op == Op::kAdd && seen && !seen_product) {
      seen_sum = true;
      value = 1;
    }
  }
  if (!seen) return 0;
  return seen_product || seen_sum ? value : 1;
}

void IndexTree::CountOperations(std::array<int64_t, 16>& counts) const {
  for (const Node& node : nodes_) {
    switch (node.op) {
      case Op::kNumber:
      case Op::kLoop:
        break;
      case Op::kAdd:
      case Op::kSub:
        ++counts[8];
        break;
      case Op::kMul:
        ++counts[9];
        break;
      case Op::kFloorDiv:
      case Op::kFloorMod:
        ++counts[10];
        break;
      case Op::kMin:
      case Op::kMax:
        ++counts[11];
        break;
    }
  }
}

}  // namespace hone::direct
