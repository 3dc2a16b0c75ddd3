// What this machine's CPU says about itself.
#pragma once

#include <set>
#include <string>

namespace hone {

struct CpuIdentity {
  std::string vendor;  // "AuthenticAMD", "GenuineIntel", ...; empty where CPUID does not exist.
  std::string brand;   // "AMD EPYC 9654 96-Core Processor".
  int family = 0;      // With the extended family and model added, as manuals list them.
  int model = 0;
  int stepping = 0;
  std::string hypervisor;  // "KVMKVMKVM", "Microsoft Hv", ...; empty on bare metal.
  // Instruction sets that both CPU and operating system allow, by the names of cpu_table.h.
  std::set<std::string, std::less<>> features;
};

CpuIdentity ReadCpuIdentity();

// The name LLVM 22 has for such a CPU ("znver4", "sapphirerapids"); for one that it does not know, the generic level
// that the features allow ("x86-64-v4").
std::string LlvmCpuName(const CpuIdentity& cpu);

}  // namespace hone
