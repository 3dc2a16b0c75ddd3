#include "server/service/loopback.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(LoopbackTest, OnlyAddressesOfThisMachineAre) {
  for (const char* address : {"127.0.0.1:80", "127.1.2.3:0", "localhost:1", "[::1]:5", "unix:/tmp/s", "unix:s"}) {
    EXPECT_TRUE(IsLoopback(address)) << address;
  }
  for (const char* address : {"0.0.0.0:80", "[::]:80", "10.0.0.1:1", "127.evil.example:80", "127.0.0.1.example:80",
                              "localhost.example:80", "128.0.0.1:80", ":80", ""}) {
    EXPECT_FALSE(IsLoopback(address)) << address;
  }
}

}  // namespace
}  // namespace hone
