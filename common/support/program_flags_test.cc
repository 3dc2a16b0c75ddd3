#include "common/support/program_flags.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string>
#include <vector>

namespace hone {
namespace {

struct Values {
  std::string name = "none", days = "90";
  int exit_code = -1;
  bool goes_on = false;
  bool made = false;
};

Values Parse(std::vector<const char*> words) {
  Values values;
  std::string unused;
  CLI::App app("A program.", "program");
  app.add_option("--log-name", values.name, "Name");
  CLI::App* token = app.add_subcommand("token", "Tokens");
  CLI::App* make = token->add_subcommand("new", "Make a token");
  make->add_option("--days", values.days, "Days");
  make->add_option("--log-name", unused, "Another name");
  AddEnvironment(app);
  words.insert(words.begin(), "program");
  values.goes_on =
      ParseProgramFlags(app, static_cast<int>(words.size()), words.data(), "program", "7.1", values.exit_code);
  values.made = make->parsed();
  return values;
}

TEST(ProgramFlagsTest, FlagsOfCommandsHaveVariablesWithTheCommandsName) {
  setenv("HONE_LOG_NAME", "a", 1);
  setenv("HONE_TOKEN_NEW_DAYS", "3", 1);
  setenv("HONE_DAYS", "4", 1);
  EXPECT_EQ(Parse({}).name, "a");
  EXPECT_FALSE(Parse({}).made) << "a variable of a command does not call for the command";
  EXPECT_EQ(Parse({"token", "new"}).days, "3");
  EXPECT_EQ(Parse({"token", "new", "--days", "5"}).days, "5");
  for (const char* name : {"HONE_LOG_NAME", "HONE_TOKEN_NEW_DAYS", "HONE_DAYS"}) unsetenv(name);
}

TEST(ProgramFlagsTest, VersionIsPrintedAndEndsWithZero) {
  ::testing::internal::CaptureStdout();
  const Values values = Parse({"--version"});
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "program 7.1\n");
  EXPECT_FALSE(values.goes_on);
  EXPECT_EQ(values.exit_code, 0);
}

TEST(ProgramFlagsTest, WrongArgumentsEndWithTwoAndOneLine) {
  ::testing::internal::CaptureStderr();
  const Values values = Parse({"--no-such"});
  const std::string line = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(values.exit_code, 2);
  EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
  EXPECT_NE(line.find("--no-such"), std::string::npos) << line;
}

}  // namespace
}  // namespace hone
