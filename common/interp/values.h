// Evaluators of what an expression does with values: literals, variables, arithmetic, vectors, functions of numbers.
// Internal to the interpreter.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "common/interp/program.h"
#include "common/ir/builtin.h"
#include "common/ir/expr.h"

namespace hone::interp {

struct IntConst final : Evaluator {
  int64_t value;
  int64_t Int(Frame&, int) const override { return value; }
};
struct FloatConst final : Evaluator {
  double value;
  double Float(Frame&, int) const override { return value; }
};
struct ScalarVar final : Evaluator {
  int slot;  // First of `lanes` slots.
  int64_t Int(Frame& f, int lane) const override { return f.scalars[slot + (dtype.is_scalar() ? 0 : lane)].i; }
  double Float(Frame& f, int lane) const override;
};
struct PointerVar final : Evaluator {
  int slot;
  Pointer Ptr(Frame& f) const override { return f.pointers[slot]; }
  int64_t Int(Frame& f, int) const override { return f.pointers[slot].memory != nullptr; }
};

struct CastEval final : Evaluator {
  const Evaluator* value;
  int64_t Int(Frame& f, int lane) const override;
  double Float(Frame& f, int lane) const override;
};

[[noreturn]] void DivisionByZero();

struct IntBinaryEval final : Evaluator {
  ir::ExprKind kind;
  const Evaluator* a;
  const Evaluator* b;
  int64_t Int(Frame& f, int lane) const override;
};

struct FloatBinaryEval final : Evaluator {
  ir::ExprKind kind;
  const Evaluator* a;
  const Evaluator* b;
  double Float(Frame& f, int lane) const override;
};

struct CompareEval final : Evaluator {
  ir::ExprKind kind;
  const Evaluator* a;
  const Evaluator* b;
  template <typename T>
  bool Compare(T x, T y) const {
    switch (kind) {
      case ir::ExprKind::kEQ:
        return x == y;
      case ir::ExprKind::kNE:
        return x != y;
      case ir::ExprKind::kLT:
        return x < y;
      case ir::ExprKind::kLE:
        return x <= y;
      case ir::ExprKind::kGT:
        return x > y;
      default:
        return x >= y;
    }
  }
  int64_t Int(Frame& f, int lane) const override;
};

struct LogicEval final : Evaluator {
  ir::ExprKind kind;  // kAnd, kOr, kNot
  const Evaluator* a;
  const Evaluator* b = nullptr;
  int64_t Int(Frame& f, int lane) const override;
};

// Select and if_then_else.
struct ChoiceEval final : Evaluator {
  const Evaluator* condition;
  const Evaluator* yes;
  const Evaluator* no;
  const Evaluator* Pick(Frame& f, int lane) const {
    return condition->Int(f, condition->dtype.is_scalar() ? 0 : lane) != 0 ? yes : no;
  }
  int64_t Int(Frame& f, int lane) const override { return Pick(f, lane)->Int(f, lane); }
  double Float(Frame& f, int lane) const override { return Pick(f, lane)->Float(f, lane); }
  Pointer Ptr(Frame& f) const override { return Pick(f, 0)->Ptr(f); }
};

struct RampEval final : Evaluator {
  const Evaluator* base;
  const Evaluator* stride;
  int64_t Int(Frame& f, int lane) const override;
};
struct BroadcastEval final : Evaluator {
  const Evaluator* value;
  int64_t Int(Frame& f, int lane) const override { return value->Int(f, lane % value->dtype.lanes); }
  double Float(Frame& f, int lane) const override { return value->Float(f, lane % value->dtype.lanes); }
};
struct ShuffleEval final : Evaluator {
  std::vector<const Evaluator*> vectors;
  std::vector<const Evaluator*> indices;
  std::pair<const Evaluator*, int> Pick(Frame& f, int lane) const {
    int64_t at = indices[lane]->Int(f, 0);
    for (const Evaluator* vector : vectors) {
      if (at < vector->dtype.lanes) return {vector, static_cast<int>(at)};
      at -= vector->dtype.lanes;
    }
    throw Stop(Stop::Kind::kOutOfRange, "shuffle index outside of its vectors");
  }
  int64_t Int(Frame& f, int lane) const override;
  double Float(Frame& f, int lane) const override;
};

// Evaluates all lanes into the slots from `slot` on.
void Bind(Frame& f, int slot, const Evaluator& value);

struct LetEval final : Evaluator {
  int slot;
  const Evaluator* value;
  const Evaluator* body;
  int64_t Int(Frame& f, int lane) const override;
  double Float(Frame& f, int lane) const override;
};

struct MathEval final : Evaluator {
  ir::Builtin op;
  const Evaluator* x;
  const Evaluator* y = nullptr;
  double Float(Frame& f, int lane) const override;
  int64_t Int(Frame& f, int lane) const override;
};

// A builtin given by a function of its evaluated operands' lanes.
struct IntFunctionEval final : Evaluator {
  std::vector<const Evaluator*> args;
  std::function<int64_t(Frame&, int lane, const std::vector<const Evaluator*>&)> function;
  int64_t Int(Frame& f, int lane) const override { return WrapTo(dtype.element(), function(f, lane, args)); }
};
struct FloatFunctionEval final : Evaluator {
  std::vector<const Evaluator*> args;
  std::function<double(Frame&, int lane, const std::vector<const Evaluator*>&)> function;
  double Float(Frame& f, int lane) const override { return RoundTo(dtype, function(f, lane, args)); }
};

struct ReinterpretEval final : Evaluator {
  const Evaluator* value;
  // Lanes of source and result may differ: go through bytes.
  void Bytes(Frame& f, int lane, uint8_t* out) const;
  int64_t Int(Frame& f, int lane) const override;
  double Float(Frame& f, int lane) const override;
  Pointer Ptr(Frame& f) const override { return value->Ptr(f); }
};

}  // namespace hone::interp
