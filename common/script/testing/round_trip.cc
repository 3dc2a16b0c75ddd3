// Parses the TVMScript texts of recorded cases and prints them again: how many come back byte for byte, and how fast.
// With --deep also: what was printed parses to a structurally equal module of the same hash and content id, and how
// many are well formed. usage: round_trip [--show=N] [--deep] FILE.jsonl...      (every string member that starts like
// a script is a case)
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "common/ir/content_id.h"
#include "common/ir/structural_equal.h"
#include "common/ir/structural_hash.h"
#include "common/ir/well_formed.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "nlohmann/json.hpp"

namespace {

struct Case {
  std::string id;
  std::string text;
};

std::vector<Case> Load(const std::string& path) {
  std::vector<Case> out;
  std::ifstream file(path);
  std::string line;
  for (int number = 0; std::getline(file, line); ++number) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) continue;
    for (const char* key : {"script", "module", "module_before", "final"}) {
      if (json.contains(key) && json[key].is_string()) {
        out.push_back({path + ":" + std::to_string(number) + ":" + key, json[key].get<std::string>()});
      }
    }
  }
  return out;
}

void ShowDifference(const std::string& want, const std::string& got) {
  size_t line_begin = 0;
  size_t i = 0;
  for (; i < want.size() && i < got.size() && want[i] == got[i]; ++i) {
    if (want[i] == '\n') line_begin = i + 1;
  }
  auto line = [&](const std::string& text) {
    return text.substr(line_begin, text.find('\n', line_begin) - line_begin);
  };
  std::printf("  want %s\n  got  %s\n", line(want).c_str(), line(got).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  int show = 10;
  bool deep = false;
  size_t unequal = 0, ill_formed = 0;
  std::vector<Case> cases;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg.rfind("--show=", 0) == 0) {
      show = std::atoi(arg.c_str() + 7);
      continue;
    }
    if (arg == "--deep") {
      deep = true;
      continue;
    }
    for (Case& c : Load(arg)) cases.push_back(std::move(c));
  }
  size_t bytes = 0, same = 0, refused = 0;
  double parse_seconds = 0, print_seconds = 0;
  using Clock = std::chrono::steady_clock;
  for (const Case& c : cases) {
    bytes += c.text.size();
    const auto t0 = Clock::now();
    const auto module = hone::script::ParseModule(c.text);
    const auto t1 = Clock::now();
    parse_seconds += std::chrono::duration<double>(t1 - t0).count();
    if (!module.ok()) {
      ++refused;
      if (show-- > 0) std::printf("%s refused\n%s\n", c.id.c_str(), std::string(module.status().message()).c_str());
      continue;
    }
    const std::string printed = hone::script::PrintModule(*module);
    print_seconds += std::chrono::duration<double>(Clock::now() - t1).count();
    if (deep) {
      const auto again = hone::script::ParseModule(printed);
      if (!again.ok() || !hone::ir::StructuralEqual(*module, *again) ||
          hone::ir::StructuralHash(*module) != hone::ir::StructuralHash(*again) ||
          hone::ir::ContentId(*module) != hone::ir::ContentId(*again)) {
        ++unequal;
        if (show-- > 0) std::printf("%s is not equal to itself printed and parsed\n", c.id.c_str());
      }
      const absl::Status formed = hone::ir::VerifyWellFormed(*module);
      if (!formed.ok()) {
        ++ill_formed;
        if (show-- > 0) std::printf("%s: %s\n", c.id.c_str(), std::string(formed.message()).c_str());
      }
    }
    if (printed == c.text) {
      ++same;
    } else if (show-- > 0) {
      std::printf("%s differs\n", c.id.c_str());
      ShowDifference(c.text, printed);
    }
  }
  std::printf("%zu texts, %.1f MB: %zu the same, %zu differ, %zu refused; parse %.1f MB/s, print %.1f MB/s\n",
              cases.size(), bytes / 1e6, same, cases.size() - same - refused, refused, bytes / 1e6 / parse_seconds,
              bytes / 1e6 / print_seconds);
  if (deep) std::printf("%zu not equal to themselves, %zu not well formed\n", unequal, ill_formed);
  return same == cases.size() && unequal == 0 ? 0 : 1;
}
