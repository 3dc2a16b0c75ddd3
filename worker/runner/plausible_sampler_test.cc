#include "worker/runner/plausible_sampler.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "common/support/status_matchers.h"
#include "common/support/strings.h"
#include "worker/runner/compiled_kernel.h"

namespace hone::runner {
namespace {

constexpr absl::Duration kMs = absl::Milliseconds(1);

TEST(JudgeTest, TellsLiesFromWaits) {
  // A report that explains the wait.
  EXPECT_EQ(Judge(100 * kMs, 101 * kMs, 100 * kMs, 1), Plausibility::kPlausible);
  EXPECT_EQ(Judge(60 * kMs, 100 * kMs, 100 * kMs, 1), Plausibility::kPlausible);
  EXPECT_EQ(Judge(absl::Microseconds(1), 3 * kMs, 3 * kMs, 1), Plausibility::kPlausible);
  // Nobody ran meanwhile: stopped.
  EXPECT_EQ(Judge(100 * kMs, 900 * kMs, 101 * kMs, 1), Plausibility::kKeptFromRun);
  EXPECT_EQ(Judge(100 * kMs, 900 * kMs, 201 * kMs, 2), Plausibility::kKeptFromRun);
  // It computed all the time.
  EXPECT_EQ(Judge(100 * kMs, 900 * kMs, 899 * kMs, 1), Plausibility::kDoubtful);
  EXPECT_EQ(Judge(1 * kMs, 900 * kMs, 450 * kMs, 2), Plausibility::kDoubtful);
  // More than there was.
  EXPECT_EQ(Judge(100 * kMs, 50 * kMs, 50 * kMs, 1), Plausibility::kDoubtful);
}

// The youngest generation of processes that descend from this one: the candidate.
pid_t CandidatePid() {
  std::map<pid_t, pid_t> parents;
  DIR* proc = opendir("/proc");
  while (const dirent* entry = readdir(proc)) {
    std::ifstream stat(StrCat("/proc/", std::string(entry->d_name), "/stat"));
    std::string text;
    if (!std::getline(stat, text)) continue;
    const size_t name_end = text.rfind(')');
    char state = 0;
    int parent = 0;
    if (name_end == std::string::npos || std::sscanf(text.c_str() + name_end + 1, " %c %d", &state, &parent) != 2) {
      continue;
    }
    parents[std::atoi(entry->d_name)] = parent;
  }
  closedir(proc);
  pid_t out = 0;
  int deepest = 0;
  for (const auto& [pid, parent] : parents) {
    int depth = 1;
    pid_t ancestor = parent;
    for (; ancestor > 1 && ancestor != getpid(); ++depth) ancestor = parents.contains(ancestor) ? parents[ancestor] : 0;
    if (ancestor == getpid() && depth > deepest) {
      deepest = depth;
      out = pid;
    }
  }
  return out;
}

// Stops the process, for real, before each of the next `stops` runs, and lets it go on 300 ms later.
class Stopping final : public TimedProcess {
 public:
  Stopping(TimedProcess& process, pid_t pid, int stops) : process_(process), pid_(pid), stops_(stops) {}

  std::optional<Failure> Run(uint64_t calls, const Timing& timing, Reply* reply, absl::Duration* wall) override {
    ++runs;
    if (stops_ == 0) return process_.Run(calls, timing, reply, wall);
    --stops_;
    EXPECT_EQ(kill(pid_, SIGSTOP), 0);
    std::thread waker([this] {
      absl::SleepFor(300 * kMs);
      EXPECT_EQ(kill(pid_, SIGCONT), 0);
    });
    auto failure = process_.Run(calls, timing, reply, wall);
    waker.join();
    return failure;
  }
  std::optional<Failure> Poison() override { return process_.Poison(); }
  std::optional<Failure> CpuTime(absl::Duration* cpu) override { return process_.CpuTime(cpu); }
  void PostponeDeadline(absl::Duration duration) override {
    postponed += duration;
    process_.PostponeDeadline(duration);
  }

  int runs = 0;
  absl::Duration postponed;

 private:
  TimedProcess& process_;
  const pid_t pid_;
  int stops_;
};

class PlausibleSamplerTest : public ::testing::Test {
 protected:
  void Open(std::string_view source) {
    ASSERT_OK_AND_ASSIGN(zygote_, Zygote::Start());
    ASSERT_OK_AND_ASSIGN(const std::string object, CompileKernel(source));
    CandidateOptions options;
    options.object = object;
    options.entry = "kernel";
    options.args = {{0, 4096, 1}};
    options.inputs = *SharedFile::Create(4096);
    options.fresh_inputs = options.inputs;
    options.shared = *SharedFile::Create(2 * 4096);
    options.cpus = {0};
    options.memory_bytes = uint64_t{1} << 30;
    options.deadline = absl::Now() + absl::Minutes(1);
    const auto failure = CandidateProcess::Open(*zygote_, std::move(options), &candidate_);
    ASSERT_FALSE(failure.has_value()) << failure->message;
  }

  std::unique_ptr<Zygote> zygote_;
  std::unique_ptr<CandidateProcess> candidate_;
  MeasurementPolicy policy_;
  UsualConditions usual_;
};

constexpr char kHonest[] =
    "int32_t kernel(void** b) { volatile float* y = b[0]; for (int k = 0; k < 20; ++k)"
    " for (int i = 0; i < 1024; ++i) y[i] = i; return 0; }";

TEST_F(PlausibleSamplerTest, AProcessThatWasStoppedIsNoForger) {
  Open(kHonest);
  constexpr int kStops = 7;  // More than a forger gets.
  Stopping stopping(*candidate_, CandidatePid(), kStops);
  PlausibleSampler sampler(stopping, policy_, /*threads=*/1, usual_);
  Sample sample;
  const auto failure = sampler.Take(10, &sample);
  ASSERT_FALSE(failure.has_value()) << failure->message;
  EXPECT_EQ(stopping.runs, kStops + 1);
  EXPECT_GT(sample.seconds_per_call, 0);
  EXPECT_LT(sample.seconds_per_call, 0.03);  // Without the 0.3 s.
  EXPECT_FALSE(sample.usual);
  // What it lost does not count against its time limit.
  EXPECT_GT(stopping.postponed, 250 * kMs * (kStops - 1));
}

TEST_F(PlausibleSamplerTest, AProcessThatIsStoppedForeverTimesOut) {
  Open(kHonest);
  Stopping stopping(*candidate_, CandidatePid(), 1000);
  PlausibleSampler sampler(stopping, policy_, /*threads=*/1, usual_);
  Sample sample;
  const auto failure = sampler.Take(10, &sample);
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->kind, FailureKind::kRunTimeout) << failure->message;
  EXPECT_NE(failure->message.find("kept from running"), std::string::npos) << failure->message;
}

TEST_F(PlausibleSamplerTest, CpuTimeIsThatOfTheKernel) {
  Open(
      "struct timespec { long s, n; }; int clock_gettime(int, struct timespec*);"
      "static long now(void) { struct timespec t; clock_gettime(2, &t); return t.s * 1000000000l + t.n; }"
      "int32_t kernel(void** b) { long until = now() + 50000000; while (now() < until) {} return 0; }");
  absl::Duration before, after, wall;
  Reply reply;
  ASSERT_FALSE(candidate_->CpuTime(&before).has_value());
  ASSERT_FALSE(candidate_->Run(2, {}, &reply, &wall).has_value());
  ASSERT_FALSE(candidate_->CpuTime(&after).has_value());
  EXPECT_GE(after - before, 100 * kMs);
  EXPECT_LE(after - before, wall + 20 * kMs);
}

TEST_F(PlausibleSamplerTest, ACandidateThatDiesWhileItsCpuTimeIsAskedCrashes) {
  Open(kHonest);
  ASSERT_EQ(kill(CandidatePid(), SIGKILL), 0);
  absl::SleepFor(100 * kMs);
  absl::Duration cpu;
  const auto failure = candidate_->CpuTime(&cpu);
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->kind, FailureKind::kCrash) << failure->message;
}

}  // namespace
}  // namespace hone::runner
