// Bytes from outside against the parts of the service that read them: messages of clients and workers into a running
// driver, token files, limits, targets. For libFuzzer and for the test that mutates seeds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hone::testing {

// The first byte chooses the reader, the rest is its input. Must not crash, leak or hang, whatever the bytes.
void FeedService(const uint8_t* data, size_t size);

// Valid inputs of every reader, to start from.
std::vector<std::string> FuzzSeeds();

}  // namespace hone::testing
