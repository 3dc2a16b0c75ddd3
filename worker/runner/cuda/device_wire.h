// What the GPU runner and its device process say to each other over one SOCK_SEQPACKET socket. Both are built from the
// same sources into one binary, so there are no versions.
#pragma once

#include <cstdint>

namespace hone::runner::cuda {

inline constexpr int kDeviceSocket = 3;  // The device process's end.
inline constexpr int kMaxParams = 64;
inline constexpr int kMaxSamples = 128;
inline constexpr uint64_t kGuardBytes = 4096;  // On both sides of every buffer of a kernel.

enum class DeviceOp : uint32_t {
  kOpen = 1,  // value: ordinal of the device. Answers with Description in its message part.
  kPut,       // Descriptor attached: `bytes` of data number `value`, uploaded.
  kDrop,      // Forgets data number `value`.
  kLoad,      // Descriptor attached: a program (see WireProgram), `bytes` long. Replaces the one before.
  kRun,       // Parameters are reset, the kernels run once. Timed as one section.
  kCompare,   // What they left against `reference` (outputs) and `input` (the rest), and the guards.
  kPoison,    // Outputs only.
  kTime,      // `value` calls; kFlushL2: with a cold L2 before each, timed one by one.
  kRead,      // Descriptor attached: parameter `value` is written there.
};
inline constexpr uint32_t kFlushL2 = 1;

// Element types as the comparison knows them.
enum class Element : uint32_t { kBytes = 0, kFloat16, kBFloat16, kFloat32, kFloat64 };
enum class ParamRole : uint32_t { kInput = 0, kOutput, kInOut };

struct DeviceCommand {
  DeviceOp op;
  uint32_t flags;
  uint64_t value;
  uint64_t bytes;
  // By parameter, for kRun and kCompare: numbers of data; 0 = none.
  uint64_t input[kMaxParams];
  uint64_t reference[kMaxParams];
  float tolerance[kMaxParams];
  float scale[kMaxParams];
};

struct ParamFindings {
  uint64_t wrong;
  uint64_t first_wrong;  // Element (byte where elements are bytes).
  float max_abs;
  float max_rel;
  double got, want;      // Of the first wrong element, where elements are numbers.
  uint64_t guard_wrong;  // Bytes of the guards that were overwritten.
};

struct DeviceDescription {
  char name[128];
  char uuid[40];
  char layers[128];        // Of the sandbox.
  int32_t driver_version;  // 13000 = CUDA 13.0.
  int32_t devices;
  int32_t multiprocessors;
  int32_t capability_major, capability_minor;
  int32_t l2_bytes;
  int32_t clock_khz;
  int32_t shared_bytes_per_block;
  uint64_t memory_bytes;
};

struct DeviceReply {
  int32_t result;               // CUresult, or -1 for a refusal of our own.
  uint32_t samples;             // kTime.
  uint32_t broken;              // The context is lost: the process has to be replaced.
  char message[256];            // What was being done, and the error.
  double seconds[kMaxSamples];  // kTime, kRun: one a timed section.
  double total_seconds;
  ParamFindings params[kMaxParams];
  DeviceDescription device;
};

}  // namespace hone::runner::cuda
