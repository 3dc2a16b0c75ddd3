#include "common/ir/object.h"

#include <algorithm>

#include "common/ir/expr.h"
#include "common/ir/new_object.h"

namespace hone::ir {
namespace {

const Attr* Find(const Attrs& attrs, std::string_view key) {
  for (const Attr& attr : attrs) {
    if (attr.key == key) return &attr;
  }
  return nullptr;
}

}  // namespace

const Object* Attrs::Get(std::string_view key) const {
  const Attr* attr = Find(*this, key);
  return attr != nullptr ? attr->value : nullptr;
}

bool Attrs::Has(std::string_view key) const { return Find(*this, key) != nullptr; }

Attrs Attrs::With(std::string_view key, const Object* value) const {
  std::vector<Attr> entries = entries_.ToVector();
  auto at = std::lower_bound(entries.begin(), entries.end(), key,
                             [](const Attr& attr, std::string_view k) { return attr.key < k; });
  if (at != entries.end() && at->key == key) {
    at->value = value;
  } else {
    entries.insert(at, Attr{CopyString(key), value});
  }
  Attrs out;
  out.entries_ = MakeArray(entries);
  return out;
}

Attrs Attrs::Without(std::string_view key) const {
  std::vector<Attr> entries;
  for (const Attr& attr : *this) {
    if (attr.key != key) entries.push_back(attr);
  }
  Attrs out;
  out.entries_ = MakeArray(entries);
  return out;
}

int64_t Attrs::GetInt(std::string_view key, int64_t fallback) const {
  const Object* value = Get(key);
  if (value == nullptr || value->object_kind != ObjectKind::kExpr) return fallback;
  const int64_t* number = ConstInt(Expr(static_cast<const ExprNode*>(value)));
  return number != nullptr ? *number : fallback;
}

std::string_view Attrs::GetString(std::string_view key, std::string_view fallback) const {
  const Object* value = Get(key);
  if (const auto* text = As<StringNode>(value)) return text->value;
  return fallback;
}

const StringNode* String(std::string_view value) {
  auto* node = NewObject<StringNode>();
  node->value = CopyString(value);
  return node;
}

const ArrayNode* ObjectArray(Array<const Object*> items) {
  auto* node = NewObject<ArrayNode>();
  node->items = items;
  return node;
}

const MapNode* Map(Attrs entries) {
  auto* node = NewObject<MapNode>();
  node->entries = entries;
  return node;
}

const NDArrayNode* NDArray(DataType dtype, Array<int64_t> shape, std::string_view bytes) {
  auto* node = NewObject<NDArrayNode>();
  node->dtype = dtype;
  node->shape = shape;
  node->bytes = CopyString(bytes);
  return node;
}

}  // namespace hone::ir
