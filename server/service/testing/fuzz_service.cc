// libFuzzer's entries; deploy/fuzz.sh builds it. Messages are hard to find from nothing: now and then the mutator
// starts again from a valid one.
#include <algorithm>
#include <cstring>

#include "server/service/testing/service_fuzz.h"

// libFuzzer's own; absent where only the seeds are run.
extern "C" __attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hone::testing::FeedService(data, size);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  static const auto& seeds = *new std::vector<std::string>(hone::testing::FuzzSeeds());
  if (size < 2 || seed % 32 == 0) {
    const std::string& start = seeds[seed / 32 % seeds.size()];
    size = std::min(start.size(), max_size);
    std::memcpy(data, start.data(), size);
  }
  return LLVMFuzzerMutate == nullptr ? size : LLVMFuzzerMutate(data, size, max_size);
}
