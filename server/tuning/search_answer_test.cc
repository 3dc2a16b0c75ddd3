#include "server/tuning/search_answer.h"

#include <gtest/gtest.h>

#include "common/support/status_matchers.h"

namespace hone {
namespace {

TEST(SearchAnswerTest, ARoundReadsBackAsItWas) {
  FoundRound found;
  found.round.candidates.push_back({Sha256("a"), "[[0,[1,2]]]", 0.25});
  found.round.log = "line \"1\"\n";
  found.round.search_secs = 0.5;
  found.skeletons.emplace_back(Sha256("a"), "[[],[]]");
  ASSERT_OK_AND_ASSIGN(FoundRound read, DecodeSearchAnswer(EncodeFoundRound(found)));
  ASSERT_EQ(read.round.candidates.size(), 1);
  EXPECT_EQ(read.round.candidates[0].skeleton_id, Sha256("a"));
  EXPECT_EQ(read.round.candidates[0].decisions_json, "[[0,[1,2]]]");
  EXPECT_EQ(read.round.candidates[0].predicted_score, 0.25);
  EXPECT_EQ(read.round.log, found.round.log);
  EXPECT_EQ(read.round.search_secs, 0.5);
  EXPECT_EQ(read.skeletons, found.skeletons);
}

TEST(SearchAnswerTest, AnErrorReadsBackAsItWas) {
  const absl::Status error = absl::InvalidArgumentError("line 1, column 1: what is this");
  EXPECT_EQ(DecodeSearchAnswer(EncodeSearchError(error)).status(), error);
}

TEST(SearchAnswerTest, NonsenseIsUnavailableAndSaysWhy) {
  for (const char* text : {"", "[]", "{", "{}", R"({"error":1,"code":3})", R"({"error":"x"})",
                           R"({"error":"x","code":"3"})", R"({"error":"x","code":0})", R"({"error":"x","code":99})",
                           R"({"candidates":{},"skeletons":[],"log":"","search_secs":0,"model_secs":0})",
                           R"({"candidates":[["zz","[]",0]],"skeletons":[],"log":"","search_secs":0,"model_secs":0})",
                           R"({"candidates":[[1,2,3]],"skeletons":[],"log":"","search_secs":0,"model_secs":0})",
                           R"({"candidates":[],"skeletons":[["00",1]],"log":"","search_secs":0,"model_secs":0})",
                           R"({"candidates":[],"skeletons":[],"log":7,"search_secs":0,"model_secs":0})",
                           R"({"candidates":[],"skeletons":[],"log":"","search_secs":-1,"model_secs":0})",
                           R"({"candidates":[],"skeletons":[],"log":"","search_secs":0,"model_secs":null})"}) {
    const absl::Status status = DecodeSearchAnswer(text).status();
    EXPECT_TRUE(absl::IsUnavailable(status)) << text << ": " << status;
    EXPECT_NE(status.message().find("nonsense: "), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace hone
