// The error bounds of the elementary functions. float32: a million arguments where it matters, and one of every 4096
// that there are, or of every 16 in the long form; float16 and bfloat16: all.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "common/support/status_matchers.h"
#include "common/support/testing/long_form.h"
#include "common/workload/function_builder.h"
#include "worker/codegen/llvm/testing/compiled_function.h"

namespace hone::codegen {
namespace {

constexpr int64_t kElements = 1 << 20;

ir::IRModule Elementwise(ir::Builtin op, ir::DataType dtype = ir::kFloat32, int64_t elements = kElements) {
  workload::FunctionBuilder builder;
  const ir::Buffer x = builder.Input("X", {elements}, dtype);
  const ir::Buffer y = builder.Compute("Y", {{"i", elements}}, [&](const std::vector<ir::Expr>& v) {
    return ir::MakeCall(dtype, op, {ir::MakeBufferLoad(x, ir::MakeArray(v))});
  });
  return builder.Finish({y});
}

std::vector<Target> Cpus() {
  std::vector<Target> out;
  for (const char* cpu : {"llvm -mcpu=x86-64", "llvm -mcpu=haswell", "llvm -mcpu=skylake-avx512"}) {
    out.push_back(Target::Parse(cpu).value());
  }
  return out;
}

// Distance from the true value in units of the float's last place.
double UlpError(float got, double expected) {
  if (std::isnan(expected)) return std::isnan(got) ? 0 : HUGE_VAL;
  const float nearest = static_cast<float>(expected);
  if (got == nearest) return 0;
  if (std::isinf(nearest) || std::isinf(got)) return HUGE_VAL;
  int exponent;
  std::frexp(nearest, &exponent);
  const double ulp = std::ldexp(1.0, std::max(exponent - 24, -149));
  return std::abs(got - expected) / ulp;
}

struct Case {
  ir::Builtin op;
  double (*reference)(double);
  double allowed_ulp;
};

class VectorMathTest : public ::testing::TestWithParam<Case> {};

// Floats of every exponent and sign, then a dense range around zero, then special ones.
std::vector<float> Inputs() {
  std::vector<float> out(kElements);
  for (int64_t i = 0; i < kElements; ++i) {
    if (i % 2 == 0) {
      const uint32_t bits = static_cast<uint32_t>(i) * 4096u + static_cast<uint32_t>(i * 2654435761u >> 20);
      std::memcpy(&out[i], &bits, 4);
      if (std::isnan(out[i])) out[i] = 1;
    } else {
      out[i] = static_cast<float>((static_cast<double>(i) / kElements - 0.5) * 220);
      if (i % 4 == 1) out[i] /= 20;
    }
  }
  const float special[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1.0f, -1.0f, 0x1p-149f, -0x1p-149f, 88.7f, -103.9f};
  std::copy(std::begin(special), std::end(special), out.begin());
  return out;
}

TEST_P(VectorMathTest, StaysWithinItsErrorBound) {
  for (const char* cpu : {"llvm -mcpu=x86-64", "llvm -mcpu=haswell", "llvm -mcpu=skylake-avx512"}) {
    ASSERT_OK_AND_ASSIGN(const CompiledFunction function,
                         CompiledFunction::Make(Elementwise(GetParam().op), Target::Parse(cpu).value()));
    std::vector<float> x = Inputs(), y(kElements);
    void* buffers[] = {x.data(), y.data()};
    ASSERT_EQ(function.Call(buffers), 0);
    double worst = 0, worst_at = 0;
    for (int64_t i = 0; i < kElements; ++i) {
      const double error = UlpError(y[i], GetParam().reference(x[i]));
      if (error > worst) {
        worst = error;
        worst_at = x[i];
      }
    }
    EXPECT_LE(worst, GetParam().allowed_ulp) << cpu << " at " << worst_at;
    RecordProperty(std::string("ulp_") + cpu, std::to_string(worst));
    std::printf("%s %s: %.3f ulp at %g\n", std::string(ir::InfoOf(GetParam().op).name).c_str(), cpu, worst, worst_at);
  }
}

TEST_P(VectorMathTest, StaysWithinItsErrorBoundOverTheWholeRangeOfFloats) {
  std::vector<CompiledFunction> functions;
  for (const Target& cpu : Cpus()) {
    ASSERT_OK_AND_ASSIGN(functions.emplace_back(), CompiledFunction::Make(Elementwise(GetParam().op), cpu));
  }
  const uint64_t step = testing::LongForm() ? 16 : 4096;
  const uint64_t chunks = (uint64_t{1} << 32) / step / kElements;
  std::vector<float> x(kElements), y(kElements);
  std::vector<double> expected(kElements);
  void* buffers[] = {x.data(), y.data()};
  double worst = 0, worst_at = 0;
  for (uint64_t chunk = 0; chunk < chunks; ++chunk) {
    for (uint64_t i = 0; i < kElements; ++i) {
      const uint64_t index = chunk * kElements + i;  // One float of each step, at another place every time.
      const uint32_t bits = static_cast<uint32_t>(index * step + (index * 2654435761u >> 8) % step);
      std::memcpy(&x[i], &bits, 4);
      expected[i] = GetParam().reference(x[i]);
    }
    for (const CompiledFunction& function : functions) {
      ASSERT_EQ(function.Call(buffers), 0);
      for (uint64_t i = 0; i < kElements; ++i) {
        const double error = UlpError(y[i], expected[i]);
        if (error <= worst) continue;
        worst = error;
        worst_at = x[i];
      }
    }
  }
  EXPECT_LE(worst, GetParam().allowed_ulp) << "at " << worst_at;
  std::printf("%s: %.3f ulp at %g\n", std::string(ir::InfoOf(GetParam().op).name).c_str(), worst, worst_at);
}

// A 16-bit float of `exponent_bits`: its value, and the distance to its neighbour.
double ValueOf(uint16_t bits, int exponent_bits) {
  const int mantissa_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = bits >> mantissa_bits & ((1 << exponent_bits) - 1), mantissa = bits & ((1 << mantissa_bits) - 1);
  const double sign = bits >> 15 != 0 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return mantissa != 0 ? std::nan("") : sign * HUGE_VAL;
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign * std::ldexp((1 << mantissa_bits) + mantissa, exponent - bias - mantissa_bits);
}

// In float32 first, then rounded: never more than one place off, and nearly always the nearest.
TEST_P(VectorMathTest, EveryNarrowFloatIsRightToOnePlace) {
  constexpr int64_t kAll = 1 << 16;
  const struct {
    ir::DataType dtype;
    int exponent_bits;
  } types[] = {{ir::DataType::Float(16), 5}, {ir::DataType::BFloat16(), 8}};
  for (const auto& type : types) {
    for (const Target& cpu : Cpus()) {
      ASSERT_OK_AND_ASSIGN(const CompiledFunction function,
                           CompiledFunction::Make(Elementwise(GetParam().op, type.dtype, kAll), cpu));
      std::vector<uint16_t> x(kAll), y(kAll);
      for (int64_t i = 0; i < kAll; ++i) x[i] = static_cast<uint16_t>(i);
      void* buffers[] = {x.data(), y.data()};
      ASSERT_EQ(function.Call(buffers), 0);
      const int mantissa_bits = 15 - type.exponent_bits, bias = (1 << (type.exponent_bits - 1)) - 1;
      const double largest =
          ValueOf(static_cast<uint16_t>(((1 << type.exponent_bits) - 1) << mantissa_bits) - 1, type.exponent_bits);
      int wrong = 0, not_nearest = 0;
      for (int64_t i = 0; i < kAll; ++i) {
        const double argument = ValueOf(x[i], type.exponent_bits), got = ValueOf(y[i], type.exponent_bits);
        const double want = GetParam().reference(argument);
        if (std::isnan(want) || std::isnan(got)) {
          wrong += std::isnan(want) != std::isnan(got) ? 1 : 0;
          continue;
        }
        int exponent;
        std::frexp(want, &exponent);
        const double place = std::ldexp(1.0, std::max(exponent - 1 - mantissa_bits, 1 - bias - mantissa_bits));
        const bool overflows = std::abs(want) > largest;
        const bool right = overflows         ? std::abs(got) >= largest && (got > 0) == (want > 0)
                           : std::isinf(got) ? std::abs(want) + place > largest
                                             : std::abs(got - want) <= place;
        wrong += right ? 0 : 1;
        if (!overflows && !std::isinf(got)) not_nearest += std::abs(got - want) > 0.5001 * place ? 1 : 0;
        if (!right && wrong < 3)
          ADD_FAILURE() << type.dtype.ToString() << " " << argument << ": " << got << " " << want;
      }
      EXPECT_EQ(wrong, 0) << cpu.ToString() << " " << type.dtype.ToString();
      EXPECT_LE(not_nearest, kAll / 100) << cpu.ToString() << " " << type.dtype.ToString();
    }
  }
}

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

INSTANTIATE_TEST_SUITE_P(
    All, VectorMathTest,
    ::testing::Values(Case{ir::Builtin::exp, std::exp, 1.5}, Case{ir::Builtin::exp2, std::exp2, 1.5},
                      Case{ir::Builtin::log, std::log, 1.5}, Case{ir::Builtin::log2, std::log2, 2.5},
                      Case{ir::Builtin::log10, std::log10, 2.5}, Case{ir::Builtin::tanh, std::tanh, 2.5},
                      Case{ir::Builtin::sigmoid, Sigmoid, 2.5}, Case{ir::Builtin::erf, std::erf, 1.5}),
    [](const auto& info) { return std::string(ir::InfoOf(info.param.op).name); });

}  // namespace
}  // namespace hone::codegen
