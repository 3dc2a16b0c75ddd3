// What happens after a batch was measured (reference/scheduling.md section 5).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/cpp/builder.h"
#include "client/cpp/runner.h"

namespace hone::meta_schedule {

class TaskScheduler;

// Derive from it for a callback of your own.
class MeasureCallback {
 public:
  virtual ~MeasureCallback() = default;
  // For the profiler's scope MeasureCallback/NAME.
  virtual std::string name() const { return "Custom"; }
  // After each batch of a task, from the thread that tunes. An error ends the tuning.
  virtual absl::Status Apply(TaskScheduler& task_scheduler, int task_id,
                             absl::Span<const MeasureCandidate> measure_candidates,
                             absl::Span<const BuilderResult> builder_results,
                             absl::Span<const RunnerResult> runner_results) = 0;

  // "default": AddToDatabase, RemoveBuildArtifact, UpdateCostModel, in this order; "add-to-database",
  // "remove-build-artifact", "update-cost-model": one of them. InvalidArgument, naming the kinds, for another.
  static absl::StatusOr<std::vector<std::shared_ptr<MeasureCallback>>> Create(std::string_view kind = "default");
  using Function = std::function<absl::Status(TaskScheduler&, int, absl::Span<const MeasureCandidate>,
                                              absl::Span<const BuilderResult>, absl::Span<const RunnerResult>)>;
  static std::shared_ptr<MeasureCallback> Of(std::string name, Function function);
};

}  // namespace hone::meta_schedule
