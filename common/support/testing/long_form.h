// How much a test does: little in continuous integration, more with HONE_LONG_TESTS=1 (deploy/test.sh --long).
#pragma once

#include <cstdlib>
#include <string_view>

namespace hone::testing {

inline bool LongForm() {
  const char* text = std::getenv("HONE_LONG_TESTS");
  return text != nullptr && std::string_view(text) != "" && std::string_view(text) != "0";
}

// A count of the test's: the environment variable `name` when it is set, else that of the form.
inline int CaseCount(const char* name, int short_form, int long_form) {
  const char* text = std::getenv(name);
  if (text != nullptr) return std::atoi(text);
  return LongForm() ? long_form : short_form;
}

}  // namespace hone::testing
