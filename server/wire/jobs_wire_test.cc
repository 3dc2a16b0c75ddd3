#include "server/wire/jobs_wire.h"

#include <gtest/gtest.h>

#include "common/support/status_matchers.h"
#include "common/wire/records_wire.h"

namespace hone {
namespace {

v1::JobSpec SpecFor(const std::string& target_json) {
  v1::JobSpec spec;
  spec.set_target_json(target_json);
  v1::TaskSpec* task = spec.add_tasks();
  task->set_name("t");
  *task->mutable_workload() = ToProto(WorkloadFromScript("s"));
  return spec;
}

TEST(JobsWireTest, AJobWithoutAPolicyIsTimedAsItsTargetIs) {
  ASSERT_OK_AND_ASSIGN(const JobDefinition gpu, FromProto(SpecFor(R"({"kind":"cuda","arch":"sm_90a"})")));
  EXPECT_TRUE(gpu.policy.flush_cache);
  EXPECT_EQ(gpu.policy.number, GpuMeasurementPolicy().number);
  ASSERT_OK_AND_ASSIGN(const JobDefinition cpu, FromProto(SpecFor(R"({"kind":"llvm","mcpu":"znver4"})")));
  EXPECT_FALSE(cpu.policy.flush_cache);
}

TEST(JobsWireTest, APolicyThatWasGivenIsKept) {
  v1::JobSpec spec = SpecFor(R"({"kind":"cuda","arch":"sm_90a"})");
  MeasurementPolicy warm;
  warm.repeat = 7;
  *spec.mutable_policy() = ToProto(warm);
  ASSERT_OK_AND_ASSIGN(const JobDefinition job, FromProto(spec));
  EXPECT_FALSE(job.policy.flush_cache);
  EXPECT_EQ(job.policy.repeat, 7);
}

}  // namespace
}  // namespace hone
