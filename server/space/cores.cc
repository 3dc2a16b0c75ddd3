#include "server/space/cores.h"

#include "common/support/strings.h"

namespace hone::space {

absl::StatusOr<int64_t> RequiredInt(const Target& target, std::string_view attribute, std::string_view who) {
  if (const auto value = target.GetInt(attribute)) return *value;
  return absl::FailedPreconditionError(
      StrCat(who, " needs the attribute ", attribute, " of the target, which \"", target.ToString(), "\" lacks"));
}

absl::StatusOr<int64_t> NumCores(const Target& target, std::string_view who) {
  return RequiredInt(target, "num-cores", who);
}

}  // namespace hone::space
