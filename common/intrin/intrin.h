// Tensor intrinsics: what each computes (description) and the instructions that do it (implementation), as programs.
// One file a family; the table is in intrin.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "common/schedule/schedule.h"

namespace hone {

// One row of a family's table: both programs as TVMScript.
struct IntrinText {
  std::string name;
  std::string description;
  std::string implementation;
};

// The intrinsic `name`, parsed once and kept for the process; null description when there is none. Thread-safe. The
// value for ScheduleOptions::intrinsics.
schedule::TensorIntrin FindTensorIntrin(std::string_view name);

// All rows, for tests.
absl::Span<const IntrinText> AllTensorIntrins();

}  // namespace hone
