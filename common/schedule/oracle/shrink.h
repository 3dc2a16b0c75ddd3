// Makes a failing case small: a program and a trace on which something goes wrong.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/schedule/schedule.h"

namespace hone::schedule {

struct FailingCase {
  std::string module;  // TVMScript.
  std::string trace;   // TVM's JSON.
};

// What is wrong with a case in a word or two; empty when nothing is, or when it makes no sense.
using CaseCheck = std::function<std::string(const FailingCase&)>;

struct ShrinkOptions {
  int max_checks = 4000;
};

// The case with instructions and blocks dropped, extents reduced and expressions simplified, as far as `check` says the
// same of it as of the one given. The case as it is when nothing is wrong with it.
FailingCase Shrink(const FailingCase& failing, const CaseCheck& check, const ShrinkOptions& options = {});

// "wrong result", "out of bounds" or "other trace": applies the trace and compares as CheckResults and CheckTrace do.
// Refusals are nothing wrong.
std::string WhatIsWrong(const FailingCase& failing, uint64_t seed);

// The same in a child process: also "crash" and (after ten seconds) "hang". For callers without other threads.
CaseCheck WhatIsWrongInChild(uint64_t seed);

// For tests: the case shrunk, as program, Python form of the trace, and program after it.
std::string ShrunkFailure(const ir::IRModule& before, const Schedule& schedule, uint64_t seed);
// The same text of a case.
std::string DescribeCase(const FailingCase& failing);

}  // namespace hone::schedule
