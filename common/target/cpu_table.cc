#include "common/target/cpu_table.h"

#include <algorithm>
#include <initializer_list>

#include "absl/strings/str_split.h"
#include "common/support/strings.h"

namespace hone {
namespace {

// CPUs (space separated) with the same set of features (comma separated).
struct Row {
  CpuArch arch;
  std::string_view features;
  std::string_view cpus;
};

constexpr Row kRows[] = {
    {CpuArch::kX86, "",
     "amdfam10 athlon athlon64 athlon64-sse3 atom barcelona bonnell btver1 core2 generic k8 k8-sse3 nocona opteron "
     "opteron-sse3 penryn pentium4 prescott x86-64 yonah"},
    {CpuArch::kX86, "sse4.2", "corei7 goldmont goldmont-plus nehalem silvermont slm tremont westmere x86-64-v2"},
    {CpuArch::kX86, "avx", "bdver1 corei7-avx sandybridge"},
    {CpuArch::kX86, "f16c", "btver2 core-avx-i ivybridge"},
    {CpuArch::kX86, "f16c,fma", "bdver2 bdver3"},
    {CpuArch::kX86, "avx2,f16c,fma", "bdver4 broadwell core-avx2 haswell skylake x86-64-v3 znver1 znver2 znver3"},
    {CpuArch::kX86, "avx512f", "knl knm"},
    {CpuArch::kX86, "avx512bw,avx512dq,avx512vl", "cannonlake skx skylake-avx512 x86-64-v4"},
    {CpuArch::kX86, "avx512bw,avx512dq,avx512vl,avx512vnni",
     "cascadelake icelake-client icelake-server rocketlake tigerlake"},
    {CpuArch::kX86, "avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16", "cooperlake znver4"},
    {CpuArch::kX86, "avx2,f16c,fma,avxvnni",
     "alderlake arrowlake arrowlake-s clearwaterforest gracemont grandridge lunarlake meteorlake pantherlake "
     "raptorlake sierraforest wildcatlake"},
    {CpuArch::kX86, "avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,avxvnni", "znver5"},
    {CpuArch::kX86, "avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,avxvnni,avx512fp16", "novalake"},
    {CpuArch::kX86, "avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,avxvnni,avx512fp16,amx-int8",
     "diamondrapids emeraldrapids graniterapids graniterapids-d sapphirerapids"},
    {CpuArch::kAArch64, "neon",
     "apple-a10 apple-a7 cortex-a34 cortex-a35 cortex-a53 cortex-a57 cortex-a72 cortex-a73 exynos-m3 falkor generic "
     "kryo thunderx thunderx2t99 thunderx3t110 thunderxt81 thunderxt83 thunderxt88"},
    {CpuArch::kAArch64, "dotprod", "saphira"},
    {CpuArch::kAArch64, "fullfp16", "apple-a11 apple-a12 carmel"},
    {CpuArch::kAArch64, "fullfp16,dotprod",
     "apple-a13 apple-a14 cortex-a55 cortex-a65 cortex-a65ae cortex-a75 cortex-a76 cortex-a76ae cortex-a77 cortex-a78 "
     "cortex-a78ae cortex-a78c cortex-r82 cortex-r82ae cortex-x1 cortex-x1c exynos-m4 exynos-m5 neoverse-e1 "
     "neoverse-n1 tsv110"},
    {CpuArch::kAArch64, "fullfp16,dotprod,i8mm,bf16",
     "ampere1 ampere1a ampere1b apple-a15 apple-a16 apple-a17 apple-m4 apple-m5 oryon-1"},
    {CpuArch::kAArch64, "fullfp16,dotprod,i8mm,bf16,sve", "neoverse-512tvb neoverse-v1"},
    {CpuArch::kAArch64, "fullfp16,sve", "a64fx"},
    {CpuArch::kAArch64, "fullfp16,dotprod,i8mm,bf16,sve2",
     "ampere1c cortex-a320 cortex-a510 cortex-a520 cortex-a520ae cortex-a710 cortex-a715 cortex-a720 cortex-a720ae "
     "cortex-a725 cortex-x2 cortex-x3 cortex-x4 cortex-x925 fujitsu-monaka gb10 grace neoverse-n2 neoverse-n3 "
     "neoverse-v2 neoverse-v3 neoverse-v3ae olympus c1-nano c1-premium c1-pro c1-ultra"},
    {CpuArch::kHexagon, "",
     "generic hexagonv5 hexagonv55 hexagonv60 hexagonv62 hexagonv65 hexagonv66 hexagonv67 hexagonv67t hexagonv68 "
     "hexagonv69 hexagonv71 hexagonv71t hexagonv73 hexagonv75 hexagonv79 hexagonv81"},
};

struct Implication {
  std::string_view feature;
  std::string_view implied;
};

constexpr Implication kImplications[] = {
    {"avx", "sse4.2"},
    {"f16c", "avx"},
    {"fma", "avx"},
    {"avx2", "avx"},
    {"avxvnni", "avx2"},
    {"avx512f", "avx2"},
    {"avx512f", "f16c"},
    {"avx512f", "fma"},
    {"avx512bw", "avx512f"},
    {"avx512dq", "avx512f"},
    {"avx512vl", "avx512f"},
    {"avx512vnni", "avx512f"},
    {"avx512bf16", "avx512bw"},
    {"avx512fp16", "avx512bw"},
    {"dotprod", "neon"},
    {"fullfp16", "neon"},
    {"sve", "fullfp16"},
    {"sve2", "sve"},
};

using FeatureSet = std::set<std::string, std::less<>>;

void Enable(FeatureSet& features, std::string_view feature) {
  if (!features.emplace(feature).second) return;
  for (const Implication& rule : kImplications) {
    if (rule.feature == feature) Enable(features, rule.implied);
  }
}

void Disable(FeatureSet& features, std::string_view feature) {
  auto it = features.find(feature);
  if (it == features.end()) return;
  features.erase(it);
  for (const Implication& rule : kImplications) {
    if (rule.implied == feature) Disable(features, rule.feature);
  }
}

template <typename F>
void ForEachCpu(CpuArch arch, F f) {
  for (const Row& row : kRows) {
    if (row.arch != arch) continue;
    for (absl::string_view cpu : absl::StrSplit(ToAbsl(row.cpus), ' ')) f(ToStd(cpu), row.features);
  }
}

}  // namespace

CpuArch ArchOfTriple(std::string_view triple) {
  auto starts = [&](std::string_view prefix) { return triple.substr(0, prefix.size()) == prefix; };
  if (starts("x86_64") || starts("i386") || starts("i686") || starts("amd64")) return CpuArch::kX86;
  if (starts("aarch64") || starts("arm64")) return CpuArch::kAArch64;
  if (starts("hexagon")) return CpuArch::kHexagon;
  return CpuArch::kOther;
}

bool IsKnownCpu(CpuArch arch, std::string_view mcpu) {
  if (arch == CpuArch::kOther) return true;
  bool known = false;
  ForEachCpu(arch, [&](std::string_view cpu, std::string_view) { known |= cpu == mcpu; });
  return known;
}

std::vector<std::string_view> KnownCpus(CpuArch arch) {
  std::vector<std::string_view> cpus;
  ForEachCpu(arch, [&](std::string_view cpu, std::string_view) { cpus.push_back(cpu); });
  return cpus;
}

std::set<std::string, std::less<>> CpuFeatures(CpuArch arch, std::string_view mcpu,
                                               const std::vector<std::string>& mattr) {
  FeatureSet features;
  const std::string_view name = mcpu.empty() ? "generic" : mcpu;
  ForEachCpu(arch, [&](std::string_view cpu, std::string_view row) {
    if (cpu != name) return;
    for (absl::string_view feature : absl::StrSplit(ToAbsl(row), ',', absl::SkipEmpty())) {
      Enable(features, ToStd(feature));
    }
  });
  for (const std::string& change : mattr) {
    if (change.size() < 2) continue;
    const std::string_view feature = std::string_view(change).substr(1);
    if (change[0] == '+') Enable(features, feature);
    if (change[0] == '-') Disable(features, feature);
  }
  return features;
}

}  // namespace hone
