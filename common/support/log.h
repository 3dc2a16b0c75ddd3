// Structured logging to stderr. A line is plain text ("I 12:00:01.250 worker connected name=w1") or, after
// SetLogFormat(LogFormat::kJson), one JSON object. Thread-safe; a line is written with one write(2).
#pragma once

#include <sstream>
#include <string>
#include <string_view>

namespace hone {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

void SetLogLevel(LogLevel level);
void SetLogFormat(LogFormat format);
bool LogEnabled(LogLevel level);

// Collects one line and writes it when destroyed. Use through HONE_LOG.
class LogLine {
 public:
  explicit LogLine(LogLevel level) : level_(level) {}
  ~LogLine();
  LogLine(const LogLine&) = delete;
  LogLine& operator=(const LogLine&) = delete;

  template <typename T>
  LogLine& operator<<(const T& value) {
    text_ << value;
    return *this;
  }
  // Adds key=value after the message (a member of the object in JSON).
  template <typename T>
  LogLine& With(std::string_view key, const T& value) {
    std::ostringstream text;
    text << value;
    AddField(key, text.str());
    return *this;
  }

 private:
  void AddField(std::string_view key, std::string value);

  LogLevel level_;
  std::ostringstream text_;
  std::string fields_;
};

}  // namespace hone

// HONE_LOG(kInfo) << "listening on " << address;
#define HONE_LOG(level)                               \
  if (!::hone::LogEnabled(::hone::LogLevel::level)) { \
  } else /* NOLINT */                                 \
    ::hone::LogLine(::hone::LogLevel::level)
