#include "common/target/target.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "common/support/check.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/cpu_table.h"
#include "common/target/target_builder.h"
#include "common/target/target_rep.h"
#include "nlohmann/json.hpp"

namespace hone {
namespace {

using Json = nlohmann::json;

template <typename T>
std::optional<T> Get(const std::map<std::string, AttributeValue>& attributes, std::string_view name) {
  auto it = attributes.find(std::string(name));
  if (it == attributes.end()) return std::nullopt;
  const T* value = std::get_if<T>(&it->second);
  if (value == nullptr) return std::nullopt;
  return *value;
}

std::string ValueText(const AttributeValue& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) return StrCat(*number);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "1" : "0";
  std::string text = std::holds_alternative<std::string>(value)
                         ? std::get<std::string>(value)
                         : absl::StrJoin(std::get<std::vector<std::string>>(value), ",");
  if (text.find(' ') != std::string::npos) text = StrCat("'", text, "'");
  return text;
}

Json ToObject(const Target& target) {
  Json object = Json::object();  // Sorted by key.
  for (const auto& [name, value] : target.attributes()) {
    Json& member = object[name];
    std::visit([&member](const auto& v) { member = v; }, value);
  }
  object["kind"] = target.kind();
  object["tag"] = target.tag();
  object["keys"] = target.keys();
  if (target.host().has_value()) object["host"] = ToObject(*target.host());
  return object;
}

void RemoveTags(Json& object) {
  object.erase("tag");
  if (auto host = object.find("host"); host != object.end()) RemoveTags(*host);
}

// Attribute values come from a parser that replaced nothing: text that is not UTF-8 is written with U+FFFD.
std::string Dump(const Json& object) { return object.dump(-1, ' ', false, Json::error_handler_t::replace); }

CpuArch ArchOf(const Target& target) {
  if (const auto triple = target.GetString("mtriple")) return ArchOfTriple(*triple);
  const std::string mcpu = target.GetString("mcpu").value_or("generic");
  if (IsKnownCpu(CpuArch::kX86, mcpu)) return CpuArch::kX86;
  return CpuArch::kAArch64;
}

}  // namespace

const std::string& Target::kind() const { return rep_->kind_name; }
DeviceType Target::device_type() const { return rep_->kind->device_type; }
const std::vector<std::string>& Target::keys() const { return rep_->keys; }
bool Target::HasKey(std::string_view key) const {
  return std::find(rep_->keys.begin(), rep_->keys.end(), key) != rep_->keys.end();
}
const std::string& Target::tag() const { return rep_->tag; }
std::optional<Target> Target::host() const { return rep_->host; }
const std::map<std::string, AttributeValue>& Target::attributes() const { return rep_->attributes; }

std::optional<int64_t> Target::GetInt(std::string_view name) const { return Get<int64_t>(rep_->attributes, name); }
std::optional<bool> Target::GetBool(std::string_view name) const { return Get<bool>(rep_->attributes, name); }
std::optional<std::string> Target::GetString(std::string_view name) const {
  return Get<std::string>(rep_->attributes, name);
}
std::vector<std::string> Target::GetStrings(std::string_view name) const {
  return Get<std::vector<std::string>>(rep_->attributes, name).value_or(std::vector<std::string>());
}

bool Target::HasFeature(std::string_view feature) const {
  if (kind() != "llvm") return false;
  const auto features = CpuFeatures(ArchOf(*this), GetString("mcpu").value_or(""), GetStrings("mattr"));
  return features.find(feature) != features.end();
}

int Target::VectorBits() const {
  if (kind() == "hexagon") return 1024;
  if (kind() != "llvm") return 0;
  if (HasFeature("avx512f")) return 512;
  return HasFeature("avx") ? 256 : 128;
}

absl::StatusOr<Target> Target::With(std::string_view name, std::string_view value) const {
  TargetBuilder builder(*this);
  HONE_RETURN_IF_ERROR(builder.SetText(name, value));
  return std::move(builder).Build();
}

Target Target::WithHost(const Target& host) const {
  auto rep = std::make_shared<Rep>(*rep_);
  rep->host = host;
  return Target(std::move(rep));
}

Target Target::FilledFrom(const Target& other) const {
  if (other.kind() != kind()) return *this;
  auto rep = std::make_shared<Rep>(*rep_);
  // A CPU that was named keeps its own features: mattr belongs to mcpu.
  const bool same_cpu = !GetString("mcpu").has_value() || GetString("mcpu") == other.GetString("mcpu");
  for (const auto& [name, value] : other.attributes()) {
    if (name == "mattr" && !same_cpu) continue;
    rep->attributes.try_emplace(name, value);
  }
  return Target(std::move(rep));
}

std::vector<std::string> Target::MissingAttributes() const {
  std::vector<std::string> missing;
  for (std::string_view name : rep_->kind->required) {
    if (rep_->attributes.count(std::string(name)) == 0) missing.emplace_back(name);
  }
  return missing;
}

std::string Target::ToString() const {
  std::string text = kind();
  if (!keys().empty()) StrAppend(&text, " -keys=", absl::StrJoin(keys(), ","));
  for (const auto& [name, value] : rep_->attributes) StrAppend(&text, " -", name, "=", ValueText(value));
  return text;
}

std::string Target::ToJson() const { return Dump(ToObject(*this)); }

Digest Target::ContentId() const {
  Json object = ToObject(*this);
  RemoveTags(object);
  return Sha256(StrCat("hone-target-v1\n", Dump(object)));
}

}  // namespace hone
