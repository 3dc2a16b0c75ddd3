#include "server/service/testing/service_fuzz.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "common/support/random.h"

namespace hone::testing {
namespace {

std::string Mutated(std::string bytes, CounterRandom& random) {
  for (uint64_t changes = 1 + random.Below(6); changes > 0 && !bytes.empty(); --changes) {
    size_t at = random.Below(bytes.size());
    switch (random.Below(4)) {
      case 0:
        bytes[at] = static_cast<char>(random.Below(256));
        break;
      case 1:
        bytes.insert(at, 1 + random.Below(4), static_cast<char>(random.Below(256)));
        break;
      case 2:
        bytes.erase(at, 1 + random.Below(4));
        break;
      default:
        bytes += bytes.substr(at, random.Below(64));
    }
  }
  return bytes;
}

// HONE_FUZZ_SEED and HONE_FUZZ_RUNS choose others.
TEST(ServiceFuzzTest, MutatedInputsOfEveryReaderAreTakenOrRefused) {
  const char* seed_text = std::getenv("HONE_FUZZ_SEED");
  const char* runs_text = std::getenv("HONE_FUZZ_RUNS");
  uint64_t seed = seed_text == nullptr ? 1 : std::strtoull(seed_text, nullptr, 10);
  uint64_t runs = runs_text != nullptr                        ? std::strtoull(runs_text, nullptr, 10)
                  : std::getenv("HONE_LONG_TESTS") != nullptr ? 1'000'000
                                                              : 20'000;
  printf("seed %lu, %lu inputs\n", seed, runs);
  std::vector<std::string> seeds = FuzzSeeds();
  for (const std::string& one : seeds) FeedService(reinterpret_cast<const uint8_t*>(one.data()), one.size());
  CounterRandom random({seed});
  for (uint64_t run = 0; run < runs; ++run) {
    std::string input = Mutated(seeds[random.Below(seeds.size())], random);
    if (!input.empty()) input[0] = static_cast<char>(input[0] & 15);
    FeedService(reinterpret_cast<const uint8_t*>(input.data()), input.size());
  }
}

}  // namespace
}  // namespace hone::testing
