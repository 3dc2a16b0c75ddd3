#include <gtest/gtest.h>

#include <cstdlib>

#include "server/coordinator/testing/farm_simulation.h"

namespace hone::testing {
namespace {

// HONE_SIMULATION_SEEDS: how many, HONE_SIMULATION_FIRST: from which; 2,000 unless set, 60,000 in the long form.
uint64_t FromEnv(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Whatever crashes, is lost, late or doubled: every job ends, every slot counts once, and the outcome is that of a
// quiet farm, except where a slot lost all its leases.
TEST(FarmSimulationTest, FaultsChangeNothingThatCounts) {
  uint64_t first = FromEnv("HONE_SIMULATION_FIRST", 0);
  uint64_t count = FromEnv("HONE_SIMULATION_SEEDS", std::getenv("HONE_LONG_TESTS") != nullptr ? 60'000 : 2'000);
  std::map<std::string, int64_t> faults;
  int64_t lost = 0, compared = 0, stragglers = 0;
  double secs = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SimulationResult result = SimulateFarm({seed, /*faults=*/true});
    for (const std::string& violation : result.violations) ADD_FAILURE() << violation;
    if (!result.violations.empty()) return;
    for (const auto& [name, times] : result.faults) faults[name] += times;
    lost += result.lost_slots;
    stragglers += result.stragglers;
    secs += result.simulated_secs;
    if (result.lost_slots > 0) continue;
    SimulationResult quiet = SimulateFarm({seed, /*faults=*/false});
    ASSERT_TRUE(quiet.violations.empty()) << quiet.violations[0];
    for (const auto& [job, results] : result.results) ASSERT_EQ(results, quiet.results[job]) << "seed " << seed;
    ++compared;
  }
  printf("%lu seeds, %.0f simulated hours, %ld compared with a quiet farm; %ld slots lost, %ld stragglers doubled\n",
         count, secs / 3600, compared, lost, stragglers);
  for (const auto& [name, times] : faults) printf("  %7ld x %s\n", times, name.c_str());
}

}  // namespace
}  // namespace hone::testing
