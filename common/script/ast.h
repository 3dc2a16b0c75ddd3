// The syntax tree of the Python subset: what the text says, before it means anything.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/ir/arena.h"
#include "common/script/source.h"

namespace hone::script {

enum class NodeKind : uint8_t {
  kName,    // text
  kInt,     // integer; text as written when it needs more than 64 bits (see `wide`)
  kFloat,   // number
  kString,  // text
  kTrue,
  kFalse,
  kNone,
  kTuple,      // items
  kList,       // items
  kDict,       // items: key, value, key, value, ...
  kAttribute,  // items[0] . text
  kCall,       // items[0] (items[1..], keywords)
  kSubscript,  // items[0] [items[1..]]; a tuple index is spread
  kSlice,      // items: start, stop, step; each may be null
  kUnary,      // text: "-", "+", "~", "not"; items[0]
  kBinary,     // text: operator; items[0], items[1]. "and" and "or" of n operands nest to the left
  kCompare,    // text: operator; items[0], items[1]
  kCondition,  // items: value, condition, otherwise
  kLambda,     // keywords: parameters (defaults may be null); items[0] body
  kStar,       // * items[0]
};

struct Node;

struct Keyword {
  std::string_view name;
  const Node* value;
  Position at;
};

struct Node {
  NodeKind kind;
  Position at;
  int depth;  // Of the tree below, 1 for a leaf.
  bool wide;  // kInt: the value does not fit; kCompare: one of a chain.
  std::string_view text;
  int64_t integer;
  double number;
  ir::Array<const Node*> items;
  ir::Array<Keyword> keywords;
};

enum class SuiteKind : uint8_t {
  kExpr,       // value
  kAssign,     // targets (more than one for a = b = c), value
  kAnnAssign,  // targets[0], annotation, value (may be null)
  kAugAssign,  // targets[0], text: operator without '=', value
  kFor,        // targets[0], value, body
  kWhile,      // value, body
  kIf,         // value, body, otherwise
  kWith,       // with: items, body
  kFunction,   // text: name, parameters, decorators, annotation (returned type), body
  kClass,      // text: name, decorators, body
  kReturn,     // value (may be null)
  kAssert,     // value, annotation: message (may be null)
  kPass,
  kImport,  // imports
  kOther,   // text: the keyword of an unsupported statement
};

struct Statement;
using Suite = ir::Array<const Statement*>;

struct WithItem {
  const Node* value;
  const Node* target;  // May be null.
};

// from `module` import `name` as `alias`; `import module as alias` has an empty name.
struct ImportedName {
  std::string_view module;
  std::string_view name;
  std::string_view alias;
};

struct Statement {
  SuiteKind kind;
  Position at;
  std::string_view text;
  ir::Array<const Node*> targets;
  const Node* value;
  const Node* annotation;
  Suite body;
  Suite otherwise;
  ir::Array<WithItem> with;
  ir::Array<Keyword> parameters;  // Name and annotation (may be null).
  ir::Array<const Node*> decorators;
  ir::Array<ImportedName> imports;
};

}  // namespace hone::script
