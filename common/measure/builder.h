// Turning a candidate into a loadable kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/measure/failure.h"
#include "common/support/sha256.h"

namespace hone {

// One parameter of a kernel, in order: dtype as in TVMScript ("float32") and constant dimensions.
struct TensorInfo {
  std::string dtype;
  std::vector<int64_t> shape;
  bool operator==(const TensorInfo&) const = default;
};

// A compiled kernel. CPU: a relocatable ELF object whose `entry` symbol is
//   extern "C" int32_t entry(void** buffers);   // buffers[i] = data pointer of parameter i; 0 on success
// with no undefined symbol outside libc, libm and libgomp.
struct Artifact {
  Digest key;          // SHA-256 of (canonical lowered module, resolved target, codegen revision).
  std::string format;  // "elf-object", "cubin", ...
  std::string bytes;
  std::string entry;  // Symbol to call.
  std::vector<TensorInfo> args;
  std::string metadata_json;  // Compiler, flags, code size, registers, spills, ... for people.
};

// What a compile child needs: it parses the workload, replays the trace, lowers and compiles.
struct BuildRequest {
  std::string workload_script;  // TVMScript of a module with one entry function.
  std::string trace_json;       // TVM's trace JSON; empty = the unscheduled workload.
  std::string target_json;      // A complete target (Target::ToJson).
  absl::Duration timeout = absl::Seconds(30);
  uint64_t memory_bytes = uint64_t{4} << 30;
};

struct BuildResult {
  std::optional<Artifact> artifact;  // Exactly one of artifact and failure is set.
  std::optional<Failure> failure;
  absl::Duration build_time = absl::ZeroDuration();
};

// Thread-safe. Results in the order of the requests; a request's failure is in its result, never an exception.
class Builder {
 public:
  virtual ~Builder() = default;
  virtual std::vector<BuildResult> Build(absl::Span<const BuildRequest> requests) = 0;
};

}  // namespace hone
