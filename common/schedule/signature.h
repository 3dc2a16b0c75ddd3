// Checks the arguments of an instruction against its row's signature (see InstructionRow).
#pragma once

#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "common/schedule/instruction.h"

namespace hone::schedule {

// InvalidArgument with the argument and what was expected. `kind_of` gives the letter of a random variable.
absl::Status CheckSignature(const InstructionRow& row, ir::Array<Value> inputs, ir::Array<Value> attrs,
                            absl::FunctionRef<char(Rv)> kind_of);

// InvalidArgument unless it is None, an integer or a list of integers.
absl::Status CheckDecision(const Value& decision);

// The letter of argument `index` of a signature; a space when there is none or it is a list.
char SignatureLetter(std::string_view signature, size_t index);

}  // namespace hone::schedule
