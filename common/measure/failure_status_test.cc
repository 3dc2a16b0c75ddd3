#include "common/measure/failure_status.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(FailureStatusTest, TheFirstMarkStays) {
  const absl::Status status = WithFailureKind(absl::InvalidArgumentError("loop k"), FailureKind::kSchedule);
  const Failure failure = FailureOfStatus(WithFailureKind(status, FailureKind::kBuild), FailureKind::kRun);
  EXPECT_EQ(failure.kind, FailureKind::kSchedule);
  EXPECT_EQ(failure.message, "loop k");
}

TEST(FailureStatusTest, WithoutAMarkTheCallerSaysWhatItIs) {
  const Failure failure = FailureOfStatus(absl::InternalError("x"), FailureKind::kBuild);
  EXPECT_EQ(failure.kind, FailureKind::kBuild);
  EXPECT_EQ(failure.message, "x");
}

TEST(FailureStatusTest, AMarkLeavesCodeAndMessage) {
  const absl::Status status = WithFailureKind(absl::NotFoundError("block C"), FailureKind::kSchedule);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "block C");
}

}  // namespace
}  // namespace hone
