#include "client/cli/flags.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace hone::cli {
namespace {

struct Arguments {
  std::string target = "llvm";
  int64_t max_trials = 64;
  bool json = false;
  std::vector<std::string> weights;
  std::string strategy = "a";
  std::vector<std::string> files;
  int runs = 0;
};

int ParseTune(std::vector<const char*> words, Arguments* arguments) {
  words.insert(words.begin(), {"hone", "tune"});
  return ParseAndRun(static_cast<int>(words.size()), words.data(), "hone", "Tunes.", [arguments](Flags& flags) {
    Flags tune = flags.Command("tune", "Tune.");
    tune.AddPositionals("FILE", &arguments->files, "Programs.");
    tune.Add("target", &arguments->target, "Target.");
    tune.Add("max-trials", &arguments->max_trials, "Trials.");
    tune.Add("weights", &arguments->weights, "Weights.");
    tune.Add("json", &arguments->json, "JSON.");
    tune.AddOneOf("strategy", &arguments->strategy, {"a", "b"}, "Strategy.");
    tune.Run([arguments] { return 10 + ++arguments->runs; });
  });
}

TEST(FlagsTest, TheActionsResultIsTheExitCode) {
  Arguments arguments;
  EXPECT_EQ(ParseTune({"x.py", "y.py", "--max-trials", "7", "--json"}, &arguments), 11);
  EXPECT_EQ(arguments.max_trials, 7);
  EXPECT_TRUE(arguments.json);
  EXPECT_EQ(arguments.files, (std::vector<std::string>{"x.py", "y.py"}));
}

TEST(FlagsTest, EnvironmentGivesTheDefaultAndTheFlagWins) {
  setenv("HONE_MAX_TRIALS", "9", 1);
  Arguments arguments;
  ParseTune({"x.py"}, &arguments);
  EXPECT_EQ(arguments.max_trials, 9);
  ParseTune({"x.py", "--max-trials=3"}, &arguments);
  EXPECT_EQ(arguments.max_trials, 3);
  unsetenv("HONE_MAX_TRIALS");
}

TEST(FlagsTest, NameOfACommandIsNotWhatTheEnvironmentCallsAWorker) {
  const auto name_in = [](std::vector<const char*> words) {
    std::string name = "none";
    words.insert(words.begin(), "hone");
    ParseAndRun(static_cast<int>(words.size()), words.data(), "hone", "Tunes.", [&name](Flags& flags) {
      Flags kernels = flags.Command("kernels", "Kernels.");
      Flags export_kernel = kernels.Command("export", "Export.");
      export_kernel.Add("name", &name, "Name.");
      export_kernel.Run([] { return 0; });
    });
    return name;
  };
  setenv("HONE_NAME", "worker-1", 1);
  EXPECT_EQ(name_in({"kernels", "export"}), "none");
  setenv("HONE_KERNELS_EXPORT_NAME", "f", 1);
  EXPECT_EQ(name_in({"kernels", "export"}), "f");
  unsetenv("HONE_NAME");
  unsetenv("HONE_KERNELS_EXPORT_NAME");
}

TEST(FlagsTest, ListsSplitAtCommas) {
  Arguments arguments;
  ParseTune({"--weights", "1,2", "--weights", "3", "x.py"}, &arguments);
  EXPECT_EQ(arguments.weights, (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(arguments.files, (std::vector<std::string>{"x.py"}));
}

TEST(FlagsTest, WrongArgumentsExitWithTwoAndRunNothing) {
  Arguments arguments;
  EXPECT_EQ(ParseTune({"x.py", "--max-trials", "many"}, &arguments), 2);
  EXPECT_EQ(ParseTune({"x.py", "--no-such"}, &arguments), 2);
  EXPECT_EQ(ParseTune({"x.py", "--strategy", "c"}, &arguments), 2);
  EXPECT_EQ(ParseTune({}, &arguments), 2);
  EXPECT_EQ(arguments.runs, 0);
}

TEST(FlagsTest, HelpExitsWithZeroAndRunsNothing) {
  Arguments arguments;
  EXPECT_EQ(ParseTune({"--help"}, &arguments), 0);
  EXPECT_EQ(arguments.runs, 0);
}

}  // namespace
}  // namespace hone::cli
