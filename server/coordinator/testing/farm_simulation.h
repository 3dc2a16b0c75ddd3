// A whole farm in one thread: the coordinator's core, a store, search, build and run workers, and a network that loses,
// delays, repeats and reorders; processes crash and restart; time is simulated. Everything follows from one seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hone::testing {

struct SimulationOptions {
  uint64_t seed = 0;
  bool faults = true;  // Without, the same farm runs quietly: the reference for what must come out.
};

struct SimulationResult {
  std::vector<std::string> violations;  // Broken guarantees; empty = all held.
  std::vector<std::string> results;     // "task/round/slot decisions -> median", sorted: the job's outcome.
  int quarantined = 0;                  // Slots that ended by losing their leases.
  int coordinator_crashes = 0;
  int worker_crashes = 0;
  int64_t events = 0;
  double simulated_secs = 0;
};

SimulationResult SimulateFarm(const SimulationOptions& options);

}  // namespace hone::testing
