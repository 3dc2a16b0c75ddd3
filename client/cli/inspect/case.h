// One question to `hone inspect` and its answer, free of any JSON library.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace hone::cli {

// Members of a line of a --cases file; absent ones are empty.
struct InspectCase {
  std::string id_json;     // As it stood in the line; null when absent.
  std::string module;      // TVMScript.
  std::string trace_json;  // TVM's [instructions, decisions], or the Python form.
  std::string target;      // Target string or JSON.
  std::string kind;        // "llvm", "cuda-tensorcore", ...; which default rules and postprocs.
  std::string emit;        // For lower: "tir", "llvm-ir", "asm", "cuda".
  std::string dump_after;  // For lower: a pass, or "all".
  std::string space;       // For space: a space by name instead of the kind's (--space); not a member of a line.
  std::vector<std::string> plugins;  // Paths, for space; not a member of a line.
  bool listing = false;              // The answer is shown to a person: Plain is wanted. Not a member of a line.
  bool postprocs = false;            // For replay: apply the kind's postprocs afterwards.
};

// Members of the result, in order, after `id` and `ok`.
class InspectAnswer {
 public:
  InspectAnswer& Text(std::string_view key, std::string_view text);  // Becomes a JSON string.
  InspectAnswer& Json(std::string_view key, std::string json);       // Must be valid JSON; goes in as it is.

  // Not a member: what is shown to a person.
  InspectAnswer& Plain(std::string text);

  // What is shown to a person: what Plain set, else the text of the first Text member, else the JSON of the first
  // member.
  const std::string& plain() const { return plain_; }
  // {"id": ..., "ok": true, members...}
  std::string ToJson(std::string_view id_json) const;

 private:
  std::vector<std::pair<std::string, std::string>> members_;  // Key and JSON.
  std::string plain_;
  bool plain_is_text_ = false;
};

// A failure of the case itself (a refused instruction, a syntax error) is a status; its message is the answer's
// `error`.
using InspectHandler = std::function<absl::StatusOr<InspectAnswer>(const InspectCase&)>;

// {"id": ..., "ok": false, "error": "..."}
std::string ErrorAnswerJson(std::string_view id_json, std::string_view error);

// Reads one line of a --cases file. InvalidArgument when it is not a JSON object or a member has the wrong type; the
// id is filled in when it could be read all the same.
absl::Status ParseCase(std::string_view line, InspectCase* parsed);

// Quotes and escapes; invalid UTF-8 is replaced.
std::string JsonString(std::string_view text);

}  // namespace hone::cli
