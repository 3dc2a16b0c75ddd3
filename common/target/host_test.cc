#include "common/target/host.h"

#include <gtest/gtest.h>

#include "common/support/status_matchers.h"
#include "common/target/cpuid.h"
#include "nlohmann/json.hpp"

namespace hone {
namespace {

TEST(HostTest, DetectedTargetIsCompleteAndParsesBack) {
  const Target host = DetectHost();
  EXPECT_TRUE(host.MissingAttributes().empty()) << host.ToString();
  ASSERT_OK_AND_ASSIGN(Target again, Target::Parse(host.ToString()));
  EXPECT_EQ(again, host);
  EXPECT_GE(*host.GetInt("num-cores"), 1);
}

TEST(HostTest, FeaturesOfTheTargetExistOnThisMachine) {
  const Target host = DetectHost();
  const CpuIdentity cpu = ReadCpuIdentity();
  for (const char* feature : {"avx", "avx2", "fma", "avx512f", "avx512bw", "avx512vnni", "avxvnni", "amx-int8"}) {
    if (host.HasFeature(feature)) {
      EXPECT_TRUE(cpu.features.count(feature) > 0) << feature;
    }
  }
}

CpuIdentity Cpu(std::string vendor, int family, int model, std::set<std::string, std::less<>> features) {
  CpuIdentity cpu;
  cpu.vendor = std::move(vendor);
  cpu.family = family;
  cpu.model = model;
  cpu.features = std::move(features);
  return cpu;
}

TEST(HostTest, NamesOfKnownModels) {
  EXPECT_EQ(LlvmCpuName(Cpu("AuthenticAMD", 0x19, 0x11, {})), "znver4");
  EXPECT_EQ(LlvmCpuName(Cpu("AuthenticAMD", 0x1a, 0x02, {})), "znver5");
  EXPECT_EQ(LlvmCpuName(Cpu("GenuineIntel", 6, 0x55, {"avx512f", "avx512vnni"})), "cascadelake");
  EXPECT_EQ(LlvmCpuName(Cpu("SomeoneElse", 6, 1, {"sse4.2", "avx", "avx2", "fma", "f16c"})), "x86-64-v3");
}

TEST(HostTest, FingerprintIsStableJson) {
  const std::string text = HostFingerprintJson("llvm-22");
  EXPECT_EQ(text, HostFingerprintJson("llvm-22"));
  const auto object = nlohmann::json::parse(text);
  EXPECT_EQ(object["compiler"], "llvm-22");
  EXPECT_EQ(object["target"], DetectHost().ToString());
}

}  // namespace
}  // namespace hone
