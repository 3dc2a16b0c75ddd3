// Reading numbers out of annotation values.
#pragma once

#include <optional>
#include <vector>

#include "common/ir/expr.h"

namespace hone::lower {

// Null when `value` is no expression.
inline ir::Expr AttrExpr(const ir::Object* value) {
  if (value == nullptr || value->object_kind != ir::ObjectKind::kExpr) return {};
  return static_cast<const ir::ExprNode*>(value);
}

// nullopt when `value` is no integer literal.
inline std::optional<int64_t> AttrInt(const ir::Object* value) {
  const ir::Expr e = AttrExpr(value);
  if (!e) return std::nullopt;
  const int64_t* number = ir::ConstInt(e);
  return number != nullptr ? std::optional<int64_t>(*number) : std::nullopt;
}

// nullopt when `value` is no list of integer literals.
inline std::optional<std::vector<int64_t>> AttrInts(const ir::Object* value) {
  const auto* array = ir::As<ir::ArrayNode>(value);
  if (array == nullptr) return std::nullopt;
  std::vector<int64_t> out;
  for (const ir::Object* item : array->items) {
    const auto number = AttrInt(item);
    if (!number) return std::nullopt;
    out.push_back(*number);
  }
  return out;
}

}  // namespace hone::lower
