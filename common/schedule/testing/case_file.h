// Files of cases written by hand: a program, a trace, and what the reference says must come of it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace hone::schedule::testing {

// A file holds programs and cases, one after the other; a word at the start of a line begins a part, whose lines are
// indented. `#` begins a comment line.
//
//   program NAME          a TVMScript function, up to the next word; for all cases that follow
//   names                 statements of the trace that look up its blocks and loops; go before each `do`
//   case TITLE
//     on NAME             the program
//     do                  the trace in its Python form, one statement a line
//     ---- and one or more of
//     change              lines of the program (after `-`) and what stands there instead (`+`), the rest as before;
//                         a line is found by its text without indentation, which the new ones keep (more is added)
//     becomes             the whole program afterwards
//     same                the program is as before
//     gives A, B          what the last statement puts out: names of blocks, variables of loops, numbers; `inline`
//                         and `root` for those marks, `infer` for a factor to be inferred, `nothing`
//     decides JSON        the decision that is recorded for the last statement
//     refused TEXT        the last statement is refused, and the message holds TEXT; the program is as before it
struct HandCase {
  std::string title;
  std::string program;  // Text.
  std::string trace;
  std::string becomes;  // Text of the program afterwards; empty when it is not said.
  std::string gives;
  std::string decides;
  std::string refused;
  int line = 0;
};

struct CaseProgram {
  std::string text;
  std::string names;
};
using CasePrograms = std::map<std::string, CaseProgram>;

// InvalidArgument names the line of a mistake.
absl::StatusOr<std::vector<HandCase>> ParseCases(std::string_view text, CasePrograms* programs);

// OK when what the case says is so; else FailedPrecondition with what is different.
absl::Status RunCase(const HandCase& hand_case);

}  // namespace hone::schedule::testing
