#include "client/cli/server_flags.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "common/support/status_matchers.h"

namespace hone::cli {
namespace {

class IsForServerTest : public ::testing::Test {
 protected:
  ~IsForServerTest() override {
    unsetenv("HONE_SERVER");
    unsetenv("HONE_WORK_DIR");
  }
  static absl::StatusOr<bool> Ask(const std::string& server, const std::string& work_dir) {
    ServerFlags flags;
    flags.server = server;
    return IsForServer(flags, work_dir);
  }
};

TEST_F(IsForServerTest, TheOneThatIsGivenCounts) {
  EXPECT_TRUE(Ask("host:1", "").value());
  EXPECT_FALSE(Ask("", "work").value());
  EXPECT_FALSE(Ask("", "").value());
}

TEST_F(IsForServerTest, AFlagWinsOverTheEnvironment) {
  setenv("HONE_SERVER", "host:1", 1);
  EXPECT_FALSE(Ask("host:1", "work").value());
  setenv("HONE_WORK_DIR", "work", 1);
  EXPECT_TRUE(Ask("other:1", "work").value());
  EXPECT_FALSE(Ask("host:1", "other").value());
  EXPECT_FALSE(Ask("host:1", "work").value()) << "of two variables the folder's counts";
}

TEST_F(IsForServerTest, TwoFlagsAreRefused) {
  EXPECT_STATUS(Ask("host:1", "work"), absl::StatusCode::kInvalidArgument, "--work-dir work exclude each other");
}

}  // namespace
}  // namespace hone::cli
