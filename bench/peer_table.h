// All libraries on one workload, each in a process of its own: OpenBLAS chooses its kernels when it is loaded, and no
// library's threads disturb the next measurement.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/peers.h"

namespace hone::bench {

// Call first in main(): when this process was started by TimeAllPeers, measures and gives the exit code.
std::optional<int> RunAsPeerChild(int argc, char** argv);

// Fastest first. OpenBLAS occurs once for each of its kernel sets that may suit the CPU (OPENBLAS_CORETYPE).
// `threads` as for BenchCpus. A library that does not have the workload is left out.
std::vector<PeerTiming> TimeAllPeers(const std::string& workload, int threads);

}  // namespace hone::bench
