// Tables of jobs, tasks and workers for people, and the live view of a job.
#pragma once

#include <cstdio>
#include <string>

#include "absl/time/time.h"
#include "hone/v1/records.pb.h"
#include "hone/v1/tuning.pb.h"

namespace hone::cli {

std::string JobsTable(const v1::ListJobsResponse& jobs);
// One row a task, then the last ranking of each cost model, failures by kind and where the time went.
std::string JobSummary(const v1::JobReport& job);
std::string WorkersTable(const v1::ListWorkersResponse& workers);
std::string MatchesTable(const v1::QueryResponse& matches);
std::string RecordsTable(const v1::ListRecordsResponse& records);

// Follows a job on `out` (stderr): one bar that is redrawn on a terminal; otherwise a plain line when 2 s have passed
// and something has changed. Not thread-safe.
class JobProgress {
 public:
  explicit JobProgress(std::FILE* out);
  void Update(const v1::JobReport& job);
  // Shows lines (with or without the last line break) without spoiling the bar.
  void Line(const std::string& text);
  // Ends the bar's line. Called before other output.
  void Finish();

 private:
  std::FILE* out_;
  bool terminal_;
  bool bar_shown_ = false;
  std::string last_;
  absl::Time last_shown_ = absl::InfinitePast();
};

}  // namespace hone::cli
