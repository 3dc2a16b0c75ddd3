// The root of everything that an annotation, an attribute or a node field may hold, and the plain containers.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/ir/arena.h"
#include "common/ir/dtype.h"

namespace hone::ir {

enum class ObjectKind : uint8_t {
  kExpr,
  kStmt,
  kType,
  kRange,
  kIterVar,
  kBuffer,
  kBufferRegion,
  kMatchBufferRegion,
  kCommReducer,
  kIndexMap,
  kGlobalVar,
  kPrimFunc,
  kExternFunc,
  kModule,
  kString,
  kArray,
  kMap,
  kNDArray,
  kTarget,
};

// Immutable once built. Null pointers stand for absent values (None).
struct Object {
  ObjectKind object_kind;
};

// A plain string value (runtime.String); StringImmNode is the expression.
struct StringNode : Object {
  static constexpr ObjectKind kObjectKind = ObjectKind::kString;
  std::string_view value;
};

struct ArrayNode : Object {
  static constexpr ObjectKind kObjectKind = ObjectKind::kArray;
  Array<const Object*> items;
};

// One entry of a string-keyed map.
struct Attr {
  std::string_view key;
  const Object* value;
};

// String-keyed attributes, sorted bytewise by key. A value: cheap to copy, changed by making another.
class Attrs {
 public:
  Attrs() = default;

  // Null when absent (a present None is null, too: see Has).
  const Object* Get(std::string_view key) const;
  bool Has(std::string_view key) const;
  Attrs With(std::string_view key, const Object* value) const;
  Attrs Without(std::string_view key) const;
  // nullopt-like helpers: the default when absent or of another type.
  int64_t GetInt(std::string_view key, int64_t fallback) const;
  std::string_view GetString(std::string_view key, std::string_view fallback = {}) const;

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  const Attr* begin() const { return entries_.begin(); }
  const Attr* end() const { return entries_.end(); }
  bool same_as(const Attrs& other) const { return entries_.same_as(other.entries_); }

 private:
  Array<Attr> entries_;
};

struct MapNode : Object {
  static constexpr ObjectKind kObjectKind = ObjectKind::kMap;
  Attrs entries;
};

// A constant tensor: row-major bytes in the arena.
struct NDArrayNode : Object {
  static constexpr ObjectKind kObjectKind = ObjectKind::kNDArray;
  DataType dtype;
  Array<int64_t> shape;
  std::string_view bytes;
};

// A compilation target held as an attribute, in its exported JSON form.
struct TargetNode : Object {
  static constexpr ObjectKind kObjectKind = ObjectKind::kTarget;
  std::string_view json;
};

// Null when `object` is null or of another kind. Works for every node type with kObjectKind.
template <typename T>
const T* As(const Object* object) {
  return object != nullptr && object->object_kind == T::kObjectKind ? static_cast<const T*>(object) : nullptr;
}

const StringNode* String(std::string_view value);
const ArrayNode* ObjectArray(Array<const Object*> items);
const MapNode* Map(Attrs entries);
const NDArrayNode* NDArray(DataType dtype, Array<int64_t> shape, std::string_view bytes);

}  // namespace hone::ir
