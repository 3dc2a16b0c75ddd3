#include "common/arith/deep_equal.h"

#include <bit>

namespace hone::arith {
namespace {

using ir::Array;
using ir::Expr;
using ir::ExprKind;

template <typename T>
const T* Get(Expr e) {
  return static_cast<const T*>(e.get());
}

bool ArraysEqual(Array<Expr> a, Array<Expr> b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!DeepEqual(a[i], b[i])) return false;
  }
  return true;
}

bool CallsEqual(const ir::CallNode* a, const ir::CallNode* b) {
  if (a->function != b->function) return false;
  return (a->function != nullptr || a->op == b->op) && ArraysEqual(a->args, b->args);
}

}  // namespace

bool DeepEqual(Expr a, Expr b) {
  if (a == b) return true;
  if (!a || !b || a.kind() != b.kind() || a.dtype() != b.dtype()) return false;
  switch (a.kind()) {
    case ExprKind::kVar:
    case ExprKind::kAny:
    case ExprKind::kReduce:
      return false;
    case ExprKind::kIntImm:
      return Get<ir::IntImmNode>(a)->value == Get<ir::IntImmNode>(b)->value;
    case ExprKind::kFloatImm:
      return std::bit_cast<uint64_t>(Get<ir::FloatImmNode>(a)->value) ==
             std::bit_cast<uint64_t>(Get<ir::FloatImmNode>(b)->value);
    case ExprKind::kStringImm:
      return Get<ir::StringImmNode>(a)->value == Get<ir::StringImmNode>(b)->value;
    case ExprKind::kCast:
      return DeepEqual(Get<ir::CastNode>(a)->value, Get<ir::CastNode>(b)->value);
    case ExprKind::kAdd:
    case ExprKind::kSub:
    case ExprKind::kMul:
    case ExprKind::kDiv:
    case ExprKind::kMod:
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod:
    case ExprKind::kMin:
    case ExprKind::kMax:
    case ExprKind::kEQ:
    case ExprKind::kNE:
    case ExprKind::kLT:
    case ExprKind::kLE:
    case ExprKind::kGT:
    case ExprKind::kGE:
    case ExprKind::kAnd:
    case ExprKind::kOr: {
      const auto* x = Get<ir::BinaryNode>(a);
      const auto* y = Get<ir::BinaryNode>(b);
      return DeepEqual(x->a, y->a) && DeepEqual(x->b, y->b);
    }
    case ExprKind::kNot:
      return DeepEqual(Get<ir::NotNode>(a)->a, Get<ir::NotNode>(b)->a);
    case ExprKind::kSelect: {
      const auto* x = Get<ir::SelectNode>(a);
      const auto* y = Get<ir::SelectNode>(b);
      return DeepEqual(x->condition, y->condition) && DeepEqual(x->true_value, y->true_value) &&
             DeepEqual(x->false_value, y->false_value);
    }
    case ExprKind::kBufferLoad: {
      const auto* x = Get<ir::BufferLoadNode>(a);
      const auto* y = Get<ir::BufferLoadNode>(b);
      return x->buffer == y->buffer && ArraysEqual(x->indices, y->indices) && DeepEqual(x->predicate, y->predicate);
    }
    case ExprKind::kRamp: {
      const auto* x = Get<ir::RampNode>(a);
      const auto* y = Get<ir::RampNode>(b);
      return DeepEqual(x->base, y->base) && DeepEqual(x->stride, y->stride) && DeepEqual(x->lanes, y->lanes);
    }
    case ExprKind::kBroadcast: {
      const auto* x = Get<ir::BroadcastNode>(a);
      const auto* y = Get<ir::BroadcastNode>(b);
      return DeepEqual(x->value, y->value) && DeepEqual(x->lanes, y->lanes);
    }
    case ExprKind::kLet: {
      const auto* x = Get<ir::LetNode>(a);
      const auto* y = Get<ir::LetNode>(b);
      return x->var == y->var && DeepEqual(x->value, y->value) && DeepEqual(x->body, y->body);
    }
    case ExprKind::kCall:
      return CallsEqual(Get<ir::CallNode>(a), Get<ir::CallNode>(b));
    case ExprKind::kShuffle: {
      const auto* x = Get<ir::ShuffleNode>(a);
      const auto* y = Get<ir::ShuffleNode>(b);
      return ArraysEqual(x->vectors, y->vectors) && ArraysEqual(x->indices, y->indices);
    }
  }
  return false;
}

}  // namespace hone::arith
