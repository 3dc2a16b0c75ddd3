#include "client/cpp/log_files.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/support/strings.h"

namespace hone::meta_schedule {
namespace {

constexpr const char* kLevels[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
constexpr size_t kMaxNameLength = 100;

absl::StatusOr<Logger> Open(const std::string& work_dir, const std::string& name, bool echo) {
  const std::filesystem::path folder = std::filesystem::path(work_dir) / "logs";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const std::string path = (folder / StrCat("tvm.meta_schedule.logging.", name, ".log")).string();
  auto file = std::make_shared<std::ofstream>(path, std::ios::app);
  if (!*file) return absl::UnavailableError(StrCat("cannot write the log ", path));
  return Logger([file = std::move(file), echo](LogLevel level, const std::string& text) {
    *file << absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::Now(), absl::LocalTimeZone()) << " ["
          << kLevels[static_cast<int>(level)] << "] " << text << std::endl;
    if (echo && LogEnabled(level)) LogLine(level) << text;
  });
}

}  // namespace

absl::StatusOr<Logger> SchedulerLogger(const std::string& work_dir, bool echo) {
  return Open(work_dir, "task_scheduler", echo);
}

absl::StatusOr<Logger> TaskLogger(const std::string& work_dir, int index, int num_tasks, const std::string& task_name) {
  const int width = static_cast<int>(StrCat(num_tasks - 1).size());
  char number[16];
  std::snprintf(number, sizeof number, "%0*d", width, index);
  std::string name = task_name.substr(0, kMaxNameLength);
  for (char& c : name) {
    if (c == '/') c = '_';
  }
  return Open(work_dir, StrCat("task_", number, "_", name), /*echo=*/false);
}

}  // namespace hone::meta_schedule
