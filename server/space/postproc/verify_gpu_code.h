// Rejects candidates that do not fit the device: threads and shared memory of a block, bytes of a vector access,
// threads that blocks ask for, as the peer counts them; and those whose kernels, as we build them, the device could not
// launch for want of shared memory.
#pragma once

#include "absl/functional/function_ref.h"
#include "common/lower/gpu/verify_gpu.h"
#include "server/space/postproc.h"

namespace hone {

class VerifyGpuCode final : public Postproc {
 public:
  // `of_device`: by what the device can do instead of by the target's attributes alone. A block may take all shared
  // memory that is given on request, and threads may not hold more than their registers.
  explicit VerifyGpuCode(bool of_device = false) : of_device_(of_device) {}
  std::string_view name() const override { return "VerifyGPUCode"; }
  // InvalidArgument when the target lacks max_shared_memory_per_block or max_threads_per_block.
  absl::Status Initialize(const SpaceContext& context) override;
  absl::StatusOr<bool> Apply(schedule::Schedule& sch) const override;
  absl::StatusOr<bool> ApplyByPasses(schedule::Schedule& sch) const override;
  absl::StatusOr<bool> ApplyLast(schedule::Schedule& sch, direct::ProgramReading& reading) const override;
  std::unique_ptr<Postproc> Clone() const override { return std::make_unique<VerifyGpuCode>(*this); }

 private:
  bool Verify(const schedule::Schedule& sch, absl::FunctionRef<bool(ir::PrimFunc, const lower::GpuLimits&)> fits) const;

  bool of_device_;
  lower::GpuLimits limits_;
};

}  // namespace hone
