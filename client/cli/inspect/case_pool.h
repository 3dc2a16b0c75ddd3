// Answers many cases on all cores, in order, whatever one of them does.
#pragma once

#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace hone::cli {

struct CasePoolOptions {
  int processes = 1;
  absl::Duration case_timeout = absl::Minutes(5);
};

// Calls `answer` for every line in one of several forked processes and writes the results to `out`, one a line, in the
// order of the lines. A case that kills its process or runs out of time gets what `dead` returns (given the line and
// the reason), and the next case gets a new process. Single-threaded callers only, as it forks.
// Internal: pipes or processes cannot be made.
absl::Status AnswerCases(const std::vector<std::string>& lines, const CasePoolOptions& options,
                         const std::function<std::string(std::string_view line)>& answer,
                         const std::function<std::string(std::string_view line, std::string_view reason)>& dead,
                         std::FILE* out);

}  // namespace hone::cli
