#include "common/support/file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "common/support/status_matchers.h"

namespace hone {
namespace {

TEST(FileTest, EveryByteIsRead) {
  const std::string path = ::testing::TempDir() + "bytes";
  const std::string bytes("a\0\r\n\xff", 5);
  std::ofstream(path, std::ios::binary) << bytes;
  ASSERT_OK_AND_ASSIGN(const std::string read, ReadFile(path));
  EXPECT_EQ(read, bytes);
}

TEST(FileTest, WhatCannotBeReadIsNamedWithTheReason) {
  EXPECT_STATUS(ReadFile("/no/such/file"), absl::StatusCode::kNotFound,
                "cannot read /no/such/file: No such file or directory");
  EXPECT_STATUS(ReadFile(::testing::TempDir()), absl::StatusCode::kFailedPrecondition, "Is a directory");
}

TEST(FileTest, TheFirstLineComesWithoutItsEnd) {
  const std::string path = ::testing::TempDir() + "lines";
  std::ofstream(path) << "one\ntwo\n";
  EXPECT_EQ(FirstLineOf(path), "one");
  EXPECT_EQ(FirstLineOf("/no/such/file"), "");
}

}  // namespace
}  // namespace hone
