// Seeded contents for the parameters of a kernel.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/measure/builder.h"

namespace hone::runner {

// Bytes of one element; sub-byte types (bool is one byte) are not kernel parameters. InvalidArgument for an unknown
// dtype.
absl::StatusOr<int64_t> BytesOfDtype(std::string_view dtype);
absl::StatusOr<uint64_t> BytesOfTensor(const TensorInfo& tensor);

// Fills `destination` (BytesOfTensor bytes) with values that depend on (seed, parameter) only:
//   floats: uniform in [-1, 1), float8 likewise; 8-bit integers: the whole range, so that saturation shows;
//   wider integers: 0..7, small enough to serve as indices; bool: 0 or 1.
absl::Status FillTensor(const TensorInfo& tensor, uint64_t seed, size_t parameter, uint8_t* destination);

}  // namespace hone::runner
