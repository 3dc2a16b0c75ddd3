#include "worker/runner/reference.h"

#include <gtest/gtest.h>

#include <cstring>

#include "common/support/status_matchers.h"
#include "worker/runner/built_reference.h"
#include "worker/runner/c_builder.h"
#include "worker/runner/executor.h"

namespace hone::runner {
namespace {

const std::vector<TensorInfo> kArgs = {{"float32", {100}}, {"float32", {100}}, {"float32", {100}}};

class BuiltReferenceTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::shared_ptr<const Reference>> Get(const std::string& source, uint64_t seed,
                                                       Oracle oracle = nullptr) {
    BuiltReferenceProvider provider(builder_, executor_, std::move(oracle));
    return provider.Get({source, "", kArgs, seed});
  }

  std::shared_ptr<CBuilder> builder_ = std::make_shared<CBuilder>(kArgs);
  std::shared_ptr<SandboxExecutor> executor_ = std::make_shared<SandboxExecutor>(std::vector<int>{0});
};

constexpr char kAddInto[] =
    "int32_t kernel(void** b) { float *x = b[0], *y = b[1], *z = b[2];"
    "for (int i = 0; i < 100; ++i) { z[i] = x[i] * 2; y[i] += x[i]; } return 0; }";

TEST_F(BuiltReferenceTest, TellsInputsOutputsAndUpdatedParametersApart) {
  ASSERT_OK_AND_ASSIGN(auto reference, Get(kAddInto, 1));
  EXPECT_EQ(reference->roles, (std::vector<ArgRole>{ArgRole::kInput, ArgRole::kInOut, ArgRole::kOutput}));
  EXPECT_TRUE(reference->contents[0].empty());
  EXPECT_EQ(reference->contents[2].size(), 400u);
}

TEST_F(BuiltReferenceTest, OtherSeedsGiveOtherOutputs) {
  ASSERT_OK_AND_ASSIGN(auto one, Get(kAddInto, 1));
  ASSERT_OK_AND_ASSIGN(auto two, Get(kAddInto, 2));
  EXPECT_NE(one->contents[2], two->contents[2]);
}

TEST_F(BuiltReferenceTest, WorkloadsThatDoNotBuildOrRunAreErrors) {
  EXPECT_STATUS(Get("nonsense", 1), absl::StatusCode::kFailedPrecondition, "does not build");
  EXPECT_STATUS(Get("int32_t kernel(void** b) { return 7; }", 1), absl::StatusCode::kInternal, "returned 7");
}

TEST_F(BuiltReferenceTest, ADisagreeingOracleIsAnError) {
  auto echo = [](const std::string&, const std::vector<TensorInfo>&,
                 const std::vector<std::string>& contents) -> absl::StatusOr<std::vector<std::string>> {
    return contents;
  };
  EXPECT_STATUS(Get(kAddInto, 1, echo), absl::StatusCode::kFailedPrecondition, "disagree");
  auto too_large = [](const std::string&, const std::vector<TensorInfo>&,
                      const std::vector<std::string>&) -> absl::StatusOr<std::vector<std::string>> {
    return absl::UnimplementedError("large");
  };
  EXPECT_OK(Get(kAddInto, 1, too_large));
}

// Counts how often it is asked.
class CountingProvider final : public ReferenceProvider {
 public:
  absl::StatusOr<std::shared_ptr<const Reference>> Get(const ReferenceKey& key) override {
    ++calls;
    return std::make_shared<Reference>(Reference{{ArgRole::kOutput}, {std::string(100, 'x')}});
  }
  int calls = 0;
};

TEST(CachingReferenceTest, ComputesOnceInMemoryAndOnDisk) {
  auto source = std::make_shared<CountingProvider>();
  const std::string folder = ::testing::TempDir() + "/references";
  {
    auto provider = MakeCachingReferenceProvider(source, folder, 1000);
    ASSERT_OK(provider->Get({"w", "", {}, 1}));
    ASSERT_OK(provider->Get({"w", "", {}, 1}));
    EXPECT_EQ(source->calls, 1);
    ASSERT_OK(provider->Get({"w", "", {}, 2}));
    EXPECT_EQ(source->calls, 2);
  }
  auto provider = MakeCachingReferenceProvider(source, folder, 1000);
  ASSERT_OK_AND_ASSIGN(auto reference, provider->Get({"w", "", {}, 1}));
  EXPECT_EQ(reference->contents[0], std::string(100, 'x'));
  EXPECT_EQ(source->calls, 2);
}

TEST(ReferenceCodecTest, DamagedFilesAreRefused) {
  const std::string bytes = EncodeReference({{ArgRole::kInput, ArgRole::kOutput}, {"", "abc"}});
  ASSERT_OK_AND_ASSIGN(const Reference reference, DecodeReference(bytes));
  EXPECT_EQ(reference.contents[1], "abc");
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string bad = bytes;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_FALSE(DecodeReference(bad).ok()) << i;
    EXPECT_FALSE(DecodeReference(std::string_view(bytes).substr(0, i)).ok()) << i;
  }
}

}  // namespace
}  // namespace hone::runner
