#include "common/record/workload.h"

#include <utility>

#include "common/support/strings.h"

namespace hone {
namespace {

constexpr std::array<std::string_view, 3> kNames = {"structural", "ignore-ndarray", "anchor-block"};

}  // namespace

std::string_view ModuleEqualityName(ModuleEquality equality) { return kNames[static_cast<int>(equality)]; }

std::optional<ModuleEquality> ModuleEqualityFromName(std::string_view name) {
  for (int i = 0; i < 3; ++i) {
    if (kNames[i] == name) return static_cast<ModuleEquality>(i);
  }
  return std::nullopt;
}

Digest WorkloadId(std::string_view script) { return Sha256(StrCat("hone-workload-1\n", script)); }

Workload WorkloadFromScript(std::string script, std::string name) {
  Workload workload;
  workload.id = WorkloadId(script);
  workload.keys = {workload.id, workload.id, workload.id};
  workload.script = std::move(script);
  workload.name = std::move(name);
  return workload;
}

}  // namespace hone
