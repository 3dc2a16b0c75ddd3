#include "worker/runner/comparison.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/str_format.h"
#include "worker/runner/input_set.h"
#include "worker/runner/number_formats.h"

namespace hone::runner {
namespace {

template <typename T>
T At(const uint8_t* data, int64_t i) {
  T value;
  std::memcpy(&value, data + static_cast<uint64_t>(i) * sizeof(T), sizeof(T));
  return value;
}

using Decoder = double (*)(const uint8_t*, int64_t);

// Null for types that are compared bit by bit.
Decoder DecoderOf(std::string_view dtype) {
  if (dtype == "float32") return [](const uint8_t* d, int64_t i) -> double { return At<float>(d, i); };
  if (dtype == "float64") return [](const uint8_t* d, int64_t i) -> double { return At<double>(d, i); };
  if (dtype == "float16") return [](const uint8_t* d, int64_t i) -> double { return Float16Value(At<uint16_t>(d, i)); };
  if (dtype == "bfloat16")
    return [](const uint8_t* d, int64_t i) -> double { return BFloat16Value(At<uint16_t>(d, i)); };
  if (dtype.find("e4m3") != std::string_view::npos) {
    return [](const uint8_t* d, int64_t i) -> double { return Float8E4M3Value(d[i]); };
  }
  if (dtype.find("e5m2") != std::string_view::npos) {
    return [](const uint8_t* d, int64_t i) -> double { return Float8E5M2Value(d[i]); };
  }
  return nullptr;
}

double MeanMagnitude(Decoder decode, const uint8_t* data, int64_t count) {
  double sum = 0;
  int64_t finite = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double value = std::fabs(decode(data, i));
    if (!std::isfinite(value)) continue;
    sum += value;
    ++finite;
  }
  return finite == 0 ? 0 : sum / static_cast<double>(finite);
}

void NoteWrong(TensorComparison& result, int64_t i, double got, double want) {
  if (result.wrong_elements++ > 0) return;
  result.right = false;
  result.first_wrong = i;
  result.detail = absl::StrFormat("element %d is %g, expected %g", i, got, want);
}

void CompareFloats(Decoder decode, const uint8_t* got, const uint8_t* want, int64_t count, TensorComparison& result) {
  const double scale = MeanMagnitude(decode, want, count);
  for (int64_t i = 0; i < count; ++i) {
    const double g = decode(got, i);
    const double w = decode(want, i);
    if (g == w || (std::isnan(g) && std::isnan(w))) continue;
    const double error = std::fabs(g - w);
    const double magnitude = std::fabs(w) + scale;
    if (std::isfinite(error)) {
      result.errors.max_abs = std::max(result.errors.max_abs, error);
      if (magnitude > 0) result.errors.max_rel = std::max(result.errors.max_rel, error / magnitude);
    }
    const bool close = std::isfinite(error) && error <= result.errors.tolerance * magnitude;
    if (!close) NoteWrong(result, i, g, w);
  }
}

void CompareIntegers(const uint8_t* got, const uint8_t* want, int64_t count, int64_t element_bytes,
                     TensorComparison& result) {
  for (int64_t i = 0; i < count; ++i) {
    int64_t g = 0, w = 0;
    std::memcpy(&g, got + i * element_bytes, static_cast<size_t>(element_bytes));
    std::memcpy(&w, want + i * element_bytes, static_cast<size_t>(element_bytes));
    if (g == w) continue;
    const double error = std::fabs(static_cast<double>(g) - static_cast<double>(w));
    result.errors.max_abs = std::max(result.errors.max_abs, error);
    NoteWrong(result, i, static_cast<double>(g), static_cast<double>(w));
  }
}

double Elements(const TensorInfo& tensor) {
  double elements = 1;
  for (int64_t extent : tensor.shape) elements *= static_cast<double>(extent);
  return elements;
}

}  // namespace

TensorComparison CompareTensor(const TensorInfo& tensor, const uint8_t* got, const uint8_t* want, double tolerance) {
  TensorComparison result;
  result.errors.tolerance = tolerance;
  const uint64_t bytes = BytesOfTensor(tensor).value_or(0);
  if (std::memcmp(got, want, bytes) == 0) return result;
  const int64_t element_bytes = BytesOfDtype(tensor.dtype).value_or(1);
  const int64_t count = static_cast<int64_t>(bytes) / element_bytes;
  if (const Decoder decode = DecoderOf(tensor.dtype)) {
    CompareFloats(decode, got, want, count, result);
  } else {
    CompareIntegers(got, want, count, element_bytes, result);
  }
  return result;
}

double ToleranceOf(std::string_view dtype, double reduction_length) {
  const double growth = 4 * std::sqrt(std::max(1.0, reduction_length));
  auto tolerance = [&](double epsilon, double floor) { return std::max(floor, epsilon * growth); };
  if (dtype == "float64") return tolerance(0x1p-52, 1e-9);
  if (dtype == "float32") return tolerance(0x1p-23, 1e-4);
  if (dtype == "float16") return tolerance(0x1p-10, 5e-3);
  if (dtype == "bfloat16") return tolerance(0x1p-7, 3e-2);
  if (dtype.find("e4m3") != std::string_view::npos) return tolerance(0x1p-3, 0.25);
  if (dtype.find("e5m2") != std::string_view::npos) return tolerance(0x1p-2, 0.5);
  return 0;
}

double EstimateReductionLength(absl::Span<const TensorInfo> args, const std::vector<bool>& is_output) {
  double largest = 0, second = 0, output = 1;
  for (size_t i = 0; i < args.size(); ++i) {
    const double elements = Elements(args[i]);
    if (is_output[i]) {
      output = std::max(output, elements);
    } else if (elements > largest) {
      second = largest;
      largest = elements;
    } else {
      second = std::max(second, elements);
    }
  }
  const double length = second > 0 ? std::sqrt(largest * second / output) : largest / output;
  // A bias vector beside one large input is no factor of a product.
  return std::clamp(std::max(length, largest / output), 1.0, std::max(1.0, largest));
}

}  // namespace hone::runner
