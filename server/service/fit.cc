#include "server/service/fit.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

namespace hone {
namespace {

using Json = nlohmann::json;

// A device of which one of these differs does not run the record's code.
constexpr std::string_view kRefusing[] = {"kind", "mtriple", "arch"};
// A schedule may use all that its own target allows.
constexpr std::string_view kLimits[] = {"max_threads_per_block",       "max_num_threads", "thread_warp_size",
                                        "max_shared_memory_per_block", "vtcm-capacity",   "registers_per_block",
                                        "max_local_memory_per_block"};
constexpr std::string_view kTelling[] = {"mcpu", "mattr", "num-cores"};

FitVerdict Verdict(v1::Fit fit, std::string_view field) { return {fit, std::string(field)}; }

bool Differs(const Json& a, const Json& b, std::string_view name) {
  auto x = a.find(std::string(name)), y = b.find(std::string(name));
  return x != a.end() && y != b.end() && *x != *y;
}

bool Exceeds(const Json& made_for, const Json& asked, std::string_view name) {
  auto needs = made_for.find(std::string(name)), has = asked.find(std::string(name));
  return needs != made_for.end() && has != asked.end() && needs->is_number() && has->is_number() && *has < *needs;
}

// The first attribute that only one has, or that differs.
std::string FirstDifference(const Json& a, const Json& b) {
  for (const auto& [name, value] : a.items()) {
    auto other = b.find(name);
    if (other == b.end() || *other != value) return name;
  }
  for (const auto& [name, value] : b.items()) {
    if (!a.contains(name)) return name;
  }
  return "target";
}

FitVerdict FitOfTargets(const std::string& made_for, const std::string& asked) {
  if (asked.empty() || made_for == asked) return {};
  const Json a = Json::parse(made_for, nullptr, false), b = Json::parse(asked, nullptr, false);
  if (!a.is_object() || !b.is_object()) return Verdict(v1::FIT_SUGGESTED, "target");
  if (a == b) return {};
  for (std::string_view name : kRefusing) {
    if (Differs(a, b, name)) return Verdict(v1::FIT_REFUSED, name);
  }
  for (std::string_view name : kLimits) {
    if (Exceeds(a, b, name)) return Verdict(v1::FIT_REFUSED, name);
  }
  for (std::string_view name : kTelling) {
    if (Differs(a, b, name)) return Verdict(v1::FIT_SUGGESTED, name);
  }
  return Verdict(v1::FIT_COMPATIBLE, FirstDifference(a, b));
}

std::vector<std::string_view> Parts(std::string_view text) {
  std::vector<std::string_view> parts;
  for (size_t slash; (slash = text.find('/')) != std::string_view::npos; text.remove_prefix(slash + 1)) {
    parts.push_back(text.substr(0, slash));
  }
  parts.push_back(text);
  return parts;
}

// A class reads cpu/vendor/family/model/cores or gpu/name/multiprocessors.
FitVerdict FitOfClasses(const std::string& made_for, const std::string& asked) {
  if (asked.empty() || made_for == asked) return {};
  const std::vector<std::string_view> a = Parts(made_for), b = Parts(asked);
  if (a[0] != b[0] && a.size() > 1 && b.size() > 1) return Verdict(v1::FIT_REFUSED, "device_class");
  const size_t telling = a[0] == "cpu" ? 3 : 2;  // Kind, vendor and family; kind and name.
  for (size_t i = 1; i < std::min({telling, a.size(), b.size()}); ++i) {
    if (a[i] != b[i]) return Verdict(v1::FIT_SUGGESTED, "device_class");
  }
  return Verdict(v1::FIT_COMPATIBLE, "device_class");
}

}  // namespace

FitVerdict FitOf(const DeviceTarget& made_for, const DeviceTarget& asked) {
  FitVerdict by_target = FitOfTargets(made_for.target_json, asked.target_json);
  FitVerdict by_class = FitOfClasses(made_for.device_class, asked.device_class);
  return by_class.fit > by_target.fit ? by_class : by_target;
}

}  // namespace hone
