// The values that a trace is made of: inputs, attributes and decisions of instructions.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/ir/arena.h"
#include "common/ir/expr.h"

namespace hone::schedule {

// A random variable: what an instruction put out. Small numbers, given in order; negative for none.
struct Rv {
  int32_t id = -1;
  explicit operator bool() const { return id >= 0; }
  friend bool operator==(Rv a, Rv b) { return a.id == b.id; }
};
struct BlockRv : Rv {};
struct LoopRv : Rv {};
struct ExprRv : Rv {};

struct ValueEntry;

// Passed by value; lists, maps and texts lie in an arena.
class Value {
 public:
  enum class Kind : uint8_t {
    kNone,
    kRv,
    kInt,
    kFloat,
    kBool,
    kString,
    kList,
    kMap,
    kIndexMap,
    kExpr,  // A compound expression of ExprRVs: cannot be written as JSON.
  };

  Value() : int_(0) {}
  static Value None() { return Value(); }
  static Value OfRv(Rv rv) { return Value(Kind::kRv, rv.id); }
  static Value Int(int64_t value) { return Value(Kind::kInt, value); }
  static Value Bool(bool value) { return Value(Kind::kBool, value ? 1 : 0); }
  static Value Float(double value) {
    Value out;
    out.kind_ = Kind::kFloat;
    out.float_ = value;
    return out;
  }
  // `text` is not copied.
  static Value String(std::string_view text) {
    Value out;
    out.kind_ = Kind::kString;
    out.size_ = static_cast<uint32_t>(text.size());
    out.text_ = text.data();
    return out;
  }
  static Value List(ir::Array<Value> items) {
    Value out;
    out.kind_ = Kind::kList;
    out.size_ = static_cast<uint32_t>(items.size());
    out.list_ = items.data();
    return out;
  }
  static Value Map(ir::Array<ValueEntry> entries);
  static Value IndexMap(const ir::IndexMapNode* map) {
    Value out;
    out.kind_ = Kind::kIndexMap;
    out.index_map_ = map;
    return out;
  }
  static Value Expression(ir::Expr e) {
    Value out;
    out.kind_ = Kind::kExpr;
    out.expr_ = e.get();
    return out;
  }

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_none() const { return kind_ == Kind::kNone; }
  // An integer or a bool.
  bool is_integral() const { return kind_ == Kind::kInt || kind_ == Kind::kBool; }
  // Each only of a value of its kind.
  Rv rv() const { return Rv{static_cast<int32_t>(int_)}; }
  int64_t integer() const { return int_; }
  double number() const { return kind_ == Kind::kFloat ? float_ : static_cast<double>(int_); }
  std::string_view text() const { return std::string_view(text_, size_); }
  ir::Array<Value> list() const { return ir::Array<Value>(list_, size_); }
  ir::Array<ValueEntry> map() const;
  const ir::IndexMapNode* index_map() const { return index_map_; }
  ir::Expr expression() const { return ir::Expr(expr_); }

 private:
  Value(Kind kind, int64_t value) : kind_(kind), int_(value) {}

  Kind kind_ = Kind::kNone;
  uint32_t size_ = 0;
  union {
    int64_t int_;
    double float_;
    const char* text_;
    const Value* list_;
    const ValueEntry* map_;
    const ir::IndexMapNode* index_map_;
    const ir::ExprNode* expr_;
  };
};

struct ValueEntry {
  std::string_view key;
  Value value;
};

inline Value Value::Map(ir::Array<ValueEntry> entries) {
  Value out;
  out.kind_ = Kind::kMap;
  out.size_ = static_cast<uint32_t>(entries.size());
  out.map_ = entries.data();
  return out;
}
inline ir::Array<ValueEntry> Value::map() const { return ir::Array<ValueEntry>(map_, size_); }

// A copy in the current arena, texts, lists and maps included.
Value CopyValue(const Value& value);
// Same kind and content.
bool SameValue(const Value& a, const Value& b);

}  // namespace hone::schedule
