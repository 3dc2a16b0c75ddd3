// The standard tuning workloads: single layers of networks, in the form that the peer's workload suite builds them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ir/dtype.h"
#include "common/ir/module.h"

namespace hone::workload {

struct StandardOptions {
  ir::DataType in_dtype = ir::kFloat32;
  ir::DataType out_dtype = ir::kFloat32;  // Operands are cast to it before they are multiplied.
  bool for_gpu = false;                   // C2D_WIN_NHWC caches one level deeper on a GPU.
};

// Names such as "C2D", with the number of their configurations, in the order of the suite.
struct StandardName {
  std::string_view name;
  int configurations;
};
const std::vector<StandardName>& StandardNames();

// Configuration `index` of workload `name`. NotFound for an unknown name, OutOfRange for an unknown index.
absl::StatusOr<ir::IRModule> Standard(std::string_view name, int index, const StandardOptions& options = {});

// Workload `name` with other sizes: the numbers of one configuration, in their order in the suite. NotFound for an
// unknown name; InvalidArgument when there are fewer numbers than the shortest configuration has or one is negative.
absl::StatusOr<ir::IRModule> StandardOfSizes(std::string_view name, const std::vector<int64_t>& sizes,
                                             const StandardOptions& options = {});

// "C2D:1". InvalidArgument when it is not of this form.
absl::StatusOr<ir::IRModule> StandardByLabel(std::string_view label, const StandardOptions& options = {});

// C[n, m] = A[n, k] x B[k, m]; with relu a further stage max(C, 0).
ir::IRModule Matmul(int64_t n, int64_t m, int64_t k, bool relu = false, const StandardOptions& options = {});

}  // namespace hone::workload
