#include "server/service/limits.h"

#include <gtest/gtest.h>

#include "common/support/status_matchers.h"

namespace hone {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

TEST(LimitsTest, ATenantHasTheDefaultsWhereItsObjectIsSilent) {
  ASSERT_OK_AND_ASSIGN(Limits limits, LimitsFromJson(R"({"default": {"jobs": 7}, "tenants": {"a": {"weight": 2}}})"));
  EXPECT_EQ(limits.Of("a").jobs, 7);
  EXPECT_EQ(limits.Of("a").weight, 2);
  EXPECT_EQ(limits.Of("b").weight, 1);
  EXPECT_EQ(limits.Of("b").jobs, 7);
}

TEST(LimitsTest, PoolsAreGrantedByName) {
  ASSERT_OK_AND_ASSIGN(Limits limits, LimitsFromJson(R"({"tenants": {"a": {"reads": ["b", "c"]}}})"));
  EXPECT_EQ(limits.Of("a").reads, (std::vector<std::string>{"b", "c"}));
  EXPECT_TRUE(limits.Of("b").reads.empty());
  EXPECT_STATUS(LimitsFromJson(R"({"default": {"reads": "b"}})"), absl::StatusCode::kInvalidArgument,
                "limits.default.reads is \"b\", expected a list of pools");
  EXPECT_STATUS(LimitsFromJson(R"({"default": {"reads": [""]}})"), absl::StatusCode::kInvalidArgument, "list of pools");
}

TEST(LimitsTest, WhatIsWrongIsNamed) {
  EXPECT_STATUS(LimitsFromJson("[]").status(), absl::StatusCode::kInvalidArgument, "not a JSON object");
  EXPECT_STATUS(LimitsFromJson(R"({"other": {}})").status(), absl::StatusCode::kInvalidArgument, "limits.other");
  EXPECT_STATUS(LimitsFromJson(R"({"default": {"jobs": -1}})").status(), absl::StatusCode::kInvalidArgument,
                "limits.default.jobs is -1");
  EXPECT_STATUS(LimitsFromJson(R"({"tenants": {"a": {"speed": 1}}})").status(), absl::StatusCode::kInvalidArgument,
                "limits.tenants.a.speed is unknown");
  EXPECT_STATUS(LimitsFromFile("/no/such/file").status(), absl::StatusCode::kNotFound, "/no/such/file");
}

TEST(RateLimiterTest, ABurstIsAllowedThenTheRate) {
  RateLimiter limiter;
  for (int i = 0; i < 20; ++i) EXPECT_OK(limiter.Take("a", 10, kNow));
  absl::Status refused = limiter.Take("a", 10, kNow);
  EXPECT_STATUS(refused, absl::StatusCode::kResourceExhausted, "again in 100 ms");
  EXPECT_EQ(std::string(*refused.GetPayload(absl::string_view(kRetryAfterPayload.data(), kRetryAfterPayload.size()))),
            "100");
  EXPECT_OK(limiter.Take("b", 10, kNow));  // Another tenant's bucket is its own.
  EXPECT_OK(limiter.Take("a", 10, kNow + absl::Milliseconds(100)));
  EXPECT_STATUS(limiter.Take("a", 10, kNow + absl::Milliseconds(100)), absl::StatusCode::kResourceExhausted, "again");
}

TEST(StreamCounterTest, StreamsAreCountedByTenant) {
  StreamCounter counter;
  EXPECT_OK(counter.Open("a", 2));
  EXPECT_OK(counter.Open("a", 2));
  EXPECT_STATUS(counter.Open("a", 2), absl::StatusCode::kResourceExhausted, "2 streams");
  EXPECT_OK(counter.Open("b", 2));
  counter.Close("a");
  EXPECT_OK(counter.Open("a", 2));
}

TEST(JsonShapeTest, DeepOrLongTextsAreRefusedAndBracketsInTextsAreNot) {
  EXPECT_OK(CheckJsonShape("x", R"({"a": "[[[[["})", 100, 2));
  EXPECT_OK(CheckJsonShape("x", R"(["\"[[[["])", 100, 2));
  EXPECT_STATUS(CheckJsonShape("x", "[[[]]]", 100, 2), absl::StatusCode::kInvalidArgument, "x nests deeper than 2");
  EXPECT_STATUS(CheckJsonShape("x", std::string(200, ' '), 100, 2), absl::StatusCode::kInvalidArgument, "200 bytes");
}

TEST(TraceInstructionsTest, OnlyTheInstructionsOfATraceCount) {
  const std::string trace = R"([[["A",[],[[1,2]],["b0"]],["B",["b0"],[],[]]],[[0,[1,2,3,4]]]])";
  EXPECT_OK(CheckTraceInstructions("trace", trace, 2));
  EXPECT_STATUS(CheckTraceInstructions("trace", trace, 1), absl::StatusCode::kInvalidArgument,
                "trace has 2 instructions, expected at most 1");
  for (const char* none : {"", "[]", "no trace", "[3,4]", "[[[[", "{}"})
    EXPECT_OK(CheckTraceInstructions("t", none, 0));
}

}  // namespace
}  // namespace hone
