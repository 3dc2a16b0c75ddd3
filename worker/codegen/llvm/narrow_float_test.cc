// float8 and bfloat16 on every kind of CPU: conversions are exact or round to nearest even, over all values; arithmetic
// is that of wider floats, rounded once.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "common/interp/interpreter.h"
#include "common/script/parser.h"
#include "common/support/status_macros.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "worker/codegen/llvm/testing/compiled_function.h"

namespace hone::codegen {
namespace {

using interp::Tensor;

std::vector<Target> Targets() {
  std::vector<Target> out;
  for (const char* text : {"llvm -mcpu=x86-64", "llvm -mcpu=haswell", "llvm -mcpu=skylake-avx512"}) {
    out.push_back(Target::Parse(text).value());
  }
  return out;
}

ir::DataType TypeNamed(std::string_view name) { return *ir::DataType::Parse(name); }

// The kernel and the interpreter agree exactly on these inputs; NaN is NaN.
absl::Status AgreesOn(const std::string& script, const Target& target, const std::vector<Tensor>& args) {
  HONE_ASSIGN_OR_RETURN(const ir::IRModule module, script::ParseModule(script));
  HONE_ASSIGN_OR_RETURN(const CompiledFunction function, CompiledFunction::Make(module, target));
  std::vector<Tensor> got = args;
  std::vector<Tensor> expected = args;
  HONE_RETURN_IF_ERROR(function.Run(absl::MakeSpan(got)));
  HONE_RETURN_IF_ERROR(interp::Interpret(module, absl::MakeSpan(expected)));
  for (size_t i = 0; i < got.size(); ++i) {
    const interp::Difference difference = interp::Compare(got[i], expected[i], 0, 0);
    if (difference.close) continue;
    std::string inputs;
    for (const Tensor& arg : args) {
      if (arg.num_elements() == got[i].num_elements()) StrAppend(&inputs, " ", arg.At(difference.worst));
    }
    return absl::FailedPreconditionError(StrCat(target.ToString(), ": element ", difference.worst, " of", inputs,
                                                ": the kernel gives ", difference.got, ", the interpreter ",
                                                difference.expected));
  }
  return absl::OkStatus();
}

std::string Conversion(std::string_view from, std::string_view to, int64_t count, bool vectorized) {
  return StrCat(R"(
@T.prim_func
def main(A: T.Buffer(()",
                count, R"(,), ")", from, R"("), B: T.Buffer(()", count, R"(,), ")", to, R"(")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for i in )",
                vectorized ? "T.vectorized" : "range", "(", count, R"():
        with T.block("b"):
            v = T.axis.spatial()",
                count, R"(, i)
            T.reads(A[v])
            T.writes(B[v])
            B[v] = T.Cast(")",
                to, R"(", A[v])
)");
}

// Every value of a type of up to 16 bits, by its bits; `count` of them from the first on.
Tensor EveryValue(std::string_view type, int64_t count) {
  Tensor out(TypeNamed(type), {count});
  const size_t bytes = out.bytes.size() / static_cast<size_t>(count);
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) std::memcpy(&out.bytes[i * bytes], &i, bytes);
  return out;
}

constexpr std::string_view kFloat8[] = {"e4m3_float8", "e5m2_float8"};

TEST(NarrowFloatTest, EveryFloat8IsWidenedExactly) {
  for (std::string_view type : kFloat8) {
    for (std::string_view wide : {"float32", "float16", "bfloat16", "float64"}) {
      for (const int64_t count : {256, 251}) {
        for (const Target& target : Targets()) {
          EXPECT_OK(AgreesOn(Conversion(type, wide, count, count == 256), target,
                             {EveryValue(type, count), Tensor(TypeNamed(wide), {count})}))
              << type << " to " << wide;
        }
      }
    }
  }
}

// The values of a float8 type, what lies half way between neighbours, what lies just beside that, and what no float8
// holds.
std::vector<float> AroundMidpoints(std::string_view type) {
  const Tensor all = EveryValue(type, 256);
  std::vector<float> values;
  for (int64_t i = 0; i < 256; ++i) {
    if (std::isfinite(all.At(i))) values.push_back(static_cast<float>(all.At(i)));
  }
  std::sort(values.begin(), values.end());
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> out = values;
  for (size_t i = 1; i < values.size(); ++i) {
    const float middle = values[i - 1] + (values[i] - values[i - 1]) / 2;
    out.insert(out.end(), {middle, std::nextafter(middle, infinity), std::nextafter(middle, -infinity)});
  }
  const float largest = values.back();
  for (const float more : {1.01f, 1.03f, 1.0625f, 1.07f, 1.125f, 1.13f, 1.5f, 2.0f, 1e9f}) {
    out.insert(out.end(), {largest * more, -largest * more});
  }
  out.insert(out.end(), {infinity, -infinity, std::numeric_limits<float>::quiet_NaN(), 1e-40f, -1e-40f, -0.0f});
  return out;
}

TEST(NarrowFloatTest, WhatIsHeldInFloat8RoundsToNearestEven) {
  for (std::string_view type : kFloat8) {
    const std::vector<float> values = AroundMidpoints(type);
    const auto count = static_cast<int64_t>(values.size());
    Tensor from(ir::kFloat32, {count});
    std::memcpy(from.bytes.data(), values.data(), from.bytes.size());
    for (const Target& target : Targets()) {
      for (const bool vectorized : {false, true}) {
        EXPECT_OK(
            AgreesOn(Conversion("float32", type, count, vectorized), target, {from, Tensor(TypeNamed(type), {count})}))
            << type;
      }
    }
  }
}

TEST(NarrowFloatTest, EveryFloat16AndBfloat16BecomesTheNearestFloat8) {
  for (std::string_view type : kFloat8) {
    for (std::string_view wide : {"float16", "bfloat16"}) {
      for (const Target& target : Targets()) {
        EXPECT_OK(AgreesOn(Conversion(wide, type, 65536, false), target,
                           {EveryValue(wide, 65536), Tensor(TypeNamed(type), {65536})}))
            << wide << " to " << type;
      }
    }
  }
}

// All pairs of values, but for NaN, under one operation.
std::string Pairs(std::string_view type, std::string_view operation) {
  return StrCat(R"(
@T.prim_func
def main(A: T.Buffer((256,), ")",
                type, R"("), B: T.Buffer((256,), ")", type, R"("), C: T.Buffer((256, 256), ")", type, R"(")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for i in range(256):
        for j in T.vectorized(256):
            with T.block("c"):
                vi, vj = T.axis.remap("SS", [i, j])
                T.reads(A[vi], B[vj])
                T.writes(C[vi, vj])
                C[vi, vj] = )",
                operation, "\n");
}

TEST(NarrowFloatTest, EveryOperationOnFloat8IsRoundedOnce) {
  for (std::string_view type : kFloat8) {
    Tensor values = EveryValue(type, 256);
    for (int64_t i = 0; i < 256; ++i) {
      if (!std::isfinite(values.At(i))) values.bytes[static_cast<size_t>(i)] = 0;
    }
    for (std::string_view operation : {"A[vi] + B[vj]", "A[vi] - B[vj]", "A[vi] * B[vj]", "T.max(A[vi], B[vj])",
                                       "T.min(A[vi], B[vj])", "T.Select(A[vi] < B[vj], B[vj], A[vi])"}) {
      for (const Target& target : Targets()) {
        EXPECT_OK(AgreesOn(Pairs(type, operation), target, {values, values, Tensor(TypeNamed(type), {256, 256})}))
            << type << ": " << operation;
      }
    }
  }
}

TEST(NarrowFloatTest, SumsOfFloat8ProductsInFloat32AreExact) {
  for (std::string_view type : kFloat8) {
    const std::string script =
        StrCat(R"(
@T.prim_func
def main(A: T.Buffer((9, 21), ")",
               type, R"("), B: T.Buffer((21, 19), ")", type, R"("), C: T.Buffer((9, 19), "float32")):
    T.func_attr({"tir.noalias": T.bool(True)})
    for i, k in T.grid(9, 21):
        for j in T.vectorized(19):
            with T.block("c"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                T.reads(A[vi, vk], B[vk, vj])
                T.writes(C[vi, vj])
                with T.init():
                    C[vi, vj] = T.float32(0)
                C[vi, vj] = C[vi, vj] + T.Cast("float32", A[vi, vk]) * T.Cast("float32", B[vk, vj])
)");
    ASSERT_OK_AND_ASSIGN(const ir::IRModule module, script::ParseModule(script));
    for (const Target& target : Targets()) {
      for (uint64_t seed = 1; seed <= 3; ++seed) EXPECT_OK(ExpectCompiledAgrees(module, target, seed, 1)) << type;
    }
  }
}

}  // namespace
}  // namespace hone::codegen
