#include "common/target/rule_kind.h"

#include <cctype>
#include <string>

#include "common/support/strings.h"

namespace hone {

int SmVersion(const Target& target) {
  const std::string arch = target.GetString("arch").value_or("");
  if (arch.rfind("sm_", 0) != 0) return 0;
  int version = 0;
  for (size_t i = 3; i < arch.size() && std::isdigit(static_cast<unsigned char>(arch[i])) && version < 10000; ++i) {
    version = version * 10 + (arch[i] - '0');
  }
  return version;
}

absl::StatusOr<std::string_view> RuleKindOf(const Target& target) {
  const std::string& kind = target.kind();
  if (kind == "llvm") {
    if (target.HasFeature("avx512vnni") || target.HasFeature("avxvnni")) return "vnni";
    if (target.HasFeature("avx512f") && target.HasFeature("avx512bw")) return "avx512";
    if (target.HasFeature("dotprod")) return "dotprod";
    if (target.HasFeature("neon")) return "asimd";
    return "llvm";
  }
  if (kind == "hexagon") return "hexagon";
  if (kind == "cuda") return SmVersion(target) >= 75 ? "cuda-tensorcore" : "cuda";
  if (kind == "rocm" || kind == "vulkan" || kind == "metal" || kind == "opencl") return "cuda";
  if (kind == "c") return "c";
  return absl::InvalidArgumentError(ToAbsl(StrCat("target kind \"", kind, "\" has no design spaces")));
}

}  // namespace hone
