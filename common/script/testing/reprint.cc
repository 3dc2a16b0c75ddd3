// Reads a script from standard input and prints it from its IR.
#include <cstdio>
#include <iterator>
#include <iostream>
#include <string>

#include "common/script/parser.h"
#include "common/script/printer.h"

int main() {
  const std::string text((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
  const auto module = hone::script::ParseModule(text, {.file_name = "stdin"});
  if (!module.ok()) {
    std::fprintf(stderr, "%s\n", std::string(module.status().message()).c_str());
    return 1;
  }
  std::printf("%s\n", hone::script::PrintModule(*module).c_str());
  return 0;
}
