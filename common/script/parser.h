// TVMScript text to IR.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/ir/module.h"

namespace hone::script {

struct ParseOptions {
  std::string file_name = "<script>";  // For messages.
  // Limits; a text beyond one is refused with a message that names it.
  size_t max_bytes = size_t{64} << 20;
  size_t max_tokens = size_t{8} << 20;
  int max_depth = 500;             // Of an expression.
  int max_nesting = 1000;          // Of statements, counting each loop, let and allocation.
  int64_t max_steps = 20'000'000;  // Expressions and statements evaluated, macros included.
  // Refuse functions that VerifyWellFormed refuses, unless their decorator says check_well_formed=False. Off by
  // default: the peer prints programs that its own check refuses, and a Schedule checks what it starts from.
  bool check_well_formed = false;
};

// Parses a module class, or bare prim_funcs, which become a module of their own. Accepts printed text and Python files
// with import lines; other code of such a file is skipped. The module has a new arena.
// InvalidArgument with "file:line:column: what was expected", the line and a caret.
absl::StatusOr<ir::IRModule> ParseModule(std::string_view text, const ParseOptions& options = {});

}  // namespace hone::script
