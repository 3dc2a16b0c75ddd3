// Verdicts in words, as the command line and the measuring tools print them.
#pragma once

#include <string_view>

#include "common/measure/runner.h"

namespace hone {

// "not-checked", "right" or "wrong".
std::string_view VerdictName(Verdict verdict);

}  // namespace hone
