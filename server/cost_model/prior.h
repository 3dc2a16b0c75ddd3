// What is known of speed before a workload was ever measured.
#pragma once

#include <string_view>

#include "common/target/target.h"

namespace hone {

// Boosted trees for XgbConfig::prior, trained on other workloads than those of bench/tune.py; empty where there are
// none for the target: they are for x86 CPUs. They live as long as the program. docs/search.md says how they were made.
std::string_view PriorFor(const Target& target);

}  // namespace hone
