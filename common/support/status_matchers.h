// GoogleTest helpers for absl::Status and absl::StatusOr.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::testing {

inline absl::Status StatusOf(const absl::Status& status) { return status; }
template <typename T>
absl::Status StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}

inline ::testing::AssertionResult IsOkResult(const absl::Status& status) {
  if (status.ok()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << status.ToString();
}

// Success when `status` has `code` and its message contains `part`.
inline ::testing::AssertionResult StatusIsResult(const absl::Status& status, absl::StatusCode code,
                                                 std::string_view part) {
  if (status.code() == code && absl::StrContains(status.message(), ToAbsl(part))) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "got " << status.ToString() << ", expected " << absl::StatusCodeToString(code)
                                       << " containing \"" << part << "\"";
}

}  // namespace hone::testing

#define ASSERT_OK(expr) ASSERT_TRUE(::hone::testing::IsOkResult(::hone::testing::StatusOf(expr)))
#define EXPECT_OK(expr) EXPECT_TRUE(::hone::testing::IsOkResult(::hone::testing::StatusOf(expr)))
#define EXPECT_STATUS(expr, code, part) \
  EXPECT_TRUE(::hone::testing::StatusIsResult(::hone::testing::StatusOf(expr), code, part))
#define ASSERT_OK_AND_ASSIGN(lhs, expr) \
  ASSERT_OK_AND_ASSIGN_IMPL_(HONE_STATUS_CONCAT_(hone_test_statusor_, __LINE__), lhs, expr)
#define ASSERT_OK_AND_ASSIGN_IMPL_(statusor, lhs, expr)        \
  auto statusor = (expr);                                      \
  ASSERT_TRUE(::hone::testing::IsOkResult(statusor.status())); \
  lhs = *std::move(statusor)
