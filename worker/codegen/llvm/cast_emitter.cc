// Conversions. bfloat16 is held as i16 and float8 as i8: they are widened and rounded (to nearest, ties to even) by bit
// manipulation, so that every machine gives the same and no run-time library is needed.
#include <cmath>

#include "common/support/strings.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Intrinsics.h"
#include "worker/codegen/llvm/function_emitter.h"

namespace hone::codegen {

using ir::DataType;

llvm::Value* FunctionEmitter::EmitCast(Value* value, DataType from, DataType to) {
  if (from.is_handle() || to.is_handle() || from == to) return value;
  if (from.lanes != to.lanes) {
    value = Splat(value, to.lanes);
    from = from.with_lanes(to.lanes);
  }
  const DataType f32 = ir::kFloat32.with_lanes(from.lanes);
  if (from.is_bfloat16()) return EmitCast(Bfloat16ToFloat(value), f32, to);
  if (from.is_float8()) return EmitCast(Float8ToFloat(value, from), f32, to);
  if (to.is_bfloat16()) return FloatToBfloat16(EmitCast(value, from, f32));
  if (to.is_float8()) return FloatToFloat8(EmitCast(value, from, f32), to);
  llvm::Type* type = TypeOf(to);
  if (to.is_bool()) {
    if (from.is_float()) return builder_.CreateFCmpUNE(value, llvm::Constant::getNullValue(value->getType()));
    return builder_.CreateIsNotNull(value);
  }
  if (from.is_float() && to.is_float()) return builder_.CreateFPCast(value, type);
  if (from.is_float()) return to.is_int() ? builder_.CreateFPToSI(value, type) : builder_.CreateFPToUI(value, type);
  if (to.is_float()) return from.is_int() ? builder_.CreateSIToFP(value, type) : builder_.CreateUIToFP(value, type);
  return builder_.CreateIntCast(value, type, from.is_int());
}

llvm::Value* FunctionEmitter::Bfloat16ToFloat(Value* bits) {
  llvm::Type* i32 = bits->getType()->getWithNewBitWidth(32);
  Value* wide = builder_.CreateShl(builder_.CreateZExt(bits, i32), llvm::ConstantInt::get(i32, 16));
  return builder_.CreateBitCast(wide, FloatTypeLike(bits));
}

llvm::Type* FunctionEmitter::FloatTypeLike(Value* like) {
  llvm::Type* f32 = builder_.getFloatTy();
  if (auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(like->getType())) {
    return llvm::FixedVectorType::get(f32, vector->getNumElements());
  }
  return f32;
}

llvm::Value* FunctionEmitter::FloatToBfloat16(Value* value) {
  llvm::Type* i32 = builder_.getInt32Ty();
  if (auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(value->getType())) {
    i32 = llvm::FixedVectorType::get(i32, vector->getNumElements());
  }
  const auto number = [&](uint64_t n) { return llvm::ConstantInt::get(i32, n); };
  Value* bits = builder_.CreateBitCast(value, i32);
  Value* odd = builder_.CreateAnd(builder_.CreateLShr(bits, number(16)), number(1));
  Value* rounded = builder_.CreateLShr(builder_.CreateAdd(bits, builder_.CreateAdd(odd, number(0x7fff))), number(16));
  Value* is_nan = builder_.CreateFCmpUNO(value, value);
  Value* quiet = builder_.CreateOr(builder_.CreateLShr(bits, number(16)), number(0x40));
  return builder_.CreateTrunc(builder_.CreateSelect(is_nan, quiet, rounded), i32->getWithNewBitWidth(16));
}

llvm::Value* FunctionEmitter::Float8ToFloat(Value* bits, DataType from) {
  const bool e4m3 = from.code == ir::TypeCode::kE4M3Float;
  llvm::Type* i32 = bits->getType()->getWithNewBitWidth(32);
  const auto number = [&](uint64_t n) { return llvm::ConstantInt::get(i32, n); };
  Value* wide = builder_.CreateZExt(bits, i32);
  Value* sign = builder_.CreateShl(builder_.CreateAnd(wide, number(0x80)), number(24));
  Value* magnitude = builder_.CreateAnd(wide, number(0x7f));
  // Shifted to float's fields the exponent is too small by the difference of the biases: a multiplication mends that,
  // for subnormals, too.
  const int shift = e4m3 ? 20 : 21;
  const double scale = e4m3 ? 0x1p120 : 0x1p112;
  llvm::Type* f32 = FloatTypeLike(bits);
  Value* small = builder_.CreateBitCast(builder_.CreateShl(magnitude, number(shift)), f32);
  Value* scaled = builder_.CreateBitCast(builder_.CreateFMul(small, llvm::ConstantFP::get(f32, scale)), i32);
  // e4m3 has one NaN and no infinity; e5m2 is like IEEE.
  if (e4m3) {
    scaled = builder_.CreateSelect(builder_.CreateICmpEQ(magnitude, number(0x7f)), number(0x7fc00000), scaled);
  } else {
    Value* special = builder_.CreateOr(number(0x7f800000), builder_.CreateShl(magnitude, number(21)));
    scaled = builder_.CreateSelect(builder_.CreateICmpUGE(magnitude, number(0x7c)), special, scaled);
  }
  return builder_.CreateBitCast(builder_.CreateOr(scaled, sign), f32);
}

llvm::Value* FunctionEmitter::FloatToFloat8(Value* value, DataType to) {
  const bool e4m3 = to.code == ir::TypeCode::kE4M3Float;
  llvm::Type* i32 = builder_.getInt32Ty();
  if (auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(value->getType())) {
    i32 = llvm::FixedVectorType::get(i32, vector->getNumElements());
  }
  const auto number = [&](uint64_t n) { return llvm::ConstantInt::get(i32, n); };
  const int mantissa = e4m3 ? 3 : 2;
  const int bias = e4m3 ? 7 : 15;
  Value* bits = builder_.CreateBitCast(value, i32);
  Value* sign = builder_.CreateAnd(builder_.CreateLShr(bits, number(24)), number(0x80));
  Value* magnitude = builder_.CreateAnd(bits, number(0x7fffffff));
  // Normal results: round the float's mantissa, then rebias.
  const int drop = 23 - mantissa;
  Value* odd = builder_.CreateAnd(builder_.CreateLShr(magnitude, number(drop)), number(1));
  Value* rounded = builder_.CreateAdd(magnitude, builder_.CreateAdd(odd, number((1u << (drop - 1)) - 1)));
  Value* normal = builder_.CreateSub(builder_.CreateLShr(rounded, number(drop)),
                                     number(static_cast<uint64_t>(127 - bias) << mantissa));
  // Subnormal results: adding a large power of two makes the hardware round at the right place.
  llvm::Type* f32 = value->getType();
  const double magic = std::ldexp(1.0, 1 - bias - mantissa + 23);
  Value* absolute = builder_.CreateBitCast(magnitude, f32);
  Value* shifted = builder_.CreateFAdd(absolute, llvm::ConstantFP::get(f32, magic));
  Value* subnormal = builder_.CreateSub(builder_.CreateBitCast(shifted, i32),
                                        builder_.CreateBitCast(llvm::ConstantFP::get(f32, magic), i32));
  const uint32_t smallest_normal = static_cast<uint32_t>(127 - bias + 1) << 23;
  Value* out = builder_.CreateSelect(builder_.CreateICmpULT(magnitude, number(smallest_normal)), subnormal, normal);
  // Too large: the largest finite value.
  const uint32_t largest = e4m3 ? 0x7e : 0x7b;
  out = builder_.CreateSelect(builder_.CreateICmpSGT(out, number(largest)), number(largest), out);
  Value* nan = number(e4m3 ? 0x7f : 0x7e);
  out = builder_.CreateSelect(builder_.CreateICmpUGT(magnitude, number(0x7f800000)), nan, out);
  return builder_.CreateTrunc(builder_.CreateOr(out, sign), i32->getWithNewBitWidth(8));
}

}  // namespace hone::codegen
