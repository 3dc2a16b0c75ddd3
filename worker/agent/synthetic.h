// A made-up device, for tests of the service with real processes: builds are instant, a run takes a given time, and
// every number follows from a hash of the trace. Servers refuse such workers unless they run with --allow-synthetic.
#pragma once

#include "absl/time/time.h"
#include "common/measure/builder.h"
#include "common/measure/runner.h"
#include "server/tuning/search_runner.h"

namespace hone {

class SyntheticBuilder final : public Builder {
 public:
  std::vector<BuildResult> Build(absl::Span<const BuildRequest> requests) override;
};

class SyntheticRunner final : public Runner {
 public:
  explicit SyntheticRunner(absl::Duration takes) : takes_(takes) {}
  RunResult Run(const RunRequest& request) override;
  std::string DeviceFingerprintJson() const override { return R"({"device":"synthetic"})"; }

 private:
  const absl::Duration takes_;
};

// Candidates that depend on all results given, as those of a real search do.
absl::StatusOr<std::unique_ptr<SearchSession>> OpenSyntheticSession(const SearchTaskSpec& spec);

}  // namespace hone
