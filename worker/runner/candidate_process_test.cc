#include "worker/runner/candidate_process.h"

#include <gtest/gtest.h>

#include <cstring>

#include "absl/time/clock.h"
#include "common/support/status_matchers.h"
#include "worker/runner/compiled_kernel.h"

namespace hone::runner {
namespace {

constexpr int kElements = 1000;

class CandidateProcessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto zygote = Zygote::Start();
    ASSERT_OK(zygote);
    zygote_ = *std::move(zygote);
    std::printf("layers: %s\n", zygote_->layers().c_str());
  }

  // Two float parameters of kElements: an input with the values 0, 1, 2, ... and an output.
  CandidateOptions Options(std::string_view object) {
    CandidateOptions options;
    options.object = object;
    options.entry = "kernel";
    options.args = {{0, kElements * 4, 0}, {4096, kElements * 4, 1}};
    options.inputs = *SharedFile::Create(8192);
    options.fresh_inputs = *SharedFile::Create(8192);
    options.shared = *SharedFile::Create(3 * 4096);
    for (int i = 0; i < kElements; ++i) {
      reinterpret_cast<float*>(options.inputs->data())[i] = static_cast<float>(i);
      reinterpret_cast<float*>(options.fresh_inputs->data())[i] = static_cast<float>(-i);
    }
    options.cpus = {0, 1};
    options.memory_bytes = uint64_t{1} << 30;
    options.deadline = absl::Now() + absl::Minutes(1);
    return options;
  }

  // Loads `source`, checks it once; the failure if there is one.
  std::optional<Failure> CheckOnce(std::string_view source) {
    absl::StatusOr<std::string> object = CompileKernel(source);
    EXPECT_OK(object);
    std::unique_ptr<CandidateProcess> candidate;
    if (auto failure = CandidateProcess::Open(*zygote_, Options(*object), &candidate)) return failure;
    return candidate->Check(0);
  }

  std::unique_ptr<Zygote> zygote_;
};

// Threads' heaps shrink when much is freed, before which the C library wants to read a file.
TEST_F(CandidateProcessTest, ThreadsMayFreeMuchMemory) {
  const std::optional<Failure> failure = CheckOnce(R"(
      #include <stdlib.h>
      #include <omp.h>
      extern void GOMP_parallel(void (*)(void*), void*, unsigned, unsigned);
      static void body(void* data) {
        char* chunks[64];
        for (int round = 0; round < 3; ++round) {
          for (int i = 0; i < 64; ++i) { chunks[i] = malloc(100000); chunks[i][5] = 1; }
          for (int i = 63; i >= 0; --i) free(chunks[i]);
        }
      }
      int32_t kernel(void** b) {
        GOMP_parallel(body, 0, 0, 0);
        for (int i = 0; i < 1000; ++i) ((float*)b[1])[i] = 1;
        return 0;
      })");
  EXPECT_FALSE(failure.has_value()) << failure->message;
}

TEST_F(CandidateProcessTest, ComputesWithLibmAndOpenMpOnBothInputSets) {
  absl::StatusOr<std::string> object = CompileKernel(R"(
      #include <math.h>
      #include <stdlib.h>
      static float table[3] = {1, 2, 3};
      int32_t kernel(void** b) {
        float* in = b[0]; float* out = b[1];
        float* copy = malloc(4000);
        #pragma omp parallel for
        for (int i = 0; i < 1000; ++i) copy[i] = sqrtf(fabsf(in[i])) + table[i % 3];
        for (int i = 0; i < 1000; ++i) out[i] = copy[i];
        free(copy);
        return 0;
      })",
                                                     "-O2 -fopenmp");
  ASSERT_OK(object);
  std::unique_ptr<CandidateProcess> candidate;
  auto failure = CandidateProcess::Open(*zygote_, Options(*object), &candidate);
  ASSERT_FALSE(failure.has_value()) << failure->message;
  EXPECT_NE(candidate->layers().find("seccomp"), std::string::npos);
  for (int set : {0, 1}) {
    failure = candidate->Check(set);
    ASSERT_FALSE(failure.has_value()) << failure->message;
    const auto* out = reinterpret_cast<const float*>(candidate->Contents(1));
    EXPECT_EQ(out[100], 10 + 2);
    EXPECT_EQ(out[900], 30 + 1);
  }
  Reply reply;
  absl::Duration wall;
  failure = candidate->Run(100, {}, &reply, &wall);
  ASSERT_FALSE(failure.has_value()) << failure->message;
  EXPECT_GT(reply.slice_ns[0], 0);
  EXPECT_LE(absl::Nanoseconds(reply.slice_ns[0]), wall);
  double ghz = 0;
  ASSERT_FALSE(candidate->ProbeGhz(&ghz).has_value());
  EXPECT_GT(ghz, 0.2);
  EXPECT_LT(ghz, 10);
}

TEST_F(CandidateProcessTest, CrashesAreTold) {
  auto failure = CheckOnce("int32_t kernel(void** b) { *(volatile int*)0 = 1; return 0; }");
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->kind, FailureKind::kCrash);
  EXPECT_NE(failure->message.find("SIGSEGV"), std::string::npos) << failure->message;
}

TEST_F(CandidateProcessTest, NonPicObjectsLoad) {
  absl::StatusOr<std::string> object = CompileKernel(
      "static int counter; double sin(double); int32_t kernel(void** b) { ++counter; ((float*)b[1])[0] = sin(counter); "
      "return 0; }",
      "-O2 -fno-pic -mcmodel=small");
  ASSERT_OK(object);
  std::unique_ptr<CandidateProcess> candidate;
  auto failure = CandidateProcess::Open(*zygote_, Options(*object), &candidate);
  ASSERT_FALSE(failure.has_value()) << failure->message;
  EXPECT_FALSE(candidate->Check(0).has_value());
}

TEST_F(CandidateProcessTest, BadObjectsAreRefused) {
  for (std::string object : {std::string("nonsense"), std::string("\177ELF\2\1\1"), std::string()}) {
    std::unique_ptr<CandidateProcess> candidate;
    auto failure = CandidateProcess::Open(*zygote_, Options(object), &candidate);
    ASSERT_TRUE(failure.has_value());
    EXPECT_EQ(failure->kind, FailureKind::kRun) << failure->message;
  }
  auto failure = CheckOnce("int missing_function(void); int32_t kernel(void** b) { return missing_function(); }");
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->kind, FailureKind::kRun);
  EXPECT_NE(failure->message.find("missing_function"), std::string::npos) << failure->message;
}

TEST_F(CandidateProcessTest, TruncatedAndCorruptObjectsNeverHarmTheZygote) {
  absl::StatusOr<std::string> object = CompileKernel("int32_t kernel(void** b) { return 0; }");
  ASSERT_OK(object);
  for (size_t cut = 1; cut < object->size(); cut += 97) {
    std::string bad = object->substr(0, cut);
    std::unique_ptr<CandidateProcess> candidate;
    CandidateProcess::Open(*zygote_, Options(bad), &candidate);
    bad = *object;
    bad[cut] = static_cast<char>(bad[cut] ^ 0x55);
    candidate.reset();
    CandidateProcess::Open(*zygote_, Options(bad), &candidate);
  }
  EXPECT_FALSE(CheckOnce("int32_t kernel(void** b) { return 0; }").has_value());
}

TEST_F(CandidateProcessTest, OverheadOfACandidate) {
  absl::StatusOr<std::string> object = CompileKernel("int32_t kernel(void** b) { return 0; }");
  ASSERT_OK(object);
  const absl::Time start = absl::Now();
  constexpr int kRuns = 50;
  for (int i = 0; i < kRuns; ++i) {
    std::unique_ptr<CandidateProcess> candidate;
    ASSERT_FALSE(CandidateProcess::Open(*zygote_, Options(*object), &candidate).has_value());
    ASSERT_FALSE(candidate->Check(0).has_value());
  }
  RecordProperty("microseconds", static_cast<int>(absl::ToInt64Microseconds(absl::Now() - start) / kRuns));
  std::printf("%s a candidate\n", absl::FormatDuration((absl::Now() - start) / kRuns).c_str());
}

}  // namespace
}  // namespace hone::runner
