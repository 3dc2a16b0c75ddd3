#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "common/support/status_matchers.h"
#include "common/workload/function_builder.h"
#include "worker/codegen/llvm/testing/compiled_function.h"

namespace hone::codegen {
namespace {

constexpr int64_t kElements = 1 << 20;

ir::IRModule Elementwise(ir::Builtin op) {
  workload::FunctionBuilder builder;
  const ir::Buffer x = builder.Input("X", {kElements}, ir::kFloat32);
  const ir::Buffer y = builder.Compute("Y", {{"i", kElements}}, [&](const std::vector<ir::Expr>& v) {
    return ir::MakeCall(ir::kFloat32, op, {ir::MakeBufferLoad(x, ir::MakeArray(v))});
  });
  return builder.Finish({y});
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
