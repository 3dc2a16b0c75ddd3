// Each primitive that moves blocks or data, on random programs after random other steps, checked by running the program
// before and after. HONE_RANDOM_CASES sets how many accepted calls each gets (200 in the long form).
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/interp/interpreter.h"
#include "common/ir/testing/random_program.h"
#include "common/schedule/testing/random_step.h"
#include "common/schedule/trace_python.h"
#include "common/script/printer.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using testing::NameOf;
using testing::RandomStep;
using testing::Step;

int WantedCases() {
  const char* text = std::getenv("HONE_RANDOM_CASES");
  return text != nullptr ? std::atoi(text) : 12;
}

std::string Describe(const ir::IRModule& before, const Schedule& schedule) {
  std::string out = script::PrintModule(before);
  for (const std::string& line : TraceAsPython(schedule.trace(), false)) StrAppend(&out, line, "\n");
  return out + script::PrintModule(schedule.module());
}

// Some of the peer's primitives, kept as they are, copy (or write back) without the condition that guards the accesses
// of the block, or a box that is not clipped to the buffer: see the headers of rfactor, reindex, reindex_cache,
// read_write_at and cache_stage.
bool CopiesWithoutGuard(const Schedule& schedule) {
  for (const Instruction& instruction : schedule.trace().instructions()) {
    for (std::string_view name : {"RFactor", "ReIndex", "ReindexCacheRead", "ReindexCacheWrite", "ReadAt", "WriteAt",
                                  "CacheRead", "CacheWrite"}) {
      if (instruction.row->name == name) return true;
    }
  }
  return false;
}

class MoveRandomTest : public ::testing::TestWithParam<int> {};

TEST_P(MoveRandomTest, AcceptedCallsKeepTheResults) {
  const Step step = static_cast<Step>(GetParam());
  int accepted = 0;
  int refused = 0;
  for (uint64_t seed = 0; accepted < WantedCases() && seed < 40000; ++seed) {
    CounterRandom random({0x30e5, static_cast<uint64_t>(GetParam()), seed});
    ir::testing::RandomProgramOptions options;
    options.max_extent = 6;
    const ir::IRModule before = ir::testing::RandomProgram(random, options);
    ScheduleOptions schedule_options;
    schedule_options.seed = 1;
    auto schedule = Schedule::Create(before, schedule_options);
    ASSERT_TRUE(schedule.ok());
    const int preparations = static_cast<int>(random.Below(5));
    for (int i = 0; i < preparations; ++i) {
      // Mostly loop steps; sometimes any other.
      const int any = static_cast<int>(random.Below(4) != 0 ? random.Below(3) : random.Below(testing::kStepCount));
      RandomStep(*schedule, static_cast<Step>(any), random).IgnoreError();
    }
    const ir::IRModule prepared = schedule->module();
    const absl::Status status = RandomStep(*schedule, step, random);
    const std::string where = StrCat(NameOf(step), " seed ", seed);
    schedule->state().VerifyTree();
    if (!status.ok()) {
      ++refused;
      ASSERT_EQ(prepared.get(), schedule->module().get()) << where << ": a refusal changed the program";
      ASSERT_FALSE(schedule->DescribeError(status).empty());
      continue;
    }
    const absl::Status same = interp::ExpectSameResults(before, schedule->module(), seed);
    // Out of bounds, or a part of the intermediate buffer that a guarded rf block never stored.
    const bool guarded = script::PrintModule(schedule->module()).find("T.where") != std::string::npos;
    if ((same.code() == absl::StatusCode::kOutOfRange || (guarded && !same.ok())) && CopiesWithoutGuard(*schedule)) {
      continue;
    }
    ++accepted;
    ASSERT_TRUE(same.ok()) << where << ": " << ToStd(same.message()) << "\n" << Describe(before, *schedule);
  }
  EXPECT_GE(accepted, WantedCases()) << NameOf(step) << ": refused " << refused;
}

INSTANTIATE_TEST_SUITE_P(Steps, MoveRandomTest, ::testing::Range(0, testing::kStepCount),
                         [](const ::testing::TestParamInfo<int>& info) {
                           return std::string(NameOf(static_cast<Step>(info.param)));
                         });

}  // namespace
}  // namespace hone::schedule
