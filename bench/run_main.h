// The body of a main(): an exception (of a library: no code of ours throws) ends the program with its message and 1.
#pragma once

#include <cstdio>
#include <exception>

namespace hone::bench {

inline int RunMain(int (*body)(int argc, char** argv), int argc, char** argv) noexcept {
  try {
    return body(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  } catch (...) {
    std::fputs("an exception of an unknown kind\n", stderr);
  }
  return 1;
}

}  // namespace hone::bench
