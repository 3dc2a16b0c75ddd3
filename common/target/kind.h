// The closed set of target kinds: what each is called, which attributes it takes, of which type, and their defaults.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/types/span.h"

namespace hone {

// Numbers of DLPack's DLDeviceType.
enum class DeviceType {
  kCpu = 1,
  kCuda = 2,
  kOpenCl = 4,
  kVulkan = 7,
  kMetal = 8,
  kRocm = 10,
  kWebGpu = 15,
  kHexagon = 16
};

enum class AttributeType { kInt, kBool, kString, kStrings };
using AttributeValue = std::variant<int64_t, bool, std::string, std::vector<std::string>>;

struct AttributeSpec {
  std::string_view name;
  AttributeType type;
  int64_t default_int = -1;  // kInt only: the value when none is given; -1 = stays unset.
};

struct TargetKindInfo {
  std::string_view name;
  DeviceType device_type;
  std::vector<std::string_view> default_keys;
  std::vector<AttributeSpec> attributes;   // Without those that every kind takes.
  std::vector<std::string_view> required;  // Attributes a complete target must have.
};

absl::Span<const TargetKindInfo> TargetKinds();
// Null when there is no such kind.
const TargetKindInfo* FindTargetKind(std::string_view name);
// Attribute of `kind`, or one that every kind takes (libs, device, model, ...); null when there is none.
const AttributeSpec* FindAttribute(const TargetKindInfo& kind, std::string_view name);

// The name of `names` with the smallest edit distance to `name`; empty when `names` is.
std::string NearestName(std::string_view name, absl::Span<const std::string_view> names);
// Names of all attributes of `kind`, with keys, tag and host.
std::vector<std::string_view> AttributeNames(const TargetKindInfo& kind);

}  // namespace hone
