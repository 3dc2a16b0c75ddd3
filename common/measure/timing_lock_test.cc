#include "common/measure/timing_lock.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "absl/time/clock.h"
#include "common/support/status_matchers.h"

namespace hone {
namespace {

char StateOf(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const size_t end = text.rfind(')');
  return end == std::string::npos ? '?' : text[end + 2];
}

bool Reaches(pid_t pid, bool stopped) {
  for (int i = 0; i < 2000; ++i) {
    if ((StateOf(pid) == 'T') == stopped) return true;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return false;
}

class TimingLockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto lock = TimingLock::Open(::testing::TempDir() + "/timing");
    ASSERT_OK(lock);
    lock_ = *std::move(lock);
    child_ = fork();
    if (child_ == 0) {
      for (;;) pause();
    }
  }
  void TearDown() override {
    lock_->Unregister(child_);
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }

  std::unique_ptr<TimingLock> lock_;
  pid_t child_ = 0;
};

TEST_F(TimingLockTest, ASectionStopsRegisteredProcessesAndLetsThemGoOn) {
  lock_->Register(child_);
  {
    TimingLock::Section section(lock_.get());
    EXPECT_TRUE(Reaches(child_, /*stopped=*/true));
  }
  EXPECT_TRUE(Reaches(child_, /*stopped=*/false));
  lock_->Unregister(child_);
  TimingLock::Section section(lock_.get());
  EXPECT_NE(StateOf(child_), 'T');
}

TEST_F(TimingLockTest, WhoeverWasStoppedByADeadSectionIsContinued) {
  lock_->Register(child_);
  const pid_t measurer = fork();
  if (measurer == 0) {
    TimingLock::Section section(lock_.get());
    for (;;) pause();
  }
  ASSERT_TRUE(Reaches(child_, /*stopped=*/true));
  lock_->ContinueAbandoned({child_});
  EXPECT_EQ(StateOf(child_), 'T') << "the section still exists";
  kill(measurer, SIGKILL);
  waitpid(measurer, nullptr, 0);
  lock_->ContinueAbandoned({child_});
  EXPECT_TRUE(Reaches(child_, /*stopped=*/false));
}

TEST_F(TimingLockTest, WaitingForAChildContinuesItWhenItsStopperIsGone) {
  int go_on[2];
  ASSERT_EQ(pipe(go_on), 0);
  const pid_t measurer = fork();
  const pid_t worker = measurer == 0 ? 0 : fork();
  if (worker == 0 && measurer != 0) {
    char byte;
    _exit(read(go_on[0], &byte, 1) == 1 ? 7 : 8);
  }
  if (measurer == 0) {
    for (;;) pause();
  }
  kill(worker, SIGSTOP);
  ASSERT_TRUE(Reaches(worker, /*stopped=*/true));
  ASSERT_EQ(write(go_on[1], "x", 1), 1);
  kill(measurer, SIGKILL);
  waitpid(measurer, nullptr, 0);
  const int status = TimingLock::WaitForEnd(lock_.get(), worker);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

}  // namespace
}  // namespace hone
