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
    {"nvidia-l4", "sm_89"},
    {"nvidia-l40", "sm_89"},
    {"nvidia-t4", "sm_75"},
    {"nvidia-v100", "sm_70"},
    {"nvidia-p100", "sm_60"},
    {"nvidia-p40", "sm_61"},
    {"nvidia-p4", "sm_61"},
    {"tesla-k20", "sm_35"},
    {"tesla-k40", "sm_35"},
    {"tesla-k80", "sm_37"},
    {"tesla-c2050", "sm_20", 32768},
    {"tesla-c2070", "sm_20", 32768},
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
    {"rtx-a6000", "sm_86"},
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
    {"nvidia-titan-xp", "sm_61"},
    {"nvidia-titan-x", "sm_61"},
    {"geforce-gtx-1080-ti", "sm_61"},
    {"geforce-gtx-1080", "sm_61"},
    {"geforce-gtx-1070-ti", "sm_61"},
    {"geforce-gtx-1070", "sm_61"},
    {"geforce-gtx-1060", "sm_61"},
    {"geforce-gtx-1050", "sm_61"},
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
