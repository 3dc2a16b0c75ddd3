// Kernels that are bad in every way that the project knows of: each is classified right, leaves nothing behind, and the
// next kernel is measured as if nothing had been.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cerrno>
#include <string>

#include "common/support/status_matchers.h"
#include "worker/runner/built_reference.h"
#include "worker/runner/c_builder.h"
#include "worker/runner/executor.h"
#include "worker/runner/local_runner.h"

namespace hone::runner {
namespace {

const std::vector<TensorInfo> kArgs = {{"float32", {4096}}, {"float32", {4096}}};

// What all of them should compute.
constexpr char kDouble[] =
    "int32_t kernel(void** b) { float *x = b[0], *y = b[1]; for (int i = 0; i < 4096; ++i) y[i] = 2 * x[i]; return 0; "
    "}";

struct Planted {
  const char* name;
  FailureKind kind;
  const char* message;  // Part of it.
  const char* source;
};

#define COMPUTE "float *x = b[0], *y = b[1]; for (int i = 0; i < 4096; ++i) y[i] = 2 * x[i]; "

const Planted kPlanted[] = {
    {"Segfault", FailureKind::kCrash, "SIGSEGV", "int32_t kernel(void** b) { *(volatile int*)8 = 1; return 0; }"},
    {"EndlessLoop", FailureKind::kRunTimeout, "in time",
     "int32_t kernel(void** b) { for (;;) { __asm__ volatile(\"\"); } }"},
    {"ForkBomb", FailureKind::kCrash, "system call", "int fork(void); int32_t kernel(void** b) { for (;;) fork(); }"},
    {"RawForkBomb", FailureKind::kCrash, "system call fork",
     "int32_t kernel(void** b) { long r; for (;;) __asm__ volatile(\"syscall\" : \"=a\"(r) : \"a\"(57) : \"rcx\", "
     "\"r11\", \"memory\"); }"},
    {"HugeAllocation", FailureKind::kCrash, "allocation of 20000000000 bytes was refused",
     "void* malloc(size_t); int32_t kernel(void** b) { volatile char* p = malloc(20000000000ull); p[0] = 1; return 0; "
     "}"},
    {"HugeAllocationThatIsNoticed", FailureKind::kRun, "returned -1, expected 0; an allocation of 20000000000 bytes",
     "void* malloc(size_t); int32_t kernel(void** b) { return malloc(20000000000ull) == 0 ? -1 : 0; }"},
    {"Exit", FailureKind::kCrash, "exit status 0", "void exit(int); int32_t kernel(void** b) { exit(0); }"},
    {"Abort", FailureKind::kCrash, "abort", "void abort(void); int32_t kernel(void** b) { abort(); }"},
    {"ReturnsAnError", FailureKind::kRun, "returned 7", "int32_t kernel(void** b) { return 7; }"},
    {"StaleOutput", FailureKind::kWrongResult, "expected", "int32_t kernel(void** b) { return 0; }"},
    {"WorksOnlyTheFirstTime", FailureKind::kWrongResult, "expected",
     "static int calls; int32_t kernel(void** b) { if (calls++ > 0) return 0; " COMPUTE "return 0; }"},
    {"RemembersTheFirstOutput", FailureKind::kWrongResult, "expected",
     "static float kept[4096]; static int calls; int32_t kernel(void** b) { float* out = b[1];"
     "if (calls++ == 0) { " COMPUTE " for (int i = 0; i < 4096; ++i) kept[i] = y[i]; }"
     "for (int i = 0; i < 4096; ++i) out[i] = kept[i]; return 0; }"},
    {"SkippedTail", FailureKind::kWrongResult, "1 elements are wrong",
     "int32_t kernel(void** b) { float *x = b[0], *y = b[1]; for (int i = 0; i < 4095; ++i) y[i] = 2 * x[i]; return 0; "
     "}"},
    {"Nan", FailureKind::kWrongResult, "nan", "int32_t kernel(void** b) { " COMPUTE "y[77] = 0.0f / 0.0f; return 0; }"},
    {"OffByOneWrite", FailureKind::kCrash, "near parameter 1, offset 16384 bytes",
     "int32_t kernel(void** b) { " COMPUTE "((volatile float*)y)[4096] = 1; return 0; }"},
    {"WriteBefore", FailureKind::kCrash, "near parameter 1, offset -4 bytes",
     "int32_t kernel(void** b) { " COMPUTE "((volatile float*)y)[-1] = 1; return 0; }"},
    {"WritesItsInput", FailureKind::kWrongResult, "input that was written",
     "int32_t kernel(void** b) { " COMPUTE "x[5] = 1000; return 0; }"},
    {"UninitialisedRead", FailureKind::kWrongResult, "expected",
     "int32_t kernel(void** b) { volatile float sum[16]; " COMPUTE "y[3] += sum[4]; return 0; }"},
    {"UninitialisedHeapRead", FailureKind::kWrongResult, "expected",
     "void* malloc(size_t); void free(void*); int32_t kernel(void** b) { volatile float* p = malloc(400); " COMPUTE
     "y[3] += p[50]; free((void*)p); return 0; }"},
    {"ReadsAFile", FailureKind::kCrash, "system call openat",
     "int open(const char*, int, ...); int32_t kernel(void** b) { " COMPUTE "open(\"/etc/passwd\", 0); return 0; }"},
    {"OpensASocket", FailureKind::kCrash, "system call socket",
     "int socket(int, int, int); int32_t kernel(void** b) { " COMPUTE "socket(2, 1, 0); return 0; }"},
    {"WritesToTheRunner", FailureKind::kCrash, "system call",
     "long write(int, const void*, size_t); int32_t kernel(void** b) { " COMPUTE
     "char fake[320] = {0}; for (int fd = 3; fd < 12; ++fd) write(fd, fake, sizeof(fake)); return 0; }"},
    {"StackOverflow", FailureKind::kCrash, "SIGSEGV",
     "static int deep(volatile int* p) { volatile int a[1000]; a[0] = *p; return deep(a) + a[1]; }"
     "int32_t kernel(void** b) { volatile int x = 1; return deep(&x); }"},
    // Walks up its stack and, wherever a recent monotonic time lies, moves it almost to the present.
    {"WritesItsOwnTiming", FailureKind::kCrash, "forged",
     "struct timespec { long s, n; }; int clock_gettime(int, struct timespec*);"
     "static long now(void) { struct timespec t; clock_gettime(1, &t); return t.s * 1000000000l + t.n; }"
     "__attribute__((noinline)) static void forge(long* p, long start) {"
     "  long t = now(); for (int i = 0; i < 200; ++i) if (p[i] > start - 1000000000l && p[i] <= t) p[i] = t - 10; }"
     "int32_t kernel(void** b) { long start = now(); " COMPUTE "long until = start + 300000; while (now() < until) {}"
     "forge(__builtin_frame_address(0), start);"
     "long saved_rbx, saved_rbp, saved_r12, saved_r13, saved_r14, saved_r15; return 0; }"},
};

class PlantedKernelsTest : public ::testing::TestWithParam<Planted> {
 protected:
  static void SetUpTestSuite() {
    LocalRunnerOptions options;
    options.measure_cpus = {0, 1};
    options.references = MakeCachingReferenceProvider(
        std::make_shared<BuiltReferenceProvider>(std::make_shared<CBuilder>(kArgs),
                                                 std::make_shared<SandboxExecutor>(std::vector<int>{0}), nullptr),
        "", 1 << 20);
    auto runner = LocalRunner::Create(options);
    ASSERT_OK(runner);
    runner_ = runner->release();
  }
  static void TearDownTestSuite() { delete runner_; }

  static RunResult Measure(const std::string& source, absl::Duration timeout) {
    RunRequest request;
    request.artifact = CArtifact(source, kArgs);
    request.workload_script = kDouble;
    request.policy.timeout = timeout;
    return runner_->Run(request);
  }

  static LocalRunner* runner_;
};

LocalRunner* PlantedKernelsTest::runner_ = nullptr;

TEST_P(PlantedKernelsTest, IsClassifiedRightAndTheNextKernelIsUnharmed) {
  // Only the endless one is waited for; nothing else may be cut short on a busy machine.
  const bool endless = GetParam().kind == FailureKind::kRunTimeout;
  const RunResult bad = Measure(GetParam().source, endless ? absl::Seconds(1) : absl::Minutes(1));
  ASSERT_TRUE(bad.failure.has_value()) << "median " << bad.median;
  EXPECT_EQ(FailureKindName(bad.failure->kind), FailureKindName(GetParam().kind)) << bad.failure->message;
  EXPECT_NE(bad.failure->message.find(GetParam().message), std::string::npos) << bad.failure->message;
  const RunResult good = Measure(kDouble, absl::Minutes(1));
  ASSERT_FALSE(good.failure.has_value()) << good.failure->message;
  EXPECT_EQ(good.verdict, Verdict::kRight);
}

// Two threads that want the heap at once make malloc set up a further arena.
TEST_F(PlantedKernelsTest, ThreadsMayAllocateAtTheSameTime) {
  const RunResult good = Measure(
      "void* malloc(size_t); void free(void*); void GOMP_parallel(void (*)(void*), void*, unsigned, unsigned);"
      "static void work(void* unused) { for (int i = 0; i < 20000; ++i) { volatile char* p = malloc(2000); p[0] = 1; "
      "free((void*)p); } }"
      "int32_t kernel(void** b) { GOMP_parallel(work, 0, 2, 0); " COMPUTE "return 0; }",
      absl::Minutes(1));
  ASSERT_FALSE(good.failure.has_value()) << good.failure->message;
  EXPECT_EQ(good.verdict, Verdict::kRight);
}

INSTANTIATE_TEST_SUITE_P(All, PlantedKernelsTest, ::testing::ValuesIn(kPlanted),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ZygoteProcessesTest, NothingIsLeftWhenTheRunnerEnds) {
  {
    auto runner = LocalRunner::Create(LocalRunnerOptions());
    ASSERT_OK(runner);
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), 0);
  }
  // The zygote's outer process ends after all that live in its PID namespace.
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace hone::runner
