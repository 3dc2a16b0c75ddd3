#include "common/target/host.h"

#include <sched.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "common/support/check.h"
#include "common/support/file.h"
#include "common/support/strings.h"
#include "common/target/cpu_table.h"
#include "common/target/cpuid.h"
#include "nlohmann/json.hpp"

namespace hone {
namespace {

using Json = nlohmann::json;

std::vector<int> AffinityCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return {0};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

std::string CpuFolder(int cpu) { return StrCat("/sys/devices/system/cpu/cpu", cpu); }

#if defined(__x86_64__)
std::vector<std::string> MissingFeatures(const CpuIdentity& cpu, const std::string& mcpu) {
  std::vector<std::string> missing;
  for (const std::string& feature : CpuFeatures(CpuArch::kX86, mcpu, {})) {
    if (cpu.features.count(feature) == 0) missing.push_back("-" + feature);
  }
  return missing;
}
#endif

Json Caches() {
  Json caches = Json::array();
  for (int index = 0; index < 8; ++index) {
    const std::string folder = StrCat(CpuFolder(0), "/cache/index", index);
    const std::string level = FirstLineOf(folder + "/level");
    if (level.empty()) break;
    caches.push_back({{"level", level},
                      {"type", FirstLineOf(folder + "/type")},
                      {"size", FirstLineOf(folder + "/size")},
                      {"shared_by", FirstLineOf(folder + "/shared_cpu_list")}});
  }
  return caches;
}

}  // namespace

int UsablePhysicalCores() {
  std::set<std::pair<std::string, std::string>> cores;
  for (int cpu : AffinityCpus()) {
    const std::string package = FirstLineOf(CpuFolder(cpu) + "/topology/physical_package_id");
    const std::string core = FirstLineOf(CpuFolder(cpu) + "/topology/core_id");
    cores.emplace(package, core.empty() ? StrCat("cpu", cpu) : core);
  }
  return std::max<int>(1, static_cast<int>(cores.size()));
}

Target DetectHost() {
  const CpuIdentity cpu = ReadCpuIdentity();
  const std::string mcpu = LlvmCpuName(cpu);
  std::string text = StrCat("llvm -mcpu=", mcpu, " -num-cores=", UsablePhysicalCores());
#if defined(__x86_64__)
  const std::vector<std::string> missing = MissingFeatures(cpu, mcpu);
  if (!missing.empty()) StrAppend(&text, " -mattr=", absl::StrJoin(missing, ","));
#else
  struct utsname os {};
  uname(&os);
  StrAppend(&text, " -mtriple=", os.machine, "-linux-gnu");
#endif
  absl::StatusOr<Target> target = Target::Parse(text);
  HONE_CHECK_OK(target.status());
  return *std::move(target);
}

std::string HostFingerprintJson(std::string_view compiler_revision) {
  const CpuIdentity cpu = ReadCpuIdentity();
  struct utsname os {};
  uname(&os);
  struct sysinfo memory {};
  sysinfo(&memory);
  const Json object = {
      {"device", "cpu"},
      {"cpu",
       {{"vendor", cpu.vendor},
        {"brand", cpu.brand},
        {"family", cpu.family},
        {"model", cpu.model},
        {"stepping", cpu.stepping},
        {"features", cpu.features}}},
      {"hypervisor", cpu.hypervisor},
      {"caches", Caches()},
      {"cores",
       {{"physical", UsablePhysicalCores()},
        {"logical", AffinityCpus().size()},
        {"online", sysconf(_SC_NPROCESSORS_ONLN)}}},
      {"memory_mib", static_cast<int64_t>(memory.totalram * uint64_t{memory.mem_unit} >> 20)},
      {"os", {{"name", os.sysname}, {"release", os.release}, {"machine", os.machine}}},
      {"target", DetectHost().ToString()},
      {"compiler", std::string(compiler_revision)},
  };
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hone
