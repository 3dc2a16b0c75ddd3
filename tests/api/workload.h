// A small matmul, and stand-ins for a machine's builder and runner, for the tests of the API.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "client/cpp/builder.h"
#include "client/cpp/runner.h"
#include "common/script/parser.h"
#include "common/support/status_matchers.h"
#include "common/target/target.h"

namespace hone::meta_schedule {

inline ir::IRModule Matmul(int n = 32) {
  const std::string e = std::to_string(n);
  const std::string shape = "((" + e + ", " + e + "), \"float32\")";
  auto module = script::ParseModule("@T.prim_func\ndef main(A: T.Buffer" + shape + ", B: T.Buffer" + shape +
                                    ", C: T.Buffer" + shape + R"():
    T.func_attr({"global_symbol": "main", "tir.noalias": T.bool(True)})
    for i, j, k in T.grid()" + e + ", " +
                                    e + ", " + e + R"():
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0.0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
)");
  EXPECT_OK(module);
  return *module;
}

inline Target TestTarget() { return *Target::Parse("llvm -mcpu=haswell -num-cores=2"); }

// A time that depends on the candidate's text alone.
inline double MadeUpSeconds(const std::string& trace_json) {
  return 1e-6 * static_cast<double>(1 + std::hash<std::string>()(trace_json) % 1000);
}

class FakeBuilder final : public Builder {
 public:
  std::vector<BuilderResult> Build(absl::Span<const BuilderInput> inputs) override {
    std::vector<BuilderResult> out;
    for (const BuilderInput& input : inputs) {
      if (fail_every > 0 && ++count % fail_every == 0) {
        out.push_back({std::nullopt, "refused by the test"});
        continue;
      }
      out.push_back({*StoreArtifact({std::nullopt, "", input.trace_json, input.target.ToJson()}), std::nullopt});
      paths.push_back(*out.back().artifact_path);
    }
    return out;
  }
  int fail_every = 0;
  int count = 0;
  std::vector<std::string> paths;
};

class FakeRunner final : public Runner {
 public:
  std::vector<std::shared_ptr<RunnerFuture>> Run(absl::Span<const RunnerInput> inputs) override {
    std::vector<std::shared_ptr<RunnerFuture>> out;
    for (const RunnerInput& input : inputs) {
      const double secs = MadeUpSeconds(LoadArtifact(input.artifact_path)->trace_json);
      out.push_back(std::make_shared<RunnerFuture>(RunnerResult{std::vector<double>{secs, secs, secs}, std::nullopt}));
      ++runs;
    }
    return out;
  }
  int runs = 0;
};

}  // namespace hone::meta_schedule
