// The runner of this machine's GPUs, with references that are made on the first of them.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/measure/builder.h"
#include "common/measure/runner.h"

namespace hone {

struct GpuMeasure {
  std::unique_ptr<Runner> runner;
  int slots = 1;  // GPUs.
  std::string sandbox_layers;
};

// `builder` makes the references; `reference_folder` and `check_with_interpreter` as in LocalMeasureOptions.
// Unavailable, with the reason, without a GPU.
absl::StatusOr<GpuMeasure> MakeGpuMeasure(std::shared_ptr<Builder> builder, const std::string& reference_folder,
                                          bool check_with_interpreter);

}  // namespace hone
