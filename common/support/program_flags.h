// Flags of the daemons: every --some-name may also come from the environment as HONE_SOME_NAME; the flag wins.
#pragma once

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace hone {

// Gives each option of `app` its environment variable.
void AddEnvironment(CLI::App& app);

// Parses; true when the program should go on. Otherwise `exit_code` is set: 0 for --help and --version, 2 with one
// line on stderr for wrong arguments.
bool ParseProgramFlags(CLI::App& app, int argc, const char* const* argv, std::string_view program, int& exit_code);

// What --log-format ("text" or "json") and --log-level ("debug", "info", "warning", "error") ask for.
void ConfigureLog(std::string_view format, std::string_view level);

// Exit codes of design.md section 7 for an error of a daemon: 2 usage, 3 not found, 4 not allowed, 5 unavailable, 1.
int ExitCodeFor(int absl_status_code);

}  // namespace hone
