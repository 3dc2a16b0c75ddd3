#include "server/tuning/search_answer.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone {
namespace {

using Json = nlohmann::json;

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

absl::Status Nonsense(std::string_view what) {
  return absl::UnavailableError(StrCat("the search process answered nonsense: ", what));
}

// The member `name` where it has this type; null else.
const Json* Member(const Json& json, const char* name, Json::value_t type) {
  auto it = json.find(name);
  return it != json.end() && it->type() == type ? &*it : nullptr;
}

bool ReadSecs(const Json& json, const char* name, double& secs) {
  auto it = json.find(name);
  if (it == json.end() || !it->is_number()) return false;
  secs = it->get<double>();
  return std::isfinite(secs) && secs >= 0;
}

bool ReadId(const Json& json, Digest& id) {
  return json.is_string() && Digest::FromHex(json.get_ref<const std::string&>(), id);
}

absl::StatusOr<SearchCandidate> CandidateFrom(const Json& json) {
  SearchCandidate candidate;
  if (!json.is_array() || json.size() != 3 || !ReadId(json[0], candidate.skeleton_id) || !json[1].is_string()) {
    return Nonsense("a candidate is not [skeleton, decisions, score]");
  }
  candidate.decisions_json = json[1].get<std::string>();
  candidate.predicted_score = json[2].is_number() ? json[2].get<double>() : 0;  // JSON has no NaN.
  return candidate;
}

absl::StatusOr<FoundRound> FoundFrom(const Json& json) {
  FoundRound found;
  const Json* candidates = Member(json, "candidates", Json::value_t::array);
  const Json* skeletons = Member(json, "skeletons", Json::value_t::array);
  const Json* log = Member(json, "log", Json::value_t::string);
  if (candidates == nullptr || skeletons == nullptr || log == nullptr) {
    return Nonsense("candidates, skeletons or log is missing");
  }
  for (const Json& item : *candidates) {
    HONE_ASSIGN_OR_RETURN(SearchCandidate candidate, CandidateFrom(item));
    found.round.candidates.push_back(std::move(candidate));
  }
  for (const Json& item : *skeletons) {
    Digest id;
    if (!item.is_array() || item.size() != 2 || !ReadId(item[0], id) || !item[1].is_string()) {
      return Nonsense("a skeleton is not [id, trace]");
    }
    found.skeletons.emplace_back(id, item[1].get<std::string>());
  }
  found.round.log = log->get<std::string>();
  if (!ReadSecs(json, "search_secs", found.round.search_secs) ||
      !ReadSecs(json, "model_secs", found.round.model_secs)) {
    return Nonsense("search_secs or model_secs is no time");
  }
  return found;
}

absl::Status ErrorFrom(const Json& json) {
  const Json* message = Member(json, "error", Json::value_t::string);
  auto code = json.find("code");
  if (message == nullptr || code == json.end() || !code->is_number_integer())
    return Nonsense("an error without a code");
  const auto number = code->get<int64_t>();
  if (number <= 0 || number > static_cast<int>(absl::StatusCode::kUnauthenticated)) {
    return Nonsense(StrCat("an error with the code ", number));
  }
  return absl::Status(static_cast<absl::StatusCode>(number), message->get_ref<const std::string&>());
}

}  // namespace

std::string EncodeFoundRound(const FoundRound& found) {
  Json candidates = Json::array(), skeletons = Json::array();
  for (const SearchCandidate& c : found.round.candidates) {
    candidates.push_back({c.skeleton_id.Hex(), c.decisions_json, c.predicted_score});
  }
  for (const auto& [id, json] : found.skeletons) skeletons.push_back({id.Hex(), json});
  return Dump({{"candidates", candidates},
               {"skeletons", skeletons},
               {"log", found.round.log},
               {"search_secs", found.round.search_secs},
               {"model_secs", found.round.model_secs}});
}

std::string EncodeSearchError(const absl::Status& error) {
  return Dump({{"code", static_cast<int>(error.code())}, {"error", std::string(error.message())}});
}

absl::StatusOr<FoundRound> DecodeSearchAnswer(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Nonsense("no JSON object");
  if (json.contains("error")) return ErrorFrom(json);
  return FoundFrom(json);
}

}  // namespace hone
