#include "worker/codegen/cuda/testing/compiled.h"

#include <cstdio>
#include <string>
#include <vector>

#include "common/support/strings.h"
#include "gtest/gtest.h"
#include "worker/codegen/cuda/nvrtc.h"
#include "worker/codegen/cuda/ptxas_report.h"

namespace hone::codegen {
namespace {

std::vector<std::string>& Unchecked() {
  static auto* const names = new std::vector<std::string>();
  return *names;
}

class SaysWhatWasNotCompiled final : public ::testing::Environment {
 public:
  void TearDown() override {
    if (Unchecked().empty()) return;
    std::printf("NOT COMPILED, for want of NVRTC: %zu sources, of\n", Unchecked().size());
    std::string last;
    for (const std::string& name : Unchecked()) {
      if (name != last) std::printf("  %s\n", name.c_str());
      last = name;
    }
  }
};

const ::testing::Environment* const kSaysSo = ::testing::AddGlobalTestEnvironment(new SaysWhatWasNotCompiled());

// In the summary of every run, as passed or as skipped.
TEST(CompiledSourcesTest, ThereIsACompiler) {
  const absl::StatusOr<std::string> version = NvrtcVersion();
  if (!version.ok()) GTEST_SKIP() << "sources are written and not compiled: " << ToStd(version.status().message());
  std::printf("sources are compiled by NVRTC %s\n", version->c_str());
}

}  // namespace

void ExpectCompiles(const CudaSource& source, LaunchPlan* plan) {
  if (!NvrtcVersion().ok()) {
    const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
    Unchecked().push_back(StrCat(test->test_suite_name(), ".", test->name()));
    return;
  }
  absl::StatusOr<NvrtcResult> compiled = NvrtcCompile(source.text, source.plan.arch);
  ASSERT_TRUE(compiled.ok()) << compiled.status() << "\n" << source.text;
  if (plan == nullptr) return;
  *plan = source.plan;
  AddPtxasReport(compiled->log, plan);
}

}  // namespace hone::codegen
