#include "common/target/target_builder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/cpu_table.h"
#include "common/target/target_rep.h"

namespace hone {
namespace {

std::string_view TypeName(AttributeType type) {
  switch (type) {
    case AttributeType::kInt:
      return "an integer";
    case AttributeType::kBool:
      return "0 or 1";
    case AttributeType::kString:
      return "a string";
    case AttributeType::kStrings:
      return "a list of strings";
  }
  return "";
}

absl::Status Mismatch(const TargetKindInfo& kind, const AttributeSpec& spec, std::string_view value) {
  return absl::InvalidArgumentError(ToAbsl(StrCat("target ", kind.name, ": attribute \"", spec.name, "\" is \"", value,
                                                  "\", expected ", TypeName(spec.type))));
}

std::vector<std::string> SplitList(std::string_view text) {
  return absl::StrSplit(ToAbsl(text), ',', absl::SkipEmpty());
}

absl::StatusOr<AttributeValue> ParseValue(const TargetKindInfo& kind, const AttributeSpec& spec,
                                          std::string_view text) {
  switch (spec.type) {
    case AttributeType::kInt: {
      int64_t number = 0;
      if (!absl::SimpleAtoi(ToAbsl(text), &number)) return Mismatch(kind, spec, text);
      return AttributeValue(number);
    }
    case AttributeType::kBool:
      if (text == "1" || text == "true" || text == "True") return AttributeValue(true);
      if (text == "0" || text == "false" || text == "False") return AttributeValue(false);
      return Mismatch(kind, spec, text);
    case AttributeType::kString:
      return AttributeValue(std::string(text));
    case AttributeType::kStrings:
      return AttributeValue(SplitList(text));
  }
  return Mismatch(kind, spec, text);
}

bool HasType(const AttributeValue& value, AttributeType type) {
  switch (type) {
    case AttributeType::kInt:
      return std::holds_alternative<int64_t>(value);
    case AttributeType::kBool:
      return std::holds_alternative<bool>(value);
    case AttributeType::kString:
      return std::holds_alternative<std::string>(value);
    case AttributeType::kStrings:
      return std::holds_alternative<std::vector<std::string>>(value);
  }
  return false;
}

// Integers that must be at least 1 when set.
constexpr std::string_view kPositive[] = {"num-cores",           "max_threads_per_block", "max_shared_memory_per_block",
                                          "thread_warp_size",    "registers_per_block",   "max_num_threads",
                                          "l2_cache_size_bytes", "vector-width"};

void AddKey(std::vector<std::string>& keys, std::string_view key) {
  if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.emplace_back(key);
}

}  // namespace

absl::StatusOr<TargetBuilder> TargetBuilder::ForKind(std::string_view name) {
  const TargetKindInfo* kind = FindTargetKind(name);
  if (kind != nullptr) return TargetBuilder(kind);
  std::vector<std::string_view> names;
  for (const TargetKindInfo& known : TargetKinds()) names.push_back(known.name);
  return absl::InvalidArgumentError(
      ToAbsl(StrCat("unknown target kind \"", name, "\"; the nearest is \"", NearestName(name, names), "\"")));
}

TargetBuilder::TargetBuilder(const Target& base)
    : kind_(base.rep_->kind),
      keys_(base.rep_->keys),
      tag_(base.rep_->tag),
      host_(base.rep_->host),
      attributes_(base.rep_->attributes) {}

absl::StatusOr<const AttributeSpec*> TargetBuilder::Find(std::string_view name) const {
  const AttributeSpec* spec = FindAttribute(*kind_, name);
  if (spec != nullptr) return spec;
  return absl::InvalidArgumentError(
      ToAbsl(StrCat("target ", kind_->name, ": unknown attribute \"", name, "\"; the nearest is \"",
                    NearestName(name, AttributeNames(*kind_)), "\"")));
}

absl::Status TargetBuilder::SetText(std::string_view name, std::string_view value) {
  if (name == "keys") {
    keys_ = SplitList(value);
    return absl::OkStatus();
  }
  if (name == "tag") {
    tag_ = std::string(value);
    return absl::OkStatus();
  }
  if (name == "host") {
    HONE_ASSIGN_OR_RETURN(host_, Target::Parse(value));
    return absl::OkStatus();
  }
  HONE_ASSIGN_OR_RETURN(const AttributeSpec* spec, Find(name));
  HONE_ASSIGN_OR_RETURN(attributes_[std::string(name)], ParseValue(*kind_, *spec, value));
  return absl::OkStatus();
}

absl::Status TargetBuilder::SetValue(std::string_view name, AttributeValue value) {
  HONE_ASSIGN_OR_RETURN(const AttributeSpec* spec, Find(name));
  if (spec->type == AttributeType::kBool && std::holds_alternative<int64_t>(value)) {
    value = std::get<int64_t>(value) != 0;
  }
  if (spec->type == AttributeType::kStrings && std::holds_alternative<std::string>(value)) {
    value = SplitList(std::get<std::string>(value));
  }
  if (!HasType(value, spec->type)) {
    return absl::InvalidArgumentError(ToAbsl(StrCat("target ", kind_->name, ": attribute \"", name,
                                                    "\" has the wrong type, expected ", TypeName(spec->type))));
  }
  attributes_[std::string(name)] = std::move(value);
  return absl::OkStatus();
}

absl::Status TargetBuilder::CheckRanges() const {
  for (std::string_view name : kPositive) {
    auto it = attributes_.find(std::string(name));
    if (it == attributes_.end()) continue;
    const int64_t* value = std::get_if<int64_t>(&it->second);
    if (value != nullptr && *value < 1) {
      return absl::InvalidArgumentError(
          ToAbsl(StrCat("target ", kind_->name, ": attribute \"", name, "\" is ", *value, ", expected at least 1")));
    }
  }
  return absl::OkStatus();
}

// LLVM takes an unknown CPU for a generic one and only prints a warning: a typing error would cost the user weeks of
// slow kernels.
absl::Status TargetBuilder::CheckCpu() const {
  const auto mcpu = attributes_.find("mcpu");
  if (mcpu == attributes_.end() || (kind_->name != "llvm" && kind_->name != "hexagon")) return absl::OkStatus();
  const auto& name = std::get<std::string>(mcpu->second);
  std::vector<CpuArch> archs = {CpuArch::kHexagon};
  if (kind_->name == "llvm") {
    const auto triple = attributes_.find("mtriple");
    archs = triple == attributes_.end() ? std::vector<CpuArch>{CpuArch::kX86, CpuArch::kAArch64}
                                        : std::vector<CpuArch>{ArchOfTriple(std::get<std::string>(triple->second))};
  }
  std::vector<std::string_view> names;
  for (CpuArch arch : archs) {
    if (IsKnownCpu(arch, name)) return absl::OkStatus();
    for (std::string_view cpu : KnownCpus(arch)) names.push_back(cpu);
  }
  return absl::InvalidArgumentError(
      ToAbsl(StrCat("target ", kind_->name, ": unknown CPU \"", name, "\" in attribute \"mcpu\"; the nearest is \"",
                    NearestName(name, names), "\"")));
}

absl::StatusOr<Target> TargetBuilder::Build() && {
  HONE_RETURN_IF_ERROR(CheckRanges());
  HONE_RETURN_IF_ERROR(CheckCpu());
  for (const AttributeSpec& spec : kind_->attributes) {
    if (spec.default_int >= 0) attributes_.try_emplace(std::string(spec.name), spec.default_int);
  }
  auto rep = std::make_shared<Target::Rep>();
  for (const std::string& key : keys_) AddKey(rep->keys, key);
  if (auto device = attributes_.find("device"); device != attributes_.end()) {
    AddKey(rep->keys, std::get<std::string>(device->second));
  }
  for (std::string_view key : kind_->default_keys) AddKey(rep->keys, key);
  rep->kind = kind_;
  rep->kind_name = std::string(kind_->name);
  rep->tag = std::move(tag_);
  rep->host = std::move(host_);
  rep->attributes = std::move(attributes_);
  return Target(std::move(rep));
}

}  // namespace hone
