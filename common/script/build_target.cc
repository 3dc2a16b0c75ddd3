// T.target({...}) as an attribute.
#include <map>
#include <string>
#include <string_view>

#include "absl/strings/str_format.h"
#include "common/script/builder.h"
#include "common/script/quote.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

constexpr int kMaxDepth = 16;

}  // namespace

absl::Status Builder::AppendJson(const Value& value, Position at, int depth, std::string* out) {
  if (depth > kMaxDepth) return Error(at, "the target is nested too deeply");
  switch (value.kind) {
    case ValueKind::kNone:
      *out += "null";
      return absl::OkStatus();
    case ValueKind::kBool:
      *out += value.integer != 0 ? "true" : "false";
      return absl::OkStatus();
    case ValueKind::kInt:
      StrAppend(out, value.integer);
      return absl::OkStatus();
    case ValueKind::kFloat:
      *out += absl::StrFormat("%.17g", value.number);
      return absl::OkStatus();
    case ValueKind::kString:
      *out += Quoted(value.text);
      return absl::OkStatus();
    case ValueKind::kExpr: {
      const ir::Expr e = value.expr();
      if (const int64_t* number = ir::ConstInt(e)) {
        if (e.dtype().is_bool()) return AppendJson(Value::Bool(*number != 0), at, depth, out);
        return AppendJson(Value::Int(*number), at, depth, out);
      }
      break;
    }
    case ValueKind::kSequence: {
      *out += '[';
      bool first = true;
      for (const Value& item : value.items()) {
        if (!first) *out += ", ";
        first = false;
        HONE_RETURN_IF_ERROR(AppendJson(item, at, depth + 1, out));
      }
      *out += ']';
      return absl::OkStatus();
    }
    case ValueKind::kDict: {
      // The exported form has its keys sorted.
      std::map<std::string_view, Value> members;
      const ir::Array<Value> items = value.items();
      for (size_t i = 0; i + 1 < items.size(); i += 2) {
        HONE_ASSIGN_OR_RETURN(const std::string_view key, ToString(items[i], at, "the key of a target"));
        members[key] = items[i + 1];
      }
      *out += '{';
      bool first = true;
      for (const auto& [key, member] : members) {
        if (!first) *out += ", ";
        first = false;
        *out += Quoted(key);
        *out += ": ";
        HONE_RETURN_IF_ERROR(AppendJson(member, at, depth + 1, out));
      }
      *out += '}';
      return absl::OkStatus();
    }
    default:
      break;
  }
  return Error(at, StrCat(Describe(value), " cannot be part of a target"));
}

Builder::Or<Value> Builder::TargetFrom(const Value& config, Position at) {
  std::string json;
  if (config.kind == ValueKind::kString) {
    json =
        StrCat("{\"keys\": [], \"kind\": ", Quoted(config.text.substr(0, config.text.find(' '))), ", \"tag\": \"\"}");
  } else {
    HONE_RETURN_IF_ERROR(AppendJson(config, at, 0, &json));
  }
  auto* node = ir::New<ir::TargetNode>();
  node->object_kind = ir::ObjectKind::kTarget;
  node->json = ir::CopyString(json);
  return Value::Object(node);
}

}  // namespace hone::script
