#include "server/service/limits.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/record/json_scan.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {
namespace {

using Json = nlohmann::json;

constexpr double kBurstSecs = 2;

absl::StatusOr<std::vector<std::string>> ParsePools(const std::string& field, const Json& json) {
  std::vector<std::string> pools;
  for (const Json& pool : json.is_array() ? json : Json::array({nullptr})) {
    if (!pool.is_string() || pool.get<std::string>().empty()) {
      return absl::InvalidArgumentError(StrCat(field, " is ", json.dump(), ", expected a list of pools"));
    }
    pools.push_back(pool.get<std::string>());
  }
  return pools;
}

absl::StatusOr<TenantLimits> Parse(const std::string& where, const Json& json, TenantLimits limits) {
  if (!json.is_object()) return absl::InvalidArgumentError(StrCat(where, " is no object"));
  for (const auto& [name, value] : json.items()) {
    std::string field = StrCat(where, ".", name);
    if (name == "reads") {
      HONE_ASSIGN_OR_RETURN(limits.reads, ParsePools(field, value));
      continue;
    }
    if (!value.is_number() || !(value.get<double>() > 0)) {
      return absl::InvalidArgumentError(StrCat(field, " is ", value.dump(), ", expected a positive number"));
    }
    if (name == "jobs") {
      limits.jobs = value.get<int64_t>();
    } else if (name == "open_trials") {
      limits.open_trials = value.get<int64_t>();
    } else if (name == "calls_per_second") {
      limits.calls_per_second = value.get<double>();
    } else if (name == "streams") {
      limits.streams = value.get<int64_t>();
    } else if (name == "weight") {
      limits.weight = value.get<double>();
    } else {
      return absl::InvalidArgumentError(
          StrCat(field, " is unknown, expected jobs, open_trials, calls_per_second, streams, weight or reads"));
    }
  }
  return limits;
}

}  // namespace

absl::StatusOr<Limits> LimitsFromJson(std::string_view text) {
  HONE_RETURN_IF_ERROR(CheckJsonShape("limits", text, 1u << 20, 8));
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("limits: not a JSON object");
  Limits limits;
  for (const auto& [name, value] : json.items()) {
    if (name != "default" && name != "tenants") {
      return absl::InvalidArgumentError(StrCat("limits.", name, " is unknown, expected default or tenants"));
    }
  }
  if (json.contains("default")) {
    HONE_ASSIGN_OR_RETURN(limits.otherwise, Parse("limits.default", json["default"], limits.otherwise));
  }
  if (!json.contains("tenants")) return limits;
  if (!json["tenants"].is_object()) return absl::InvalidArgumentError("limits.tenants is no object");
  for (const auto& [tenant, value] : json["tenants"].items()) {
    HONE_ASSIGN_OR_RETURN(limits.tenants[tenant], Parse(StrCat("limits.tenants.", tenant), value, limits.otherwise));
  }
  return limits;
}

absl::StatusOr<Limits> LimitsFromFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::NotFoundError(StrCat("cannot read the limits file ", path));
  std::ostringstream text;
  text << in.rdbuf();
  return LimitsFromJson(text.str());
}

absl::Status RateLimiter::Take(std::string_view tenant, double calls_per_second, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  double most = std::max(1.0, calls_per_second * kBurstSecs);
  auto [it, added] = buckets_.try_emplace(std::string(tenant), Bucket{most, now});
  Bucket& bucket = it->second;
  double passed = std::max(0.0, absl::ToDoubleSeconds(now - bucket.filled));
  bucket.calls = std::min(most, bucket.calls + passed * calls_per_second);
  bucket.filled = now;
  if (bucket.calls >= 1) {
    bucket.calls -= 1;
    return absl::OkStatus();
  }
  auto wait_ms = static_cast<int64_t>(std::ceil((1 - bucket.calls) / calls_per_second * 1e3));
  absl::Status status = absl::ResourceExhaustedError(StrCat(
      "tenant \"", tenant, "\" makes more than ", calls_per_second, " calls a second; again in ", wait_ms, " ms"));
  status.SetPayload(ToAbsl(kRetryAfterPayload), absl::Cord(std::to_string(wait_ms)));
  return status;
}

absl::Status StreamCounter::Open(const std::string& tenant, int64_t limit) {
  absl::MutexLock lock(&mutex_);
  int64_t& open = open_[tenant];
  if (open >= limit) {
    return absl::ResourceExhaustedError(
        StrCat("tenant \"", tenant, "\" has ", open, " streams open, as many as it may"));
  }
  ++open;
  return absl::OkStatus();
}

void StreamCounter::Close(const std::string& tenant) {
  absl::MutexLock lock(&mutex_);
  auto it = open_.find(tenant);
  if (it != open_.end() && --it->second <= 0) open_.erase(it);
}

absl::Status CheckJsonShape(std::string_view field, std::string_view text, size_t max_bytes, int max_depth) {
  if (text.size() > max_bytes) {
    return absl::InvalidArgumentError(StrCat(field, " has ", text.size(), " bytes, expected at most ", max_bytes));
  }
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
      continue;
    }
    if (c == '"') quoted = true;
    if (c == ']' || c == '}') --depth;
    if ((c == '[' || c == '{') && ++depth > max_depth) {
      return absl::InvalidArgumentError(StrCat(field, " nests deeper than ", max_depth));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTraceInstructions(std::string_view field, std::string_view trace_json, int max) {
  const absl::StatusOr<std::vector<std::string_view>> parts = SplitJsonArray(trace_json);
  if (!parts.ok() || parts->empty()) return absl::OkStatus();
  const absl::StatusOr<std::vector<std::string_view>> instructions = SplitJsonArray((*parts)[0]);
  if (!instructions.ok() || instructions->size() <= static_cast<size_t>(max)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat(field, " has ", instructions->size(), " instructions, expected at most ", max));
}

}  // namespace hone
