// Names of well-known devices and the targets that they stand for, with the limits of the device.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

// The target string of a tag such as "nvidia/nvidia-a100" or "aws/cpu/c5.9xlarge"; nullopt when it is unknown.
std::optional<std::string> TargetStringOfTag(std::string_view tag);
// All tags, sorted.
std::vector<std::string_view> TargetTags();

}  // namespace hone
