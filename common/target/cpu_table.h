// What LLVM 22's processor tables say about CPUs, as far as code generation and the choice of design spaces need it.
// A copy in our own words, so that the search and the client need no LLVM.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

enum class CpuArch { kX86, kAArch64, kHexagon, kOther };

// The architecture of a triple such as "aarch64-linux-gnu".
CpuArch ArchOfTriple(std::string_view triple);
// True when LLVM 22 knows `mcpu` for `arch` (always for kOther).
bool IsKnownCpu(CpuArch arch, std::string_view mcpu);
std::vector<std::string_view> KnownCpus(CpuArch arch);
// Features of `mcpu` changed by `mattr` entries ("+avx512vnni", "-avx2"), with what they imply. Names are LLVM's:
//   x86: sse4.2 avx f16c fma avx2 avxvnni avx512f avx512bw avx512dq avx512vl avx512vnni avx512bf16 avx512fp16 amx-int8
//   AArch64: neon fullfp16 dotprod bf16 i8mm sve sve2
// and whatever else `mattr` switches on.
std::set<std::string, std::less<>> CpuFeatures(CpuArch arch, std::string_view mcpu,
                                               const std::vector<std::string>& mattr);

}  // namespace hone
