// For tests: a Builder whose workloads are C sources.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/measure/builder.h"
#include "worker/runner/compiled_kernel.h"

namespace hone::runner {

// An artifact of a C source that defines kernel(), with parameters `args`.
inline Artifact CArtifact(const std::string& source, std::vector<TensorInfo> args, std::string_view flags = "-O2") {
  Artifact artifact;
  artifact.key = Sha256(source);
  artifact.format = "elf-object";
  artifact.entry = "kernel";
  artifact.args = std::move(args);
  artifact.bytes = CompileKernel(source, flags).value_or("");
  return artifact;
}

// Builds every workload_script as C. All have the same parameters. Counts its builds.
class CBuilder final : public Builder {
 public:
  explicit CBuilder(std::vector<TensorInfo> args) : args_(std::move(args)) {}

  std::vector<BuildResult> Build(absl::Span<const BuildRequest> requests) override {
    std::vector<BuildResult> results;
    for (const BuildRequest& request : requests) {
      BuildResult result;
      ++builds;
      Artifact artifact = CArtifact(request.workload_script, args_);
      if (artifact.bytes.empty()) {
        result.failure = Failure{FailureKind::kBuild, "gcc failed"};
      } else {
        result.artifact = std::move(artifact);
      }
      results.push_back(std::move(result));
    }
    return results;
  }

  int builds = 0;

 private:
  const std::vector<TensorInfo> args_;
};

}  // namespace hone::runner
