// The libraries that kernels are compared with, on the same work and the same number of threads. Data is packed by the
// library inside of the timed region: nothing is prepared beforehand but plain row-major arrays.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/workload_spec.h"

namespace hone::bench {

struct PeerTiming {
  std::string library;  // "OpenBLAS (Cooperlake)", "oneDNN (avx512_core)".
  double median_seconds = 0;
};

// Unimplemented for a workload that the library does not have. To be called with the process confined to the CPUs that
// count. OpenBLAS decides its kernels when it is loaded, from OPENBLAS_CORETYPE.
absl::StatusOr<PeerTiming> TimeOpenBlas(const WorkloadSpec& spec, int threads);
absl::StatusOr<PeerTiming> TimeOneDnn(const WorkloadSpec& spec, int threads);

}  // namespace hone::bench
