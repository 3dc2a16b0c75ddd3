// What a kernel is compiled for: a kind ("llvm", "cuda", "hexagon", ...), its attributes, its keys and its host.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/support/sha256.h"
#include "common/target/kind.h"

namespace hone {

// An immutable value, cheap to copy, safe to share between threads. Attributes have the type that their kind gives
// them; those with a default are always set. Errors of the parsers are InvalidArgument and name the attribute, its
// value and what was expected; an unknown kind, tag, attribute or CPU comes with the nearest known name.
class Target {
 public:
  // A tag ("nvidia/nvidia-a100", "aws/cpu/c5.large -num-cores=2"), a target string ("llvm -mcpu=znver4
  // -num-cores=16"), or, when the text starts with '{', JSON as ToJson writes it. A JSON object with a tag and no kind
  // starts from what the tag stands for.
  static absl::StatusOr<Target> Parse(std::string_view text);

  const std::string& kind() const;
  DeviceType device_type() const;
  // Who may handle it, most special first: {"cuda", "gpu"}, {"arm_cpu", "cpu"}.
  const std::vector<std::string>& keys() const;
  bool HasKey(std::string_view key) const;
  // The tag it came from or that JSON gave; empty when there is none.
  const std::string& tag() const;
  std::optional<Target> host() const;

  // Attributes of this target; nullopt when unset or of another type.
  std::optional<int64_t> GetInt(std::string_view name) const;
  std::optional<bool> GetBool(std::string_view name) const;
  std::optional<std::string> GetString(std::string_view name) const;
  // Empty when unset.
  std::vector<std::string> GetStrings(std::string_view name) const;
  const std::map<std::string, AttributeValue>& attributes() const;

  // llvm: whether the CPU with its mattr has a feature by LLVM's name ("avx512vnni", "dotprod"); false for other kinds.
  bool HasFeature(std::string_view feature) const;
  // llvm: bits of the widest vector register (512, 256, 128); 1024 for hexagon; 0 otherwise.
  int VectorBits() const;

  // A copy with one attribute set from text, as in a target string.
  absl::StatusOr<Target> With(std::string_view name, std::string_view value) const;
  Target WithHost(const Target& host) const;
  // A copy in which attributes that are unset are taken from `other`, when both are of one kind.
  Target FilledFrom(const Target& other) const;

  // Attributes without which nothing can be built or measured for this target, e.g. {"num-cores"}.
  std::vector<std::string> MissingAttributes() const;

  // TVM's form "kind -keys=a,b -attribute=value ...", attributes sorted; without host.
  std::string ToString() const;
  // TVM's exported form: one object, keys sorted, no spaces.
  std::string ToJson() const;
  // SHA-256 of a versioned canonical form. The tag is a label and does not count.
  Digest ContentId() const;

  bool operator==(const Target& other) const { return ToJson() == other.ToJson(); }

 private:
  friend class TargetBuilder;
  struct Rep;
  explicit Target(std::shared_ptr<const Rep> rep) : rep_(std::move(rep)) {}

  std::shared_ptr<const Rep> rep_;  // Never null.
};

}  // namespace hone
