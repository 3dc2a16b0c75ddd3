// Internal to common/target: what a Target points to.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/target/target.h"

namespace hone {

struct Target::Rep {
  const TargetKindInfo* kind;
  std::string kind_name;
  std::vector<std::string> keys;
  std::string tag;
  std::optional<Target> host;
  std::map<std::string, AttributeValue> attributes;
};

}  // namespace hone
