// Stand-ins for search, build and run that need no compiler: every answer follows from a hash of the question, so a
// test can say beforehand what must come out.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/measure/builder.h"
#include "common/measure/runner.h"
#include "server/search/search_service.h"

namespace hone::testing {

// Proposes `trials_per_round` candidates a round that depend on all results it was given. A workload script with
// "crash" kills the process, with "bad" is refused, with "empty" has nothing to propose; "slow" takes 2 s a round.
absl::StatusOr<std::unique_ptr<SearchSession>> OpenFakeSession(const SearchTaskSpec& spec);

// The median that FakeRunner gives a trace, in seconds; negative: it fails with a crash.
double FakeMedian(const std::string& trace_json);

class FakeBuilder final : public Builder {
 public:
  std::vector<BuildResult> Build(absl::Span<const BuildRequest> requests) override;
  std::atomic<int64_t> builds{0};
  absl::Duration takes = absl::ZeroDuration();
};

class FakeRunner final : public Runner {
 public:
  RunResult Run(const RunRequest& request) override;
  std::string DeviceFingerprintJson() const override { return R"({"device":"fake"})"; }
  std::atomic<int64_t> runs{0};
  absl::Duration takes = absl::ZeroDuration();
};

}  // namespace hone::testing
