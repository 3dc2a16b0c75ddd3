#include "common/schedule/trace_json.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/schedule/index_map_json.h"
#include "common/schedule/json_value.h"
#include "common/schedule/schedule.h"
#include "common/schedule/signature.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

// Names random variables in the order of their appearance.
class Names {
 public:
  // The name of an instruction's next output.
  std::string Define(Rv rv, char kind) {
    if (rv.id < 0) {
      ++count_;
      return "_";
    }
    if (static_cast<size_t>(rv.id) >= names_.size()) names_.resize(static_cast<size_t>(rv.id) + 1);
    names_[rv.id] = StrCat(std::string_view(&kind, 1), count_++);
    return names_[rv.id];
  }
  // Empty when it is unknown.
  std::string_view Find(Rv rv) const {
    if (rv.id < 0 || static_cast<size_t>(rv.id) >= names_.size()) return {};
    return names_[rv.id];
  }

 private:
  std::vector<std::string> names_;
  int count_ = 0;
};

class Writer {
 public:
  explicit Writer(const TraceJsonOptions& options) : options_(options) {}

  absl::StatusOr<std::string> Write(const Trace& trace) {
    const size_t size = options_.remove_postproc ? trace.SizeWithoutPostproc() : trace.size();
    out_ = "[[";
    for (size_t i = 0; i < size; ++i) {
      if (i > 0) out_.push_back(',');
      HONE_RETURN_IF_ERROR(WriteInstruction(trace.instructions()[i]));
    }
    out_ += "],[";
    bool first = true;
    for (size_t i = 0; i < size; ++i) {
      const Value& decision = trace.instructions()[i].decision;
      if (decision.is_none()) continue;
      StrAppend(&out_, first ? "[" : ",[", i, ",");
      first = false;
      AppendJson(decision, Style(), &out_);
      out_.push_back(']');
    }
    out_ += "]]";
    return std::move(out_);
  }

 private:
  absl::Status WriteInstruction(const Instruction& instruction) {
    out_ += "[\"";
    StrAppend(&out_, instruction.row->name, "\",[");
    for (size_t i = 0; i < instruction.inputs.size(); ++i) {
      if (i > 0) out_.push_back(',');
      HONE_RETURN_IF_ERROR(WriteInput(instruction.inputs[i]));
    }
    out_ += "],[";
    for (size_t i = 0; i < instruction.attrs.size(); ++i) {
      if (i > 0) out_.push_back(',');
      WriteAttr(instruction, i);
    }
    out_ += "],[";
    for (size_t i = 0; i < instruction.outputs.size(); ++i) {
      StrAppend(&out_, i > 0 ? ",\"" : "\"", names_.Define(instruction.outputs[i], instruction.row->output_kind), "\"");
    }
    out_ += "]]";
    return absl::OkStatus();
  }

  void WriteAttr(const Instruction& instruction, size_t i) {
    const Value& attr = instruction.attrs[i];
    if (attr.is(Value::Kind::kIndexMap)) {
      AppendJsonString(IndexMapToJson(attr.index_map()), options_.standard_escapes, &out_);
    } else if ((instruction.row->bool_attrs >> i & 1) != 0 && attr.is_integral()) {
      WriteBool(attr.integer() != 0);
    } else {
      AppendJson(attr, Style(), &out_);
    }
  }

  JsonStyle Style() const { return {options_.standard_escapes, options_.python_objects}; }
  void WriteBool(bool value) { out_ += options_.python_objects ? (value ? "1" : "0") : (value ? "true" : "false"); }

  absl::Status WriteInput(const Value& input) {
    switch (input.kind()) {
      case Value::Kind::kNone:
        out_ += "\"None\"";
        return absl::OkStatus();
      case Value::Kind::kRv: {
        const std::string_view name = names_.Find(input.rv());
        if (name.empty()) {
          return absl::OutOfRangeError(StrCat("trace: variable ", input.rv().id, " is no output of an instruction"));
        }
        StrAppend(&out_, "\"", name, "\"");
        return absl::OkStatus();
      }
      case Value::Kind::kString:
        AppendJsonString(StrCat("\"", input.text(), "\""), options_.standard_escapes, &out_);
        return absl::OkStatus();
      case Value::Kind::kList:
        out_.push_back('[');
        for (size_t i = 0; i < input.list().size(); ++i) {
          if (i > 0) out_.push_back(',');
          HONE_RETURN_IF_ERROR(WriteInput(input.list()[i]));
        }
        out_.push_back(']');
        return absl::OkStatus();
      case Value::Kind::kIndexMap: {
        const auto rename = [this](std::string_view name) -> std::string_view {
          int32_t id = -1;
          if (name.size() < 2 || name[0] != 'v' || !absl::SimpleAtoi(ToAbsl(name.substr(1)), &id)) return {};
          return names_.Find(Rv{id});
        };
        AppendJsonString(IndexMapToJson(input.index_map(), rename), options_.standard_escapes, &out_);
        return absl::OkStatus();
      }
      case Value::Kind::kExpr:
        return absl::InvalidArgumentError("trace: a compound expression of random variables has no JSON form");
      case Value::Kind::kBool:
        WriteBool(input.integer() != 0);
        return absl::OkStatus();
      case Value::Kind::kInt:
      case Value::Kind::kFloat:
      case Value::Kind::kMap:
        AppendJson(input, Style(), &out_);
        return absl::OkStatus();
    }
    return absl::OkStatus();
  }

  const TraceJsonOptions& options_;
  Names names_;
  std::string out_;
};

class Reader {
 public:
  absl::StatusOr<std::vector<Instruction>> Read(const Value& json) {
    if (!json.is(Value::Kind::kList) || json.list().size() != 2 || !json.list()[0].is(Value::Kind::kList) ||
        !json.list()[1].is(Value::Kind::kList)) {
      return absl::InvalidArgumentError("trace: expected [instructions, decisions]");
    }
    std::vector<Instruction> out;
    out.reserve(json.list()[0].list().size());
    for (const Value& item : json.list()[0].list()) {
      absl::StatusOr<Instruction> instruction = ReadInstruction(item);
      if (!instruction.ok()) {
        return absl::Status(instruction.status().code(),
                            StrCat("trace: instruction ", out.size(), ": ", ToStd(instruction.status().message())));
      }
      out.push_back(*instruction);
    }
    HONE_RETURN_IF_ERROR(ReadDecisions(json.list()[1], &out));
    return out;
  }

  static absl::Status ReadDecisions(const Value& decisions, std::vector<Instruction>* out) {
    if (!decisions.is(Value::Kind::kList)) return absl::InvalidArgumentError("decisions: expected a list");
    for (const Value& item : decisions.list()) {
      const bool pair = item.is(Value::Kind::kList) && item.list().size() == 2 && item.list()[0].is(Value::Kind::kInt);
      if (!pair || item.list()[0].integer() < 0 || item.list()[0].integer() >= static_cast<int64_t>(out->size())) {
        return absl::InvalidArgumentError("decisions: expected [index of an instruction, decision]");
      }
      HONE_RETURN_IF_ERROR(CheckDecision(item.list()[1]));
      (*out)[static_cast<size_t>(item.list()[0].integer())].decision = item.list()[1];
    }
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<Instruction> ReadInstruction(const Value& json) {
    const bool shape = json.is(Value::Kind::kList) && json.list().size() == 4 &&
                       json.list()[0].is(Value::Kind::kString) && json.list()[1].is(Value::Kind::kList) &&
                       json.list()[2].is(Value::Kind::kList) && json.list()[3].is(Value::Kind::kList);
    if (!shape) return absl::InvalidArgumentError("expected [kind, inputs, attrs, outputs]");
    Instruction out;
    const std::string_view name = json.list()[0].text();
    out.row = FindInstruction(name);
    if (out.row == nullptr) return absl::InvalidArgumentError(StrCat("unknown kind \"", name, "\""));
    std::vector<Value> values;
    for (const Value& input : json.list()[1].list()) {
      HONE_ASSIGN_OR_RETURN(const Value value, ReadInput(input));
      values.push_back(value);
    }
    out.inputs = ir::MakeArray(values);
    values.clear();
    for (size_t i = 0; i < json.list()[2].list().size(); ++i) {
      HONE_ASSIGN_OR_RETURN(const Value value, ReadAttr(*out.row, i, json.list()[2].list()[i]));
      values.push_back(value);
    }
    out.attrs = ir::MakeArray(values);
    const auto kind_of = [this](Rv rv) { return kinds_[rv.id]; };
    HONE_RETURN_IF_ERROR(CheckSignature(*out.row, out.inputs, out.attrs, kind_of));
    std::vector<Rv> outputs;
    for (const Value& output : json.list()[3].list()) {
      if (!output.is(Value::Kind::kString)) return absl::InvalidArgumentError("expected names of outputs");
      if (output.text() == "_") {
        outputs.push_back(Rv{});
        continue;
      }
      outputs.push_back(Rv{static_cast<int32_t>(kinds_.size())});
      kinds_.push_back(out.row->output_kind);
      names_[output.text()] = outputs.back();
    }
    out.outputs = ir::MakeArray(outputs);
    return out;
  }

  absl::StatusOr<Value> ReadAttr(const InstructionRow& row, size_t i, const Value& attr) {
    if (!attr.is(Value::Kind::kString) || SignatureLetter(row.attrs, i) != 'm') return attr;
    HONE_ASSIGN_OR_RETURN(const ir::IndexMapNode* map, IndexMapFromJson(attr.text()));
    return Value::IndexMap(map);
  }

  absl::StatusOr<Value> ReadInput(const Value& json) {
    switch (json.kind()) {
      case Value::Kind::kNone:
        return absl::InvalidArgumentError("null is no input");
      case Value::Kind::kList: {
        std::vector<Value> items;
        for (const Value& item : json.list()) {
          HONE_ASSIGN_OR_RETURN(const Value value, ReadInput(item));
          items.push_back(value);
        }
        return Value::List(ir::MakeArray(items));
      }
      case Value::Kind::kString:
        return ReadText(json.text());
      case Value::Kind::kRv:
      case Value::Kind::kInt:
      case Value::Kind::kFloat:
      case Value::Kind::kBool:
      case Value::Kind::kMap:
      case Value::Kind::kIndexMap:
      case Value::Kind::kExpr:
        return json;
    }
    return json;
  }

  absl::StatusOr<Value> ReadText(std::string_view text) {
    if (text.empty()) return absl::InvalidArgumentError("an empty string is no input");
    if (text == "None") return Value::None();
    if (text.size() >= 2 && text.front() == '{' && text.back() == '}') {
      const auto rename = [this](std::string_view name) -> std::string {
        const auto it = names_.find(name);
        return it == names_.end() ? std::string() : StrCat("v", it->second.id);
      };
      HONE_ASSIGN_OR_RETURN(const ir::IndexMapNode* map, IndexMapFromJson(text, rename));
      return Value::IndexMap(map);
    }
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
      return Value::String(text.substr(1, text.size() - 2));
    }
    const auto it = names_.find(text);
    if (it == names_.end()) return absl::InvalidArgumentError(StrCat("unknown random variable \"", text, "\""));
    return Value::OfRv(it->second);
  }

  absl::flat_hash_map<std::string_view, Rv> names_;
  std::vector<char> kinds_;
};

}  // namespace

absl::StatusOr<std::string> TraceToJson(const Trace& trace, const TraceJsonOptions& options) {
  return Writer(options).Write(trace);
}

absl::StatusOr<Trace> TraceFromJson(std::string_view json) {
  auto arena = std::make_shared<ir::Arena>();
  const ir::ArenaScope scope(arena);
  HONE_ASSIGN_OR_RETURN(const Value value, ParseJson(json));
  HONE_ASSIGN_OR_RETURN(std::vector<Instruction> instructions, Reader().Read(value));
  return Trace(std::move(instructions), std::move(arena));
}

absl::Status ApplyTraceJson(Schedule& schedule, std::string_view trace_json) {
  HONE_ASSIGN_OR_RETURN(const Trace trace, TraceFromJson(trace_json));
  return trace.ApplyTo(schedule);
}

Trace SkeletonOf(const Trace& trace) {
  std::vector<Instruction> copy = trace.instructions();
  for (Instruction& instruction : copy) instruction.decision = Value::None();
  return Trace(std::move(copy), trace.arena());
}

absl::StatusOr<Trace> WithDecisions(const Trace& skeleton, std::string_view decisions_json) {
  auto arena = std::make_shared<ir::Arena>();
  arena->KeepAlive(skeleton.arena());
  const ir::ArenaScope scope(arena);
  HONE_ASSIGN_OR_RETURN(const Value decisions, ParseJson(decisions_json));
  std::vector<Instruction> copy = SkeletonOf(skeleton).instructions();
  HONE_RETURN_IF_ERROR(Reader::ReadDecisions(decisions, &copy));
  return Trace(std::move(copy), std::move(arena));
}

std::string DecisionsToJson(const Trace& trace) {
  std::string out = "[";
  for (size_t i = 0; i < trace.size(); ++i) {
    if (trace.DecisionOf(i).is_none()) continue;
    StrAppend(&out, out.size() > 1 ? ",[" : "[", i, ",");
    AppendJson(trace.DecisionOf(i), JsonStyle(), &out);
    out.push_back(']');
  }
  out.push_back(']');
  return out;
}

}  // namespace hone::schedule
