#include "common/target/kind_of.h"

#include <nlohmann/json.hpp>

#include "common/target/target.h"

namespace hone {

std::string KindOfTarget(const std::string& target) {
  const nlohmann::json json = nlohmann::json::parse(target, nullptr, false);
  if (json.is_object()) {
    const auto kind = json.find("kind");
    if (kind != json.end()) return kind->is_string() ? kind->get<std::string>() : "";
  }
  const absl::StatusOr<Target> parsed = Target::Parse(target);
  return parsed.ok() ? parsed->kind() : "";
}

}  // namespace hone
