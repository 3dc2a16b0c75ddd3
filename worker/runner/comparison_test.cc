#include "worker/runner/comparison.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "common/support/status_matchers.h"
#include "worker/runner/input_set.h"
#include "worker/runner/number_formats.h"

namespace hone::runner {
namespace {

TensorComparison CompareFloats(std::vector<float> got, std::vector<float> want, double tolerance) {
  const TensorInfo tensor = {"float32", {static_cast<int64_t>(got.size())}};
  return CompareTensor(tensor, reinterpret_cast<const uint8_t*>(got.data()),
                       reinterpret_cast<const uint8_t*>(want.data()), tolerance);
}

TEST(CompareTensorTest, RoundingIsToleratedAndWrongElementsAreNamed) {
  EXPECT_TRUE(CompareFloats({1.00001f, -2}, {1, -2}, 1e-4).right);
  const TensorComparison wrong = CompareFloats({1, -2, 5}, {1, -2, 3}, 1e-4);
  EXPECT_FALSE(wrong.right);
  EXPECT_EQ(wrong.first_wrong, 2);
  EXPECT_EQ(wrong.wrong_elements, 1);
  EXPECT_EQ(wrong.detail, "element 2 is 5, expected 3");
}

TEST(CompareTensorTest, NanIsWrongUnlessExpected) {
  const float nan = std::nanf("");
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(CompareFloats({nan, 1}, {0, 1}, 1e-4).right);
  EXPECT_FALSE(CompareFloats({0, 1}, {nan, 1}, 1e-4).right);
  EXPECT_TRUE(CompareFloats({nan, -infinity, 1.00001f}, {nan, -infinity, 1}, 1e-4).right);
  EXPECT_FALSE(CompareFloats({infinity}, {-infinity}, 1e-4).right);
}

TEST(CompareTensorTest, IntegersMustBeEqual) {
  const std::vector<int8_t> got = {1, 2, 3}, want = {1, 2, 4};
  const TensorInfo tensor = {"int8", {3}};
  const auto* g = reinterpret_cast<const uint8_t*>(got.data());
  EXPECT_FALSE(CompareTensor(tensor, g, reinterpret_cast<const uint8_t*>(want.data()), 1).right);
  EXPECT_TRUE(CompareTensor(tensor, g, g, 0).right);
}

TEST(ToleranceTest, NeverHidesAMissingProductOfAnOrdinarySum) {
  // A sum of K random products changes by about 1 / sqrt(K) when one is missing.
  for (double length : {1.0, 64.0, 1024.0, 65536.0}) {
    EXPECT_LT(ToleranceOf("float32", length), 0.5 / std::sqrt(length)) << length;
  }
  EXPECT_LT(ToleranceOf("float16", 64), 0.5 / 8);
  EXPECT_EQ(ToleranceOf("int32", 1024), 0);
}

TEST(ReductionLengthTest, IsThatOfAMatrixProduct) {
  EXPECT_DOUBLE_EQ(
      EstimateReductionLength({{"float32", {128, 768}}, {"float32", {768, 3072}}, {"float32", {128, 3072}}},
                              {false, false, true}),
      768);
  EXPECT_DOUBLE_EQ(EstimateReductionLength({{"float32", {100, 7}}, {"float32", {100}}}, {false, true}), 7);
}

TEST(InputSetTest, DependsOnSeedAndParameterOnly) {
  const TensorInfo tensor = {"float32", {33}};
  std::vector<float> a(33), b(33), c(33), d(33);
  auto fill = [&](std::vector<float>& v, uint64_t seed, size_t parameter) {
    ASSERT_OK(FillTensor(tensor, seed, parameter, reinterpret_cast<uint8_t*>(v.data())));
  };
  fill(a, 1, 0);
  fill(b, 1, 0);
  fill(c, 2, 0);
  fill(d, 1, 1);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
  EXPECT_NE(a, d);
  for (float value : a) EXPECT_TRUE(value >= -1 && value < 1);
}

TEST(InputSetTest, ManyThreadsGiveWhatOneGives) {
  const auto fill = [&](int64_t count) {
    std::vector<float> v(static_cast<size_t>(count), 2.0f);
    EXPECT_OK(FillTensor({"float32", {count}}, 1, 0, reinterpret_cast<uint8_t*>(v.data())));
    return v;
  };
  // A shorter tensor is the beginning of a longer one, and is filled by one thread.
  const std::vector<float> shorter = fill(7'900'000), longer = fill(9'000'001);
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), longer.begin()));
  for (float value : longer) ASSERT_LT(value, 1);
}

double ValueOf(std::string_view dtype, const uint8_t* bytes, size_t i) {
  const auto half = [&] { return static_cast<uint16_t>(bytes[2 * i] | bytes[2 * i + 1] << 8); };
  if (dtype == "float16") return Float16Value(half());
  if (dtype == "bfloat16") return BFloat16Value(half());
  if (dtype == "float8_e4m3fn") return Float8E4M3Value(bytes[i]);
  if (dtype == "float8_e5m2") return Float8E5M2Value(bytes[i]);
  double value = 0;
  std::memcpy(&value, bytes + 8 * i, 8);
  return value;
}

TEST(InputSetTest, EveryDtypeHasFiniteValues) {
  for (const char* dtype : {"float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float64"}) {
    const TensorInfo tensor = {dtype, {1000}};
    std::vector<uint8_t> bytes(*BytesOfTensor(tensor));
    ASSERT_OK(FillTensor(tensor, 3, 0, bytes.data()));
    for (size_t i = 0; i < 1000; ++i) EXPECT_LE(std::fabs(ValueOf(dtype, bytes.data(), i)), 1) << dtype << " " << i;
  }
  EXPECT_STATUS(BytesOfDtype("float31"), absl::StatusCode::kInvalidArgument, "float31");
  EXPECT_STATUS(BytesOfTensor({"float32", {1 << 20, 1 << 20}}), absl::StatusCode::kInvalidArgument, "TiB");
}

TEST(NumberFormatsTest, RoundTripOfEveryFloat16AndBFloat16) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const uint16_t b = static_cast<uint16_t>(bits);
    EXPECT_TRUE(std::isnan(Float16Value(b)) || Float16Bits(Float16Value(b)) == b) << bits;
    EXPECT_TRUE(std::isnan(BFloat16Value(b)) || BFloat16Bits(BFloat16Value(b)) == b) << bits;
  }
  EXPECT_EQ(Float16Bits(65519.0f), 0x7bff);
  EXPECT_EQ(Float16Bits(65520.0f), 0x7c00);
  EXPECT_EQ(Float16Bits(1.00048828125f), 0x3c00);  // Halfway: to even.
}

}  // namespace
}  // namespace hone::runner
