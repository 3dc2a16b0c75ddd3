// Elementary functions of float32 without calls, so that they work on whole vectors.
//
// Method: reduction to a short interval, there a polynomial close to the minimax one (Chebyshev fit, coefficients
// rounded to float), reconstruction. Largest errors seen over all exponents, against double precision (vector_math_test
// measures them), in ulp: exp, exp2 1.07; log 0.75; log2 1.69; log10 1.99; tanh 1.25; sigmoid 2.32; erf 1.40.
// Infinities, NaN and subnormal results are as in the C library; the sign of zero is kept.
#include <cmath>

#include "llvm/IR/Constants.h"
#include "llvm/IR/Intrinsics.h"
#include "worker/codegen/llvm/function_emitter.h"

namespace hone::codegen {

namespace {

// (exp(r) - 1 - r) / r^2 on [-ln 2 / 2, ln 2 / 2]; lowest power first, as all below.
constexpr double kExp[] = {0x1p-1, 0x1.5554dcp-3, 0x1.555518p-5, 0x1.120cd4p-7, 0x1.6d1270p-10};
// (log(1 + f) - f + f^2 / 2) / f^3 on [sqrt(1/2) - 1, sqrt(2) - 1].
constexpr double kLog[] = {0x1.555554p-2,  -0x1.fffffcp-3, 0x1.999d5ap-3,  -0x1.555b4ap-3, 0x1.23d21ap-3,
                           -0x1.fcf4c6p-4, 0x1.dea282p-4,  -0x1.d635bcp-4, 0x1.1d8ea6p-4};
// (tanh(x) / x - 1) / x^2 as a function of x^2 on [0, 0.625^2].
constexpr double kTanh[] = {-0x1.555556p-2, 0x1.1110eap-3,  -0x1.ba08c4p-5,
                            0x1.64a976p-6,  -0x1.116a16p-7, 0x1.2c83c0p-9};
// erf(x) / x - 1 as a function of x^2 on [0, 0.93^2].
constexpr double kErfSmall[] = {0x1.06eba6p-3,  -0x1.8126e2p-2, 0x1.ce19c4p-4,
                                -0x1.b68054p-6, 0x1.46f3f4p-8,  -0x1.38dbe4p-11};
// -log(1 - erf(x)) / x on [0.92, 4].
constexpr double kErfLarge[] = {0x1.20ffc6p+0, 0x1.44af12p-1,   0x1.b9c6dap-4,  -0x1.9be2eap-6,
                                0x1.1a0d9ap-8, -0x1.058728p-11, 0x1.2078c2p-15, -0x1.18cd16p-20};

constexpr double kLn2High = 0.693359375;  // 355 / 512: its product with a small integer is exact.
constexpr double kLn2Low = -0x1.bd0105c611p-13;
constexpr double kLog2E = 1.4426950408889634;
// Adding 1.5 * 2^23 rounds a float to an integer, which then stands in the low bits.
constexpr double kRound = 0x1.8p23;

}  // namespace

llvm::Value* FunctionEmitter::FloatConst(Value* like, double value) {
  return llvm::ConstantFP::get(like->getType(), value);
}

llvm::Value* FunctionEmitter::MulAdd(Value* a, Value* b, Value* c) {
  return builder_.CreateFAdd(builder_.CreateFMul(a, b), c);  // Contracted where the machine can.
}

llvm::Value* FunctionEmitter::Polynomial(Value* x, llvm::ArrayRef<double> coefficients) {
  Value* out = FloatConst(x, coefficients.back());
  for (size_t i = coefficients.size() - 1; i-- > 0;) out = MulAdd(out, x, FloatConst(x, coefficients[i]));
  return out;
}

// exp(r) * 2^n for |r| <= ln 2 / 2 and an integer n given as kRound + n; n may go beyond a float's exponents.
llvm::Value* FunctionEmitter::EmitScaledExp(Value* r, Value* rounded) {
  llvm::Type* i32;
  if (auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(r->getType())) {
    i32 = llvm::FixedVectorType::get(builder_.getInt32Ty(), vector->getNumElements());
  } else {
    i32 = builder_.getInt32Ty();
  }
  const auto number = [&](int64_t n) { return llvm::ConstantInt::get(i32, static_cast<uint64_t>(n), true); };
  Value* square = builder_.CreateFMul(r, r);
  Value* y = builder_.CreateFAdd(MulAdd(square, Polynomial(r, kExp), r), FloatConst(r, 1.0));
  Value* n =
      builder_.CreateSub(builder_.CreateBitCast(rounded, i32), builder_.CreateBitCast(FloatConst(r, kRound), i32));
  // In two steps, so that subnormal results are rounded once and the largest do not overflow early.
  Value* half = builder_.CreateAShr(n, number(1));
  const auto power = [&](Value* exponent) {
    return builder_.CreateBitCast(builder_.CreateShl(builder_.CreateAdd(exponent, number(127)), number(23)),
                                  r->getType());
  };
  return builder_.CreateFMul(builder_.CreateFMul(y, power(half)), power(builder_.CreateSub(n, half)));
}

llvm::Value* FunctionEmitter::Clamp(Value* x, double low, double high) {
  // Written so that NaN passes.
  x = builder_.CreateSelect(builder_.CreateFCmpOLT(x, FloatConst(x, low)), FloatConst(x, low), x);
  return builder_.CreateSelect(builder_.CreateFCmpOGT(x, FloatConst(x, high)), FloatConst(x, high), x);
}

llvm::Value* FunctionEmitter::EmitExp(Value* x) {
  x = Clamp(x, -105.0, 89.5);
  Value* rounded = MulAdd(x, FloatConst(x, kLog2E), FloatConst(x, kRound));
  Value* n = builder_.CreateFSub(rounded, FloatConst(x, kRound));
  Value* r = MulAdd(n, FloatConst(x, -kLn2High), x);
  r = MulAdd(n, FloatConst(x, -kLn2Low), r);
  return EmitScaledExp(r, rounded);
}

llvm::Value* FunctionEmitter::EmitExp2(Value* x) {
  x = Clamp(x, -151.0, 129.0);
  Value* rounded = builder_.CreateFAdd(x, FloatConst(x, kRound));
  Value* n = builder_.CreateFSub(rounded, FloatConst(x, kRound));
  Value* r = builder_.CreateFMul(builder_.CreateFSub(x, n), FloatConst(x, 0.6931471805599453));
  return EmitScaledExp(r, rounded);
}

llvm::Value* FunctionEmitter::EmitLog(Value* x) {
  llvm::Type* i32 = builder_.getInt32Ty();
  if (auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(x->getType())) {
    i32 = llvm::FixedVectorType::get(i32, vector->getNumElements());
  }
  const auto number = [&](int64_t n) { return llvm::ConstantInt::get(i32, static_cast<uint64_t>(n), true); };
  Value* subnormal = builder_.CreateFCmpOLT(x, FloatConst(x, 0x1p-126));
  Value* scaled = builder_.CreateSelect(subnormal, builder_.CreateFMul(x, FloatConst(x, 0x1p23)), x);
  Value* bits = builder_.CreateBitCast(scaled, i32);
  // Exponent such that the mantissa lies in [sqrt(1/2), sqrt(2)): subtracting the bits of sqrt(1/2) first.
  Value* shifted = builder_.CreateSub(bits, number(0x3f3504f3));
  Value* exponent = builder_.CreateAShr(shifted, number(23));
  Value* mantissa =
      builder_.CreateBitCast(builder_.CreateSub(bits, builder_.CreateShl(exponent, number(23))), x->getType());
  exponent = builder_.CreateSub(exponent, builder_.CreateSelect(subnormal, number(23), number(0)));
  Value* e = builder_.CreateSIToFP(exponent, x->getType());
  Value* f = builder_.CreateFSub(mantissa, FloatConst(x, 1.0));
  Value* square = builder_.CreateFMul(f, f);
  Value* y = builder_.CreateFMul(builder_.CreateFMul(square, f), Polynomial(f, kLog));
  y = MulAdd(e, FloatConst(x, kLn2Low), y);
  y = MulAdd(square, FloatConst(x, -0.5), y);
  y = builder_.CreateFAdd(f, y);
  y = MulAdd(e, FloatConst(x, kLn2High), y);
  // 0 => -inf; negative => NaN; infinity and NaN stay.
  const double infinity = HUGE_VAL;
  Value* zero = FloatConst(x, 0.0);
  y = builder_.CreateSelect(builder_.CreateFCmpOEQ(x, zero), FloatConst(x, -infinity), y);
  y = builder_.CreateSelect(builder_.CreateFCmpOLT(x, zero), FloatConst(x, std::nan("")), y);
  Value* finite = builder_.CreateFCmpOLT(x, FloatConst(x, infinity));
  return builder_.CreateSelect(finite, y, x);
}

llvm::Value* FunctionEmitter::EmitTanh(Value* x) {
  namespace I = llvm::Intrinsic;
  Value* size = builder_.CreateUnaryIntrinsic(I::fabs, x);
  Value* square = builder_.CreateFMul(x, x);
  Value* small = MulAdd(builder_.CreateFMul(x, square), Polynomial(square, kTanh), x);
  Value* e = EmitExp(builder_.CreateFAdd(size, size));
  Value* one = FloatConst(x, 1.0);
  Value* large = builder_.CreateFSub(one, builder_.CreateFDiv(FloatConst(x, 2.0), builder_.CreateFAdd(e, one)));
  large = builder_.CreateBinaryIntrinsic(I::copysign, large, x);
  return builder_.CreateSelect(builder_.CreateFCmpOLT(size, FloatConst(x, 0.625)), small, large);
}

llvm::Value* FunctionEmitter::EmitSigmoid(Value* x) {
  // Of the negative size, so that exp does not overflow and nothing cancels.
  Value* e = EmitExp(builder_.CreateFNeg(builder_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x)));
  Value* one = FloatConst(x, 1.0);
  Value* positive = builder_.CreateFCmpOGE(x, FloatConst(x, 0.0));
  return builder_.CreateFDiv(builder_.CreateSelect(positive, one, e), builder_.CreateFAdd(one, e));
}

llvm::Value* FunctionEmitter::EmitErf(Value* x) {
  namespace I = llvm::Intrinsic;
  Value* size = builder_.CreateUnaryIntrinsic(I::fabs, x);
  Value* square = builder_.CreateFMul(x, x);
  Value* small = MulAdd(x, Polynomial(square, kErfSmall), x);
  Value* t = Clamp(size, 0.0, 4.0);
  Value* e = EmitExp(builder_.CreateFNeg(builder_.CreateFMul(t, Polynomial(t, kErfLarge))));
  Value* large = builder_.CreateBinaryIntrinsic(I::copysign, builder_.CreateFSub(FloatConst(x, 1.0), e), x);
  return builder_.CreateSelect(builder_.CreateFCmpOLT(size, FloatConst(x, 0.925)), small, large);
}

// nullptr when the function has no form of ours.
llvm::Value* FunctionEmitter::EmitVectorMath(ir::Builtin op, ir::DataType dtype, Value* x) {
  if (!dtype.is_float() || dtype.bits > 32) return nullptr;
  if (dtype.bits == 16) {
    const ir::DataType wide = ir::DataType::Float(32, dtype.lanes);
    Value* y = EmitVectorMath(op, wide, EmitCast(x, dtype, wide));
    return y != nullptr ? EmitCast(y, wide, dtype) : nullptr;
  }
  switch (op) {
    case ir::Builtin::exp:
      return EmitExp(x);
    case ir::Builtin::exp2:
      return EmitExp2(x);
    case ir::Builtin::log:
      return EmitLog(x);
    case ir::Builtin::log2:
      return builder_.CreateFMul(EmitLog(x), FloatConst(x, kLog2E));
    case ir::Builtin::log10:
      return builder_.CreateFMul(EmitLog(x), FloatConst(x, 0.4342944819032518));
    case ir::Builtin::tanh:
      return EmitTanh(x);
    case ir::Builtin::sigmoid:
      return EmitSigmoid(x);
    case ir::Builtin::erf:
      return EmitErf(x);
    default:
      return nullptr;
  }
}

}  // namespace hone::codegen
