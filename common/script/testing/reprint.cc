// Reads a script from standard input and prints it from its IR; with --graph as a node graph.
#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>

#include "common/script/graph_json.h"
#include "common/script/parser.h"
#include "common/script/printer.h"

int main(int argc, char** argv) {
  const std::string text((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
  const auto module = hone::script::ParseModule(text, {.file_name = "stdin"});
  if (!module.ok()) {
    std::fprintf(stderr, "%s\n", std::string(module.status().message()).c_str());
    return 1;
  }
  if (argc > 1 && std::string(argv[1]) == "--graph") {
    std::printf("%s\n", hone::script::SaveGraphJson(*module).c_str());
    return 0;
  }
  std::printf("%s\n", hone::script::PrintModule(*module).c_str());
  return 0;
}
