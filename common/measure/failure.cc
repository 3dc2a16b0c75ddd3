#include "common/measure/failure.h"

#include <array>
#include <utility>

namespace hone {
namespace {

constexpr std::array<std::pair<FailureKind, std::string_view>, 10> kNames = {{
    {FailureKind::kParse, "parse"},
    {FailureKind::kSchedule, "schedule"},
    {FailureKind::kPostproc, "postproc"},
    {FailureKind::kBuild, "build"},
    {FailureKind::kBuildTimeout, "build-timeout"},
    {FailureKind::kRun, "run"},
    {FailureKind::kRunTimeout, "run-timeout"},
    {FailureKind::kWrongResult, "wrong-result"},
    {FailureKind::kCrash, "crash"},
    {FailureKind::kDeviceLost, "device-lost"},
}};

}  // namespace

std::string_view FailureKindName(FailureKind kind) {
  for (const auto& [k, name] : kNames) {
    if (k == kind) return name;
  }
  return "unknown";
}

std::optional<FailureKind> FailureKindFromName(std::string_view name) {
  for (const auto& [kind, n] : kNames) {
    if (n == name) return kind;
  }
  return std::nullopt;
}

}  // namespace hone
