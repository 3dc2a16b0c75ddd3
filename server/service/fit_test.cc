#include "server/service/fit.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

FitVerdict Fit(const char* made_for, const char* asked) { return FitOf({"", made_for}, {"", asked}); }
FitVerdict ClassFit(const char* made_for, const char* asked) { return FitOf({made_for, ""}, {asked, ""}); }

TEST(FitTest, NothingAskedAndTheSameAreExact) {
  EXPECT_EQ(Fit(R"({"kind":"llvm"})", "").fit, v1::FIT_EXACT);
  EXPECT_EQ(Fit(R"({"kind":"llvm","tag":""})", R"({"tag":"","kind":"llvm"})").fit, v1::FIT_EXACT);
  EXPECT_EQ(ClassFit("cpu/A/1/2/4c", "").fit, v1::FIT_EXACT);
}

TEST(FitTest, WhatDoesNotRunThereIsRefusedWithTheField) {
  EXPECT_EQ(Fit(R"({"kind":"llvm"})", R"({"kind":"cuda"})").fit, v1::FIT_REFUSED);
  EXPECT_EQ(Fit(R"({"kind":"llvm"})", R"({"kind":"cuda"})").deciding_field, "kind");
  EXPECT_EQ(Fit(R"({"arch":"sm_90"})", R"({"arch":"sm_80"})").deciding_field, "arch");
  FitVerdict more = Fit(R"({"kind":"cuda","max_shared_memory_per_block":166912})",
                        R"({"kind":"cuda","max_shared_memory_per_block":49152})");
  EXPECT_EQ(more.fit, v1::FIT_REFUSED);
  EXPECT_EQ(more.deciding_field, "max_shared_memory_per_block");
  EXPECT_EQ(ClassFit("gpu/H200/132sm", "cpu/A/1/2/4c").fit, v1::FIT_REFUSED);
}

TEST(FitTest, AnotherMicroarchitectureIsASuggestion) {
  FitVerdict mcpu = Fit(R"({"kind":"llvm","mcpu":"znver4"})", R"({"kind":"llvm","mcpu":"skylake"})");
  EXPECT_EQ(mcpu.fit, v1::FIT_SUGGESTED);
  EXPECT_EQ(mcpu.deciding_field, "mcpu");
  EXPECT_EQ(Fit(R"({"num-cores":4})", R"({"num-cores":16})").deciding_field, "num-cores");
  EXPECT_EQ(ClassFit("cpu/A/1/2/4c", "cpu/B/1/2/4c").fit, v1::FIT_SUGGESTED);
  EXPECT_EQ(ClassFit("gpu/H100/132sm", "gpu/H200/132sm").fit, v1::FIT_SUGGESTED);
}

TEST(FitTest, WhatHardlyMattersLeavesItCompatible) {
  FitVerdict tag = Fit(R"({"kind":"llvm","tag":"a"})", R"({"kind":"llvm"})");
  EXPECT_EQ(tag.fit, v1::FIT_COMPATIBLE);
  EXPECT_EQ(tag.deciding_field, "tag");
  FitVerdict model = ClassFit("cpu/A/1/2/4c", "cpu/A/1/3/8c");
  EXPECT_EQ(model.fit, v1::FIT_COMPATIBLE);
  EXPECT_EQ(model.deciding_field, "device_class");
  // Larger limits do no harm.
  EXPECT_EQ(Fit(R"({"max_threads_per_block":512})", R"({"max_threads_per_block":1024})").fit, v1::FIT_COMPATIBLE);
}

TEST(FitTest, TheWorseOfTargetAndClassDecides) {
  FitVerdict both = FitOf({"cpu/A/1/2/4c", R"({"tag":"a"})"}, {"cpu/B/1/2/4c", R"({"tag":"b"})"});
  EXPECT_EQ(both.fit, v1::FIT_SUGGESTED);
  EXPECT_EQ(both.deciding_field, "device_class");
}

TEST(FitTest, ATextThatIsNoTargetIsASuggestion) { EXPECT_EQ(Fit("x", "{}").fit, v1::FIT_SUGGESTED); }

}  // namespace
}  // namespace hone
