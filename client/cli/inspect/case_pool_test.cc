#include "client/cli/inspect/case_pool.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "common/support/status_matchers.h"

namespace hone::cli {
namespace {

std::vector<std::string> Answers(const std::vector<std::string>& lines, const CasePoolOptions& options) {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* out = open_memstream(&text, &size);
  absl::Status status = AnswerCases(
      lines, options,
      [](std::string_view line) -> std::string {
        if (line == "abort") std::abort();
        if (line == "exit") _exit(3);
        if (line == "hang") pause();
        if (line == "slow") usleep(50'000);
        return "got " + std::string(line);
      },
      [](std::string_view line, std::string_view reason) { return std::string(line) + ": " + std::string(reason); },
      out);
  std::fclose(out);
  EXPECT_OK(status);
  std::vector<std::string> answers;
  std::string all(text, size);
  free(text);
  for (size_t begin = 0; begin < all.size();) {
    size_t end = all.find('\n', begin);
    answers.push_back(all.substr(begin, end - begin));
    begin = end + 1;
  }
  return answers;
}

TEST(CasePoolTest, AnswersComeInTheOrderOfTheLines) {
  EXPECT_EQ(Answers({"slow", "a", "b", "c"}, {.processes = 2}),
            (std::vector<std::string>{"got slow", "got a", "got b", "got c"}));
}

TEST(CasePoolTest, ACaseThatDiesIsAnsweredAndTheOthersGoOn) {
  std::vector<std::string> answers = Answers({"a", "abort", "b", "exit", "c"}, {.processes = 2});
  ASSERT_EQ(answers.size(), 5u);
  EXPECT_EQ(answers[0], "got a");
  EXPECT_NE(answers[1].find("signal 6"), std::string::npos) << answers[1];
  EXPECT_EQ(answers[2], "got b");
  EXPECT_EQ(answers[4], "got c");
}

TEST(CasePoolTest, ACaseThatHangsRunsOutOfTime) {
  std::vector<std::string> answers = Answers({"hang", "b"}, {.processes = 1, .case_timeout = absl::Milliseconds(30)});
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_NE(answers[0].find("no answer within"), std::string::npos) << answers[0];
  EXPECT_EQ(answers[1], "got b");
}

TEST(CasePoolTest, NoCasesNoAnswers) { EXPECT_TRUE(Answers({}, {.processes = 2}).empty()); }

TEST(CasePoolTest, LargeAnswersArriveWhole) {
  std::string big(1 << 20, 'x');
  EXPECT_EQ(Answers({big, big}, {.processes = 2}), (std::vector<std::string>{"got " + big, "got " + big}));
}

}  // namespace
}  // namespace hone::cli
