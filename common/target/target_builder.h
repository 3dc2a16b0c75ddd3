// Internal to common/target: collects the parts of a target, checks them, and freezes them into a Target.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/target/target.h"

namespace hone {

class TargetBuilder {
 public:
  // InvalidArgument when there is no such kind.
  static absl::StatusOr<TargetBuilder> ForKind(std::string_view kind);
  explicit TargetBuilder(const Target& base);

  // Sets an attribute, keys, tag or host from text.
  absl::Status SetText(std::string_view name, std::string_view value);
  // Sets an attribute from a value that has a type already. An integer is accepted for a boolean (0 or 1).
  absl::Status SetValue(std::string_view name, AttributeValue value);
  void SetKeys(std::vector<std::string> keys) { keys_ = std::move(keys); }
  void SetTag(std::string tag) { tag_ = std::move(tag); }
  void SetHost(Target host) { host_ = std::move(host); }

  // Applies defaults, orders keys, and checks values against each other.
  absl::StatusOr<Target> Build() &&;

 private:
  explicit TargetBuilder(const TargetKindInfo* kind) : kind_(kind) {}
  absl::StatusOr<const AttributeSpec*> Find(std::string_view name) const;
  absl::Status CheckRanges() const;
  absl::Status CheckCpu() const;

  const TargetKindInfo* kind_;
  std::vector<std::string> keys_;
  std::string tag_;
  std::optional<Target> host_;
  std::map<std::string, AttributeValue> attributes_;
};

}  // namespace hone
