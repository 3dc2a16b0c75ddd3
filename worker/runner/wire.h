// What the runner and its zygote say to each other: fixed-size messages over SOCK_SEQPACKET sockets, and the memory
// that they share. Both sides are built from the same sources into one binary, so there is no versioning. The parent is
// trusted; whatever comes from a candidate is checked.
//
//   runner --control socket--> zygote     kSpawn (with descriptors), kKill, kAskCpuTime; answers kSpawned, kExited,
//                                         kCpuTime
//   runner --candidate socket--> candidate (a forked child of the zygote)   Command; answers Reply
#pragma once

#include <cstdint>

namespace hone::runner {

inline constexpr int kZygoteControlFd = 3;  // The zygote's end of the control socket.
inline constexpr int kMaxCpus = 256;
inline constexpr uint64_t kPageBytes = 4096;

enum class ControlType : uint32_t { kHello = 1, kSpawn, kSpawned, kKill, kExited, kAskCpuTime, kCpuTime };

struct ControlMessage {
  ControlType type;
  int32_t status;       // kExited: as waitpid gives it.
  uint64_t candidate;   // A number that the runner chose.
  int64_t max_rss_kib;  // kExited.
  int64_t cpu_ns;       // kCpuTime: of all threads since the candidate began; -1 when it is not known.
  char layers[128];     // kHello: comma-separated sandbox layers that held.
};

// kSpawn passes these descriptors, in this order.
enum SpawnFd { kSpawnSocket, kSpawnJob, kSpawnInputs, kSpawnFreshInputs, kSpawnShared, kSpawnFds };

// One parameter. `offset` is the place of its contents in the input files and in the shared file.
struct WireArg {
  uint64_t offset;
  uint64_t bytes;
  uint8_t poisoned;  // Filled with kPoisonByte before a run instead of with inputs.
};

// Starts the job file; followed by `num_args` WireArgs and, at `object_offset`, the object.
struct JobHeader {
  uint64_t object_offset;
  uint64_t object_bytes;
  uint64_t inputs_bytes;  // Size of each input file; 0 when there is none.
  uint64_t shared_bytes;  // Size of the shared file.
  uint64_t memory_bytes;  // Address space allowed beyond buffers and image.
  uint32_t cpu_seconds;   // RLIMIT_CPU.
  uint32_t num_args;
  uint32_t num_threads;
  uint32_t pin;  // Bind thread i to cpus[i].
  int32_t cpus[kMaxCpus];
  char entry[256];
};

// First page of the shared file, written by the candidate's fault handlers. Only the text of a failure depends on it.
struct FaultNote {
  int32_t signal;
  int32_t syscall;   // SIGSYS.
  uint64_t address;  // SIGSEGV, SIGBUS.
  uint32_t is_write;
  int32_t buffer;          // Nearest parameter, -1 = none is near.
  int64_t buffer_offset;   // `address` relative to its start.
  uint64_t refused_bytes;  // An allocation that the memory limit refused; 0 = none.
};

inline constexpr int kFaultExitBase = 128;    // The fault handlers exit with kFaultExitBase + signal.
inline constexpr uint8_t kPoisonByte = 0xff;  // NaN in every IEEE format, -1 in integers.
inline constexpr uint8_t kCanaryByte = 0xa5;

enum class Op : uint32_t {
  kCheck = 1,  // Fill inputs (set `argument`: 0 or 1), poison, run once, copy all buffers to the shared file.
  kRun,        // Time `argument` calls.
  kPoison,     // Poison the poisoned buffers.
  kCollect,    // Copy all buffers to the shared file.
  kProbe,      // Frequency probe.
};

struct Command {
  uint64_t nonce;
  Op op;
  uint32_t flush;  // kRun: evict all buffers from the caches before every call.
  uint64_t argument;
  uint32_t probe;       // kRun: probe clock and shared cache right before and after, and the core around every slice.
  uint32_t slices;      // kRun: the calls are timed in this many groups, 1 to kMaxSlices. Ignored with `flush`.
  uint32_t warm_calls;  // kRun: untimed calls before the timed ones of every slice.
  uint32_t reserved;
};

inline constexpr uint32_t kMaxSlices = 16;

// Of `calls` calls in `slices` slices, those of slice number `slice`.
inline constexpr uint64_t CallsOfSlice(uint64_t calls, uint64_t slices, uint64_t slice) {
  return calls * (slice + 1) / slices - calls * slice / slices;
}

enum class ReplyType : uint32_t { kReady = 1, kLoadError, kDone };

struct Reply {
  uint64_t nonce;  // Of the command; 0 for kReady and kLoadError.
  ReplyType type;
  int32_t return_code;           // The first value other than 0 that the kernel returned.
  uint64_t elapsed_ns;           // kRun: from the first call to the last, probes of the core included.
  uint64_t thread_cpu_ns;        // kRun: CPU time of the calling thread meanwhile.
  int64_t involuntary_switches;  // kRun: of all threads.
  int32_t cpu_before;            // kRun: CPU that the calling thread was on.
  int32_t cpu_after;
  int32_t damaged_buffer;  // Parameter whose surroundings were written; -1 = none.
  int32_t reserved;
  int64_t damaged_offset;  // Relative to its start.
  double ghz;              // kProbe; kRun with probe: mean of the two.
  uint64_t cache_ns;       // kRun with probe: time to read the probe's memory, the slower of the two.
  uint32_t slices;         // kRun: as commanded.
  uint32_t reserved2;
  uint64_t slice_ns[kMaxSlices];     // kRun: of the timed calls alone.
  uint64_t core_ns[kMaxSlices + 1];  // kRun with probe: ProbeCore() before and after slice i is at i and i + 1.
  char text[224];                    // kLoadError: what is wrong. kReady: further sandbox layers.
};

}  // namespace hone::runner
