// Attributes of the target that rules cannot do without.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/target/target.h"

namespace hone::space {

// num-cores; FailedPrecondition, naming `who` asks, when the target has none.
absl::StatusOr<int64_t> NumCores(const Target& target, std::string_view who);
// Any integer attribute, likewise.
absl::StatusOr<int64_t> RequiredInt(const Target& target, std::string_view attribute, std::string_view who);

}  // namespace hone::space
