// A loop over independent items on several threads.
#pragma once

#include <functional>

namespace hone {

// Calls f(i) for i in [0, n), each once, on up to `threads` threads, and waits. Items are handed out one at a time; the
// order is unspecified, so f's effect must not depend on it.
void ParallelFor(int n, int threads, const std::function<void(int)>& f);

}  // namespace hone
