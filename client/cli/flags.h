// Declares the arguments of commands. The parsing library stays in flags.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace hone::cli {

// The arguments of one command. Pointers given here must stay valid until the command has run; what they point to is
// the default. Every flag "--some-name" may also come from the environment as HONE_SOME_NAME; the flag wins. "--name"
// names something else in every command, and so its variable has the command in it: HONE_TUNE_NAME.
class Flags {
 public:
  Flags(CLI::App* app, std::function<int()>* chosen) : app_(app), chosen_(chosen) {}

  // A command below this one; exactly one of them must be given.
  Flags Command(std::string_view name, std::string_view help);

  void Add(std::string_view name, std::string* value, std::string_view help);
  void Add(std::string_view name, int64_t* value, std::string_view help);
  void Add(std::string_view name, uint64_t* value, std::string_view help);
  void Add(std::string_view name, double* value, std::string_view help);
  void Add(std::string_view name, bool* value, std::string_view help);
  // May be repeated; one value may also hold several, separated by commas.
  void Add(std::string_view name, std::vector<std::string>* values, std::string_view help);
  void AddRequired(std::string_view name, std::string* value, std::string_view help);
  // Only these values are taken; help lists them.
  void AddOneOf(std::string_view name, std::string* value, const std::vector<std::string>& allowed,
                std::string_view help);

  void AddPositional(std::string_view name, std::string* value, std::string_view help, bool required = true);
  void AddPositionals(std::string_view name, std::vector<std::string>* values, std::string_view help);

  // What the command does; gives the exit code.
  void Run(std::function<int()> action);

 private:
  CLI::App* app_;
  std::function<int()>* chosen_;  // Receives the action of the command that was given.
};

// Declares the commands with `declare`, parses, runs the chosen one and returns its exit code: 2 with one line on
// stderr when the arguments are wrong, 0 for --help and --version.
int ParseAndRun(int argc, const char* const* argv, std::string_view program, std::string_view help,
                const std::function<void(Flags&)>& declare);

// Whether HONE_SOME_NAME, of the flag "some-name", holds this very value: then a flag of another name that was given is
// what the user meant.
bool IsFromEnvironment(std::string_view flag, const std::string& value);

}  // namespace hone::cli
