#include "common/support/log.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/support/strings.h"

namespace hone {
namespace {

std::atomic<LogLevel> g_level{LogLevel::kInfo};
std::atomic<LogFormat> g_format{LogFormat::kText};

constexpr char kLetters[] = "DIWE";
constexpr const char* kNames[] = {"debug", "info", "warning", "error"};

std::string JsonString(std::string_view text) {
  std::string out = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", c);
    } else {
      out += static_cast<char>(c);
    }
  }
  return out + "\"";
}

}  // namespace

void SetLogLevel(LogLevel level) { g_level = level; }
void SetLogFormat(LogFormat format) { g_format = format; }
bool LogEnabled(LogLevel level) { return level >= g_level.load(std::memory_order_relaxed); }

void LogLine::AddField(std::string_view key, std::string value) {
  if (g_format.load(std::memory_order_relaxed) == LogFormat::kJson) {
    StrAppend(&fields_, ",", JsonString(key), ":", JsonString(value));
  } else {
    StrAppend(&fields_, " ", key, "=", value);
  }
}

LogLine::~LogLine() {
  const int index = static_cast<int>(level_);
  std::string line;
  if (g_format.load(std::memory_order_relaxed) == LogFormat::kJson) {
    line = StrCat("{\"time\":\"", absl::FormatTime(absl::RFC3339_full, absl::Now(), absl::UTCTimeZone()),
                  "\",\"level\":\"", kNames[index], "\",\"message\":", JsonString(text_.str()), fields_, "}\n");
  } else {
    line = StrCat(std::string(1, kLetters[index]), " ",
                  absl::FormatTime("%H:%M:%E3S", absl::Now(), absl::LocalTimeZone()), " ", text_.str(), fields_, "\n");
  }
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace hone
