// From a scheduled module to what a code generator takes: no blocks, one-dimensional buffers, vectors of machine
// length.
#pragma once

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/ir/module.h"
#include "common/lower/pass.h"
#include "common/target/target.h"

namespace hone::lower {

MachineTraits TraitsOf(const Target& target);

// Called after each pass with its name and the function as it is then.
using PassObserver = absl::FunctionRef<void(std::string_view pass, ir::PrimFunc func)>;

// The entry function of `module` through the pipeline of the target's kind, as a module of that one function in an
// arena of its own (which keeps the input alive). Errors are the program's and name the pass.
absl::StatusOr<ir::IRModule> Lower(const ir::IRModule& module, const Target& target);
absl::StatusOr<ir::IRModule> Lower(const ir::IRModule& module, const Target& target, PassObserver observer);
// With the traits given; for tests of one machine's behaviour on another.
absl::StatusOr<ir::IRModule> LowerFor(const ir::IRModule& module, const MachineTraits& machine, PassObserver observer);

// Names of the passes of the target's pipeline, for messages; each once.
std::vector<std::string_view> PassNames(const Target& target);

}  // namespace hone::lower
