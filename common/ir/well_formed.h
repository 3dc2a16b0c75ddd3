// Is a program well formed?
#pragma once

#include "absl/status/status.h"
#include "common/ir/module.h"

namespace hone::ir {

// InvalidArgument, with what is wrong, when
//  * a loop variable is used in the body of a block that has iterators and stands inside of the loop;
//  * a variable is used where it is not defined, or is defined twice;
//  * two thread_extent attributes of one tag have another variable.
absl::Status VerifyWellFormed(PrimFunc func);
// All PrimFuncs of the module; the message begins with the function's name.
absl::Status VerifyWellFormed(const IRModule& module);

}  // namespace hone::ir
