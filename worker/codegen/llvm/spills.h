// What a kernel's innermost loops keep on the stack for want of registers, read from its assembly text.
#pragma once

#include <string_view>

namespace hone::codegen {

struct InnerLoopSpills {
  int loops = 0;    // Innermost loops of all functions.
  int spills = 0;   // Instructions in them that save a register on the stack,
  int reloads = 0;  // and that take one back; constants and addresses that are kept there count as well.
};

// `assembly` as CompileOptions::assembly gives it: LLVM's comments say what is a spill and where loops are.
InnerLoopSpills CountInnerLoopSpills(std::string_view assembly);

}  // namespace hone::codegen
