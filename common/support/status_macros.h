// Propagation of absl::Status. A function that uses these returns absl::Status or absl::StatusOr<T>.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns the status of `expr` from the enclosing function when it is not OK.
#define HONE_RETURN_IF_ERROR(expr)         \
  do {                                     \
    ::absl::Status hone_status_ = (expr);  \
    if (!hone_status_.ok()) [[unlikely]] { \
      return hone_status_;                 \
    }                                      \
  } while (false)

#define HONE_STATUS_CONCAT_INNER_(a, b) a##b
#define HONE_STATUS_CONCAT_(a, b) HONE_STATUS_CONCAT_INNER_(a, b)

// HONE_ASSIGN_OR_RETURN(Type value, ExpressionOfStatusOr()): declares or assigns `value`, or returns the error.
// A type with a comma in it needs parentheses or `auto`.
#define HONE_ASSIGN_OR_RETURN(lhs, expr) \
  HONE_ASSIGN_OR_RETURN_IMPL_(HONE_STATUS_CONCAT_(hone_statusor_, __LINE__), lhs, expr)
#define HONE_ASSIGN_OR_RETURN_IMPL_(statusor, lhs, expr) \
  auto statusor = (expr);                                \
  if (!statusor.ok()) [[unlikely]] {                     \
    return std::move(statusor).status();                 \
  }                                                      \
  lhs = *std::move(statusor)
