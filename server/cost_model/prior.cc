#include "server/cost_model/prior.h"

#include <cstddef>

#include "common/target/rule_kind.h"

namespace hone {

// prior/x86.ubj, made into a source file by the build.
extern const unsigned char kX86Prior[];
extern const size_t kX86PriorSize;

std::string_view PriorFor(const Target& target) {
  const absl::StatusOr<std::string_view> kind = RuleKindOf(target);
  if (!kind.ok() || (*kind != "llvm" && *kind != "vnni" && *kind != "avx512")) return {};
  return {reinterpret_cast<const char*>(kX86Prior), kX86PriorSize};
}

}  // namespace hone
