#include <algorithm>

#include "common/interp/compiler.h"
#include "common/interp/math.h"
#include "common/interp/values.h"
#include "common/ir/ops.h"
#include "common/support/strings.h"

namespace hone::interp {

using namespace ir;  // NOLINT: an internal file that is about these nodes.

std::unique_ptr<Program> Compiler::Compile(PrimFunc func) {
  program_ = std::make_unique<Program>();
  for (Var param : func->params) {
    CompiledParam p;
    p.dtype = param.dtype();
    if (Buffer buffer = func->BufferOf(param)) {
      p.is_buffer = true;
      p.dtype = buffer->dtype;
      p.buffer = buffer.get();
      p.slot = PointerSlot(buffer->data);
      for (Expr dim : buffer->shape) {
        if (const int64_t* value = ConstInt(dim)) {
          p.shape_slots.push_back(-1);
          p.shape.push_back(*value);
        } else if (const auto* var = dim.as<VarNode>()) {
          p.shape_slots.push_back(ScalarSlot(Var(var)));
          p.shape.push_back(0);
        } else {
          Unimplemented(StrCat("parameter \"", buffer->name, "\" with a compound shape"));
        }
      }
      if (const auto* var = buffer->elem_offset.as<VarNode>()) {
        program_->defaults.emplace_back(ScalarSlot(Var(var)), 0);
      }
      int64_t stride = 1;
      for (size_t d = buffer->strides.size(); d-- > 0;) {
        if (const auto* var = buffer->strides[d].as<VarNode>()) {
          program_->defaults.emplace_back(ScalarSlot(Var(var)), stride);
        }
        if (const int64_t* value = ConstInt(buffer->shape[d])) stride *= *value;
      }
    } else if (param.dtype().is_handle()) {
      p.slot = PointerSlot(param);
    } else {
      p.slot = ScalarSlot(param);
    }
    program_->params.push_back(p);
  }
  program_->body = Statement(func->body);
  program_->num_scalars = num_scalars_;
  program_->num_pointers = num_pointers_;
  for (auto& access : accesses_) program_->evaluators.push_back(std::move(access));
  return std::move(program_);
}

int Compiler::ScalarSlot(Var var) {
  auto [it, fresh] = scalars_.emplace(var.get(), num_scalars_);
  if (fresh) num_scalars_ += std::max<int>(1, var.dtype().lanes);
  return it->second;
}

int Compiler::PointerSlot(Var var) {
  auto [it, fresh] = pointers_.emplace(var.get(), num_pointers_);
  if (fresh) ++num_pointers_;
  return it->second;
}

const BufferAccess* Compiler::Access(Buffer buffer) {
  auto it = access_of_.find(buffer.get());
  if (it != access_of_.end()) return it->second;
  if (buffer->shape.size() > kMaxRank) Unimplemented("a buffer of more than 32 dimensions");
  auto holder = std::make_unique<AccessHolder>();
  BufferAccess* access = &holder->access;
  accesses_.push_back(std::move(holder));
  access_of_[buffer.get()] = access;
  access->name = std::string(buffer->name);
  access->dtype = buffer->dtype;
  access->pointer_slot = PointerSlot(buffer->data);
  for (Expr dim : buffer->shape) access->shape.push_back(Expression(dim));
  // The peer's cache_index makes buffers of any rank with one stride; they are taken as compact.
  if (buffer->strides.size() == buffer->shape.size()) {
    for (Expr stride : buffer->strides) access->strides.push_back(Expression(stride));
  }
  access->elem_offset = Expression(buffer->elem_offset);
  return access;
}

const Evaluator* Compiler::Constant(int64_t value) {
  auto* e = NewEval<IntConst>(kInt64);
  e->value = value;
  return e;
}

const Evaluator* Compiler::Expression(Expr e) {
  if (e.dtype().is_scalable()) Unimplemented("scalable vectors");
  const DataType t = e.dtype();
  switch (e.kind()) {
    case ExprKind::kVar: {
      const auto* node = e.as<VarNode>();
      if (t.is_handle()) {
        auto* out = NewEval<PointerVar>(t);
        out->slot = PointerSlot(Var(node));
        return out;
      }
      auto* out = NewEval<ScalarVar>(t);
      out->slot = ScalarSlot(Var(node));
      return out;
    }
    case ExprKind::kIntImm: {
      auto* out = NewEval<IntConst>(t);
      out->value = e.as<IntImmNode>()->value;
      return out;
    }
    case ExprKind::kFloatImm: {
      auto* out = NewEval<FloatConst>(t);
      out->value = RoundTo(t, e.as<FloatImmNode>()->value);
      return out;
    }
    case ExprKind::kStringImm: {
      auto* out = NewEval<IntConst>(t);
      out->value = 0;
      return out;
    }
    case ExprKind::kCast: {
      auto* out = NewEval<CastEval>(t);
      out->value = Expression(e.as<CastNode>()->value);
      return out;
    }
    case ExprKind::kAdd:
    case ExprKind::kSub:
    case ExprKind::kMul:
    case ExprKind::kDiv:
    case ExprKind::kMod:
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod:
    case ExprKind::kMin:
    case ExprKind::kMax: {
      const auto* node = e.as<BinaryNode>();
      if (t.is_any_float()) return Fill(NewEval<FloatBinaryEval>(t), node);
      return Fill(NewEval<IntBinaryEval>(t), node);
    }
    case ExprKind::kEQ:
    case ExprKind::kNE:
    case ExprKind::kLT:
    case ExprKind::kLE:
    case ExprKind::kGT:
    case ExprKind::kGE:
      return Fill(NewEval<CompareEval>(t), e.as<BinaryNode>());
    case ExprKind::kAnd:
    case ExprKind::kOr:
      return Fill(NewEval<LogicEval>(t), e.as<BinaryNode>());
    case ExprKind::kNot: {
      auto* out = NewEval<LogicEval>(t);
      out->kind = ExprKind::kNot;
      out->a = Expression(e.as<NotNode>()->a);
      return out;
    }
    case ExprKind::kSelect: {
      const auto* node = e.as<SelectNode>();
      return Choice(t, node->condition, node->true_value, node->false_value);
    }
    case ExprKind::kBufferLoad:
      return Load(e.as<BufferLoadNode>());
    case ExprKind::kRamp: {
      auto* out = NewEval<RampEval>(t);
      out->base = Expression(e.as<RampNode>()->base);
      out->stride = Expression(e.as<RampNode>()->stride);
      return out;
    }
    case ExprKind::kBroadcast: {
      auto* out = NewEval<BroadcastEval>(t);
      out->value = Expression(e.as<BroadcastNode>()->value);
      return out;
    }
    case ExprKind::kLet: {
      const auto* node = e.as<LetNode>();
      auto* out = NewEval<LetEval>(t);
      out->slot = ScalarSlot(node->var);
      out->value = Expression(node->value);
      out->body = Expression(node->body);
      return out;
    }
    case ExprKind::kCall:
      return CallOf(e.as<CallNode>());
    case ExprKind::kShuffle: {
      auto* out = NewEval<ShuffleEval>(t);
      for (Expr v : e.as<ShuffleNode>()->vectors) out->vectors.push_back(Expression(v));
      for (Expr i : e.as<ShuffleNode>()->indices) out->indices.push_back(Expression(i));
      return out;
    }
    case ExprKind::kReduce:
    case ExprKind::kAny:
      Unimplemented("a tensor-expression level node");
  }
  Unimplemented("an unknown expression");
}

const Evaluator* Compiler::Choice(DataType t, Expr condition, Expr yes, Expr no) {
  auto* out = NewEval<ChoiceEval>(t);
  out->condition = Expression(condition);
  out->yes = Expression(yes);
  out->no = Expression(no);
  return out;
}

const LoadEval* Compiler::Load(const BufferLoadNode* node) {
  auto* out = NewEval<LoadEval>(node->dtype);
  out->buffer = Access(Buffer(node->buffer));
  for (Expr index : node->indices) out->indices.push_back(Expression(index));
  if (node->predicate) out->predicate = Expression(node->predicate);
  return out;
}

}  // namespace hone::interp
