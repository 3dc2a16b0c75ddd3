#include "client/cli/doctor_checks.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace hone::cli {
namespace {

Finding Of(const std::string& subject) {
  for (Finding& finding : CheckMachine()) {
    if (finding.subject == subject) return finding;
  }
  return {subject, Health::kBad, "is not looked at"};
}

class DoctorChecksTest : public ::testing::Test {
 protected:
  // The first NVRTC that is opened, or found missing, is kept.
  static void SetUpTestSuite() { setenv("HONE_NVRTC", "/no/such/libnvrtc.so", 1); }
};

TEST_F(DoctorChecksTest, TheDriverIsTheOneThatTheRunnerWouldOpen) {
  setenv("HONE_CUDA_DRIVER", "worker/runner/cuda/fake_driver.so", 1);
  const Finding good = Of("cuda driver");
  EXPECT_EQ(good.health, Health::kGood) << good.text;
  EXPECT_EQ(good.text, "for CUDA 13.0");
  setenv("HONE_CUDA_DRIVER", "/no/such/libcuda.so", 1);
  const Finding missing = Of("cuda driver");
  EXPECT_EQ(missing.health, Health::kNote);
  EXPECT_NE(missing.text.find("HONE_CUDA_DRIVER"), std::string::npos) << missing.text;
  EXPECT_NE(missing.text.find("/no/such/libcuda.so"), std::string::npos) << missing.text;
  unsetenv("HONE_CUDA_DRIVER");
}

TEST_F(DoctorChecksTest, TheCompilerIsTheOneThatTheBuilderWouldOpen) {
  const Finding missing = Of("cuda compiler");
  EXPECT_EQ(missing.health, Health::kNote);
  EXPECT_NE(missing.text.find("/no/such/libnvrtc.so"), std::string::npos) << missing.text;
}

}  // namespace
}  // namespace hone::cli
