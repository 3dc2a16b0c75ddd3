// Target::Parse: the two texts a target comes in.
#include <string>
#include <vector>

#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/tag.h"
#include "common/target/target.h"
#include "common/target/target_builder.h"
#include "nlohmann/json.hpp"

namespace hone {
namespace {

using Json = nlohmann::json;

absl::Status Invalid(std::string message) { return absl::InvalidArgumentError(ToAbsl(message)); }

// Words of a target string. Single or double quotes, at the start of a word or after '=', keep spaces.
absl::StatusOr<std::vector<std::string>> SplitWords(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (char c : text) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if ((c == '\'' || c == '"') && (word.empty() || word.back() == '=')) {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != 0) return Invalid(StrCat("target \"", text, "\": a quote is not closed"));
  if (in_word) words.push_back(std::move(word));
  return words;
}

bool IsOption(const std::string& word) { return word.size() > 1 && word[0] == '-'; }

absl::Status UnknownTag(std::string_view tag) {
  return Invalid(StrCat("unknown target tag \"", tag, "\"; the nearest is \"", NearestName(tag, TargetTags()), "\""));
}

absl::StatusOr<Target> TargetOfTag(std::string_view tag) {
  std::optional<std::string> text = TargetStringOfTag(tag);
  if (!text.has_value()) return UnknownTag(tag);
  HONE_ASSIGN_OR_RETURN(Target target, Target::Parse(*text));
  TargetBuilder builder(target);
  builder.SetTag(std::string(tag));
  return std::move(builder).Build();
}

absl::StatusOr<TargetBuilder> StartFrom(std::string_view first) {
  if (first.find('/') == std::string_view::npos) return TargetBuilder::ForKind(first);
  HONE_ASSIGN_OR_RETURN(Target target, TargetOfTag(first));
  return TargetBuilder(target);
}

absl::StatusOr<Target> ParseString(std::string_view text) {
  HONE_ASSIGN_OR_RETURN(std::vector<std::string> words, SplitWords(text));
  if (words.empty()) return Invalid("target is empty; expected a kind such as llvm, a tag, or JSON");
  if (IsOption(words[0])) return Invalid(StrCat("target \"", text, "\" starts with an option; expected a kind or tag"));
  HONE_ASSIGN_OR_RETURN(TargetBuilder builder, StartFrom(words[0]));
  for (size_t i = 1; i < words.size(); ++i) {
    if (!IsOption(words[i])) return Invalid(StrCat("target: \"", words[i], "\" is not an option (-name=value)"));
    std::string_view option = std::string_view(words[i]).substr(words[i][1] == '-' ? 2 : 1);
    const size_t equal = option.find('=');
    if (equal != std::string_view::npos) {
      HONE_RETURN_IF_ERROR(builder.SetText(option.substr(0, equal), option.substr(equal + 1)));
    } else if (i + 1 < words.size() && !IsOption(words[i + 1])) {
      HONE_RETURN_IF_ERROR(builder.SetText(option, words[++i]));
    } else {
      HONE_RETURN_IF_ERROR(builder.SetText(option, "1"));
    }
  }
  return std::move(builder).Build();
}

absl::StatusOr<Target> FromObject(const Json& object);

absl::StatusOr<std::vector<std::string>> StringList(std::string_view name, const Json& value) {
  std::vector<std::string> list;
  for (const Json& item : value) {
    if (!item.is_string()) return Invalid(StrCat("target JSON: \"", name, "\" has an item that is not a string"));
    list.push_back(item.get<std::string>());
  }
  return list;
}

absl::Status SetFromJson(TargetBuilder& builder, const std::string& name, const Json& value) {
  if (name == "kind") return absl::OkStatus();
  if (name == "host") {
    HONE_ASSIGN_OR_RETURN(Target host, value.is_string() ? Target::Parse(value.get<std::string>()) : FromObject(value));
    builder.SetHost(std::move(host));
    return absl::OkStatus();
  }
  if (name == "tag") {
    if (!value.is_string()) return Invalid("target JSON: \"tag\" is not a string");
    builder.SetTag(value.get<std::string>());
    return absl::OkStatus();
  }
  if (value.is_array()) {
    HONE_ASSIGN_OR_RETURN(std::vector<std::string> list, StringList(name, value));
    if (name != "keys") return builder.SetValue(name, AttributeValue(std::move(list)));
    builder.SetKeys(std::move(list));
    return absl::OkStatus();
  }
  if (value.is_boolean()) return builder.SetValue(name, AttributeValue(value.get<bool>()));
  if (value.is_number_integer()) return builder.SetValue(name, AttributeValue(value.get<int64_t>()));
  if (value.is_string()) return builder.SetValue(name, AttributeValue(value.get<std::string>()));
  return Invalid(StrCat("target JSON: \"", name, "\" is neither string, integer, boolean nor list of strings"));
}

absl::StatusOr<Target> FromObject(const Json& object) {
  if (!object.is_object()) return Invalid("target JSON is not an object");
  auto string_member = [&](const char* name) {
    auto it = object.find(name);
    return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  const std::string kind = string_member("kind");
  const std::string tag = string_member("tag");
  if (kind.empty() && tag.empty()) return Invalid("target JSON has neither \"kind\" nor \"tag\"");
  absl::StatusOr<TargetBuilder> builder = kind.empty() ? StartFrom(tag) : TargetBuilder::ForKind(kind);
  HONE_RETURN_IF_ERROR(builder.status());
  for (const auto& [name, value] : object.items()) HONE_RETURN_IF_ERROR(SetFromJson(*builder, name, value));
  return std::move(*builder).Build();
}

}  // namespace

absl::StatusOr<Target> Target::Parse(std::string_view text) {
  constexpr size_t kMaxBytes = 64 << 10;
  if (text.size() > kMaxBytes)
    return Invalid(StrCat("target has ", text.size(), " bytes, expected at most ", kMaxBytes));
  const size_t start = text.find_first_not_of(" \t\n");
  if (start == std::string_view::npos || text[start] != '{') {
    // Other bytes would not come back from JSON as they were.
    for (const char c : text) {
      if ((c >= ' ' && c <= '~') || c == '\t' || c == '\n' || c == '\r') continue;
      return Invalid(StrCat("target has the byte ", static_cast<int>(static_cast<unsigned char>(c)),
                            ", expected printable ASCII"));
    }
    return ParseString(text);
  }
  Json object = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (object.is_discarded()) return Invalid(StrCat("target is not valid JSON: ", text.substr(0, 200)));
  return FromObject(object);
}

}  // namespace hone
