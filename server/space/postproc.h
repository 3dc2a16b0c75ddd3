// A step after a trace was replayed: rewrites the schedule through traced primitives, or rejects the candidate.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/schedule/schedule.h"
#include "server/space/context.h"

namespace hone {

namespace direct {
class ProgramReading;
}

// Users derive from it. Apply may be called from several threads at once, on different schedules.
class Postproc {
 public:
  virtual ~Postproc() = default;
  // As in TVM without the prefix: "RewriteReductionBlock".
  virtual std::string_view name() const = 0;
  // The name with the arguments it was made with, as a person would write them: "AddRFactor(16, 64)".
  virtual std::string Signature() const { return std::string(name()); }
  virtual absl::Status Initialize(const SpaceContext& context) { return absl::OkStatus(); }
  // False: the candidate is rejected. An error is a defect of the trace or of a primitive.
  virtual absl::StatusOr<bool> Apply(schedule::Schedule& sch) const = 0;
  // The same by nothing but the generic passes, where Apply knows a faster way: the oracle of tests and benchmarks.
  virtual absl::StatusOr<bool> ApplyByPasses(schedule::Schedule& sch) const { return Apply(sch); }
  // Apply as the last of the postprocs: what it reads of the program is left in `reading` for who looks at it next.
  virtual absl::StatusOr<bool> ApplyLast(schedule::Schedule& sch, direct::ProgramReading& reading) const {
    return Apply(sch);
  }
  virtual std::unique_ptr<Postproc> Clone() const = 0;
};

using Postprocs = std::vector<std::unique_ptr<Postproc>>;

// Enters the postprocessing part of the trace and applies `postprocs` in order. The index of the one that said no (or
// failed), or nullopt when all passed.
struct PostprocOutcome {
  int failed = -1;
  absl::Status error;  // Set when `failed` failed instead of saying no.
  bool passed() const { return failed < 0; }
};
PostprocOutcome ApplyPostprocs(const Postprocs& postprocs, schedule::Schedule& sch);
// The same by ApplyLast, for what goes on with the program.
PostprocOutcome ApplyPostprocs(const Postprocs& postprocs, schedule::Schedule& sch, direct::ProgramReading& reading);
// The same by ApplyByPasses.
PostprocOutcome ApplyPostprocsByPasses(const Postprocs& postprocs, schedule::Schedule& sch);

}  // namespace hone
