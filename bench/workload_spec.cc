#include "bench/workload_spec.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/support/strings.h"

namespace hone::bench {
namespace {

struct Form {
  const char* name;
  WorkloadKind kind;
  size_t sizes;
  const char* text;
};

constexpr Form kForms[] = {
    {"matmul", WorkloadKind::kMatmul, 3, "matmul:M,N,K[:dtype]"},
    {"matmul_bias_relu", WorkloadKind::kMatmulBiasRelu, 3, "matmul_bias_relu:M,N,K"},
    {"conv2d_nhwc", WorkloadKind::kConv2dNhwc, 9, "conv2d_nhwc:N,H,W,CI,CO,KH,KW,STRIDE,PAD"},
    {"softmax", WorkloadKind::kSoftmax, 2, "softmax:ROWS,COLUMNS"},
};

int64_t OutExtent(int64_t in, int64_t kernel, int64_t stride, int64_t pad) {
  return (in + 2 * pad - kernel) / stride + 1;
}

}  // namespace

absl::StatusOr<WorkloadSpec> ParseWorkloadSpec(std::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(ToAbsl(text), ':');
  for (const Form& form : kForms) {
    if (parts[0] != form.name) continue;
    const auto wrong = absl::InvalidArgumentError(StrCat("workload \"", text, "\", expected ", form.text));
    WorkloadSpec spec;
    spec.kind = form.kind;
    if (parts.size() < 2 || parts.size() > 3) return wrong;
    for (absl::string_view size : absl::StrSplit(parts[1], ',')) {
      int64_t value = 0;
      if (!absl::SimpleAtoi(size, &value) || value < 0 || value > (1 << 24)) return wrong;
      spec.sizes.push_back(value);
    }
    if (spec.sizes.size() != form.sizes) return wrong;
    if (parts.size() == 3) spec.dtype = parts[2];
    const bool known = spec.dtype == "float32" ||
                       (spec.kind == WorkloadKind::kMatmul && (spec.dtype == "bfloat16" || spec.dtype == "uint8"));
    return known ? absl::StatusOr<WorkloadSpec>(spec) : wrong;
  }
  return absl::InvalidArgumentError(
      StrCat("unknown workload \"", parts[0], "\", expected matmul, matmul_bias_relu, conv2d_nhwc or softmax"));
}

double OperationsOf(const WorkloadSpec& spec) {
  const auto& s = spec.sizes;
  auto product = [](std::initializer_list<int64_t> factors) {
    double p = 1;
    for (int64_t f : factors) p *= static_cast<double>(f);
    return p;
  };
  switch (spec.kind) {
    case WorkloadKind::kMatmul:
      return 2 * product({s[0], s[1], s[2]});
    case WorkloadKind::kMatmulBiasRelu:
      return 2 * product({s[0], s[1], s[2]}) + 2 * product({s[0], s[1]});
    case WorkloadKind::kConv2dNhwc:
      return 2 * product({s[0], OutExtent(s[1], s[5], s[7], s[8]), OutExtent(s[2], s[6], s[7], s[8]), s[3], s[4], s[5],
                          s[6]});
    case WorkloadKind::kSoftmax:
      return 5 * product({s[0], s[1]});
  }
  return 0;
}

double BytesOf(const WorkloadSpec& spec) {
  const auto& s = spec.sizes;
  auto d = [](int64_t v) { return static_cast<double>(v); };
  const double in = spec.dtype == "bfloat16" ? 2 : spec.dtype == "uint8" ? 1 : 4;
  switch (spec.kind) {
    case WorkloadKind::kMatmul:
      return in * (d(s[0]) * d(s[2]) + d(s[2]) * d(s[1])) + 4 * d(s[0]) * d(s[1]);
    case WorkloadKind::kMatmulBiasRelu:
      return 4 * (d(s[0]) * d(s[2]) + d(s[2]) * d(s[1]) + d(s[1]) + d(s[0]) * d(s[1]));
    case WorkloadKind::kConv2dNhwc:
      return 4 * (d(s[0]) * d(s[1]) * d(s[2]) * d(s[3]) + d(s[5]) * d(s[6]) * d(s[3]) * d(s[4]) +
                  d(s[0]) * d(OutExtent(s[1], s[5], s[7], s[8])) * d(OutExtent(s[2], s[6], s[7], s[8])) * d(s[4]));
    case WorkloadKind::kSoftmax:
      return 8 * d(s[0]) * d(s[1]);
  }
  return 0;
}

}  // namespace hone::bench
