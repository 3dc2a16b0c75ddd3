// The life of one candidate: a process forked from the zygote that loads one kernel, does what the runner commands, and
// ends with it.
#pragma once

namespace hone::runner {

// `fds` are the kSpawnFds descriptors of wire.h. Never returns.
[[noreturn]] void RunCandidate(const int* fds);

}  // namespace hone::runner
