#include "common/schedule/value.h"

#include <vector>

namespace hone::schedule {

Value CopyValue(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kString:
      return Value::String(ir::CopyString(value.text()));
    case Value::Kind::kList: {
      std::vector<Value> items;
      items.reserve(value.list().size());
      for (const Value& item : value.list()) items.push_back(CopyValue(item));
      return Value::List(ir::MakeArray(items));
    }
    case Value::Kind::kMap: {
      std::vector<ValueEntry> entries;
      for (const ValueEntry& entry : value.map()) {
        entries.push_back({ir::CopyString(entry.key), CopyValue(entry.value)});
      }
      return Value::Map(ir::MakeArray(entries));
    }
    case Value::Kind::kNone:
    case Value::Kind::kRv:
    case Value::Kind::kInt:
    case Value::Kind::kFloat:
    case Value::Kind::kBool:
    case Value::Kind::kIndexMap:
    case Value::Kind::kExpr:
      return value;
  }
  return value;
}

bool SameValue(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Value::Kind::kNone:
      return true;
    case Value::Kind::kRv:
      return a.rv() == b.rv();
    case Value::Kind::kInt:
    case Value::Kind::kBool:
      return a.integer() == b.integer();
    case Value::Kind::kFloat:
      return a.number() == b.number();
    case Value::Kind::kString:
      return a.text() == b.text();
    case Value::Kind::kList: {
      if (a.list().size() != b.list().size()) return false;
      for (size_t i = 0; i < a.list().size(); ++i) {
        if (!SameValue(a.list()[i], b.list()[i])) return false;
      }
      return true;
    }
    case Value::Kind::kMap: {
      if (a.map().size() != b.map().size()) return false;
      for (size_t i = 0; i < a.map().size(); ++i) {
        if (a.map()[i].key != b.map()[i].key || !SameValue(a.map()[i].value, b.map()[i].value)) return false;
      }
      return true;
    }
    case Value::Kind::kIndexMap:
      return a.index_map() == b.index_map();
    case Value::Kind::kExpr:
      return a.expression() == b.expression();
  }
  return false;
}

}  // namespace hone::schedule
