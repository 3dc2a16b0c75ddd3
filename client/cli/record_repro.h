// Whether a record still means what it says.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/cli/record_diff.h"
#include "common/measure/runner.h"
#include "hone/v1/records.pb.h"

namespace hone::cli {

struct Reproduction {
  std::string record_id;     // Raw.
  std::string artifact_key;  // Hexadecimal.
  size_t artifact_bytes = 0;
  std::string recorded_codegen;  // Not empty: recorded with another code generator, so that the kernel may differ.
  RunResult run;
  double recorded_median = 0;
  std::string device_here, device_recorded;
  TimeComparison times;  // Recorded (a) against now (b); only where the devices agree.
};

// Builds the kernel twice in processes of their own and compares the objects byte by byte, measures it here as tuning
// does, and sets the time beside the recorded one. FailedPrecondition when the objects differ, or when the kernel does
// not build or run any more.
absl::StatusOr<Reproduction> ReproduceRecord(const v1::Match& match);
std::string ReproductionText(const Reproduction& reproduction);
std::string ReproductionJson(const Reproduction& reproduction);

}  // namespace hone::cli
