// Flags of the daemons: every --some-name may also come from the environment as HONE_SOME_NAME; the flag wins.
#pragma once

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace hone {

// Gives each option of `app` its environment variable, and each option of a command below it one with the command's
// name: HONE_TOKEN_NEW_DAYS for `token new --days`. Call it when all is declared.
void AddEnvironment(CLI::App& app);

// Parses; true when the program should go on. Otherwise `exit_code` is set: 0 for --help and --version ("PROGRAM
// RELEASE"), 2 with one line on stderr for wrong arguments.
bool ParseProgramFlags(CLI::App& app, int argc, const char* const* argv, std::string_view program,
                       std::string_view release, int& exit_code);

// What --log-format ("text" or "json") and --log-level ("debug", "info", "warning", "error") ask for.
void ConfigureLog(std::string_view format, std::string_view level);

}  // namespace hone
