// Why a candidate has no latency. Failure is data: it is stored with its message and never turned into a number.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hone {

enum class FailureKind {
  kParse,         // The workload's text is not a program.
  kSchedule,      // A primitive of the trace was refused.
  kPostproc,      // A postprocessor said no.
  kBuild,         // Lowering or the compiler failed.
  kBuildTimeout,  // The compile child ran out of time or memory.
  kRun,           // The kernel could not be loaded or reported an error.
  kRunTimeout,    // The kernel did not end in time.
  kWrongResult,   // The correctness gate rejected its outputs.
  kCrash,         // The sandboxed child died by a signal, exited, or broke a limit.
  kDeviceLost,    // The device or its worker went away.
};

// The spelling of design.md section 5: "build-timeout", "wrong-result", ...
std::string_view FailureKindName(FailureKind kind);
std::optional<FailureKind> FailureKindFromName(std::string_view name);

struct Failure {
  FailureKind kind;
  std::string message;
};

}  // namespace hone
