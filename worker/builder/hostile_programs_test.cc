// Programs that make the real compiler run for minutes, eat memory or overflow its stack: each is one failed build with
// its kind, within its limits, and the next build is unharmed.
#include <gtest/gtest.h>

#include <string>

#include "common/measure/failure.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "common/target/host.h"
#include "worker/builder/build_one.h"
#include "worker/builder/local_builder.h"

namespace hone::builder {
namespace {

std::string Function(const std::string& body) {
  return StrCat("@T.prim_func\ndef main(A: T.Buffer((1048576,), \"float32\"), B: T.Buffer((1048576,), \"float32\")):\n",
                "    T.func_attr({\"tir.noalias\": T.bool(True)})\n", body);
}

std::string Block(const std::string& indent, const std::string& index, const std::string& value) {
  return StrCat(indent, "with T.block(\"b\"):\n", indent, "    v = T.axis.spatial(1048576, ", index, ")\n", indent,
                "    T.reads(A[v])\n", indent, "    T.writes(B[v])\n", indent, "    B[v] = ", value, "\n");
}

// A good program that differs from the others of its kind.
std::string Good(int i) {
  return Function(
      StrCat("    for i in range(1048576):\n", Block("        ", "i", StrCat("A[v] + T.float32(", i, ")"))));
}

// Parentheses within parentheses.
std::string NestsDeeply(int depth) {
  std::string value = "A[v]";
  value.insert(0, static_cast<size_t>(depth), '(');
  for (int i = 0; i < depth; ++i) value += " + A[v])";
  return Function(StrCat("    for i in range(1048576):\n", Block("        ", "i", value)));
}

// One basic block of many thousand dependent calls.
std::string LongBlock(int statements) {
  std::string body =
      "    for i in range(1048576):\n        with T.block(\"b\"):\n            v = T.axis.spatial(1048576, i)\n"
      "            T.reads(A[v])\n            T.writes(B[v])\n            B[v] = A[v]\n";
  for (int i = 0; i < statements; ++i) body += "            B[v] = T.exp(B[v]) * T.tanh(B[v]) + T.erf(B[v])\n";
  return Function(body);
}

class HostileProgramsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    LocalBuilderOptions options;
    options.cache_bytes = 0;
    options.pause_while_timing = false;
    ASSERT_OK_AND_ASSIGN(builder_, LocalBuilder::Create(BuildOne, WarmUpCompiler, options));
  }

  BuildResult Build(std::string script, absl::Duration timeout, uint64_t memory_bytes) {
    BuildRequest request;
    request.workload_script = std::move(script);
    request.target_json = DetectHost().ToJson();
    request.timeout = timeout;
    request.memory_bytes = memory_bytes;
    return builder_->Build({&request, 1})[0];
  }

  void ExpectGoodBuild() {
    const BuildResult good = Build(Good(next_++), absl::Seconds(120), uint64_t{4} << 30);
    EXPECT_TRUE(good.artifact.has_value()) << good.failure->message;
  }

  int next_ = 0;
  std::unique_ptr<LocalBuilder> builder_;
};

constexpr uint64_t kSmall = uint64_t{300} << 20;
constexpr uint64_t kAmple = uint64_t{8} << 30;

TEST_F(HostileProgramsTest, ALongCompilationIsStoppedByTheTimeLimit) {
  const BuildResult result = Build(LongBlock(4000), absl::Milliseconds(500), kAmple);
  ASSERT_TRUE(result.failure.has_value());
  EXPECT_EQ(FailureKindName(result.failure->kind), FailureKindName(FailureKind::kBuildTimeout))
      << result.failure->message;
  EXPECT_NE(result.failure->message.find("did not end within"), std::string::npos) << result.failure->message;
  ExpectGoodBuild();
}

TEST_F(HostileProgramsTest, AGreedyCompilationIsStoppedByTheMemoryLimit) {
  const BuildResult result = Build(LongBlock(4000), absl::Seconds(300), kSmall);
  ASSERT_TRUE(result.failure.has_value());
  EXPECT_EQ(FailureKindName(result.failure->kind), FailureKindName(FailureKind::kBuildTimeout))
      << result.failure->message;
  EXPECT_NE(result.failure->message.find("memory"), std::string::npos) << result.failure->message;
  ExpectGoodBuild();
}

TEST_F(HostileProgramsTest, DeepNestingEndsOneBuildAtMost) {
  for (int depth : {1000, 100'000}) {
    const BuildResult result = Build(NestsDeeply(depth), absl::Seconds(20), kAmple);
    EXPECT_TRUE(result.artifact.has_value() != result.failure.has_value());
    ExpectGoodBuild();
  }
}

}  // namespace
}  // namespace hone::builder
