#include "client/cli/inspect/case.h"

#include <nlohmann/json.hpp>

#include "common/support/strings.h"

namespace hone::cli {
namespace {

using nlohmann::json;

absl::Status ReadText(const json& object, const char* key, std::string* value) {
  auto it = object.find(key);
  if (it == object.end() || it->is_null()) return absl::OkStatus();
  if (!it->is_string()) return absl::InvalidArgumentError(StrCat("member \"", key, "\" is not a string"));
  *value = it->get<std::string>();
  return absl::OkStatus();
}

// A member that may be a string or any other JSON (a target, a trace).
void ReadTextOrJson(const json& object, const char* key, std::string* value) {
  auto it = object.find(key);
  if (it == object.end() || it->is_null()) return;
  *value = it->is_string() ? it->get<std::string>() : it->dump();
}

}  // namespace

namespace {

// Nesting that no case needs, and that would overflow the stack where values are written again.
bool NestsTooDeeply(std::string_view text) {
  constexpr int kMaxDepth = 256;
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

std::string JsonString(std::string_view text) {
  return json(text).dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
}

InspectAnswer& InspectAnswer::Text(std::string_view key, std::string_view text) {
  members_.emplace_back(key, JsonString(text));
  if (!plain_is_text_) plain_ = std::string(text);
  plain_is_text_ = true;
  return *this;
}

InspectAnswer& InspectAnswer::Json(std::string_view key, std::string json) {
  if (members_.empty() && !plain_is_text_) plain_ = json;
  members_.emplace_back(key, std::move(json));
  return *this;
}

InspectAnswer& InspectAnswer::Plain(std::string text) {
  plain_ = std::move(text);
  plain_is_text_ = true;
  return *this;
}

std::string InspectAnswer::ToJson(std::string_view id_json) const {
  std::string text = StrCat("{\"id\": ", id_json, ", \"ok\": true");
  for (const auto& [key, value] : members_) StrAppend(&text, ", ", JsonString(key), ": ", value);
  return text + "}";
}

std::string ErrorAnswerJson(std::string_view id_json, std::string_view error) {
  return StrCat("{\"id\": ", id_json, ", \"ok\": false, \"error\": ", JsonString(error), "}");
}

absl::Status ParseCase(std::string_view line, InspectCase* parsed) {
  *parsed = InspectCase();
  parsed->id_json = "null";
  if (NestsTooDeeply(line)) return absl::InvalidArgumentError("the line nests more than 256 levels");
  json object = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return absl::InvalidArgumentError("the line is not a JSON object");
  if (object.contains("id")) parsed->id_json = object["id"].dump(-1, ' ', false, json::error_handler_t::replace);
  for (auto [key, value] : {std::pair{"module", &parsed->module},
                            {"kind", &parsed->kind},
                            {"emit", &parsed->emit},
                            {"dump_after", &parsed->dump_after}}) {
    if (absl::Status status = ReadText(object, key, value); !status.ok()) return status;
  }
  ReadTextOrJson(object, "trace", &parsed->trace_json);
  ReadTextOrJson(object, "target", &parsed->target);
  if (auto it = object.find("postprocs"); it != object.end()) parsed->postprocs = it->is_boolean() && it->get<bool>();
  return absl::OkStatus();
}

}  // namespace hone::cli
