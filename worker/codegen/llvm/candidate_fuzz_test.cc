// Random programs under random schedules: what the compiled kernel computes is what the interpreter says of the
// original. Seeds from HONE_FUZZ_FIRST (default 1), HONE_FUZZ_COUNT (200) of them.
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/interp/interpreter.h"
#include "common/lower/pass_checker.h"
#include "common/support/status_matchers.h"
#include "worker/codegen/llvm/testing/compiled_function.h"
#include "worker/codegen/llvm/testing/random_candidate.h"

namespace hone::codegen {
namespace {

int64_t FromEnvironment(const char* name, int64_t fallback) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoll(text) : fallback;
}

absl::Status Agrees(const RandomCandidate& candidate, const Target& target, uint64_t seed) {
  const auto function = CompiledFunction::Make(candidate.scheduled, target);
  if (!function.ok()) return function.status();
  auto got = interp::RandomArgs(candidate.original, seed);
  if (!got.ok()) return got.status();
  std::vector<interp::Tensor> expected = *got;
  if (absl::Status status = function->Run(absl::MakeSpan(*got)); !status.ok()) return status;
  if (absl::Status status = interp::Interpret(candidate.original, absl::MakeSpan(expected)); !status.ok())
    return status;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double tolerance = 4 * interp::Tolerance(expected[i].dtype, 256);
    const interp::Difference difference = interp::Compare((*got)[i], expected[i], tolerance, tolerance);
    if (!difference.close) {
      return absl::FailedPreconditionError("parameter " + std::to_string(i) + " element " +
                                           std::to_string(difference.worst) + ": " + std::to_string(difference.got) +
                                           ", expected " + std::to_string(difference.expected));
    }
  }
  return absl::OkStatus();
}

// A schedule that changed the program is not the compiler's fault: it is named and passed over.
bool IsLegal(const RandomCandidate& candidate, uint64_t seed) {
  const absl::Status same = interp::ExpectSameResults(candidate.original, candidate.scheduled, seed, 256);
  if (same.ok()) return true;
  std::printf("seed %ld: the schedule is wrong: %s\n  %s\n", static_cast<long>(seed), same.ToString().c_str(),
              candidate.description.c_str());
  return false;
}

TEST(CandidateFuzzTest, RandomSchedulesComputeTheSame) {
  const std::vector<Target> targets = {Target::Parse("llvm -mcpu=x86-64").value(),
                                       Target::Parse("llvm -mcpu=haswell").value(),
                                       Target::Parse("llvm -mcpu=skylake-avx512").value()};
  const int64_t first = FromEnvironment("HONE_FUZZ_FIRST", 1), count = FromEnvironment("HONE_FUZZ_COUNT", 200);
  for (int64_t seed = first; seed < first + count; ++seed) {
    const RandomCandidate candidate = MakeRandomCandidate(static_cast<uint64_t>(seed));
    const Target& target = targets[static_cast<size_t>(seed) % targets.size()];
    const absl::Status agrees = Agrees(candidate, target, static_cast<uint64_t>(seed));
    if (!agrees.ok() && !IsLegal(candidate, static_cast<uint64_t>(seed))) continue;
    EXPECT_OK(agrees) << "seed " << seed << " " << target.ToString() << " " << candidate.description;
  }
}

TEST(CandidateFuzzTest, EveryPassKeepsTheProgram) {
  const int64_t first = FromEnvironment("HONE_FUZZ_FIRST", 1), count = FromEnvironment("HONE_FUZZ_COUNT", 200) / 5;
  const auto machines = lower::TestMachines();
  for (int64_t seed = first; seed < first + count; ++seed) {
    const RandomCandidate candidate = MakeRandomCandidate(static_cast<uint64_t>(seed));
    SCOPED_TRACE(candidate.description);
    if (!IsLegal(candidate, static_cast<uint64_t>(seed))) continue;
    lower::ExpectEveryPassKeeps(candidate.scheduled, machines[static_cast<size_t>(seed) % machines.size()],
                                static_cast<uint64_t>(seed));
  }
}

}  // namespace
}  // namespace hone::codegen
