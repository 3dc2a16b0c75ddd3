#include "worker/builder/local_builder.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <vector>

#include "absl/time/clock.h"
#include "common/measure/failure_status.h"
#include "common/support/status_matchers.h"
#include "worker/builder/codec.h"

namespace hone::builder {
namespace {

int Overflow(volatile int* p) {
  volatile int big[1000];
  big[0] = *p;
  return *p == 0 ? 0 : Overflow(big) + big[1];
}

// A compiler whose source language is what it should do.
absl::StatusOr<Artifact> FakeCompile(const BuildRequest& request, const ArtifactProbe& probe) {
  const std::string& source = request.workload_script;
  if (source == "spin") {
    for (std::atomic<int> i = 0;; ++i) {
    }
  }
  if (source == "segfault") raise(SIGSEGV);
  if (source == "abort") std::abort();
  if (source == "exit") _exit(0);
  if (source == "kill") kill(getpid(), SIGKILL);
  if (source == "recurse") {
    volatile int x = 1;
    Overflow(&x);
  }
  if (source == "eat") {
    for (std::vector<std::unique_ptr<char[]>> blocks;;) blocks.push_back(std::make_unique<char[]>(10 << 20));
  }
  if (source == "eat by malloc") {
    for (;;) static_cast<volatile char*>(std::malloc(100 << 20))[0] = 1;
  }
  if (source == "bad schedule") return WithFailureKind(absl::InvalidArgumentError("loop k"), FailureKind::kSchedule);
  if (source == "bad build") return absl::InternalError("register allocation");
  Artifact artifact;
  artifact.key = Sha256(source.substr(0, 1));  // All sources with the same first letter are equal once lowered.
  if (probe(artifact.key)) return artifact;
  artifact.format = "elf-object";
  artifact.entry = "main";
  artifact.args = {{"float32", {1, 2, 3}}, {"int8", {}}};
  artifact.bytes = source + " compiled by " + std::to_string(getpid());
  return artifact;
}

BuildRequest Request(std::string source) {
  BuildRequest request;
  request.workload_script = std::move(source);
  // The endless one is waited for; the others must not be cut short on a busy machine.
  request.timeout = request.workload_script == "spin" ? absl::Milliseconds(300) : absl::Seconds(60);
  request.memory_bytes = uint64_t{256} << 20;
  return request;
}

class LocalBuilderTest : public ::testing::Test {
 protected:
  void Start(int workers, uint64_t cache_bytes = 1 << 20) {
    LocalBuilderOptions options;
    options.workers = workers;
    options.cache_bytes = cache_bytes;
    options.pause_while_timing = false;
    ASSERT_OK_AND_ASSIGN(builder_, LocalBuilder::Create(FakeCompile, nullptr, options));
  }

  BuildResult BuildOne(const std::string& source) {
    const BuildRequest request = Request(source);
    return builder_->Build({&request, 1})[0];
  }

  std::unique_ptr<LocalBuilder> builder_;
};

TEST_F(LocalBuilderTest, ResultsComeInTheOrderOfTheRequests) {
  Start(2, /*cache_bytes=*/0);
  std::vector<BuildRequest> requests;
  for (int i = 0; i < 40; ++i) requests.push_back(Request("kernel " + std::to_string(i)));
  const std::vector<BuildResult> results = builder_->Build(requests);
  ASSERT_EQ(results.size(), requests.size());
  for (size_t i = 0; i < results.size(); ++i) {
    ASSERT_TRUE(results[i].artifact.has_value());
    EXPECT_EQ(results[i].artifact->bytes.rfind(requests[i].workload_script + " ", 0), 0u);
    EXPECT_EQ(results[i].artifact->args[0].shape, (std::vector<int64_t>{1, 2, 3}));
  }
  EXPECT_LE(builder_->pool().Children().size(), 2u);
}

TEST_F(LocalBuilderTest, FailuresHaveTheirKindAndTheNextBuildIsUnharmed) {
  Start(1);
  const struct {
    const char* source;
    FailureKind kind;
    const char* message;
  } cases[] = {
      {"spin", FailureKind::kBuildTimeout, "did not end within 300ms"},
      {"segfault", FailureKind::kBuild, "SIGSEGV"},
      {"abort", FailureKind::kBuild, "SIGABRT"},
      {"exit", FailureKind::kBuildTimeout, "killed"},
      {"kill", FailureKind::kBuildTimeout, "killed"},
      {"recurse", FailureKind::kBuild, "SIGSEGV"},
      {"eat", FailureKind::kBuildTimeout, "memory"},
      {"eat by malloc", FailureKind::kBuildTimeout, "memory"},
      {"bad schedule", FailureKind::kSchedule, "loop k"},
      {"bad build", FailureKind::kBuild, "register allocation"},
  };
  for (const auto& c : cases) {
    const BuildResult result = BuildOne(c.source);
    ASSERT_TRUE(result.failure.has_value()) << c.source;
    EXPECT_FALSE(result.artifact.has_value());
    EXPECT_EQ(FailureKindName(result.failure->kind), FailureKindName(c.kind)) << c.source << result.failure->message;
    EXPECT_NE(result.failure->message.find(c.message), std::string::npos) << result.failure->message;
    EXPECT_TRUE(BuildOne("good after " + std::string(c.source)).artifact.has_value());
  }
}

TEST_F(LocalBuilderTest, EqualRequestsAndEqualLoweredModulesAreCompiledOnce) {
  Start(1);
  const BuildResult first = BuildOne("x1");
  EXPECT_EQ(BuildOne("x1").artifact->bytes, first.artifact->bytes);
  EXPECT_EQ(BuildOne("x2").artifact->bytes, first.artifact->bytes);
  EXPECT_NE(BuildOne("y").artifact->bytes, first.artifact->bytes);
}

TEST_F(LocalBuilderTest, ChildrenPersistAndDieWithTheBuilder) {
  Start(1, /*cache_bytes=*/0);
  const std::string a = BuildOne("a").artifact->bytes;
  EXPECT_EQ(BuildOne("a").artifact->bytes, a);
  const std::vector<pid_t> children = builder_->pool().Children();
  ASSERT_EQ(children.size(), 1u);
  builder_.reset();
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  for (int i = 0; i < 1000 && kill(children[0], 0) == 0; ++i) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_NE(kill(children[0], 0), 0);
}

TEST(ArtifactCacheTest, OldArtifactsMakeRoom) {
  ArtifactCache cache(10'000);
  for (int i = 0; i < 20; ++i) {
    BuildResult result;
    result.artifact.emplace();
    result.artifact->key = Sha256(std::to_string(i));
    result.artifact->bytes = std::string(1000, 'x');
    cache.Put(Sha256("request " + std::to_string(i)), result);
  }
  EXPECT_FALSE(cache.Has(Sha256("0")));
  EXPECT_TRUE(cache.Has(Sha256("19")));
  EXPECT_FALSE(cache.Find(Sha256("request 0")).has_value());
  EXPECT_TRUE(cache.Find(Sha256("request 19")).has_value());
}

TEST(CodecTest, TruncatedMessagesAreRefused) {
  BuildResult result;
  result.artifact.emplace();
  result.artifact->args = {{"float32", {4, 5}}};
  result.artifact->bytes = "abc";
  result.build_time = absl::Milliseconds(3);
  const std::string bytes = EncodeResult(result);
  BuildResult decoded;
  ASSERT_TRUE(DecodeResult(bytes, &decoded));
  EXPECT_EQ(decoded.artifact->args, result.artifact->args);
  EXPECT_EQ(decoded.build_time, result.build_time);
  for (size_t i = 0; i < bytes.size(); ++i) EXPECT_FALSE(DecodeResult(std::string_view(bytes).substr(0, i), &decoded));
}

}  // namespace
}  // namespace hone::builder
