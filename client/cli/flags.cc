#include "client/cli/flags.h"

#include <CLI/CLI.hpp>
#include <cctype>
#include <cstdio>
#include <cstdlib>

#include "common/support/exit_code.h"
#include "common/wire/protocol.h"

namespace hone::cli {
namespace {

std::string EnvironmentName(std::string_view flag) {
  std::string name = "HONE_";
  for (char c : flag) name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

// "HONE_TUNE_NAME" for --name of `hone tune`, which names something else in every command.
std::string EnvironmentNameIn(const CLI::App* app, std::string_view flag) {
  if (flag != "name") return EnvironmentName(flag);
  std::string words(flag);
  for (; app->get_parent() != nullptr; app = app->get_parent()) words = app->get_name() + "-" + words;
  return EnvironmentName(words);
}

template <typename T>
CLI::Option* AddOption(CLI::App* app, std::string_view name, T* value, std::string_view help) {
  return app->add_option("--" + std::string(name), *value, std::string(help))
      ->envname(EnvironmentNameIn(app, name))
      ->capture_default_str();
}

// The innermost command that was given.
const CLI::App* Innermost(const CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

std::string CommandPath(const CLI::App* app) {
  std::string path = app->get_name();
  for (const CLI::App* up = app->get_parent(); up != nullptr; up = up->get_parent()) path = up->get_name() + " " + path;
  return path;
}

std::string OneLine(std::string text) {
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

}  // namespace

Flags Flags::Command(std::string_view name, std::string_view help) {
  app_->require_subcommand(1);
  return Flags(app_->add_subcommand(std::string(name), std::string(help)), chosen_);
}

void Flags::Add(std::string_view name, std::string* value, std::string_view help) {
  AddOption(app_, name, value, help);
}
void Flags::Add(std::string_view name, int64_t* value, std::string_view help) { AddOption(app_, name, value, help); }
void Flags::Add(std::string_view name, uint64_t* value, std::string_view help) { AddOption(app_, name, value, help); }
void Flags::Add(std::string_view name, double* value, std::string_view help) { AddOption(app_, name, value, help); }

void Flags::Add(std::string_view name, bool* value, std::string_view help) {
  app_->add_flag("--" + std::string(name), *value, std::string(help))->envname(EnvironmentName(name));
}

void Flags::Add(std::string_view name, std::vector<std::string>* values, std::string_view help) {
  AddOption(app_, name, values, help)->delimiter(',')->expected(1)->take_all();
}

void Flags::AddRequired(std::string_view name, std::string* value, std::string_view help) {
  AddOption(app_, name, value, help)->required();
}

void Flags::AddOneOf(std::string_view name, std::string* value, const std::vector<std::string>& allowed,
                     std::string_view help) {
  AddOption(app_, name, value, help)->check(CLI::IsMember(allowed));
}

void Flags::AddPositional(std::string_view name, std::string* value, std::string_view help, bool required) {
  app_->add_option(std::string(name), *value, std::string(help))->required(required);
}

void Flags::AddPositionals(std::string_view name, std::vector<std::string>* values, std::string_view help) {
  app_->add_option(std::string(name), *values, std::string(help))->required();
}

bool IsFromEnvironment(std::string_view flag, const std::string& value) {
  const char* variable = std::getenv(EnvironmentName(flag).c_str());
  return variable != nullptr && value == variable;
}

void Flags::Run(std::function<int()> action) {
  app_->callback([chosen = chosen_, action = std::move(action)] { *chosen = action; });
}

int ParseAndRun(int argc, const char* const* argv, std::string_view program, std::string_view help,
                const std::function<void(Flags&)>& declare) {
  CLI::App app{std::string(help), std::string(program)};
  app.set_version_flag("--version", std::string("hone ") + kRelease);
  std::function<int()> chosen = [] { return 0; };
  Flags flags(&app, &chosen);
  declare(flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& shown) {  // --help, --version.
    return app.exit(shown);
  } catch (const CLI::ParseError& error) {
    std::string path = CommandPath(Innermost(&app));
    std::fprintf(stderr, "%s: %s (see %s --help)\n", path.c_str(), OneLine(error.what()).c_str(), path.c_str());
    return kExitUsage;
  }
  return chosen();
}

}  // namespace hone::cli
