#include "common/schedule/trace_from_python.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "common/ir/ops.h"
#include "common/schedule/schedule.h"
#include "common/schedule/signature.h"
#include "common/schedule/trace_json.h"
#include "common/script/lexer.h"
#include "common/script/python_parser.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::schedule {
namespace {

using script::Node;
using script::NodeKind;
using script::Statement;
using script::SuiteKind;

constexpr size_t kMaxTokens = size_t{4} << 20;
constexpr int kMaxDepth = 300;

// The arguments of a method's Python form, in order. Inputs come before attributes, unless `order` says otherwise.
struct Method {
  std::string_view name;
  std::string_view arguments;  // Comma-separated; "*" takes all positional ones, "name*" a list of inputs.
};

// Methods whose printed form does not follow from the row's list of arguments.
constexpr Method kSpecialMethods[] = {
    {"annotate", "block_or_loop,ann_key,ann_val"},
    {"annotate_buffer_access", "block,buffer_index,buf_type,gen_new_ranges"},
    {"cache_read", "block,read_buffer_index,storage_scope,consumer_blocks"},
    {"cache_write", "block,write_buffer_index,storage_scope,consumer_blocks"},
    {"fuse", "*,preserve_unit_iters"},
    {"get_child_blocks", "block_or_loop"},
    {"reindex", "block,buffer"},
    {"reindex_cache_read", "block,read_buffer_index,storage_scope,index_map"},
    {"reindex_cache_write", "block,write_buffer_index,storage_scope,index_map"},
    {"set_axis_separator", "block,buffer,axis_separators"},
    {"transform_layout", "block,buffer,index_map,pad_value,assume_injective_transform"},
};

struct Default {
  std::string_view method;
  std::string_view argument;
  int64_t value;
};
constexpr Default kDefaults[] = {
    {"fuse", "preserve_unit_iters", 1},
    {"split", "preserve_unit_iters", 1},
    {"split", "disable_predication", 0},
    {"loop_partition", "preserve_unit_iters", 1},
    {"compute_at", "preserve_unit_loops", 0},
    {"compute_at", "index", -1},
    {"reverse_compute_at", "preserve_unit_loops", 0},
    {"reverse_compute_at", "index", -1},
    {"cache_index", "cse_thresh", 0},
    {"blockize", "preserve_unit_iters", 1},
    {"tensorize", "preserve_unit_iters", 1},
    {"transform_layout", "assume_injective_transform", 0},
    {"sample_perfect_tile", "max_innermost_factor", 16},
    {"sample_partitioned_tile", "partition_pos", 0},
    {"sample_partitioned_tile", "innerpart_factor", 1},
};

std::vector<std::string_view> SplitNames(std::string_view names) {
  std::vector<std::string_view> out;
  while (!names.empty()) {
    const size_t end = names.find(',');
    out.push_back(names.substr(0, end));
    names = end == std::string_view::npos ? std::string_view() : names.substr(end + 1);
  }
  return out;
}

// The names of a method's arguments in Python.
std::string_view ArgumentsOf(const InstructionRow& row) {
  for (const Method& special : kSpecialMethods) {
    if (special.name == row.method) return special.arguments;
  }
  return row.arguments;
}

class Reader {
 public:
  // With `live`, names stand for the random variables of a schedule: their kind and id.
  explicit Reader(const script::Source& source, bool live = false) : source_(source), live_(live) {}

  // A lone call, without results.
  absl::StatusOr<Instruction> ReadLoneCall(script::Suite suite) {
    if (suite.size() != 1 || suite[0]->kind != SuiteKind::kExpr) {
      return source_.Error({1, 1}, "expected one call of a method of sch");
    }
    return ReadInstruction(*suite[0]);
  }

  absl::Status ReadSuite(script::Suite suite, int depth = 0) {
    for (const Statement* statement : suite) {
      switch (statement->kind) {
        case SuiteKind::kPass:
        case SuiteKind::kImport:
          break;
        case SuiteKind::kFunction:
          if (depth > 0) return Error(statement->at, "a function inside of a function");
          HONE_RETURN_IF_ERROR(ReadSuite(statement->body, depth + 1));
          break;
        case SuiteKind::kExpr:
          HONE_RETURN_IF_ERROR(ReadCall(*statement, nullptr));
          break;
        case SuiteKind::kAssign:
          if (statement->targets.size() != 1) return Error(statement->at, "expected one assignment");
          HONE_RETURN_IF_ERROR(ReadCall(*statement, statement->targets[0]));
          break;
        default:
          return Error(statement->at, "expected a call of a method of sch");
      }
    }
    return absl::OkStatus();
  }

  std::vector<Instruction> TakeInstructions() { return std::move(instructions_); }

 private:
  using Variables = absl::flat_hash_map<std::string_view, ir::Var>;

  struct Arguments {
    std::vector<const Node*> positional;
    std::vector<std::pair<std::string_view, const Node*>> named;  // Null once taken.
    size_t next = 0;
    const Node* decision = nullptr;
  };

  absl::Status Error(script::Position at, std::string_view message) const { return source_.Error(at, message); }

  // ---- random variables

  bool FindRv(std::string_view name, Rv* rv) {
    if (live_) {
      const bool kind = name.size() > 1 && (name[0] == 'b' || name[0] == 'l' || name[0] == 'v');
      if (!kind || !absl::SimpleAtoi(ToAbsl(name.substr(1)), &rv->id)) return false;
      live_kinds_[rv->id] = name[0];
      return true;
    }
    const auto it = names_.find(name);
    if (it == names_.end()) return false;
    *rv = it->second;
    return true;
  }

  char KindOf(Rv rv) const {
    if (!live_) return kinds_[static_cast<size_t>(rv.id)];
    const auto it = live_kinds_.find(rv.id);
    return it == live_kinds_.end() ? ' ' : it->second;
  }

  absl::StatusOr<Instruction> ReadInstruction(const Statement& statement) {
    const Node* call = statement.value;
    const bool method = call != nullptr && call->kind == NodeKind::kCall &&
                        call->items[0]->kind == NodeKind::kAttribute &&
                        call->items[0]->items[0]->kind == NodeKind::kName && call->items[0]->items[0]->text == "sch";
    if (!method) return Error(statement.at, "expected a call of a method of sch");
    Instruction out;
    for (const InstructionRow* row : AllInstructions()) {
      if (row->method == call->items[0]->text) out.row = row;
    }
    if (out.row == nullptr) return Error(call->at, StrCat("sch has no method \"", call->items[0]->text, "\""));
    HONE_RETURN_IF_ERROR(ReadArguments(*call, &out));
    const absl::Status fits = CheckSignature(*out.row, out.inputs, out.attrs, [this](Rv rv) { return KindOf(rv); });
    if (!fits.ok()) return Error(call->at, ToStd(fits.message()));
    return out;
  }

  absl::Status ReadCall(const Statement& statement, const Node* target) {
    HONE_ASSIGN_OR_RETURN(Instruction out, ReadInstruction(statement));
    HONE_RETURN_IF_ERROR(ReadOutputs(*out.row, target, statement.at, &out));
    instructions_.push_back(out);
    return absl::OkStatus();
  }

  // ---- results

  absl::Status ReadOutputs(const InstructionRow& row, const Node* target, script::Position at, Instruction* out) {
    std::vector<const Node*> names;
    if (target != nullptr) {
      const bool several = target->kind == NodeKind::kTuple || target->kind == NodeKind::kList;
      if (several) names = target->items.ToVector();
      if (!several) names.push_back(target);
    }
    const size_t wanted = row.outputs == Outputs::kOne ? 1 : row.outputs == Outputs::kTwo ? 2 : names.size();
    if (names.size() != wanted || (row.outputs == Outputs::kNone && !names.empty())) {
      return Error(at, StrCat(row.method, " gives ", row.outputs == Outputs::kNone ? 0 : wanted, " results, not ",
                              names.size()));
    }
    std::vector<Rv> outputs;
    for (const Node* name : names) {
      if (name->kind != NodeKind::kName) return Error(name->at, "expected a name");
      if (name->text == "_") {
        outputs.push_back(Rv{});
        continue;
      }
      outputs.push_back(Rv{static_cast<int32_t>(kinds_.size())});
      kinds_.push_back(row.output_kind);
      names_[name->text] = outputs.back();
    }
    out->outputs = ir::MakeArray(outputs);
    return absl::OkStatus();
  }

  // ---- arguments

  absl::Status ReadArguments(const Node& call, Instruction* out) {
    const InstructionRow& row = *out->row;
    Arguments arguments;
    for (size_t i = 1; i < call.items.size(); ++i) arguments.positional.push_back(call.items[i]);
    for (const script::Keyword& keyword : call.keywords) {
      if (keyword.name == "decision") {
        arguments.decision = keyword.value;
      } else {
        arguments.named.emplace_back(keyword.name, keyword.value);
      }
    }
    HONE_RETURN_IF_ERROR(Assign(row, SplitNames(ArgumentsOf(row)), call.at, &arguments, out));
    if (arguments.next < arguments.positional.size()) {
      return Error(arguments.positional[arguments.next]->at, StrCat(row.method, " takes no more arguments"));
    }
    for (const auto& [name, value] : arguments.named) {
      if (value != nullptr) return Error(value->at, StrCat(row.method, " has no argument \"", name, "\""));
    }
    if (arguments.decision != nullptr) {
      HONE_ASSIGN_OR_RETURN(out->decision, ReadValue(arguments.decision, /*in_map=*/false));
      const absl::Status fits = CheckDecision(out->decision);
      if (!fits.ok()) return Error(arguments.decision->at, ToStd(fits.message()));
    }
    return absl::OkStatus();
  }

  absl::Status Assign(const InstructionRow& row, const std::vector<std::string_view>& names, script::Position at,
                      Arguments* arguments, Instruction* out) {
    std::vector<Value> values;  // In the order of `names`; lists of inputs are spread.
    std::vector<Value> attrs;
    size_t inputs = 0;
    for (size_t i = 0; i < names.size(); ++i) {
      const std::string_view name = names[i];
      if (name == "*") {
        while (arguments->next < arguments->positional.size()) {
          HONE_ASSIGN_OR_RETURN(const Value value, ReadValue(arguments->positional[arguments->next++], false));
          values.push_back(value);
        }
        inputs = values.size();
        continue;
      }
      const bool spread = name.back() == '*';
      HONE_ASSIGN_OR_RETURN(const Value value,
                            OneArgument(row, spread ? name.substr(0, name.size() - 1) : name, at, arguments));
      if (spread) {
        if (!value.is(Value::Kind::kList)) return Error(at, StrCat(row.method, ": ", name, " is a list"));
        for (const Value& item : value.list()) values.push_back(item);
        inputs = values.size();
        continue;
      }
      values.push_back(value);
    }
    // A signature counts its arguments, unless it takes any number of the last.
    if (inputs == 0) inputs = CountOf(row.inputs);
    return Order(row, at, values, inputs, out);
  }

  // How many arguments a signature without a * has.
  static size_t CountOf(std::string_view signature) {
    size_t count = 0;
    bool list = false;
    for (const char c : signature) {
      if (c == '[') list = true;
      if (c == ']' || (!list && c != '?' && c != '*')) ++count;
      if (c == ']') list = false;
    }
    return count;
  }

  // Inputs before attributes, and what Python writes as one argument but the trace as two.
  absl::Status Order(const InstructionRow& row, script::Position at, const std::vector<Value>& v, size_t inputs,
                     Instruction* out) const {
    std::vector<Value> first(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(std::min(inputs, v.size())));
    std::vector<Value> rest(v.begin() + static_cast<std::ptrdiff_t>(first.size()), v.end());
    const std::string_view method = row.method;
    if (method == "annotate") {
      first = {v[0], v[2]};
      rest = {v[1]};
    } else if (method == "cache_read" || method == "cache_write" || method == "reindex_cache_read" ||
               method == "reindex_cache_write") {
      first = {v[0], v[3]};
      rest = {v[1], v[2]};
    } else if (method == "annotate_buffer_access") {
      if (!v[2].is(Value::Kind::kString)) return Error(at, "annotate_buffer_access: buf_type is \"read\" or \"write\"");
      first = {v[0], v[1], Value::Int(v[2].text() == "write" ? 1 : 0), v[3]};
      rest.clear();
    } else if (method == "reindex" || method == "set_axis_separator" || method == "transform_layout") {
      const bool pair = v[1].is(Value::Kind::kList) && v[1].list().size() == 2 &&
                        v[1].list()[0].is(Value::Kind::kString) && v[1].list()[1].is(Value::Kind::kInt);
      if (!pair) return Error(at, StrCat(method, ": expected buffer=(\"read\" or \"write\", index)"));
      first = {v[0]};
      rest = {v[1].list()[1], Value::Int(v[1].list()[0].text() == "write" ? 1 : 0)};
      if (method == "transform_layout") first.push_back(v[2]);
      for (size_t i = method == "transform_layout" ? 3 : 2; i < v.size(); ++i) rest.push_back(v[i]);
    }
    for (size_t i = 0; i < rest.size(); ++i) {
      if (!rest[i].is(Value::Kind::kBool) && !rest[i].is(Value::Kind::kInt)) continue;
      const bool is_bool = (row.bool_attrs >> i & 1) != 0;
      rest[i] = is_bool ? Value::Bool(rest[i].integer() != 0) : Value::Int(rest[i].integer());
    }
    out->inputs = ir::MakeArray(first);
    out->attrs = ir::MakeArray(rest);
    return absl::OkStatus();
  }

  absl::StatusOr<Value> OneArgument(const InstructionRow& row, std::string_view name, script::Position at,
                                    Arguments* arguments) {
    const Node* node = nullptr;
    if (arguments->next < arguments->positional.size()) {
      node = arguments->positional[arguments->next++];
    } else {
      for (auto& [key, value] : arguments->named) {
        if (key == name && value != nullptr) node = std::exchange(value, nullptr);
      }
    }
    if (node != nullptr) return ReadValue(node, /*in_map=*/false);
    for (const Default& fallback : kDefaults) {
      if (fallback.method == row.method && fallback.argument == name) return Value::Int(fallback.value);
    }
    if (name == "func_name") return Value::String(live_ ? "" : "main");  // Live: the function that is worked on.
    if (name == "consumer_blocks") return Value::List({});
    if (name == "pad_value") return Value::None();
    return Error(at, StrCat(row.method, ": argument \"", name, "\" is missing"));
  }

  absl::StatusOr<Value> ReadValue(const Node* node, bool in_map) {
    switch (node->kind) {
      case NodeKind::kNone:
        return Value::None();
      case NodeKind::kTrue:
        return Value::Bool(true);
      case NodeKind::kFalse:
        return Value::Bool(false);
      case NodeKind::kInt:
        if (node->wide) return Error(node->at, "the number needs more than 64 bits");
        return Value::Int(node->integer);
      case NodeKind::kFloat:
        return Value::Float(node->number);
      case NodeKind::kString:
        return Text(node->text);
      case NodeKind::kName: {
        Rv rv;
        if (FindRv(node->text, &rv)) return Value::OfRv(rv);
        if (in_map) return Text(node->text);
        return Error(node->at, StrCat("unknown random variable \"", node->text, "\""));
      }
      case NodeKind::kUnary:
        return ReadUnary(node);
      case NodeKind::kTuple:
      case NodeKind::kList: {
        std::vector<Value> items;
        for (const Node* item : node->items) {
          HONE_ASSIGN_OR_RETURN(const Value value, ReadValue(item, in_map));
          items.push_back(value);
        }
        return Value::List(ir::MakeArray(items));
      }
      case NodeKind::kDict:
        return ReadMap(node);
      case NodeKind::kLambda:
      case NodeKind::kCall: {
        HONE_ASSIGN_OR_RETURN(const ir::IndexMapNode* map, ReadIndexMap(node));
        return Value::IndexMap(map);
      }
      case NodeKind::kBinary: {
        const Variables none;
        HONE_ASSIGN_OR_RETURN(const ir::Expr expr, ReadExpr(node, none));
        return Value::Expression(expr);
      }
      default:
        return Error(node->at, "expected a number, a text, a list, a random variable or an index map");
    }
  }

  absl::StatusOr<Value> ReadUnary(const Node* node) {
    const Node* operand = node->items[0];
    if (node->text == "-" && operand->kind == NodeKind::kInt) {
      // The most negative number needs more than 64 bits without its sign.
      if (operand->text.empty() && operand->integer == INT64_MIN) return Value::Int(INT64_MIN);
      if (operand->wide) return Error(node->at, "the number needs more than 64 bits");
      return Value::Int(-operand->integer);
    }
    if (node->text == "-" && operand->kind == NodeKind::kFloat) return Value::Float(-operand->number);
    return Error(node->at, "expected a number after the sign");
  }

  absl::StatusOr<Value> ReadMap(const Node* node) {
    std::vector<ValueEntry> entries;
    for (size_t i = 0; i + 1 < node->items.size(); i += 2) {
      if (node->items[i]->kind != NodeKind::kString) return Error(node->items[i]->at, "expected a text as key");
      HONE_ASSIGN_OR_RETURN(const Value value, ReadValue(node->items[i + 1], /*in_map=*/true));
      entries.push_back({ir::CopyString(node->items[i]->text), value});
    }
    return Value::Map(ir::MakeArray(entries));
  }

  // Text of the syntax tree does not outlive it.
  static Value Text(std::string_view text) { return Value::String(ir::CopyString(text)); }

  // ---- index maps

  absl::StatusOr<const ir::IndexMapNode*> ReadIndexMap(const Node* node) {
    if (node->kind == NodeKind::kLambda) return ReadLambda(node, nullptr);
    // tvm.tir.IndexMap.from_func(lambda, inverse_index_map=lambda)
    const bool from_func = node->items[0]->kind == NodeKind::kAttribute && node->items[0]->text == "from_func";
    if (!from_func || node->items.size() != 2 || node->items[1]->kind != NodeKind::kLambda) {
      return Error(node->at, "expected a lambda or tvm.tir.IndexMap.from_func(lambda)");
    }
    const ir::IndexMapNode* inverse = nullptr;
    for (const script::Keyword& keyword : node->keywords) {
      if (keyword.name != "inverse_index_map" || keyword.value->kind != NodeKind::kLambda) {
        return Error(keyword.at, "expected inverse_index_map=lambda");
      }
      HONE_ASSIGN_OR_RETURN(inverse, ReadLambda(keyword.value, nullptr));
    }
    return ReadLambda(node->items[1], inverse);
  }

  absl::StatusOr<const ir::IndexMapNode*> ReadLambda(const Node* lambda, const ir::IndexMapNode* inverse) {
    Variables variables;
    std::vector<ir::Var> initial;
    for (const script::Keyword& parameter : lambda->keywords) {
      if (parameter.value != nullptr) return Error(parameter.at, "parameters of an index map have no default");
      initial.push_back(ir::MakeVar(parameter.name, ir::kInt32));
      if (!variables.emplace(parameter.name, initial.back()).second) {
        return Error(parameter.at, StrCat("parameter \"", parameter.name, "\" occurs twice"));
      }
    }
    std::vector<ir::Expr> results;
    const Node* body = lambda->items[0];
    if (body->kind != NodeKind::kTuple && body->kind != NodeKind::kList) {
      HONE_ASSIGN_OR_RETURN(const ir::Expr value, ReadExpr(body, variables));
      results.push_back(value);
    } else {
      for (const Node* item : body->items) HONE_RETURN_IF_ERROR(ReadResult(item, variables, &results));
    }
    return ir::MakeIndexMap(ir::MakeArray(initial), ir::MakeArray(results), inverse);
  }

  // A result, or the two ends of a range as annotate_buffer_access writes them.
  absl::Status ReadResult(const Node* item, const Variables& variables, std::vector<ir::Expr>* results) {
    if (item->kind != NodeKind::kTuple) {
      HONE_ASSIGN_OR_RETURN(const ir::Expr value, ReadExpr(item, variables));
      results->push_back(value);
      return absl::OkStatus();
    }
    if (item->items.size() != 2) return Error(item->at, "expected (begin, end)");
    for (const Node* end : item->items) {
      HONE_ASSIGN_OR_RETURN(const ir::Expr value, ReadExpr(end, variables));
      results->push_back(value);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<ir::Expr> ReadExpr(const Node* node, const Variables& variables) {
    switch (node->kind) {
      case NodeKind::kInt:
        if (node->wide || node->integer > INT32_MAX) return Error(node->at, "the number needs more than 32 bits");
        return ir::Expr(ir::Int32(node->integer));
      case NodeKind::kFloat:
        return ir::Expr(ir::FloatImm(ir::kFloat32, node->number));
      case NodeKind::kName:
        return ReadName(node, variables);
      case NodeKind::kUnary: {
        HONE_ASSIGN_OR_RETURN(const ir::Expr a, ReadExpr(node->items[0], variables));
        if (node->text == "-") return ir::Neg(a);
        if (node->text == "not" && a.dtype().is_bool()) return ir::Not(a);
        return Error(node->at, StrCat("unexpected operator ", node->text));
      }
      case NodeKind::kBinary:
      case NodeKind::kCompare: {
        HONE_ASSIGN_OR_RETURN(const ir::Expr a, ReadExpr(node->items[0], variables));
        HONE_ASSIGN_OR_RETURN(const ir::Expr b, ReadExpr(node->items[1], variables));
        return Binary(node, a, b);
      }
      case NodeKind::kCall:
        return ReadFunction(node, variables);
      default:
        return Error(node->at, "expected an index expression");
    }
  }

  absl::StatusOr<ir::Expr> ReadName(const Node* node, const Variables& variables) {
    const auto it = variables.find(node->text);
    if (it != variables.end()) return ir::Expr(it->second);
    Rv rv;
    if (!FindRv(node->text, &rv)) return Error(node->at, StrCat("unknown variable \"", node->text, "\""));
    // Replay knows the variables that stand for numbers by this name.
    auto [it2, fresh] = numbers_.try_emplace(rv.id);
    if (fresh) it2->second = ir::MakeVar(StrCat("v", rv.id), ir::kInt32);
    return ir::Expr(it2->second);
  }

  absl::StatusOr<ir::Expr> Binary(const Node* node, ir::Expr a, ir::Expr b) const {
    const std::string_view op = node->text;
    const bool logic = op == "and" || op == "or";
    if (logic != (a.dtype().is_bool() && b.dtype().is_bool())) {
      return Error(node->at, StrCat("the operands do not fit operator ", op));
    }
    const auto* divisor = b.as<ir::IntImmNode>();
    if ((op == "//" || op == "%" || op == "/") && divisor != nullptr && divisor->value == 0) {
      return Error(node->at, "division by zero");
    }
    if ((op == "//" || op == "%") && (a.dtype().is_float() || b.dtype().is_float())) {
      return Error(node->at, StrCat("the operands do not fit operator ", op));
    }
    if (op == "+") return ir::Add(a, b);
    if (op == "-") return ir::Sub(a, b);
    if (op == "*") return ir::Mul(a, b);
    if (op == "/") return ir::Div(a, b);
    if (op == "//") return ir::FloorDiv(a, b);
    if (op == "%") return ir::FloorMod(a, b);
    if (op == "and") return ir::And(a, b);
    if (op == "or") return ir::Or(a, b);
    if (op == "==") return ir::EQ(a, b);
    if (op == "!=") return ir::NE(a, b);
    if (op == "<") return ir::LT(a, b);
    if (op == "<=") return ir::LE(a, b);
    if (op == ">") return ir::GT(a, b);
    if (op == ">=") return ir::GE(a, b);
    return Error(node->at, StrCat("unexpected operator ", op));
  }

  // T.min(a, b), T.max(a, b), T.truncmod(a, b), T.Cast("dtype", a), T.<dtype>(number)
  absl::StatusOr<ir::Expr> ReadFunction(const Node* node, const Variables& variables) {
    const Node* function = node->items[0];
    if (function->kind != NodeKind::kAttribute) return Error(node->at, "expected an index expression");
    const std::string_view name = function->text;
    const size_t count = node->items.size() - 1;
    if (name == "Cast" && count == 2 && node->items[1]->kind == NodeKind::kString) {
      const std::optional<ir::DataType> dtype = ir::DataType::Parse(node->items[1]->text);
      HONE_ASSIGN_OR_RETURN(const ir::Expr value, ReadExpr(node->items[2], variables));
      if (!dtype || dtype->lanes != 1) return Error(node->at, "expected a scalar data type");
      return ir::Cast(*dtype, value);
    }
    if ((name == "min" || name == "max" || name == "truncmod") && count == 2) {
      HONE_ASSIGN_OR_RETURN(const ir::Expr a, ReadExpr(node->items[1], variables));
      HONE_ASSIGN_OR_RETURN(const ir::Expr b, ReadExpr(node->items[2], variables));
      if (a.dtype().is_bool() || b.dtype().is_bool()) return Error(node->at, "the operands are conditions");
      if (name == "min") return ir::Min(a, b);
      if (name == "max") return ir::Max(a, b);
      const auto* divisor = b.as<ir::IntImmNode>();
      if (a.dtype().is_float() || b.dtype().is_float() || (divisor != nullptr && divisor->value == 0)) {
        return Error(node->at, "expected integers, the second one not zero");
      }
      return ir::TruncMod(a, b);
    }
    const std::optional<ir::DataType> dtype = ir::DataType::Parse(name);
    if (dtype && dtype->lanes == 1 && count == 1) return ReadLiteral(node->items[1], *dtype);
    return Error(node->at, StrCat("unknown function \"", name, "\""));
  }

  absl::StatusOr<ir::Expr> ReadLiteral(const Node* node, ir::DataType dtype) {
    const bool negative = node->kind == NodeKind::kUnary && node->text == "-";
    const Node* number = negative ? node->items[0] : node;
    if (number->kind == NodeKind::kTrue || number->kind == NodeKind::kFalse) {
      if (dtype.is_bool()) return ir::Expr(ir::IntImm(dtype, number->kind == NodeKind::kTrue ? 1 : 0));
    } else if (number->kind == NodeKind::kInt && !number->wide) {
      const int64_t value = negative ? -number->integer : number->integer;
      if (dtype.is_int() || dtype.is_uint()) return ir::ConstOf(dtype, value);
      if (dtype.is_float()) return ir::Const(dtype, static_cast<double>(value));
    } else if (number->kind == NodeKind::kFloat && dtype.is_float()) {
      return ir::Const(dtype, negative ? -number->number : number->number);
    }
    return Error(node->at, StrCat("expected a number of type ", dtype.ToString()));
  }

  const script::Source& source_;
  std::vector<Instruction> instructions_;
  absl::flat_hash_map<std::string_view, Rv> names_;
  absl::flat_hash_map<int32_t, ir::Var> numbers_;
  std::vector<char> kinds_;
  const bool live_ = false;
  absl::flat_hash_map<int32_t, char> live_kinds_;
};

absl::StatusOr<script::Suite> Parse(const script::Source& source, ir::Arena& scratch) {
  HONE_ASSIGN_OR_RETURN(const std::vector<script::Token> tokens, script::Tokenize(source, scratch, kMaxTokens));
  return script::ParsePython(source, tokens, scratch, kMaxDepth);
}

}  // namespace

absl::StatusOr<Trace> TraceFromPython(std::string_view text) {
  const script::Source source(text, "trace");
  ir::Arena scratch;
  HONE_ASSIGN_OR_RETURN(const script::Suite suite, Parse(source, scratch));
  auto arena = std::make_shared<ir::Arena>();
  const ir::ArenaScope scope(arena);
  Reader reader(source);
  HONE_RETURN_IF_ERROR(reader.ReadSuite(suite));
  return Trace(reader.TakeInstructions(), std::move(arena));
}

absl::StatusOr<Trace> TraceFromText(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t\r\n");
  const bool json = start != std::string_view::npos && text[start] == '[';
  return json ? TraceFromJson(text) : TraceFromPython(text);
}

std::vector<PythonParameter> PythonParametersOf(const InstructionRow& row) {
  std::vector<PythonParameter> out;
  for (std::string_view name : SplitNames(ArgumentsOf(row))) {
    if (name == "*") {
      out.push_back({row.output_kind == 'b' ? "blocks" : "loops", true, ""});
      continue;
    }
    if (name.back() == '*') name.remove_suffix(1);
    PythonParameter parameter{std::string(name), false, ""};
    for (const Default& fallback : kDefaults) {
      if (fallback.method != row.method || fallback.argument != name) continue;
      const bool number = name == "index" || name == "cse_thresh" || fallback.method.substr(0, 6) == "sample";
      parameter.fallback = number ? StrCat(fallback.value) : fallback.value != 0 ? "True" : "False";
    }
    if (name == "func_name" || name == "pad_value") parameter.fallback = "None";
    if (name == "consumer_blocks") parameter.fallback = "[]";
    out.push_back(std::move(parameter));
  }
  if (row.name.substr(0, 6) == "Sample") out.push_back({"decision", false, "None"});
  return out;
}

absl::StatusOr<RvList> CallFromPython(Schedule& schedule, std::string_view text) {
  const script::Source source(text, "call");
  ir::Arena scratch;
  HONE_ASSIGN_OR_RETURN(const script::Suite suite, Parse(source, scratch));
  const ir::ArenaScope scope(schedule.state().arena());
  Reader reader(source, /*live=*/true);
  HONE_ASSIGN_OR_RETURN(const Instruction instruction, reader.ReadLoneCall(suite));
  Call call;
  call.inputs = absl::MakeConstSpan(instruction.inputs.data(), instruction.inputs.size());
  call.attrs = absl::MakeConstSpan(instruction.attrs.data(), instruction.attrs.size());
  call.decision = instruction.decision;
  schedule.SetCurrent(*instruction.row);
  const absl::Status status = instruction.row->apply(schedule, call);
  if (!status.ok()) return absl::Status(status.code(), schedule.DescribeError(status));
  return std::move(call.outputs);
}

}  // namespace hone::schedule
