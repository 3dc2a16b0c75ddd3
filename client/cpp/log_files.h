// The log files of a work directory (reference/search.md section 7).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/cpp/tune_context.h"

namespace hone::meta_schedule {

// Appends "YYYY-MM-DD HH:MM:SS [LEVEL] message" to a file of WORK_DIR/logs and, with `echo`, to the process's log.
// Unavailable when the file cannot be written.
absl::StatusOr<Logger> SchedulerLogger(const std::string& work_dir, bool echo = true);
absl::StatusOr<Logger> TaskLogger(const std::string& work_dir, int index, int num_tasks, const std::string& task_name);

}  // namespace hone::meta_schedule
