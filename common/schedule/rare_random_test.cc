// The primitives that recorded cases reach seldom, on random programs after random other steps: what is accepted
// computes the same (parallel loops forwards and backwards), its trace gives it again, and what is refused changes
// nothing. HONE_RANDOM_CASES sets how many accepted calls each gets: 10, in the long form 200.
#include <gtest/gtest.h>

#include "common/ir/testing/random_program.h"
#include "common/schedule/oracle/oracle.h"
#include "common/schedule/oracle/shrink.h"
#include "common/schedule/testing/random_step.h"
#include "common/schedule/testing/rare_step.h"
#include "common/support/strings.h"
#include "common/support/testing/long_form.h"

namespace hone::schedule {
namespace {

using testing::RandomStep;
using testing::RareStep;
using testing::Step;

// Steps before the call: mostly loops split, fused and reordered, and blocks moved without corners of their own.
void Prepare(Schedule& schedule, CounterRandom& random) {
  const Step steps[] = {Step::kSplit, Step::kFuse,      Step::kReorder,
                        Step::kSplit, Step::kComputeAt, Step::kComputeInline};
  const int count = static_cast<int>(random.Below(4));
  for (int i = 0; i < count; ++i) RandomStep(schedule, steps[random.Below(6)], random).IgnoreError();
}

class RareRandomTest : public ::testing::TestWithParam<std::string_view> {};

TEST_P(RareRandomTest, AcceptedCallsKeepTheResults) {
  const std::string_view primitive = GetParam();
  const int wanted = hone::testing::CaseCount("HONE_RANDOM_CASES", 10, 200);
  int accepted = 0;
  int refused = 0;
  for (uint64_t seed = 0; accepted < wanted && seed < 40000; ++seed) {
    CounterRandom random({0x7a7e, std::hash<std::string_view>()(primitive), seed});
    ir::testing::RandomProgramOptions options;
    options.max_extent = 7;
    options.all_dtypes = true;
    options.shifted_loops = true;
    const ir::IRModule before = ir::testing::RandomProgram(random, options);
    ScheduleOptions schedule_options;
    schedule_options.seed = static_cast<int64_t>(seed) + 1;
    absl::StatusOr<Schedule> schedule = Schedule::Create(before, schedule_options);
    ASSERT_TRUE(schedule.ok()) << schedule.status();
    Prepare(*schedule, random);
    const absl::Status status = RareStep(*schedule, primitive, random);
    if (status.code() == absl::StatusCode::kNotFound) continue;
    SCOPED_TRACE(StrCat(primitive, " seed ", seed, "\n", Describe(before, *schedule)));
    ASSERT_TRUE(status.ok() || !schedule->DescribeError(status).empty());
    schedule->state().VerifyTree();
    const absl::Status trace = CheckTrace(before, *schedule);
    ASSERT_TRUE(trace.ok()) << trace << "\n" << ShrunkFailure(before, *schedule, seed);
    const absl::Status same = CheckResults(before, *schedule, seed);
    ASSERT_TRUE(same.ok()) << same << "\n" << ShrunkFailure(before, *schedule, seed);
    ++(status.ok() ? accepted : refused);
  }
  EXPECT_GE(accepted, wanted) << "refused " << refused;
}

INSTANTIATE_TEST_SUITE_P(Primitives, RareRandomTest,
                         ::testing::ValuesIn(testing::RarePrimitives().begin(), testing::RarePrimitives().end()),
                         [](const ::testing::TestParamInfo<std::string_view>& info) {
                           return std::string(info.param);
                         });

}  // namespace
}  // namespace hone::schedule
