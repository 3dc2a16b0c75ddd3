// The layers that keep a candidate in. Each is tried; those that the host refuses are left out of the returned list,
// and the rest goes on. Uses only the C++ standard library and the kernel.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hone::runner {

// For the zygote, once, before it forks anything and while it has one thread: other user, network, IPC, UTS and mount
// namespaces, an empty root file system. A new PID namespace is prepared for the next child that is forked.
// Returns e.g. {"userns", "netns", "ipcns", "mountns", "pidns"}.
std::vector<std::string> EnterNamespaces();

struct Limits {
  uint64_t address_space_bytes = 0;  // On top of what is mapped now.
  uint32_t cpu_seconds = 0;
  uint32_t threads = 0;  // Threads that may exist at once.
};

// For a candidate: rlimits, no capabilities, no new privileges.
std::vector<std::string> ApplyLimits(const Limits& limits);

// For a candidate, last: from now on all threads may only compute, allocate anonymous memory, wait for each other,
// start threads and end; `socket` may be read and written only by SandboxedSend and SandboxedReceive below, told apart
// by the address of their system call instruction. Anything else raises SIGSYS. False when the kernel has no seccomp.
bool InstallSeccomp(int socket);

// send(2) and recv(2) of one message through the only instruction that the filter lets talk to the socket.
int64_t SandboxedSend(int socket, const void* data, uint64_t bytes);
int64_t SandboxedReceive(int socket, void* data, uint64_t bytes);

// The name of a system call as people know it, for messages; "number N" when it is not a common one.
std::string SystemCallName(int number);

}  // namespace hone::runner
