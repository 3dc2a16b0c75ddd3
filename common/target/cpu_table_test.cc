// Our copy of LLVM's processor tables against LLVM's own.
#include "common/target/cpu_table.h"

#include <gtest/gtest.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/TargetParser/Triple.h>

#include <memory>
#include <string>
#include <vector>

namespace hone {
namespace {

class CpuTableTest : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargetMCs();
  }
};

TEST_P(CpuTableTest, FeaturesOfEveryCpuAreLlvms) {
  const llvm::Triple triple(GetParam());
  std::string error;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (target == nullptr) GTEST_SKIP() << "this LLVM has no back end for " << GetParam();
  const CpuArch arch = ArchOfTriple(GetParam());
  const std::vector<std::string> features =
      arch == CpuArch::kX86 ? std::vector<std::string>{"sse4.2",     "avx",        "f16c",       "fma",      "avx2",
                                                       "avxvnni",    "avx512f",    "avx512bw",   "avx512dq", "avx512vl",
                                                       "avx512vnni", "avx512bf16", "avx512fp16", "amx-int8"}
                            : std::vector<std::string>{"neon", "fullfp16", "dotprod", "bf16", "i8mm", "sve", "sve2"};
  for (std::string_view cpu : KnownCpus(arch)) {
    std::unique_ptr<llvm::MCSubtargetInfo> info(
        target->createMCSubtargetInfo(triple, llvm::StringRef(cpu.data(), cpu.size()), ""));
    ASSERT_TRUE(info->isCPUStringValid(llvm::StringRef(cpu.data(), cpu.size()))) << cpu;
    if (arch == CpuArch::kHexagon) continue;
    const auto ours = CpuFeatures(arch, cpu, {});
    for (const std::string& feature : features) {
      EXPECT_EQ(ours.count(feature) > 0, info->checkFeatures("+" + feature)) << cpu << " " << feature;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllArchitectures, CpuTableTest,
                         ::testing::Values("x86_64-linux-gnu", "aarch64-linux-gnu", "hexagon"));

}  // namespace
}  // namespace hone
