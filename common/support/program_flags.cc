#include "common/support/program_flags.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "common/support/exit_code.h"
#include "common/support/log.h"

namespace hone {
namespace {

std::string EnvironmentName(const std::string& flag) {
  std::string name;
  for (char c : flag) name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

void AddEnvironmentBelow(CLI::App& app, const std::string& prefix) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty() || option->get_lnames()[0] == "help") continue;
    option->envname(prefix + EnvironmentName(option->get_lnames()[0]));
  }
  for (CLI::App* command : app.get_subcommands({})) {
    AddEnvironmentBelow(*command, prefix + EnvironmentName(command->get_name()) + "_");
  }
}

}  // namespace

void AddEnvironment(CLI::App& app) { AddEnvironmentBelow(app, "HONE_"); }

bool ParseProgramFlags(CLI::App& app, int argc, const char* const* argv, std::string_view program,
                       std::string_view release, int& exit_code) {
  app.set_version_flag("--version", std::string(program) + " " + std::string(release));
  try {
    app.parse(argc, argv);
    return true;
  } catch (const CLI::Success& shown) {  // --help, --version.
    exit_code = app.exit(shown);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "%.*s: %s (--help lists the flags)\n", static_cast<int>(program.size()), program.data(),
                 error.what());
    exit_code = kExitUsage;
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

}  // namespace hone
