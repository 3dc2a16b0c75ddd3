// The simulation is as good as the bugs it finds: each bug of planted_bugs.py, switched on alone, must break a
// guarantee within some seeds. Prints one line a bug: the seed and what was seen.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "server/coordinator/testing/farm_simulation.h"

namespace hone {

int planted_bug = 0;  // Which one is on; 0 = none.

namespace testing {
namespace {

constexpr const char* kBugs[] = {
#include "server/coordinator/planted/planted_bugs.inc"
};
constexpr uint64_t kSeeds = 3000;

// What a run shows: a violation, or an outcome other than that of a quiet farm without the bug.
std::string Seen(uint64_t seed) {
  SimulationResult result = SimulateFarm({seed, /*faults=*/true});
  if (!result.violations.empty()) return result.violations[0];
  int bug = std::exchange(planted_bug, 0);
  SimulationResult quiet = SimulateFarm({seed, /*faults=*/false});
  planted_bug = bug;
  if (result.lost_slots > 0) return "";
  for (const auto& [job, results] : result.results) {
    if (results != quiet.results[job]) return "seed " + std::to_string(seed) + ": " + job + " came out otherwise";
  }
  return "";
}

// The first sight of the bug, in a process of its own: a bug may also end in a failed check.
std::string SeenInChild(int bug) {
  int ends[2];
  if (pipe(ends) != 0) return "";
  pid_t child = fork();
  if (child == 0) {
    planted_bug = bug;
    std::string seen;
    for (uint64_t seed = 0; seed < kSeeds && seen.empty(); ++seed) seen = Seen(seed);
    (void)!write(ends[1], seen.data(), std::min<size_t>(seen.size(), 4000));
    _exit(0);
  }
  close(ends[1]);
  char text[4096];
  ssize_t size = read(ends[0], text, sizeof(text));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return "a check failed, signal " + std::to_string(WTERMSIG(status));
  return std::string(text, std::max<ssize_t>(size, 0));
}

TEST(PlantedBugsTest, EachIsCaught) {
  int caught = 0;
  for (size_t i = 0; i < std::size(kBugs); ++i) {
    int bug = static_cast<int>(i) + 1;
    std::string seen = SeenInChild(bug);
    EXPECT_FALSE(seen.empty()) << "bug " << bug << " was not caught: " << kBugs[i];
    caught += !seen.empty();
    printf("%2d  %-70s %s\n", bug, kBugs[i], seen.substr(0, seen.find(';')).c_str());
    fflush(stdout);
  }
  printf("%d of %zu planted bugs caught\n", caught, std::size(kBugs));
  EXPECT_GE(std::size(kBugs), 20u);
}

TEST(PlantedBugsTest, WithoutABugNothingIsSeen) {
  for (uint64_t seed = 0; seed < 20; ++seed) EXPECT_EQ(Seen(seed), "");
}

}  // namespace
}  // namespace testing
}  // namespace hone
