#include "server/space/space_factory.h"

#include <gtest/gtest.h>

#include "common/intrin/intrin.h"
#include "common/support/status_matchers.h"
#include "common/workload/standard.h"

namespace hone {
namespace {

using schedule::Schedule;

class SpaceFactoryTest : public ::testing::Test {
 protected:
  SpaceContext Context(std::string_view target = "llvm -mcpu=cascadelake -num-cores=4") {
    auto parsed = Target::Parse(target);
    EXPECT_OK(parsed);
    return SpaceContext{*parsed, FindTensorIntrin};
  }
  size_t CountSpaces(std::string_view name) {
    auto generator = MakeSpaceGenerator(name, Context(), module_, plugins_);
    EXPECT_OK(generator) << name;
    if (!generator.ok()) return 0;
    auto spaces = (*generator)->Generate(module_, 1);
    EXPECT_OK(spaces) << name;
    return spaces.ok() ? spaces->size() : 0;
  }

  ir::IRModule module_ = workload::Matmul(16, 16, 16);
  PluginRegistry plugins_;
};

absl::Status Nothing(Schedule& sch) { return absl::OkStatus(); }
absl::StatusOr<Schedule> One(Schedule sch) { return sch; }
absl::StatusOr<std::vector<Schedule>> Three(Schedule sch) {
  std::vector<Schedule> out;
  for (int i = 0; i < 3; ++i) out.push_back(sch.Copy());
  return out;
}

TEST_F(SpaceFactoryTest, PostOrderApplyTakesTheListsOfTheTargetOrOfANamedKind) {
  EXPECT_EQ(CountSpaces("post-order-apply"), 3u);
  EXPECT_EQ(CountSpaces("post-order-apply(llvm)"), 3u);
  auto vnni = MakeSpaceGenerator("post-order-apply", Context(), module_);
  ASSERT_OK(vnni);
  EXPECT_EQ((*vnni)->rules().size(), 8u);  // With the dot product's.
  auto llvm = MakeSpaceGenerator("post-order-apply(llvm)", Context(), module_);
  ASSERT_OK(llvm);
  EXPECT_EQ((*llvm)->rules().size(), 7u);
  EXPECT_EQ((*llvm)->Clone()->rules().size(), 7u);
}

TEST_F(SpaceFactoryTest, FunctionsInTheirThreeFormsAreSpacesWithTheKindsPostprocs) {
  plugins_.AddSpace("nothing", ScheduleFn::OfInPlace(Nothing));
  plugins_.AddSpace("one", ScheduleFn::OfOne(One));
  plugins_.AddSpace("three", ScheduleFn(Three));
  EXPECT_EQ(CountSpaces("nothing"), 1u);
  EXPECT_EQ(CountSpaces("one"), 1u);
  EXPECT_EQ(CountSpaces("three"), 3u);
  EXPECT_EQ(CountSpaces("union(one, three)"), 4u);
  EXPECT_EQ(CountSpaces("union(three, union(one, post-order-apply))"), 7u);
  EXPECT_EQ(CountSpaces("union"), 8u);  // post-order-apply and all named ones.
  auto generator = MakeSpaceGenerator("one", Context(), module_, plugins_);
  ASSERT_OK(generator);
  EXPECT_FALSE((*generator)->postprocs().empty());
  EXPECT_FALSE((*generator)->mutators().empty());
}

TEST_F(SpaceFactoryTest, EditsReachEveryList) {
  plugins_.AddEdit([](const SpaceContext&, SpaceLists& lists) {
    lists.rules.clear();
    lists.postprocs.clear();
    return absl::OkStatus();
  });
  auto generator = MakeSpaceGenerator("post-order-apply", Context(), module_, plugins_);
  ASSERT_OK(generator);
  EXPECT_TRUE((*generator)->rules().empty());
  EXPECT_TRUE((*generator)->postprocs().empty());
  EXPECT_EQ(CountSpaces("post-order-apply"), 1u);
}

TEST_F(SpaceFactoryTest, UnknownNamesAreRefusedWithTheNearest) {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_STATUS(MakeSpaceGenerator("post-order-aply", Context(), module_), invalid, "\"post-order-apply\"");
  EXPECT_STATUS(MakeSpaceGenerator("", Context(), module_), invalid, "unknown");
  EXPECT_STATUS(MakeSpaceGenerator("union(post-order-apply", Context(), module_), invalid, "unbalanced");
  EXPECT_STATUS(MakeSpaceGenerator("union(a))", Context(), module_), invalid, "unbalanced");
  EXPECT_STATUS(MakeSpaceGenerator("post-order-apply(sse)", Context(), module_), invalid, "\"sse\"");
}

TEST_F(SpaceFactoryTest, NamesAreCheckedWithoutATarget) {
  for (const char* name : {"hone", "hone(llvm)", "post-order-apply", "union(hone, post-order-apply(llvm))"}) {
    EXPECT_OK(CheckSpaceName(name)) << name;
  }
  for (const char* name : {"vacuum", "hone(abacus)", "hone(llvm, cuda)", "union(hone, vacuum)", "hone(llvm", ""}) {
    EXPECT_EQ(CheckSpaceName(name).code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

}  // namespace
}  // namespace hone
