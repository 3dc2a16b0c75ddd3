#include "common/target/tag.h"

#include <map>

#include "common/support/strings.h"

namespace hone {
namespace {

struct NvidiaTag {
  const char* name;
  const char* arch;
  int registers = 65536;
  int64_t l2_bytes = 0;  // 0 = not part of the tag.
};

// CUDA Programming Guide, table "Technical specifications per compute capability"; the static shared memory limit of
// 48 KiB and 1024 threads a block hold for all of them.
constexpr NvidiaTag kNvidia[] = {
    {"nvidia-a2", "sm_86"},
    {"nvidia-a10", "sm_86"},
    {"nvidia-a10g", "sm_86"},
    {"nvidia-a16", "sm_86"},
    {"nvidia-a30", "sm_80"},
    {"nvidia-a40", "sm_86"},
    {"nvidia-a100", "sm_80", 65536, 41943040},
    {"nvidia-h100", "sm_90a", 65536, 52428800},
    {"nvidia-h200", "sm_90a", 65536, 52428800},
    {"nvidia-gh200", "sm_90a", 65536, 52428800},
    {"nvidia-h20", "sm_90a", 65536, 62914560},
    {"nvidia-h800", "sm_90a", 65536, 52428800},
    {"nvidia-a800", "sm_80", 65536, 41943040},
    {"nvidia-b200", "sm_100a", 65536, 132120576},
    {"nvidia-l4", "sm_89", 65536, 50331648},
    {"nvidia-l40", "sm_89", 65536, 100663296},
    {"nvidia-l40s", "sm_89", 65536, 100663296},
    {"nvidia-t4", "sm_75"},
    {"nvidia-v100", "sm_70"},
    {"nvidia-p100", "sm_60"},
    {"nvidia-p40", "sm_61"},
    {"nvidia-p4", "sm_61"},
    {"tesla-k10", "sm_30"},
    {"tesla-k20", "sm_35"},
    {"tesla-k40", "sm_35"},
    {"tesla-k80", "sm_37"},
    {"tesla-c2050", "sm_20", 32768},
    {"tesla-c2070", "sm_20", 32768},
    {"tesla-m40", "sm_52"},
    {"tesla-m60", "sm_52"},
    {"quadro-gv100", "sm_70"},
    {"quadro-gp100", "sm_60"},
    {"quadro-p6000", "sm_61"},
    {"quadro-p5000", "sm_61"},
    {"quadro-p4000", "sm_61"},
    {"quadro-p2200", "sm_61"},
    {"quadro-rtx-8000", "sm_75"},
    {"quadro-rtx-6000", "sm_75"},
    {"quadro-rtx-5000", "sm_75"},
    {"quadro-rtx-4000", "sm_75"},
    {"quadro-m6000", "sm_52"},
    {"quadro-m5000", "sm_52"},
    {"quadro-m4000", "sm_52"},
    {"rtx-6000-ada", "sm_89", 65536, 100663296},
    {"rtx-a6000", "sm_86"},
    {"rtx-a5000", "sm_86"},
    {"rtx-a4000", "sm_86"},
    {"geforce-rtx-5090", "sm_120", 65536, 100663296},
    {"geforce-rtx-5080", "sm_120", 65536, 67108864},
    {"geforce-rtx-5070", "sm_120", 65536, 50331648},
    {"geforce-rtx-4090", "sm_89", 65536, 75497472},
    {"geforce-rtx-4080", "sm_89"},
    {"geforce-rtx-4070", "sm_89"},
    {"geforce-rtx-4060", "sm_89"},
    {"geforce-rtx-3090-ti", "sm_86"},
    {"geforce-rtx-3090", "sm_86"},
    {"geforce-rtx-3080-ti", "sm_86"},
    {"geforce-rtx-3080", "sm_86"},
    {"geforce-rtx-3070-ti", "sm_86"},
    {"geforce-rtx-3070", "sm_86"},
    {"geforce-rtx-3060", "sm_86"},
    {"geforce-rtx-3050", "sm_86"},
    {"nvidia-titan-rtx", "sm_75"},
    {"geforce-rtx-2080-ti", "sm_75"},
    {"geforce-rtx-2080", "sm_75"},
    {"geforce-rtx-2070", "sm_75"},
    {"geforce-rtx-2060", "sm_75"},
    {"geforce-gtx-1660-ti", "sm_75"},
    {"geforce-gtx-1650", "sm_75"},
    {"nvidia-titan-v", "sm_70"},
    {"nvidia-titan-xp", "sm_61"},
    {"nvidia-titan-x", "sm_61"},
    {"geforce-gtx-1080-ti", "sm_61"},
    {"geforce-gtx-1080", "sm_61"},
    {"geforce-gtx-1070-ti", "sm_61"},
    {"geforce-gtx-1070", "sm_61"},
    {"geforce-gtx-1060", "sm_61"},
    {"geforce-gtx-1050", "sm_61"},
    {"geforce-gtx-titan-x", "sm_52"},
    {"geforce-gtx-980-ti", "sm_52"},
    {"geforce-gtx-980", "sm_52"},
    {"geforce-gtx-970", "sm_52"},
    {"geforce-gtx-960", "sm_52"},
    {"geforce-gtx-950", "sm_52"},
    {"geforce-gtx-750-ti", "sm_50"},
    {"jetson-agx-thor", "sm_110"},
    {"jetson-xavier-nx", "sm_72"},
    {"jetson-agx-xavier", "sm_72"},
    {"jetson-agx-orin-32gb", "sm_87"},
    {"jetson-agx-orin-64gb", "sm_87"},
    {"jetson-orin-nano", "sm_87"},
    {"jetson-orin-nx", "sm_87"},
    {"jetson-nano", "sm_53", 32768},
    {"jetson-tx2", "sm_62", 32768},
    {"jetson-tx1", "sm_53", 32768},
    {"tegra-x1", "sm_53", 32768},
};

struct CpuTag {
  const char* name;
  const char* target;
};

// Cores are physical ones: half of the vCPUs that the provider lists.
constexpr CpuTag kCpu[] = {
    {"aws/cpu/c5.large", "llvm -keys=x86,cpu -mcpu=skylake-avx512 -num-cores=1"},
    {"aws/cpu/c5.xlarge", "llvm -keys=x86,cpu -mcpu=skylake-avx512 -num-cores=2"},
    {"aws/cpu/c5.2xlarge", "llvm -keys=x86,cpu -mcpu=skylake-avx512 -num-cores=4"},
    {"aws/cpu/c5.4xlarge", "llvm -keys=x86,cpu -mcpu=skylake-avx512 -num-cores=8"},
    {"aws/cpu/c5.9xlarge", "llvm -keys=x86,cpu -mcpu=skylake-avx512 -num-cores=18"},
    {"aws/cpu/c5.12xlarge", "llvm -keys=x86,cpu -mcpu=cascadelake -num-cores=24"},
    {"aws/cpu/c5.18xlarge", "llvm -keys=x86,cpu -mcpu=skylake-avx512 -num-cores=36"},
    {"aws/cpu/c5.24xlarge", "llvm -keys=x86,cpu -mcpu=cascadelake -num-cores=48"},
    {"aws/cpu/c6i.large", "llvm -keys=x86,cpu -mcpu=icelake-server -num-cores=1"},
    {"aws/cpu/c6i.4xlarge", "llvm -keys=x86,cpu -mcpu=icelake-server -num-cores=8"},
    {"aws/cpu/c6i.32xlarge", "llvm -keys=x86,cpu -mcpu=icelake-server -num-cores=64"},
    {"aws/cpu/c7i.large", "llvm -keys=x86,cpu -mcpu=sapphirerapids -num-cores=1"},
    {"aws/cpu/c7i.4xlarge", "llvm -keys=x86,cpu -mcpu=sapphirerapids -num-cores=8"},
    {"aws/cpu/c7i.48xlarge", "llvm -keys=x86,cpu -mcpu=sapphirerapids -num-cores=96"},
    {"aws/cpu/c7a.large", "llvm -keys=x86,cpu -mcpu=znver4 -num-cores=2"},
    {"aws/cpu/c7a.48xlarge", "llvm -keys=x86,cpu -mcpu=znver4 -num-cores=192"},
    {"aws/cpu/c6g.16xlarge", "llvm -keys=arm_cpu,cpu -mcpu=neoverse-n1 -mtriple=aarch64-linux-gnu -num-cores=64"},
    {"aws/cpu/c7g.16xlarge", "llvm -keys=arm_cpu,cpu -mcpu=neoverse-v1 -mtriple=aarch64-linux-gnu -num-cores=64"},
    {"aws/cpu/c8g.48xlarge", "llvm -keys=arm_cpu,cpu -mcpu=neoverse-v2 -mtriple=aarch64-linux-gnu -num-cores=192"},
    // Single chips, with their physical cores.
    {"intel/core-i7-8700k", "llvm -keys=x86,cpu -mcpu=skylake -num-cores=6"},
    {"intel/core-i9-9900k", "llvm -keys=x86,cpu -mcpu=skylake -num-cores=8"},
    {"intel/core-i7-11700k", "llvm -keys=x86,cpu -mcpu=rocketlake -num-cores=8"},
    {"intel/core-i9-12900k", "llvm -keys=x86,cpu -mcpu=alderlake -num-cores=16"},
    {"intel/core-i9-13900k", "llvm -keys=x86,cpu -mcpu=raptorlake -num-cores=24"},
    {"intel/xeon-platinum-8180", "llvm -keys=x86,cpu -mcpu=skylake-avx512 -num-cores=28"},
    {"intel/xeon-platinum-8280", "llvm -keys=x86,cpu -mcpu=cascadelake -num-cores=28"},
    {"intel/xeon-platinum-8380", "llvm -keys=x86,cpu -mcpu=icelake-server -num-cores=40"},
    {"intel/xeon-platinum-8480", "llvm -keys=x86,cpu -mcpu=sapphirerapids -num-cores=56"},
    {"intel/xeon-platinum-8592", "llvm -keys=x86,cpu -mcpu=emeraldrapids -num-cores=64"},
    {"intel/xeon-6980p", "llvm -keys=x86,cpu -mcpu=graniterapids -num-cores=128"},
    {"amd/epyc-7551", "llvm -keys=x86,cpu -mcpu=znver1 -num-cores=32"},
    {"amd/epyc-7742", "llvm -keys=x86,cpu -mcpu=znver2 -num-cores=64"},
    {"amd/epyc-7763", "llvm -keys=x86,cpu -mcpu=znver3 -num-cores=64"},
    {"amd/epyc-9654", "llvm -keys=x86,cpu -mcpu=znver4 -num-cores=96"},
    {"amd/epyc-9755", "llvm -keys=x86,cpu -mcpu=znver5 -num-cores=128"},
    {"amd/ryzen-9-3950x", "llvm -keys=x86,cpu -mcpu=znver2 -num-cores=16"},
    {"amd/ryzen-9-5950x", "llvm -keys=x86,cpu -mcpu=znver3 -num-cores=16"},
    {"amd/ryzen-9-7950x", "llvm -keys=x86,cpu -mcpu=znver4 -num-cores=16"},
    {"amd/ryzen-9-9950x", "llvm -keys=x86,cpu -mcpu=znver5 -num-cores=16"},
    {"raspberry-pi/3b-aarch64",
     "llvm -keys=arm_cpu,cpu -device=arm_cpu -mattr=+neon -mcpu=cortex-a53 -model=bcm2837 -mtriple=aarch64-linux-gnu "
     "-num-cores=4"},
    {"raspberry-pi/5-aarch64",
     "llvm -keys=arm_cpu,cpu -device=arm_cpu -mattr=+neon -mcpu=cortex-a76 -model=bcm2712 -mtriple=aarch64-linux-gnu "
     "-num-cores=4"},
    {"raspberry-pi/4b-aarch64",
     "llvm -keys=arm_cpu,cpu -device=arm_cpu -mattr=+neon -mcpu=cortex-a72 -model=bcm2711 -mtriple=aarch64-linux-gnu "
     "-num-cores=4"},
    {"apple/m1-gpu", "metal -max_threads_per_block=1024 -max_shared_memory_per_block=32768 -thread_warp_size=32"},
    {"apple/m1-gpu-restricted",
     "metal -max_threads_per_block=256 -max_shared_memory_per_block=32768 -thread_warp_size=32"},
    {"apple/m2-gpu", "metal -max_threads_per_block=1024 -max_shared_memory_per_block=32768 -thread_warp_size=32"},
    {"qcom/hexagon-v68",
     "hexagon -llvm-options=-force-hvx-float -mattr=+hvxv68,+hvx-length128b,+hvx-qfloat,-hvx-ieee-fp "
     "-mcpu=hexagonv68 -mtriple=hexagon -num-cores=4 -vtcm-capacity=4194304"},
};

const std::map<std::string, std::string, std::less<>>& Table() {
  static const auto* const table = [] {
    auto* tags = new std::map<std::string, std::string, std::less<>>;
    for (const NvidiaTag& tag : kNvidia) {
      std::string target =
          StrCat("cuda -arch=", tag.arch, " -max_shared_memory_per_block=49152",
                 " -max_threads_per_block=1024 -thread_warp_size=32 -registers_per_block=", tag.registers);
      if (tag.l2_bytes > 0) StrAppend(&target, " -l2_cache_size_bytes=", tag.l2_bytes);
      (*tags)[StrCat("nvidia/", tag.name)] = target;
    }
    for (const CpuTag& tag : kCpu) (*tags)[tag.name] = tag.target;
    return tags;
  }();
  return *table;
}

}  // namespace

std::optional<std::string> TargetStringOfTag(std::string_view tag) {
  auto it = Table().find(tag);
  if (it == Table().end()) return std::nullopt;
  return it->second;
}

std::vector<std::string_view> TargetTags() {
  std::vector<std::string_view> tags;
  for (const auto& [name, target] : Table()) tags.push_back(name);
  return tags;
}

}  // namespace hone
