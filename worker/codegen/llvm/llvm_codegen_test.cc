#include "worker/codegen/llvm/llvm_codegen.h"

#include <gtest/gtest.h>

#include "common/support/status_matchers.h"
#include "common/target/host.h"
#include "common/workload/standard.h"
#include "worker/codegen/llvm/testing/compiled_function.h"

namespace hone::codegen {
namespace {

// CPUs that this machine can run code for: its own, and older ones.
std::vector<Target> RunnableTargets() {
  std::vector<Target> out;
  for (const char* text : {"llvm -mcpu=x86-64", "llvm -mcpu=haswell", "llvm -mcpu=skylake-avx512"}) {
    out.push_back(Target::Parse(text).value());
  }
  return out;
}

TEST(LlvmCodegenTest, UnscheduledMatmulComputesWhatTheInterpreterDoes) {
  for (const Target& target : RunnableTargets()) {
    EXPECT_OK(ExpectCompiledAgrees(workload::Matmul(17, 12, 9, /*relu=*/true), target, 1)) << target.ToString();
  }
}

}  // namespace
}  // namespace hone::codegen
