// Each primitive that moves blocks or data, on random programs after random other steps, checked by running the program
// before and after. HONE_RANDOM_CASES sets how many accepted calls each gets: 12, in the long form 200.
#include <gtest/gtest.h>

#include <cstdio>

#include "common/interp/interpreter.h"
#include "common/ir/testing/random_program.h"
#include "common/schedule/oracle/shrink.h"
#include "common/schedule/testing/random_step.h"
#include "common/script/printer.h"
#include "common/support/strings.h"
#include "common/support/testing/long_form.h"

namespace hone::schedule {
namespace {

using testing::NameOf;
using testing::RandomStep;
using testing::Step;

int WantedCases() { return hone::testing::CaseCount("HONE_RANDOM_CASES", 12, 200); }

// Of the accepted cases, how many of a hundred may go wrong where the peer's behaviour, which the recorded corpus
// fixes, is itself wrong; in few cases one or two more. Measured over 200 cases each: read_at and write_at copy under a
// guard's loop without the guard in 24, rfactor and reindex_cache_read in 13, others (after one of these as a
// preparation) in 5.
int MaxExcludedPercent(Step step) {
  if (step == Step::kReadAt || step == Step::kWriteAt) return 30;
  return step == Step::kRFactor || step == Step::kReindexCacheRead ? 18 : 8;
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

// The peer's reindex of what an update writes: its copy starts from nothing instead of what the init stored.
bool ReindexesAnUpdate(const Schedule& schedule) {
  bool decomposed = false;
  for (const Instruction& instruction : schedule.trace().instructions()) {
    decomposed = decomposed || instruction.row->name == "DecomposeReduction";
    if (decomposed && instruction.row->name == "ReIndex") return true;
  }
  return false;
}

class MoveRandomTest : public ::testing::TestWithParam<int> {};

TEST_P(MoveRandomTest, AcceptedCallsKeepTheResults) {
  const Step step = static_cast<Step>(GetParam());
  int accepted = 0;
  int refused = 0;
  int excluded = 0;
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
    const bool unguarded = same.code() == absl::StatusCode::kOutOfRange || (guarded && !same.ok());
    if (!same.ok() && ((unguarded && CopiesWithoutGuard(*schedule)) || ReindexesAnUpdate(*schedule))) {
      ++excluded;
      continue;
    }
    ++accepted;
    ASSERT_TRUE(same.ok()) << where << ": " << ToStd(same.message()) << "\n" << ShrunkFailure(before, *schedule, seed);
  }
  EXPECT_GE(accepted, WantedCases()) << NameOf(step) << ": refused " << refused;
  std::printf("%s: %d right, %d refused, %d wrong as the peer is\n", std::string(NameOf(step)).c_str(), accepted,
              refused, excluded);
  EXPECT_LE((excluded - 2) * 100, (accepted + excluded) * MaxExcludedPercent(step)) << NameOf(step);
}

INSTANTIATE_TEST_SUITE_P(Steps, MoveRandomTest, ::testing::Range(0, testing::kStepCount),
                         [](const ::testing::TestParamInfo<int>& info) {
                           return std::string(NameOf(static_cast<Step>(info.param)));
                         });

}  // namespace
}  // namespace hone::schedule
