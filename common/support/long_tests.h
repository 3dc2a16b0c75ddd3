// Whether tests take their long form: `deploy/test.sh --long` sets HONE_LONG_TESTS=1.
#pragma once

#include <cstdlib>
#include <string_view>

namespace hone {

inline bool LongTests() {
  const char* value = std::getenv("HONE_LONG_TESTS");
  return value != nullptr && std::string_view(value) == "1";
}

}  // namespace hone
