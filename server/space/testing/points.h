// Random points of design spaces, compared with their workload by the interpreter: the oracle of rules, postprocs and
// mutators.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/interp/tensor.h"
#include "common/target/target.h"
#include "server/space/space_generator.h"

namespace hone {

// The table of tensor intrinsics in which each is implemented by its description: a point with them runs in the
// interpreter whatever instructions the real implementation takes.
schedule::TensorIntrin FindDescribedIntrin(std::string_view name);

// A workload, its design spaces for one kind, and what it computes on one set of inputs.
class SpacePoints {
 public:
  // What is run: the scheduled module, whether or not it fits a device, with tensor intrinsics by their descriptions;
  // or what the lowering pipeline of the kind's target makes of it, with their implementations.
  enum class Form { kScheduled, kLowered };
  // CHECK-fails for a kind or target that does not exist; errors of the rules are returned.
  static absl::StatusOr<SpacePoints> Create(const ir::IRModule& workload, std::string_view kind,
                                            Form form = Form::kScheduled);

  // With other rules than the kind's.
  static absl::StatusOr<SpacePoints> Create(const ir::IRModule& workload, std::string_view kind, Form form,
                                            ScheduleRules rules);

  const std::vector<schedule::Trace>& spaces() const { return spaces_; }
  const SpaceGenerator& generator() const { return generator_; }

  enum class Outcome { kRight, kRejected };
  // One point of `trace` with fresh decisions; kRejected when a postproc said no. FailedPrecondition names what went
  // wrong: a primitive or postproc that failed, or the first element that differs.
  absl::StatusOr<Outcome> Check(const schedule::Trace& trace, int64_t seed) const;
  // `trace` with decisions drawn afresh.
  absl::StatusOr<schedule::Trace> Decide(const schedule::Trace& trace, int64_t seed) const;
  // As Check with the decisions of the trace.
  absl::StatusOr<Outcome> CheckAsDecided(const schedule::Trace& trace) const;

 private:
  absl::StatusOr<Outcome> CheckPostprocessed(schedule::Schedule sch) const;

  Form form_ = Form::kScheduled;
  std::unique_ptr<Target> target_;
  PostOrderApply generator_;
  std::vector<schedule::Trace> spaces_;
  std::unique_ptr<schedule::Schedule> start_;
  std::vector<interp::Tensor> inputs_;
  std::vector<interp::Tensor> expected_;
};

}  // namespace hone
