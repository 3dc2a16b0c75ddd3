#include "common/support/program_flags.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "absl/status/status.h"
#include "common/support/log.h"

namespace hone {

void AddEnvironment(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty() || option->get_lnames()[0] == "help") continue;
    std::string name = "HONE_";
    for (char c : option->get_lnames()[0]) name += c == '-' ? '_' : static_cast<char>(std::toupper(c));
    option->envname(name);
  }
}

bool ParseProgramFlags(CLI::App& app, int argc, const char* const* argv, std::string_view program, int& exit_code) {
  try {
    app.parse(argc, argv);
    return true;
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    exit_code = 0;
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "%.*s: %s (--help lists the flags)\n", static_cast<int>(program.size()), program.data(),
                 error.what());
    exit_code = 2;
  }
  return false;
}

void ConfigureLog(std::string_view format, std::string_view level) {
  SetLogFormat(format == "json" ? LogFormat::kJson : LogFormat::kText);
  SetLogLevel(level == "debug"     ? LogLevel::kDebug
              : level == "warning" ? LogLevel::kWarning
              : level == "error"   ? LogLevel::kError
                                   : LogLevel::kInfo);
}

int ExitCodeFor(int absl_status_code) {
  switch (static_cast<absl::StatusCode>(absl_status_code)) {
    case absl::StatusCode::kOk:
      return 0;
    case absl::StatusCode::kInvalidArgument:
      return 2;
    case absl::StatusCode::kNotFound:
      return 3;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return 4;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return 5;
    default:
      return 1;
  }
}

}  // namespace hone
