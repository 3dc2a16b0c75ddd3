// The few workloads that libraries are compared on, as short texts:
//   matmul:M,N,K[:dtype]             C[M,N] = A[M,K] B[K,N]; dtype float32 (default), bfloat16 (float32 out) or
//                                    uint8 (uint8 x int8 -> int32)
//   matmul_bias_relu:M,N,K           max(0, A B + bias[N]), float32
//   conv2d_nhwc:N,H,W,CI,CO,KH,KW,STRIDE,PAD   float32, weights [KH,KW,CI,CO]
//   softmax:ROWS,COLUMNS             over columns, float32
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace hone::bench {

enum class WorkloadKind { kMatmul, kMatmulBiasRelu, kConv2dNhwc, kSoftmax };

struct WorkloadSpec {
  WorkloadKind kind;
  std::vector<int64_t> sizes;
  std::string dtype = "float32";
};

// InvalidArgument with the form that was expected.
absl::StatusOr<WorkloadSpec> ParseWorkloadSpec(std::string_view text);

// Floating-point (or integer) operations and the bytes of all parameters.
double OperationsOf(const WorkloadSpec& spec);
double BytesOf(const WorkloadSpec& spec);

}  // namespace hone::bench
