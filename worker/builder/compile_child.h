// The other side of the compile pool: the nursery, and the children that it forks.
#pragma once

#include <functional>

#include "worker/builder/compile_pool.h"

namespace hone::builder {

// The nursery's control messages: a spawn request is one byte with the child's socket attached, the answer its pid.
struct NurseryAnswer {
  int32_t pid;
};

// Runs in a freshly forked process that owns `control` and nothing else. Ends, with all its children, when `control`
// is closed.
[[noreturn]] void RunNursery(int control, const CompileFunction& compile, const std::function<void()>& warm_up,
                             const CompilePoolOptions& options);

}  // namespace hone::builder
