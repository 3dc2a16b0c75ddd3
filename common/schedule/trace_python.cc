#include "common/schedule/trace_python.h"

#include <algorithm>
#include <cstdio>

#include "common/ir/visitor.h"
#include "common/schedule/expr_text.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

std::string FloatText(double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof(buffer), "%.17g", value);
  return buffer;
}

class Printer {
 public:
  std::string Statement(const Instruction& instruction) {
    std::vector<std::string> inputs;
    for (const Value& input : instruction.inputs) inputs.push_back(InputText(input, /*quote=*/true));
    PythonArgs args;
    if (instruction.row->python != nullptr) {
      instruction.row->python(PythonWriter(instruction.inputs), inputs,
                              absl::MakeConstSpan(instruction.attrs.data(), instruction.attrs.size()), args);
    } else {
      ByNames(instruction, inputs, args);
    }
    if (!instruction.decision.is_none()) args.emplace_back("decision", InputText(instruction.decision, true));
    std::string out = OutputText(instruction);
    StrAppend(&out, "sch.", instruction.row->method, "(");
    for (size_t i = 0; i < args.size(); ++i) {
      StrAppend(&out, i > 0 ? ", " : "", args[i].first, args[i].first.empty() ? "" : "=", args[i].second);
    }
    out += ")";
    return out;
  }

 private:
  static void ByNames(const Instruction& instruction, const std::vector<std::string>& inputs, PythonArgs& args) {
    std::string_view names = instruction.row->arguments;
    const auto next_name = [&names] {
      const size_t end = names.find(',');
      const std::string_view name = names.substr(0, end);
      names = end == std::string_view::npos ? std::string_view() : names.substr(end + 1);
      return name;
    };
    for (size_t i = 0; i < inputs.size(); ++i) {
      const std::string_view name = next_name();
      const bool rest_positional = name == "*";
      const bool rest_list = name.size() > 1 && name.back() == '*';
      if (!rest_positional && !rest_list) {
        args.emplace_back(name, inputs[i]);
        continue;
      }
      if (rest_positional) {
        for (; i < inputs.size(); ++i) args.emplace_back("", inputs[i]);
        continue;
      }
      std::string list = "[";
      for (size_t first = i; i < inputs.size(); ++i) StrAppend(&list, i > first ? ", " : "", inputs[i]);
      args.emplace_back(name.substr(0, name.size() - 1), list + "]");
    }
    // No value for the rest: an empty list, or nothing.
    if (const std::string_view name = names.substr(0, names.find(',')); !name.empty() && name.back() == '*') {
      next_name();
      if (name != "*") args.emplace_back(name.substr(0, name.size() - 1), "[]");
    }
    const PythonWriter writer;
    for (size_t i = 0; i < instruction.attrs.size(); ++i) {
      const bool as_bool = ((instruction.row->python_bool_attrs | instruction.row->bool_attrs) >> i & 1) != 0;
      args.emplace_back(next_name(), as_bool ? writer.Bool(instruction.attrs[i]) : writer.Attr(instruction.attrs[i]));
    }
  }

  std::string Name(Rv rv, char kind) {
    if (rv.id < 0) {
      ++count_;
      return "_";
    }
    if (static_cast<size_t>(rv.id) >= names_.size()) names_.resize(static_cast<size_t>(rv.id) + 1);
    names_[rv.id] = StrCat(std::string_view(&kind, 1), count_++);
    return names_[rv.id];
  }

  std::string OutputText(const Instruction& instruction) {
    if (instruction.row->outputs == Outputs::kNone || instruction.outputs.empty()) return {};
    std::string out;
    for (size_t i = 0; i < instruction.outputs.size(); ++i) {
      StrAppend(&out, i > 0 ? ", " : "", Name(instruction.outputs[i], instruction.row->output_kind));
    }
    if (instruction.row->outputs == Outputs::kList && instruction.outputs.size() == 1) out += ",";
    return out + " = ";
  }

  std::string InputText(const Value& value, bool quote) const {
    switch (value.kind()) {
      case Value::Kind::kNone:
        return "None";
      case Value::Kind::kRv: {
        const int32_t id = value.rv().id;
        return id >= 0 && static_cast<size_t>(id) < names_.size() ? names_[id] : "_";
      }
      case Value::Kind::kInt:
      case Value::Kind::kBool:
        return StrCat(value.integer());
      case Value::Kind::kFloat:
        return FloatText(value.number());
      case Value::Kind::kString:
        return quote ? StrCat("\"", value.text(), "\"") : std::string(value.text());
      case Value::Kind::kList: {
        std::string out = "[";
        for (const Value& item : value.list()) StrAppend(&out, out.size() > 1 ? ", " : "", InputText(item, quote));
        return out + "]";
      }
      case Value::Kind::kMap: {
        std::vector<ValueEntry> entries = value.map().ToVector();
        std::stable_sort(entries.begin(), entries.end(),
                         [](const ValueEntry& a, const ValueEntry& b) { return a.key < b.key; });
        std::string out = "{";
        for (const ValueEntry& entry : entries) {
          StrAppend(&out, out.size() > 1 ? ", " : "", "\"", entry.key, "\": ", InputText(entry.value, false));
        }
        return out + "}";
      }
      case Value::Kind::kIndexMap:
        return PythonWriter().IndexMap(value.index_map());
      case Value::Kind::kExpr:
        return ExprText(value.expression());
    }
    return {};
  }

  std::vector<std::string> names_;
  int count_ = 0;
};

}  // namespace

std::vector<std::string> TraceAsPython(const Trace& trace, bool remove_postproc) {
  const size_t size = remove_postproc ? trace.SizeWithoutPostproc() : trace.size();
  std::vector<std::string> out;
  out.reserve(size);
  Printer printer;
  for (size_t i = 0; i < size; ++i) out.push_back(printer.Statement(trace.instructions()[i]));
  return out;
}

std::string PythonWriter::Attr(const Value& value) const {
  switch (value.kind()) {
    case Value::Kind::kNone:
    case Value::Kind::kRv:
    case Value::Kind::kExpr:
      return "None";
    case Value::Kind::kInt:
      return StrCat(value.integer());
    case Value::Kind::kBool:
      return Bool(value);
    case Value::Kind::kFloat:
      return FloatText(value.number());
    case Value::Kind::kString:
      return StrCat("\"", value.text(), "\"");
    case Value::Kind::kList: {
      std::string out = "[";
      for (const Value& item : value.list()) StrAppend(&out, out.size() > 1 ? ", " : "", Attr(item));
      return out + "]";
    }
    case Value::Kind::kMap: {
      std::string out = "{";
      for (const ValueEntry& e : value.map()) {
        StrAppend(&out, out.size() > 1 ? ", " : "", "\"", e.key, "\": ", Attr(e.value));
      }
      return out + "}";
    }
    case Value::Kind::kIndexMap:
      return IndexMap(value.index_map());
  }
  return {};
}

std::string PythonWriter::BufferPosition(const Value& index, const Value& side) const {
  return StrCat("(\"", side.integer() == 0 ? "read" : "write", "\", ", index.integer(), ")");
}

std::string PythonWriter::IndexMap(const ir::IndexMapNode* map) const {
  if (map == nullptr) return "None";
  std::string out = "lambda";
  for (size_t i = 0; i < map->initial_indices.size(); ++i) {
    StrAppend(&out, i > 0 ? ", " : " ", map->initial_indices[i].name());
  }
  out += ": (";
  for (size_t i = 0; i < map->final_indices.size(); ++i) {
    StrAppend(&out, i > 0 ? " " : "", ExprText(map->final_indices[i]), ",");
  }
  out += ")";
  if (map->inverse == nullptr) return out;
  return StrCat("tvm.tir.IndexMap.from_func(", out, ", inverse_index_map=", IndexMap(map->inverse), ")");
}

}  // namespace hone::schedule
