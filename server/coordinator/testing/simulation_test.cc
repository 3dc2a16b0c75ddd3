#include <gtest/gtest.h>

#include <cstdlib>

#include "server/coordinator/testing/farm_simulation.h"

namespace hone::testing {
namespace {

// HONE_SIMULATION_SEEDS: how many, HONE_SIMULATION_FIRST: from which.
uint64_t FromEnv(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Whatever crashes, is lost, late or doubled: the job ends, every slot counts once, and the outcome is that of a quiet
// farm, except where a slot lost all its leases.
TEST(FarmSimulationTest, FaultsChangeNothingThatCounts) {
  uint64_t first = FromEnv("HONE_SIMULATION_FIRST", 0), count = FromEnv("HONE_SIMULATION_SEEDS", 2000);
  int64_t crashes = 0, coordinator_crashes = 0, quarantined = 0, compared = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SimulationResult result = SimulateFarm({seed, /*faults=*/true});
    for (const std::string& violation : result.violations) ADD_FAILURE() << violation;
    if (!result.violations.empty()) return;
    crashes += result.worker_crashes;
    coordinator_crashes += result.coordinator_crashes;
    quarantined += result.quarantined;
    if (result.quarantined > 0) continue;
    SimulationResult quiet = SimulateFarm({seed, /*faults=*/false});
    ASSERT_TRUE(quiet.violations.empty()) << quiet.violations[0];
    ASSERT_EQ(result.results, quiet.results) << "seed " << seed;
    ++compared;
  }
  printf("%lu seeds: %ld worker crashes, %ld coordinator crashes, %ld quarantined, %ld compared with a quiet farm\n",
         count, crashes, coordinator_crashes, quarantined, compared);
}

}  // namespace
}  // namespace hone::testing
