#include <string>

#include "common/support/strings.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Intrinsics.h"
#include "worker/codegen/llvm/function_emitter.h"

namespace hone::codegen {

using ir::Builtin;
using ir::DataType;

// The C library's function of the element type ("expf", "exp"), lane by lane; half goes through float.
llvm::Value* FunctionEmitter::CallLibm(const std::string& name, DataType dtype, llvm::ArrayRef<Value*> args) {
  if (dtype.bits == 16) {
    const DataType wide = DataType::Float(32, dtype.lanes);
    std::vector<Value*> widened;
    for (Value* arg : args) widened.push_back(EmitCast(arg, dtype, wide));
    return EmitCast(CallLibm(name, wide, widened), wide, dtype);
  }
  llvm::Type* element = TypeOf(dtype.element());
  const std::vector<llvm::Type*> types(args.size(), element);
  llvm::FunctionCallee callee = state_.module.getOrInsertFunction(dtype.bits == 32 ? name + "f" : name,
                                                                  llvm::FunctionType::get(element, types, false));
  if (auto* function = llvm::dyn_cast<llvm::Function>(callee.getCallee())) {
    function->setDoesNotThrow();
    function->setDoesNotAccessMemory();
    function->setWillReturn();
  }
  if (dtype.lanes == 1) return builder_.CreateCall(callee, args);
  Value* out = llvm::PoisonValue::get(TypeOf(dtype));
  for (int lane = 0; lane < dtype.lanes; ++lane) {
    std::vector<Value*> scalars;
    for (Value* arg : args) scalars.push_back(builder_.CreateExtractElement(arg, lane));
    out = builder_.CreateInsertElement(out, builder_.CreateCall(callee, scalars), lane);
  }
  return out;
}

llvm::Value* FunctionEmitter::EmitMath(const ir::CallNode* node) {
  namespace I = llvm::Intrinsic;
  const DataType dtype = node->args.empty() ? node->dtype : node->args[0].dtype();
  const auto arg = [&](size_t i) { return EmitExpr(node->args[i]); };
  const auto unary = [&](I::ID id) { return builder_.CreateUnaryIntrinsic(id, arg(0)); };
  const bool is_float = dtype.is_float();
  switch (node->op) {
    case Builtin::abs:
      if (is_float) return unary(I::fabs);
      if (dtype.is_uint()) return arg(0);
      return builder_.CreateBinaryIntrinsic(I::abs, arg(0), builder_.getFalse());
    case Builtin::fabs:
      return unary(I::fabs);
    case Builtin::sqrt:
      return unary(I::sqrt);
    case Builtin::floor:
      return is_float ? unary(I::floor) : arg(0);
    case Builtin::ceil:
      return is_float ? unary(I::ceil) : arg(0);
    case Builtin::trunc:
      return is_float ? unary(I::trunc) : arg(0);
    case Builtin::round:
    case Builtin::nearbyint:
      // round takes halves away from zero, nearbyint to even.
      return is_float ? unary(node->op == Builtin::round ? I::round : I::nearbyint) : arg(0);
    case Builtin::rsqrt:
      return builder_.CreateFDiv(llvm::ConstantFP::get(TypeOf(dtype), 1.0), unary(I::sqrt));
    case Builtin::copysign: {
      Value* a = arg(0);
      return builder_.CreateBinaryIntrinsic(I::copysign, a, arg(1));
    }
    case Builtin::fma: {
      Value *a = arg(0), *b = arg(1), *c = arg(2);
      return builder_.CreateIntrinsic(I::fma, {a->getType()}, {a, b, c});
    }
    case Builtin::popcount:
      return unary(I::ctpop);
    case Builtin::clz: {
      Value* count = builder_.CreateBinaryIntrinsic(I::ctlz, arg(0), builder_.getFalse());
      return builder_.CreateIntCast(count, TypeOf(node->dtype), false);
    }
    case Builtin::isnan: {
      Value* x = arg(0);
      if (!is_float) return llvm::Constant::getNullValue(TypeOf(node->dtype));
      return builder_.CreateFCmpUNO(x, x);
    }
    case Builtin::isinf:
    case Builtin::isfinite: {
      Value* size = unary(I::fabs);
      Value* infinity = llvm::ConstantFP::getInfinity(size->getType());
      return node->op == Builtin::isinf ? builder_.CreateFCmpOEQ(size, infinity)
                                        : builder_.CreateFCmpOLT(size, infinity);
    }
    case Builtin::q_multiply_shift: {
      // round(x * y / 2^q * 2^s) on 32-bit fixed point numbers, halves upward.
      Value *x = arg(0), *y = arg(1), *q = arg(2), *s = arg(3);
      llvm::Type* wide = x->getType()->getWithNewBitWidth(64);
      const auto extend = [&](Value* v) { return builder_.CreateSExt(v, wide); };
      Value* zero = llvm::Constant::getNullValue(wide);
      Value* shift = extend(s);
      Value* left = builder_.CreateBinaryIntrinsic(I::smax, shift, zero);
      Value* right =
          builder_.CreateAdd(extend(q), builder_.CreateBinaryIntrinsic(I::smax, builder_.CreateNeg(shift), zero));
      Value* product = builder_.CreateMul(builder_.CreateShl(extend(x), left), extend(y));
      Value* one = llvm::ConstantInt::get(wide, 1);
      Value* half = builder_.CreateShl(one, builder_.CreateSub(right, one));
      Value* rounded = builder_.CreateAShr(builder_.CreateAdd(product, half), right);
      return builder_.CreateTrunc(rounded, x->getType());
    }
    case Builtin::exp:
    case Builtin::exp2:
    case Builtin::exp10:
    case Builtin::log:
    case Builtin::log2:
    case Builtin::log10:
    case Builtin::log1p:
    case Builtin::tanh:
    case Builtin::erf:
    case Builtin::sin:
    case Builtin::cos:
    case Builtin::tan:
    case Builtin::asin:
    case Builtin::acos:
    case Builtin::atan:
    case Builtin::sinh:
    case Builtin::cosh:
    case Builtin::asinh:
    case Builtin::acosh:
    case Builtin::atanh: {
      if (!is_float) return nullptr;
      Value* x = arg(0);
      if (Value* ours = EmitVectorMath(node->op, dtype, x)) return ours;
      return CallLibm(std::string(ir::InfoOf(node->op).name), dtype, {x});
    }
    case Builtin::pow:
    case Builtin::fmod:
    case Builtin::hypot:
    case Builtin::atan2:
    case Builtin::nextafter: {
      if (!is_float) return nullptr;
      Value* a = arg(0);
      return CallLibm(std::string(ir::InfoOf(node->op).name), dtype, {a, arg(1)});
    }
    case Builtin::sigmoid: {
      if (!is_float) return nullptr;
      Value* x = arg(0);
      if (Value* ours = EmitVectorMath(node->op, dtype, x)) return ours;
      Value* one = llvm::ConstantFP::get(TypeOf(dtype), 1.0);
      Value* e = CallLibm("exp", dtype, {builder_.CreateFNeg(x)});
      return builder_.CreateFDiv(one, builder_.CreateFAdd(one, e));
    }
    default:
      return nullptr;
  }
}

}  // namespace hone::codegen
