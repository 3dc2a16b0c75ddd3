#include <cmath>
#include <limits>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/support/strings.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Intrinsics.h"
#include "worker/codegen/llvm/function_emitter.h"

namespace hone::codegen {

using ir::Builtin;
using ir::DataType;
using ir::Expr;
using ir::ExprKind;

namespace {

llvm::StringRef Ref(std::string_view text) { return {text.data(), text.size()}; }

bool IsSigned(DataType dtype) { return dtype.is_int(); }

}  // namespace

llvm::Value* FunctionEmitter::Poison(DataType dtype) {
  llvm::Type* type = TypeOf(dtype);
  return type->isVoidTy() ? static_cast<Value*>(builder_.getInt32(0)) : llvm::PoisonValue::get(type);
}

llvm::Value* FunctionEmitter::EmitExpr(Expr e) {
  if (!state_.status.ok()) return Poison(e.dtype());
  switch (e.kind()) {
    case ExprKind::kIntImm:
      return llvm::ConstantInt::get(TypeOf(e.dtype()), static_cast<uint64_t>(e.as<ir::IntImmNode>()->value),
                                    IsSigned(e.dtype()));
    case ExprKind::kFloatImm: {
      const double value = e.as<ir::FloatImmNode>()->value;
      if (e.dtype().is_float()) return llvm::ConstantFP::get(TypeOf(e.dtype()), value);
      return EmitCast(llvm::ConstantFP::get(builder_.getFloatTy(), value), ir::kFloat32, e.dtype());
    }
    case ExprKind::kStringImm:
      return builder_.CreateGlobalString(Ref(e.as<ir::StringImmNode>()->value));
    case ExprKind::kVar: {
      const auto* var = e.as<ir::VarNode>();
      if (auto it = vars_.find(var); it != vars_.end()) {
        Value* value = it->second.value;
        return e.dtype().is_index() && e.dtype().bits < 64 ? builder_.CreateTrunc(value, TypeOf(e.dtype())) : value;
      }
      if (e.dtype().is_handle()) return PointerOf(ir::Var(var));
      state_.Fail(StrCat("variable \"", var->name, "\" is used where it is not defined"));
      return Poison(e.dtype());
    }
    case ExprKind::kCast: {
      const auto* cast = e.as<ir::CastNode>();
      if (e.dtype().is_index() && IsIndexArithmetic(e)) break;
      return EmitCast(EmitExpr(cast->value), cast->value.dtype(), e.dtype());
    }
    case ExprKind::kAdd:
    case ExprKind::kSub:
    case ExprKind::kMul:
    case ExprKind::kDiv:
    case ExprKind::kMod:
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod:
    case ExprKind::kMin:
    case ExprKind::kMax:
      if (e.dtype().is_index() && IsIndexArithmetic(e)) break;
      return EmitBinary(e.as<ir::BinaryNode>());
    case ExprKind::kEQ:
    case ExprKind::kNE:
    case ExprKind::kLT:
    case ExprKind::kLE:
    case ExprKind::kGT:
    case ExprKind::kGE:
    case ExprKind::kAnd:
    case ExprKind::kOr:
      return EmitBinary(e.as<ir::BinaryNode>());
    case ExprKind::kNot:
      return builder_.CreateNot(EmitExpr(e.as<ir::NotNode>()->a));
    case ExprKind::kSelect: {
      const auto* select = e.as<ir::SelectNode>();
      Value* condition = EmitExpr(select->condition);
      Value* yes = EmitExpr(select->true_value);
      Value* no = EmitExpr(select->false_value);
      return builder_.CreateSelect(condition, yes, no);
    }
    case ExprKind::kBufferLoad:
      return EmitLoad(e.as<ir::BufferLoadNode>());
    case ExprKind::kRamp: {
      const auto* ramp = e.as<ir::RampNode>();
      const int lanes = e.dtype().lanes;
      llvm::Type* element = TypeOf(e.dtype().element());
      std::vector<llvm::Constant*> steps;
      for (int i = 0; i < lanes; ++i) steps.push_back(llvm::ConstantInt::get(element, i));
      Value* offsets = builder_.CreateMul(Splat(EmitExpr(ramp->stride), lanes), llvm::ConstantVector::get(steps));
      return builder_.CreateAdd(Splat(EmitExpr(ramp->base), lanes), offsets);
    }
    case ExprKind::kBroadcast:
      return Splat(EmitExpr(e.as<ir::BroadcastNode>()->value), e.dtype().lanes);
    case ExprKind::kLet: {
      const auto* let = e.as<ir::LetNode>();
      Value* value = let->var.dtype().is_index() ? EmitIndex(let->value) : EmitExpr(let->value);
      vars_[let->var.get()] = {value, Level()};
      return EmitExpr(let->body);
    }
    case ExprKind::kCall:
      return EmitCall(e.as<ir::CallNode>());
    case ExprKind::kShuffle:
      return EmitShuffle(e.as<ir::ShuffleNode>());
    case ExprKind::kReduce:
    case ExprKind::kAny:
      state_.Fail("an expression of tensor expressions reached code generation");
      return Poison(e.dtype());
  }
  // Index arithmetic of loop variables.
  Value* wide = EmitIndex(e);
  return e.dtype().bits == 64 ? wide : builder_.CreateTrunc(wide, TypeOf(e.dtype()));
}

llvm::Value* FunctionEmitter::EmitBinary(const ir::BinaryNode* node) {
  const ExprKind kind = node->kind;
  if (kind == ExprKind::kAnd) return builder_.CreateAnd(EmitExpr(node->a), EmitExpr(node->b));
  if (kind == ExprKind::kOr) return builder_.CreateOr(EmitExpr(node->a), EmitExpr(node->b));
  const DataType dtype = node->a.dtype();
  if (ir::IsComparison(kind) && dtype.is_index() && IsIndexArithmetic(node->a) && IsIndexArithmetic(node->b)) {
    Value* a = EmitIndex(node->a);
    return EmitCompare(kind, ir::kInt64, a, EmitIndex(node->b));
  }
  Value* a = EmitExpr(node->a);
  Value* b = EmitExpr(node->b);
  if (ir::IsComparison(kind)) return EmitCompare(kind, dtype, a, b);
  return EmitArithmetic(kind, dtype, a, b, /*non_negative=*/false);
}

llvm::Value* FunctionEmitter::EmitCompare(ExprKind kind, DataType dtype, Value* a, Value* b) {
  using P = llvm::CmpInst::Predicate;
  if (dtype.is_float()) {
    switch (kind) {
      case ExprKind::kEQ:
        return builder_.CreateFCmp(P::FCMP_OEQ, a, b);
      case ExprKind::kNE:
        return builder_.CreateFCmp(P::FCMP_UNE, a, b);
      case ExprKind::kLT:
        return builder_.CreateFCmp(P::FCMP_OLT, a, b);
      case ExprKind::kLE:
        return builder_.CreateFCmp(P::FCMP_OLE, a, b);
      case ExprKind::kGT:
        return builder_.CreateFCmp(P::FCMP_OGT, a, b);
      default:
        return builder_.CreateFCmp(P::FCMP_OGE, a, b);
    }
  }
  const bool is_signed = IsSigned(dtype);
  switch (kind) {
    case ExprKind::kEQ:
      return builder_.CreateICmpEQ(a, b);
    case ExprKind::kNE:
      return builder_.CreateICmpNE(a, b);
    case ExprKind::kLT:
      return is_signed ? builder_.CreateICmpSLT(a, b) : builder_.CreateICmpULT(a, b);
    case ExprKind::kLE:
      return is_signed ? builder_.CreateICmpSLE(a, b) : builder_.CreateICmpULE(a, b);
    case ExprKind::kGT:
      return is_signed ? builder_.CreateICmpSGT(a, b) : builder_.CreateICmpUGT(a, b);
    default:
      return is_signed ? builder_.CreateICmpSGE(a, b) : builder_.CreateICmpUGE(a, b);
  }
}

llvm::Value* FunctionEmitter::EmitArithmetic(ExprKind kind, DataType dtype, Value* a, Value* b, bool non_negative) {
  if (dtype.is_float()) {
    switch (kind) {
      case ExprKind::kAdd:
        return builder_.CreateFAdd(a, b);
      case ExprKind::kSub:
        return builder_.CreateFSub(a, b);
      case ExprKind::kMul:
        return builder_.CreateFMul(a, b);
      case ExprKind::kDiv:
        return builder_.CreateFDiv(a, b);
      case ExprKind::kMod:
        return CallLibm("fmod", dtype, {a, b});
      case ExprKind::kFloorDiv:
        return builder_.CreateUnaryIntrinsic(llvm::Intrinsic::floor, builder_.CreateFDiv(a, b));
      case ExprKind::kFloorMod: {
        Value* quotient = builder_.CreateUnaryIntrinsic(llvm::Intrinsic::floor, builder_.CreateFDiv(a, b));
        return builder_.CreateFSub(a, builder_.CreateFMul(b, quotient));
      }
      // The form of the maxps and minps instructions.
      case ExprKind::kMin:
        return builder_.CreateSelect(builder_.CreateFCmpOLT(a, b), a, b);
      case ExprKind::kMax:
        return builder_.CreateSelect(builder_.CreateFCmpOGT(a, b), a, b);
      default:
        break;
    }
  } else if (!dtype.is_bfloat16() && !dtype.is_float8()) {
    const bool is_signed = IsSigned(dtype) && !non_negative;
    switch (kind) {
      case ExprKind::kAdd:
        return builder_.CreateAdd(a, b);
      case ExprKind::kSub:
        return builder_.CreateSub(a, b);
      case ExprKind::kMul:
        return builder_.CreateMul(a, b);
      case ExprKind::kDiv:
        return is_signed ? builder_.CreateSDiv(a, b) : builder_.CreateUDiv(a, b);
      case ExprKind::kMod:
        return is_signed ? builder_.CreateSRem(a, b) : builder_.CreateURem(a, b);
      case ExprKind::kFloorDiv:
      case ExprKind::kFloorMod: {
        const bool is_div = kind == ExprKind::kFloorDiv;
        if (!is_signed) return is_div ? builder_.CreateUDiv(a, b) : builder_.CreateURem(a, b);
        Value* rest = builder_.CreateSRem(a, b);
        Value* zero = llvm::Constant::getNullValue(rest->getType());
        Value* uneven = builder_.CreateICmpNE(rest, zero);
        Value* opposite = builder_.CreateICmpSLT(builder_.CreateXor(rest, b), zero);
        Value* adjust = builder_.CreateAnd(uneven, opposite);
        if (!is_div) return builder_.CreateAdd(rest, builder_.CreateSelect(adjust, b, zero));
        Value* one = llvm::ConstantInt::get(rest->getType(), 1);
        return builder_.CreateSub(builder_.CreateSDiv(a, b), builder_.CreateSelect(adjust, one, zero));
      }
      case ExprKind::kMin:
        return builder_.CreateBinaryIntrinsic(IsSigned(dtype) ? llvm::Intrinsic::smin : llvm::Intrinsic::umin, a, b);
      case ExprKind::kMax:
        return builder_.CreateBinaryIntrinsic(IsSigned(dtype) ? llvm::Intrinsic::smax : llvm::Intrinsic::umax, a, b);
      default:
        break;
    }
  }
  state_.Fail(StrCat("no arithmetic on ", dtype.ToString(), ": it has to be legalised before"));
  return Poison(dtype);
}

// Whether evaluating `e` needlessly costs little and cannot fault.
bool FunctionEmitter::IsCheapAndSafe(Expr e) {
  if (const auto* load = e.as<ir::BufferLoadNode>()) return SurelyInside(load);
  int nodes = 0;
  bool safe = true;
  ir::PostOrderVisitExprs(e, [&](Expr node) {
    ++nodes;
    safe &= node.kind() != ExprKind::kBufferLoad && node.kind() != ExprKind::kCall && node.kind() != ExprKind::kLet;
  });
  return safe && nodes <= 8;
}

// Whether the place lies in the buffer even where the condition around the load does not hold.
bool FunctionEmitter::SurelyInside(const ir::BufferLoadNode* load) {
  if (load->predicate || load->indices.size() != 1 || load->buffer->shape.size() != 1) return false;
  const auto* ramp = load->indices[0].as<ir::RampNode>();
  const ir::Expr index = ramp != nullptr ? ramp->base : load->indices[0];
  const int64_t* extent = ir::ConstInt(load->buffer->shape[0]);
  if (extent == nullptr || !index.dtype().is_index() || (ramp != nullptr && !ir::IsOne(ramp->stride))) return false;
  const lower::Linear place = context_.Of(index);
  const lower::Bounds bounds = context_.BoundsOf(place);
  return !HasOpaque(place) && bounds.lo >= 0 && bounds.hi + load->dtype.lanes <= *extent;
}

llvm::Value* FunctionEmitter::EmitIfThenElse(const ir::CallNode* node) {
  Value* condition = EmitExpr(node->args[0]);
  if (condition->getType()->isVectorTy() || (IsCheapAndSafe(node->args[1]) && IsCheapAndSafe(node->args[2]))) {
    Value* yes = EmitExpr(node->args[1]);
    return builder_.CreateSelect(condition, yes, EmitExpr(node->args[2]));
  }
  llvm::BasicBlock* then_block = llvm::BasicBlock::Create(state_.context, "then", function_);
  llvm::BasicBlock* else_block = llvm::BasicBlock::Create(state_.context, "else", function_);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(state_.context, "endif", function_);
  llvm::Instruction* branch = builder_.CreateCondBr(condition, then_block, else_block);
  std::pair<Value*, llvm::BasicBlock*> arms[2];
  for (int i = 0; i < 2; ++i) {
    builder_.SetInsertPoint(i == 0 ? then_block : else_block);
    PushScope(branch);
    Value* value = EmitExpr(node->args[1 + i]);
    PopScope();
    arms[i] = {value, builder_.GetInsertBlock()};
    builder_.CreateBr(after);
  }
  builder_.SetInsertPoint(after);
  llvm::PHINode* phi = builder_.CreatePHI(TypeOf(node->dtype), 2);
  for (const auto& [value, block] : arms) phi->addIncoming(value, block);
  return phi;
}

llvm::Value* FunctionEmitter::EmitShuffle(const ir::ShuffleNode* node) {
  std::vector<Value*> elements;
  for (Expr vector : node->vectors) {
    Value* value = EmitExpr(vector);
    if (vector.dtype().is_scalar()) {
      elements.push_back(value);
    } else {
      for (int i = 0; i < vector.dtype().lanes; ++i) elements.push_back(builder_.CreateExtractElement(value, i));
    }
  }
  std::vector<Value*> chosen;
  for (Expr index : node->indices) {
    const int64_t* at = ir::ConstInt(index);
    if (at == nullptr || *at < 0 || *at >= static_cast<int64_t>(elements.size())) {
      state_.Fail("a shuffle needs literal indices within its vectors");
      return Poison(node->dtype);
    }
    chosen.push_back(elements[*at]);
  }
  if (chosen.size() == 1) return chosen[0];
  Value* out = llvm::PoisonValue::get(TypeOf(node->dtype));
  for (size_t i = 0; i < chosen.size(); ++i) out = builder_.CreateInsertElement(out, chosen[i], i);
  return out;
}

// address_of(load) and tvm_access_ptr(type, data, offset, extent, mask).
llvm::Value* FunctionEmitter::EmitPointer(const ir::CallNode* node) {
  if (node->Is(Builtin::address_of)) {
    const auto* load = node->args[0].as<ir::BufferLoadNode>();
    if (load != nullptr && load->indices.size() == 1 && load->indices[0].dtype().is_scalar()) {
      Value* pointer = PointerOf(load->buffer->data);
      Value* offset = builder_.CreateMul(EmitIndex(load->indices[0]), builder_.getInt64(load->buffer->dtype.bytes()));
      return builder_.CreatePtrAdd(pointer, offset);
    }
  } else if (node->args.size() >= 3) {
    const auto* data = node->args[1].as<ir::VarNode>();
    if (data != nullptr) {
      Value* offset = builder_.CreateMul(EmitIndex(node->args[2]), builder_.getInt64(node->args[0].dtype().bytes()));
      return builder_.CreatePtrAdd(PointerOf(ir::Var(data)), offset);
    }
  }
  state_.Fail("the address of something that is no element of a buffer");
  return Poison(node->dtype);
}

llvm::Value* FunctionEmitter::EmitExternCall(const ir::CallNode* node) {
  const auto* name = node->args.empty() ? nullptr : node->args[0].as<ir::StringImmNode>();
  if (name == nullptr) {
    state_.Fail("an external call needs the name of the function");
    return Poison(node->dtype);
  }
  std::vector<Value*> args;
  std::vector<llvm::Type*> types;
  for (size_t i = 1; i < node->args.size(); ++i) {
    args.push_back(EmitExpr(node->args[i]));
    types.push_back(args.back()->getType());
  }
  llvm::FunctionType* type = llvm::FunctionType::get(TypeOf(node->dtype), types, false);
  return builder_.CreateCall(state_.module.getOrInsertFunction(Ref(name->value), type), args);
}

llvm::Value* FunctionEmitter::EmitLlvmIntrinsic(const ir::CallNode* node) {
  // (id or name, number of signature arguments, arguments...)
  llvm::Intrinsic::ID id = llvm::Intrinsic::not_intrinsic;
  const auto* name = node->args.empty() ? nullptr : node->args[0].as<ir::StringImmNode>();
  if (name != nullptr) id = llvm::Intrinsic::lookupIntrinsicID(Ref(name->value));
  if (id == llvm::Intrinsic::not_intrinsic) {
    state_.Fail(name != nullptr ? StrCat("\"", name->value, "\" is no intrinsic of LLVM")
                                : "LLVM intrinsics are called by name: numbers differ between its versions");
    return Poison(node->dtype);
  }
  std::vector<Value*> args;
  const size_t first =
      node->args.size() > 1 && node->args[1].as<ir::IntImmNode>() != nullptr && node->args[1].dtype().is_uint() ? 2 : 1;
  for (size_t i = first; i < node->args.size(); ++i) args.push_back(EmitExpr(node->args[i]));
  if (!llvm::Intrinsic::isOverloaded(id)) {
    // Versions of LLVM differ in how they cut the bits of vector operands.
    llvm::FunctionType* type = llvm::Intrinsic::getType(state_.context, id);
    for (size_t i = 0; i < args.size() && i < type->getNumParams(); ++i) {
      llvm::Type* wanted = type->getParamType(i);
      if (args[i]->getType() != wanted && llvm::CastInst::isBitCastable(args[i]->getType(), wanted)) {
        args[i] = builder_.CreateBitCast(args[i], wanted);
      }
    }
    Value* out = builder_.CreateCall(llvm::Intrinsic::getOrInsertDeclaration(&state_.module, id), args);
    if (out->getType() == TypeOf(node->dtype)) return out;
    return builder_.CreateBitCast(out, TypeOf(node->dtype));
  }
  return builder_.CreateIntrinsic(TypeOf(node->dtype), id, args);
}

llvm::Value* FunctionEmitter::EmitCall(const ir::CallNode* node) {
  if (node->function != nullptr) {
    state_.Fail(StrCat("call of function \"", node->function->name, "\" of the module"));
    return Poison(node->dtype);
  }
  const auto arg = [&](size_t i) { return EmitExpr(node->args[i]); };
  const DataType dtype = node->dtype;
  switch (node->op) {
    case Builtin::if_then_else:
      return EmitIfThenElse(node);
    case Builtin::likely:
      return arg(0);
    case Builtin::assume:
    case Builtin::tvm_storage_sync:
    case Builtin::ret:
      return builder_.getInt32(0);
    case Builtin::undef:
      return llvm::Constant::getNullValue(TypeOf(dtype));
    case Builtin::bitwise_and:
      return builder_.CreateAnd(arg(0), arg(1));
    case Builtin::bitwise_or:
      return builder_.CreateOr(arg(0), arg(1));
    case Builtin::bitwise_xor:
      return builder_.CreateXor(arg(0), arg(1));
    case Builtin::bitwise_not:
      return builder_.CreateNot(arg(0));
    case Builtin::shift_left:
      return builder_.CreateShl(arg(0), arg(1));
    case Builtin::shift_right:
      return IsSigned(dtype) ? builder_.CreateAShr(arg(0), arg(1)) : builder_.CreateLShr(arg(0), arg(1));
    case Builtin::reinterpret: {
      Value* value = arg(0);
      if (value->getType()->isPointerTy() || TypeOf(dtype)->isPointerTy()) return value;
      return builder_.CreateBitCast(value, TypeOf(dtype));
    }
    case Builtin::large_uint_imm: {
      const int64_t *low = ir::ConstInt(node->args[0]), *high = ir::ConstInt(node->args[1]);
      if (low == nullptr || high == nullptr) break;
      return llvm::ConstantInt::get(TypeOf(dtype), (static_cast<uint64_t>(*high) << 32) | static_cast<uint32_t>(*low));
    }
    case Builtin::infinity:
      return llvm::ConstantFP::get(TypeOf(dtype), std::numeric_limits<double>::infinity());
    case Builtin::get_active_lane_mask: {
      Value* base = arg(0);
      const int lanes = dtype.lanes;
      std::vector<llvm::Constant*> steps;
      for (int i = 0; i < lanes; ++i) steps.push_back(llvm::ConstantInt::get(base->getType(), i));
      return builder_.CreateICmpSLT(builder_.CreateAdd(Splat(base, lanes), llvm::ConstantVector::get(steps)),
                                    Splat(arg(1), lanes));
    }
    case Builtin::dp4a: {
      // Four 8-bit products added to the third operand.
      Value* a = arg(0);
      Value* b = arg(1);
      Value* sum = arg(2);
      const auto widen = [&](Value* value, bool is_signed) {
        llvm::Type* bytes = llvm::FixedVectorType::get(builder_.getInt8Ty(), 4);
        llvm::Type* words = llvm::FixedVectorType::get(builder_.getInt32Ty(), 4);
        Value* vector = builder_.CreateBitCast(value, bytes);
        return is_signed ? builder_.CreateSExt(vector, words) : builder_.CreateZExt(vector, words);
      };
      Value* products =
          builder_.CreateMul(widen(a, IsSigned(node->args[0].dtype())), widen(b, IsSigned(node->args[1].dtype())));
      return builder_.CreateAdd(sum, builder_.CreateAddReduce(products));
    }
    case Builtin::vectorlow:
    case Builtin::vectorhigh: {
      Value* value = arg(0);
      const int half = dtype.lanes;
      std::vector<int> lanes;
      for (int i = 0; i < half; ++i) lanes.push_back(i + (node->op == Builtin::vectorhigh ? half : 0));
      return builder_.CreateShuffleVector(value, lanes);
    }
    case Builtin::vectorcombine: {
      std::vector<int> lanes;
      for (int i = 0; i < dtype.lanes; ++i) lanes.push_back(i);
      Value* low = arg(0);
      return builder_.CreateShuffleVector(low, arg(1), lanes);
    }
    case Builtin::prefetch: {
      Value* pointer = arg(0);
      return builder_.CreateIntrinsic(llvm::Intrinsic::prefetch, {pointer->getType()},
                                      {pointer, builder_.getInt32(0), builder_.getInt32(3), builder_.getInt32(1)});
    }
    case Builtin::address_of:
    case Builtin::tvm_access_ptr:
      return EmitPointer(node);
    case Builtin::call_extern:
    case Builtin::call_pure_extern:
      return EmitExternCall(node);
    case Builtin::call_llvm_intrin:
    case Builtin::call_llvm_pure_intrin:
      return EmitLlvmIntrinsic(node);
    default:
      if (Value* value = EmitMath(node)) return value;
      break;
  }
  state_.Fail(StrCat("no code for builtin \"", ir::InfoOf(node->op).name, "\" on a CPU"));
  return Poison(dtype);
}

}  // namespace hone::codegen
