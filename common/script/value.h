// What an expression of a script evaluates to: a Python value, a piece of IR, or something that is called or entered.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/ir/module.h"
#include "common/script/ast.h"

namespace hone::script {

struct Frame;

enum class ValueKind : uint8_t {
  kNone,
  kBool,       // integer
  kInt,        // integer
  kWide,       // an integer of 64 bits without sign; the bits are in `integer`
  kFloat,      // number
  kString,     // text
  kExpr,       // pointer: ExprNode
  kBuffer,     // pointer: BufferNode
  kSubscript,  // pointer: SubscriptValue, a buffer with indices: a load or a region, by its use
  kSequence,   // pointer: Value[integer], a list or tuple
  kDict,       // pointer: Value[2 * integer], keys and values
  kSlice,      // pointer: SliceValue
  kObject,     // pointer: ir::Object (Range, IterVar, IndexMap, NDArray, ...)
  kNamespace,  // integer: Namespace
  kFunction,   // text: name; integer: Namespace it belongs to
  kDtype,      // text: name, such as "float32x4" for T.float32x4
  kMethod,     // text: name; pointer: Value it is bound to
  kFrame,      // pointer: Frame, a scope not entered yet
  kLambda,     // pointer: Node
  kMacro,      // pointer: Statement
  kMeta,       // pointer: Value, what T.meta_var(x) wraps
  kGlobal,     // pointer: GlobalVarNode, a function of the module
};

enum class Namespace : int64_t { kTir, kIr, kAxis, kModule, kPackage };

struct Value {
  ValueKind kind = ValueKind::kNone;
  int64_t integer = 0;
  double number = 0;
  std::string_view text;
  const void* pointer = nullptr;

  static Value None() { return {}; }
  static Value Bool(bool v) { return {ValueKind::kBool, v, 0, {}, nullptr}; }
  static Value Int(int64_t v) { return {ValueKind::kInt, v, 0, {}, nullptr}; }
  static Value Float(double v) { return {ValueKind::kFloat, 0, v, {}, nullptr}; }
  static Value String(std::string_view v) { return {ValueKind::kString, 0, 0, v, nullptr}; }
  static Value Of(ir::Expr e) { return {ValueKind::kExpr, 0, 0, {}, e.get()}; }
  static Value Of(ir::Buffer b) { return {ValueKind::kBuffer, 0, 0, {}, b.get()}; }
  static Value Of(Frame* f) { return {ValueKind::kFrame, 0, 0, {}, f}; }
  static Value Object(const ir::Object* o) { return {ValueKind::kObject, 0, 0, {}, o}; }
  static Value Of(Namespace n) { return {ValueKind::kNamespace, static_cast<int64_t>(n), 0, {}, nullptr}; }
  static Value Function(Namespace n, std::string_view name) {
    return {ValueKind::kFunction, static_cast<int64_t>(n), 0, name, nullptr};
  }

  bool is_none() const { return kind == ValueKind::kNone; }
  // A plain Python number (or bool).
  bool is_number() const {
    return kind == ValueKind::kBool || kind == ValueKind::kInt || kind == ValueKind::kFloat || kind == ValueKind::kWide;
  }
  bool is_sequence() const { return kind == ValueKind::kSequence; }
  ir::Expr expr() const { return static_cast<const ir::ExprNode*>(pointer); }
  ir::Buffer buffer() const { return static_cast<const ir::BufferNode*>(pointer); }
  const ir::Object* object() const { return static_cast<const ir::Object*>(pointer); }
  ir::Array<Value> items() const;
  Frame* frame() const { return const_cast<Frame*>(static_cast<const Frame*>(pointer)); }
  Namespace name_space() const { return static_cast<Namespace>(integer); }
};

inline ir::Array<Value> Value::items() const {
  const size_t count = static_cast<size_t>(kind == ValueKind::kDict ? 2 * integer : integer);
  return ir::Array<Value>(static_cast<const Value*>(pointer), count);
}

struct SliceValue {
  Value start;
  Value stop;
  Value step;
};

struct SubscriptValue {
  ir::Buffer buffer;
  ir::Array<Value> indices;
};

}  // namespace hone::script
