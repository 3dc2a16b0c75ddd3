// Node graphs to IR.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "common/ir/ops.h"
#include "common/script/graph_json.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "nlohmann/json.hpp"

namespace hone::script {
namespace {

using ir::DataType;
using ir::Expr;
using ir::ExprKind;
using ir::Stmt;
using nlohmann::json;

constexpr uint64_t kNDArrayMagic = 0xDD5E40F096B4A13F;
constexpr int64_t kMaxLanes = 32767;

struct NamedBinary {
  std::string_view key;
  ExprKind kind;
};
constexpr NamedBinary kBinaries[] = {
    {"tir.Add", ExprKind::kAdd},
    {"tir.Sub", ExprKind::kSub},
    {"tir.Mul", ExprKind::kMul},
    {"tir.Div", ExprKind::kDiv},
    {"tir.Mod", ExprKind::kMod},
    {"tir.FloorDiv", ExprKind::kFloorDiv},
    {"tir.FloorMod", ExprKind::kFloorMod},
    {"tir.Min", ExprKind::kMin},
    {"tir.Max", ExprKind::kMax},
    {"tir.EQ", ExprKind::kEQ},
    {"tir.NE", ExprKind::kNE},
    {"tir.LT", ExprKind::kLT},
    {"tir.LE", ExprKind::kLE},
    {"tir.GT", ExprKind::kGT},
    {"tir.GE", ExprKind::kGE},
    {"tir.And", ExprKind::kAnd},
    {"tir.Or", ExprKind::kOr},
};

template <typename T>
bool TakeRaw(std::string_view* raw, T* value) {
  if (raw->size() < sizeof(T)) return false;
  std::memcpy(value, raw->data(), sizeof(T));
  raw->remove_prefix(sizeof(T));
  return true;
}

bool IsIntLike(DataType t) { return t.is_int() || t.is_uint(); }

// Its address stands for the C++ type that a node was read as.
template <typename T>
constexpr char kKindOf = 0;

class GraphReader {
 public:
  GraphReader(const GraphLimits& limits, const RenameVar* rename) : limits_(limits), rename_(rename) {}

  absl::Status Parse(std::string_view text);
  absl::StatusOr<const ir::IRModuleNode*> Module();
  absl::StatusOr<const ir::IndexMapNode*> RootIndexMap();
  absl::StatusOr<const ir::Object*> RootObject() { return Object(root_); }

 private:
  template <typename T>
  using Or = absl::StatusOr<T>;

  absl::Status Error(int64_t node, std::string_view message) const {
    const std::string_view key = node >= 0 && node < Count() ? Key(node) : std::string_view("?");
    return absl::InvalidArgumentError(ToAbsl(StrCat("graph node ", node, " (", key, "): ", message)));
  }
  int64_t Count() const { return static_cast<int64_t>(nodes_->size()); }
  std::string_view Key(int64_t node) const { return keys_[static_cast<size_t>(node)]; }
  const json& At(int64_t node) const { return (*nodes_)[static_cast<size_t>(node)]; }

  Or<std::string_view> Literal(int64_t node, const char* field) const;
  Or<int64_t> Int(int64_t node, const char* field) const;
  Or<DataType> Type(int64_t node) const;
  // The index held by a field; 0 is null.
  Or<int64_t> Ref(int64_t node, const char* field) const;
  Or<std::vector<int64_t>> Elements(int64_t node) const;
  absl::Status Need(int64_t node, std::string_view key) const {
    if (Key(node) == key) return absl::OkStatus();
    return Error(node, StrCat("expected ", key));
  }

  // Reads node `index` once. Counts the nodes of its tree, shared ones each time, against the limit.
  template <typename T, typename F>
  Or<T> Memo(int64_t index, F&& read) {
    const size_t at = static_cast<size_t>(index);
    if (memo_[at] != nullptr) {
      if (kinds_[at] != &kKindOf<T>) return Error(index, "the node is used where another kind is expected");
      tree_ += cost_[at];
      if (tree_ > limits_.max_tree_nodes) return Error(index, "the graph stands for too large a tree");
      return static_cast<T>(memo_[at]);
    }
    if (busy_[at]) return Error(index, "the node contains itself");
    if (depth_ >= limits_.max_depth)
      return Error(index, StrCat("nested more than ", limits_.max_depth, " deep, the limit"));
    busy_[at] = true;
    ++depth_;
    const int64_t before = tree_;
    tree_ = 1;
    Or<T> result = read();
    --depth_;
    busy_[at] = false;
    if (!result.ok()) return result;
    cost_[at] = tree_;
    tree_ += before;
    if (tree_ > limits_.max_tree_nodes) return Error(index, "the graph stands for too large a tree");
    memo_[at] = *result;
    kinds_[at] = &kKindOf<T>;
    return result;
  }

  Or<std::string_view> Text(int64_t node);
  Or<std::string_view> TextField(int64_t node, const char* field);
  Or<const ir::TypeNode*> TypeNode(int64_t node);
  Or<ir::Var> Var(int64_t node);
  Or<Expr> ReadExpr(int64_t node);
  Or<Expr> MakeExpr(int64_t node);
  Or<Expr> MakeCall(int64_t node);
  Or<Expr> ExprField(int64_t node, const char* field, bool may_be_null = false);
  Or<ir::Array<Expr>> Exprs(int64_t node);
  Or<ir::Array<Expr>> ExprsField(int64_t node, const char* field);
  Or<ir::Array<ir::Var>> VarsField(int64_t node, const char* field);
  Or<Stmt> ReadStmt(int64_t node);
  Or<Stmt> MakeStmt(int64_t node);
  Or<Stmt> StmtField(int64_t node, const char* field, bool may_be_null = false);
  Or<const ir::BlockNode*> Block(int64_t node);
  Or<const ir::BlockNode*> MakeBlock(int64_t node);
  Or<Stmt> MakeFor(int64_t node);
  Or<Stmt> MakeStore(int64_t node);
  Or<ir::Buffer> Buffer(int64_t node);
  Or<const ir::BufferNode*> MakeBuffer(int64_t node);
  Or<ir::Range> Range(int64_t node);
  Or<ir::IterVar> IterVar(int64_t node);
  Or<ir::BufferRegion> Region(int64_t node);
  Or<const ir::MatchBufferRegionNode*> MatchRegion(int64_t node);
  Or<const ir::IndexMapNode*> IndexMap(int64_t node);
  Or<const ir::CommReducerNode*> Reducer(int64_t node);
  Or<const ir::GlobalVarNode*> GlobalVar(int64_t node);
  Or<ir::Attrs> Attrs(int64_t node);
  Or<ir::Attrs> DictAttrs(int64_t node);
  Or<const ir::Object*> Object(int64_t node);
  Or<const ir::NDArrayNode*> NDArray(int64_t node);
  Or<json> Plain(int64_t node, int depth);
  Or<ir::PrimFunc> Func(int64_t node);
  absl::Status CheckIndices(int64_t node, ir::Buffer buffer, ir::Array<Expr> indices) const;

  const GraphLimits& limits_;
  const RenameVar* rename_;
  json graph_;
  const json* nodes_ = nullptr;
  int64_t root_ = 0;
  std::vector<std::string_view> keys_;
  std::vector<const void*> memo_;
  std::vector<const char*> kinds_;
  std::vector<std::string_view> texts_;
  absl::flat_hash_map<int64_t, ir::Array<Expr>> arrays_;  // Shared arrays stay shared.
  std::vector<int64_t> cost_;
  std::vector<bool> busy_;
  int depth_ = 0;
  int64_t tree_ = 0;
};

absl::Status GraphReader::Parse(std::string_view text) {
  if (text.size() > limits_.max_bytes) {
    return absl::InvalidArgumentError(
        ToAbsl(StrCat("the graph has ", text.size(), " bytes; the limit is ", limits_.max_bytes)));
  }
  // A graph is flat; deep nesting is refused before the parser recurses or keeps it.
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > 16) return absl::InvalidArgumentError("the JSON is nested too deeply for a graph");
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  graph_ = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!graph_.is_object()) return absl::InvalidArgumentError("the graph is not a JSON object");
  auto nodes = graph_.find("nodes");
  auto root = graph_.find("root");
  if (nodes == graph_.end() || !nodes->is_array() || root == graph_.end() || !root->is_number_integer()) {
    return absl::InvalidArgumentError("the graph needs \"root\" and \"nodes\"");
  }
  nodes_ = &*nodes;
  keys_.reserve(nodes_->size());
  for (const json& node : *nodes_) {
    auto key = node.is_object() ? node.find("type_key") : node.end();
    if (!node.is_object() || key == node.end() || !key->is_string()) {
      return absl::InvalidArgumentError(ToAbsl(StrCat("graph node ", keys_.size(), " has no type_key")));
    }
    keys_.push_back(key->get_ref<const std::string&>());
  }
  root_ = root->get<int64_t>();
  if (root_ < 0 || root_ >= Count()) return absl::InvalidArgumentError("the root is no node of the graph");
  memo_.assign(nodes_->size(), nullptr);
  kinds_.assign(nodes_->size(), nullptr);
  texts_.assign(nodes_->size(), {});
  cost_.assign(nodes_->size(), 0);
  busy_.assign(nodes_->size(), false);
  return absl::OkStatus();
}

absl::StatusOr<std::string_view> GraphReader::Literal(int64_t node, const char* field) const {
  auto attrs = At(node).find("attrs");
  if (attrs == At(node).end() || !attrs->is_object()) return Error(node, "has no attrs");
  auto value = attrs->find(field);
  if (value == attrs->end() || !value->is_string()) return Error(node, StrCat("has no field \"", field, "\""));
  return std::string_view(value->get_ref<const std::string&>());
}

absl::StatusOr<int64_t> GraphReader::Int(int64_t node, const char* field) const {
  HONE_ASSIGN_OR_RETURN(const std::string_view text, Literal(node, field));
  int64_t value = 0;
  if (!absl::SimpleAtoi(ToAbsl(text), &value)) {
    uint64_t wide = 0;
    if (!absl::SimpleAtoi(ToAbsl(text), &wide)) {
      return Error(node, StrCat("field \"", field, "\" is no integer: \"", text, "\""));
    }
    value = static_cast<int64_t>(wide);
  }
  return value;
}

absl::StatusOr<DataType> GraphReader::Type(int64_t node) const {
  HONE_ASSIGN_OR_RETURN(const std::string_view text, Literal(node, "dtype"));
  const auto dtype = DataType::Parse(text);
  if (!dtype.has_value()) return Error(node, StrCat("\"", text, "\" is no data type"));
  return *dtype;
}

absl::StatusOr<int64_t> GraphReader::Ref(int64_t node, const char* field) const {
  HONE_ASSIGN_OR_RETURN(const int64_t index, Int(node, field));
  if (index < 0 || index >= Count()) return Error(node, StrCat("field \"", field, "\" refers to no node"));
  return index;
}

absl::StatusOr<std::vector<int64_t>> GraphReader::Elements(int64_t node) const {
  std::vector<int64_t> out;
  auto data = At(node).find("data");
  if (data == At(node).end()) return out;
  if (!data->is_array()) return Error(node, "data is no array");
  out.reserve(data->size());
  for (const json& item : *data) {
    const int64_t index = item.is_number_integer() ? item.get<int64_t>() : -1;
    if (index < 0 || index >= Count()) return Error(node, "data refers to no node");
    out.push_back(index);
  }
  return out;
}

absl::StatusOr<std::string_view> GraphReader::Text(int64_t node) {
  if (node == 0) return std::string_view();
  HONE_RETURN_IF_ERROR(Need(node, "runtime.String"));
  std::string_view& known = texts_[static_cast<size_t>(node)];
  if (known.data() != nullptr) return known;
  std::string text;
  auto plain = At(node).find("repr_str");
  auto blob = At(node).find("repr_b64");
  if (plain != At(node).end() && plain->is_string()) {
    text = plain->get<std::string>();
  } else if (blob != At(node).end() && blob->is_string()) {
    HONE_ASSIGN_OR_RETURN(text, DecodePayload(blob->get_ref<const std::string&>()));
  }
  if (text.empty()) return std::string_view();
  known = ir::CopyString(text);
  return known;
}

absl::StatusOr<std::string_view> GraphReader::TextField(int64_t node, const char* field) {
  HONE_ASSIGN_OR_RETURN(const int64_t index, Ref(node, field));
  return Text(index);
}

// ------------------------------------------------------------------------------------------------- types and vars

absl::StatusOr<const ir::TypeNode*> GraphReader::TypeNode(int64_t node) {
  return Memo<const ir::TypeNode*>(node, [&]() -> Or<const ir::TypeNode*> {
    if (Key(node) == "PrimType") {
      HONE_ASSIGN_OR_RETURN(const DataType dtype, Type(node));
      return ir::PrimType(dtype);
    }
    if (Key(node) == "PointerType") {
      HONE_ASSIGN_OR_RETURN(const int64_t element, Ref(node, "element_type"));
      HONE_RETURN_IF_ERROR(Need(element, "PrimType"));
      HONE_ASSIGN_OR_RETURN(const DataType dtype, Type(element));
      HONE_ASSIGN_OR_RETURN(const std::string_view scope, TextField(node, "storage_scope"));
      return ir::PointerType(dtype, scope);
    }
    if (Key(node) == "TupleType") {
      HONE_ASSIGN_OR_RETURN(const int64_t fields, Ref(node, "fields"));
      HONE_ASSIGN_OR_RETURN(const std::vector<int64_t> elements, Elements(fields));
      std::vector<const ir::TypeNode*> types;
      for (const int64_t element : elements) {
        HONE_ASSIGN_OR_RETURN(const ir::TypeNode* type, TypeNode(element));
        types.push_back(type);
      }
      return ir::TupleType(ir::MakeArray(types));
    }
    return Error(node, "expected a type");
  });
}

absl::StatusOr<ir::Var> GraphReader::Var(int64_t node) {
  HONE_ASSIGN_OR_RETURN(const ir::VarNode* var, Memo<const ir::VarNode*>(node, [&]() -> Or<const ir::VarNode*> {
                          if (Key(node) != "tir.Var" && Key(node) != "tir.SizeVar")
                            return Error(node, "expected a variable");
                          HONE_ASSIGN_OR_RETURN(const DataType dtype, Type(node));
                          HONE_ASSIGN_OR_RETURN(std::string_view name, TextField(node, "name"));
                          HONE_ASSIGN_OR_RETURN(const int64_t annotation, Ref(node, "type_annotation"));
                          const ir::TypeNode* type = nullptr;
                          if (annotation == 0) {
                            type = ir::PrimType(dtype);
                          } else {
                            HONE_ASSIGN_OR_RETURN(type, TypeNode(annotation));
                          }
                          if (type->kind == ir::TypeKind::kTuple) return Error(node, "a variable has no tuple type");
                          const std::string renamed = rename_ != nullptr ? (*rename_)(name) : std::string();
                          ir::VarNode* made = const_cast<ir::VarNode*>(ir::MakeVar(renamed, type).get());
                          if (renamed.empty()) made->name = name;  // The very bytes: shared names stay shared.
                          if (!(made->dtype == dtype))
                            return Error(node, "the dtype of the variable is not that of its type");
                          made->is_size_var = Key(node) == "tir.SizeVar";
                          return made;
                        }));
  return ir::Var(var);
}

absl::StatusOr<ir::Array<ir::Var>> GraphReader::VarsField(int64_t node, const char* field) {
  HONE_ASSIGN_OR_RETURN(const int64_t index, Ref(node, field));
  HONE_ASSIGN_OR_RETURN(const std::vector<int64_t> elements, Elements(index));
  std::vector<ir::Var> out;
  for (const int64_t element : elements) {
    HONE_ASSIGN_OR_RETURN(const ir::Var var, Var(element));
    out.push_back(var);
  }
  return ir::MakeArray(out);
}

// ---------------------------------------------------------------------------------------------------- expressions

absl::StatusOr<Expr> GraphReader::ReadExpr(int64_t node) {
  if (Key(node) == "tir.Var" || Key(node) == "tir.SizeVar") {
    HONE_ASSIGN_OR_RETURN(const ir::Var var, Var(node));
    return Expr(var);
  }
  if (Key(node) == "tir.IterVar") {
    HONE_ASSIGN_OR_RETURN(const ir::IterVar iter, IterVar(node));
    return Expr(iter->var);
  }
  HONE_ASSIGN_OR_RETURN(const ir::ExprNode* made, Memo<const ir::ExprNode*>(node, [&]() -> Or<const ir::ExprNode*> {
                          HONE_ASSIGN_OR_RETURN(const Expr e, MakeExpr(node));
                          return e.get();
                        }));
  return Expr(made);
}

absl::StatusOr<Expr> GraphReader::ExprField(int64_t node, const char* field, bool may_be_null) {
  HONE_ASSIGN_OR_RETURN(const int64_t index, Ref(node, field));
  if (index == 0) {
    if (may_be_null) return Expr();
    return Error(node, StrCat("field \"", field, "\" is null"));
  }
  return ReadExpr(index);
}

absl::StatusOr<ir::Array<Expr>> GraphReader::Exprs(int64_t node) {
  HONE_ASSIGN_OR_RETURN(const std::vector<int64_t> elements, Elements(node));
  std::vector<Expr> out;
  out.reserve(elements.size());
  for (const int64_t element : elements) {
    if (element == 0) return Error(node, "an expression is null");
    HONE_ASSIGN_OR_RETURN(const Expr e, ReadExpr(element));
    out.push_back(e);
  }
  auto [it, added] = arrays_.try_emplace(node);
  if (added) it->second = ir::MakeArray(out);
  return it->second;
}

absl::StatusOr<ir::Array<Expr>> GraphReader::ExprsField(int64_t node, const char* field) {
  HONE_ASSIGN_OR_RETURN(const int64_t index, Ref(node, field));
  return Exprs(index);
}

absl::Status GraphReader::CheckIndices(int64_t node, ir::Buffer buffer, ir::Array<Expr> indices) const {
  if (indices.size() != buffer->shape.size()) return Error(node, "the number of indices is not the buffer's rank");
  for (size_t i = 0; i < indices.size(); ++i) {
    if (!IsIntLike(indices[i].dtype())) return Error(node, "an index is no integer");
    if (!indices[i].dtype().is_scalar() && i + 1 < indices.size())
      return Error(node, "only the last index may be a vector");
  }
  if (!indices.empty() && !indices.back().dtype().is_scalar() && !buffer->dtype.is_scalar() &&
      std::abs(indices.back().dtype().lanes * buffer->dtype.lanes) > kMaxLanes) {
    return Error(node, "too many lanes");
  }
  return absl::OkStatus();
}

absl::StatusOr<Expr> GraphReader::MakeCall(int64_t node) {
  HONE_ASSIGN_OR_RETURN(const DataType dtype, Type(node));
  HONE_ASSIGN_OR_RETURN(const int64_t op, Ref(node, "op"));
  HONE_ASSIGN_OR_RETURN(const ir::Array<Expr> args, ExprsField(node, "args"));
  if (Key(op) == "GlobalVar") {
    HONE_ASSIGN_OR_RETURN(const ir::GlobalVarNode* function, GlobalVar(op));
    return ir::MakeCall(dtype, function, args);
  }
  HONE_RETURN_IF_ERROR(Need(op, "Op"));
  auto name = At(op).find("repr_str");
  std::string_view text;
  if (name != At(op).end() && name->is_string()) text = name->get_ref<const std::string&>();
  if (text.substr(0, 4) == "tir.") text.remove_prefix(4);
  const auto builtin = ir::BuiltinFromName(text);
  if (!builtin.has_value()) return Error(node, StrCat("unknown operator \"", text, "\""));
  return ir::MakeCall(dtype, *builtin, args);
}

absl::StatusOr<Expr> GraphReader::MakeExpr(int64_t node) {
  const std::string_view key = Key(node);
  for (const NamedBinary& row : kBinaries) {
    if (row.key != key) continue;
    HONE_ASSIGN_OR_RETURN(const Expr a, ExprField(node, "a"));
    HONE_ASSIGN_OR_RETURN(const Expr b, ExprField(node, "b"));
    if (!(a.dtype() == b.dtype())) return Error(node, "the operands have different types");
    const bool logic = row.kind == ExprKind::kAnd || row.kind == ExprKind::kOr;
    if (logic && a.dtype().element() != ir::kBool) return Error(node, "the operands are not bool");
    return ir::MakeBinary(row.kind, a, b);
  }
  HONE_ASSIGN_OR_RETURN(const DataType dtype, Type(node));
  if (key == "IntImm") {
    HONE_ASSIGN_OR_RETURN(const int64_t value, Int(node, "value"));
    if (!IsIntLike(dtype) || !dtype.is_scalar()) return Error(node, "an integer has no such type");
    return ir::IntImm(dtype, value);
  }
  if (key == "FloatImm") {
    HONE_ASSIGN_OR_RETURN(const std::string_view text, Literal(node, "value"));
    if (!dtype.is_any_float() || !dtype.is_scalar()) return Error(node, "a float has no such type");
    const std::string owned(text);
    char* end = nullptr;
    const double value = std::strtod(owned.c_str(), &end);
    if (owned.empty() || *end != '\0') return Error(node, StrCat("\"", text, "\" is no number"));
    return ir::FloatImm(dtype, value);
  }
  if (key == "tir.StringImm") {
    HONE_ASSIGN_OR_RETURN(const std::string_view text, TextField(node, "value"));
    return ir::StringImm(text);
  }
  if (key == "tir.Cast") {
    HONE_ASSIGN_OR_RETURN(const Expr value, ExprField(node, "value"));
    if (value.dtype().lanes != dtype.lanes) return Error(node, "a cast changes the number of lanes");
    return ir::MakeCast(dtype, value);
  }
  if (key == "tir.Not") {
    HONE_ASSIGN_OR_RETURN(const Expr a, ExprField(node, "a"));
    if (a.dtype().element() != ir::kBool) return Error(node, "the operand is not bool");
    return ir::MakeNot(a);
  }
  if (key == "tir.Select") {
    HONE_ASSIGN_OR_RETURN(const Expr condition, ExprField(node, "condition"));
    HONE_ASSIGN_OR_RETURN(const Expr a, ExprField(node, "true_value"));
    HONE_ASSIGN_OR_RETURN(const Expr b, ExprField(node, "false_value"));
    if (!(a.dtype() == b.dtype()) || condition.dtype().element() != ir::kBool) {
      return Error(node, "condition or branches have the wrong type");
    }
    return ir::MakeSelect(condition, a, b);
  }
  if (key == "tir.BufferLoad") {
    HONE_ASSIGN_OR_RETURN(const int64_t of, Ref(node, "buffer"));
    HONE_ASSIGN_OR_RETURN(const ir::Buffer buffer, Buffer(of));
    HONE_ASSIGN_OR_RETURN(const ir::Array<Expr> indices, ExprsField(node, "indices"));
    HONE_RETURN_IF_ERROR(CheckIndices(node, buffer, indices));
    HONE_ASSIGN_OR_RETURN(const Expr predicate, ExprField(node, "predicate", true));
    return ir::MakeBufferLoad(buffer, indices, predicate);
  }
  auto check_lanes = [&](Expr lanes) -> absl::Status {
    const int64_t* number = ir::ConstInt(lanes);
    if (!IsIntLike(lanes.dtype()) || (number != nullptr && (*number < 1 || *number > kMaxLanes))) {
      return Error(node, "the number of lanes is out of range");
    }
    return absl::OkStatus();
  };
  if (key == "tir.Ramp") {
    HONE_ASSIGN_OR_RETURN(const Expr base, ExprField(node, "base"));
    HONE_ASSIGN_OR_RETURN(const Expr stride, ExprField(node, "stride"));
    HONE_ASSIGN_OR_RETURN(const Expr lanes, ExprField(node, "lanes"));
    HONE_RETURN_IF_ERROR(check_lanes(lanes));
    if (!(base.dtype() == stride.dtype()) || !base.dtype().is_scalar())
      return Error(node, "base and stride differ in type");
    return ir::MakeRamp(base, stride, lanes);
  }
  if (key == "tir.Broadcast") {
    HONE_ASSIGN_OR_RETURN(const Expr value, ExprField(node, "value"));
    HONE_ASSIGN_OR_RETURN(const Expr lanes, ExprField(node, "lanes"));
    HONE_RETURN_IF_ERROR(check_lanes(lanes));
    if (!value.dtype().is_scalar()) return Error(node, "the value is a vector");
    return ir::MakeBroadcast(value, lanes);
  }
  if (key == "tir.Let") {
    HONE_ASSIGN_OR_RETURN(const int64_t var_index, Ref(node, "var"));
    HONE_ASSIGN_OR_RETURN(const ir::Var var, Var(var_index));
    HONE_ASSIGN_OR_RETURN(const Expr value, ExprField(node, "value"));
    HONE_ASSIGN_OR_RETURN(const Expr body, ExprField(node, "body"));
    if (!(var.dtype() == value.dtype())) return Error(node, "the value has another type than its variable");
    return ir::MakeLet(var, value, body);
  }
  if (key == "tir.Call") return MakeCall(node);
  if (key == "tir.Shuffle") {
    HONE_ASSIGN_OR_RETURN(const ir::Array<Expr> vectors, ExprsField(node, "vectors"));
    HONE_ASSIGN_OR_RETURN(const ir::Array<Expr> indices, ExprsField(node, "indices"));
    if (vectors.empty() || indices.empty() || static_cast<int64_t>(indices.size()) > kMaxLanes) {
      return Error(node, "a shuffle needs vectors and indices");
    }
    return ir::MakeShuffle(vectors, indices);
  }
  if (key == "tir.Reduce") {
    HONE_ASSIGN_OR_RETURN(const int64_t combiner_index, Ref(node, "combiner"));
    HONE_ASSIGN_OR_RETURN(const ir::CommReducerNode* combiner, Reducer(combiner_index));
    HONE_ASSIGN_OR_RETURN(const ir::Array<Expr> source, ExprsField(node, "source"));
    HONE_ASSIGN_OR_RETURN(const ir::Array<Expr> init, ExprsField(node, "init"));
    HONE_ASSIGN_OR_RETURN(const int64_t axis_index, Ref(node, "axis"));
    HONE_ASSIGN_OR_RETURN(const std::vector<int64_t> elements, Elements(axis_index));
    std::vector<ir::IterVar> axis;
    for (const int64_t element : elements) {
      HONE_ASSIGN_OR_RETURN(const ir::IterVar iter, IterVar(element));
      axis.push_back(iter);
    }
    HONE_ASSIGN_OR_RETURN(const Expr condition, ExprField(node, "condition"));
    HONE_ASSIGN_OR_RETURN(const int64_t value_index, Int(node, "value_index"));
    if (value_index < 0 || value_index >= static_cast<int64_t>(source.size()))
      return Error(node, "value_index is out of range");
    return ir::MakeReduce(combiner, source, init, ir::MakeArray(axis), condition, static_cast<int>(value_index));
  }
  if (key == "tir.Any") return ir::MakeAny();
  return Error(node, "expected an expression");
}

// ------------------------------------------------------------------------------------------ buffers and their parts

absl::StatusOr<ir::Buffer> GraphReader::Buffer(int64_t node) {
  HONE_RETURN_IF_ERROR(Need(node, "tir.Buffer"));
  HONE_ASSIGN_OR_RETURN(const ir::BufferNode* buffer,
                        Memo<const ir::BufferNode*>(node, [&] { return MakeBuffer(node); }));
  return ir::Buffer(buffer);
}

absl::StatusOr<const ir::BufferNode*> GraphReader::MakeBuffer(int64_t node) {
  HONE_ASSIGN_OR_RETURN(const int64_t data_index, Ref(node, "data"));
  HONE_ASSIGN_OR_RETURN(const ir::Var data, Var(data_index));
  HONE_ASSIGN_OR_RETURN(const DataType dtype, Type(node));
  HONE_ASSIGN_OR_RETURN(const ir::Array<Expr> shape, ExprsField(node, "shape"));
  HONE_ASSIGN_OR_RETURN(const ir::Array<Expr> strides, ExprsField(node, "strides"));
  HONE_ASSIGN_OR_RETURN(const ir::Array<Expr> separators, ExprsField(node, "axis_separators"));
  HONE_ASSIGN_OR_RETURN(const Expr elem_offset, ExprField(node, "elem_offset", true));
  HONE_ASSIGN_OR_RETURN(const std::string_view name, TextField(node, "name"));
  HONE_ASSIGN_OR_RETURN(const int64_t alignment, Int(node, "data_alignment"));
  HONE_ASSIGN_OR_RETURN(const int64_t factor, Int(node, "offset_factor"));
  HONE_ASSIGN_OR_RETURN(const int64_t type, Int(node, "buffer_type"));
  for (const auto& exprs : {shape, strides, separators}) {
    for (const Expr e : exprs) {
      if (!IsIntLike(e.dtype()) || !e.dtype().is_scalar())
        return Error(node, "a dimension, stride or separator is no integer");
    }
  }
  if (elem_offset && !IsIntLike(elem_offset.dtype())) return Error(node, "elem_offset is no integer");
  if (!data.dtype().is_handle()) return Error(node, "data is no pointer");
  if (alignment < -1 || alignment > (1 << 20) || factor < 0 || factor > (1 << 30) || type < 1 || type > 2) {
    return Error(node, "data_alignment, offset_factor or buffer_type is out of range");
  }
  const ir::Buffer buffer = ir::MakeBuffer(data, dtype, shape, strides, elem_offset, {}, static_cast<int>(alignment),
                                           static_cast<int>(factor), static_cast<ir::BufferType>(type), separators);
  const_cast<ir::BufferNode*>(buffer.get())->name = name;  // The very bytes: shared names stay shared.
  return buffer.get();
}

absl::StatusOr<ir::Range> GraphReader::Range(int64_t node) {
  HONE_RETURN_IF_ERROR(Need(node, "Range"));
  HONE_ASSIGN_OR_RETURN(const Expr min, ExprField(node, "min"));
  HONE_ASSIGN_OR_RETURN(const Expr extent, ExprField(node, "extent"));
  if (!IsIntLike(min.dtype()) || !IsIntLike(extent.dtype())) return Error(node, "a bound is no integer");
  return ir::Range{min, extent};
}

absl::StatusOr<ir::IterVar> GraphReader::IterVar(int64_t node) {
  HONE_RETURN_IF_ERROR(Need(node, "tir.IterVar"));
  return Memo<ir::IterVar>(node, [&]() -> Or<ir::IterVar> {
    HONE_ASSIGN_OR_RETURN(const int64_t dom_index, Ref(node, "dom"));
    ir::Range dom;
    if (dom_index != 0) {
      HONE_ASSIGN_OR_RETURN(dom, Range(dom_index));
    }
    HONE_ASSIGN_OR_RETURN(const int64_t var_index, Ref(node, "var"));
    HONE_ASSIGN_OR_RETURN(const ir::Var var, Var(var_index));
    HONE_ASSIGN_OR_RETURN(const int64_t type, Int(node, "iter_type"));
    HONE_ASSIGN_OR_RETURN(const std::string_view tag, TextField(node, "thread_tag"));
    if (type < 0 || type > 8) return Error(node, "iter_type is out of range");
    return ir::MakeIterVar(dom, var, static_cast<ir::IterType>(type), tag);
  });
}

absl::StatusOr<ir::BufferRegion> GraphReader::Region(int64_t node) {
  HONE_RETURN_IF_ERROR(Need(node, "tir.BufferRegion"));
  return Memo<ir::BufferRegion>(node, [&]() -> Or<ir::BufferRegion> {
    HONE_ASSIGN_OR_RETURN(const int64_t buffer_index, Ref(node, "buffer"));
    HONE_ASSIGN_OR_RETURN(const ir::Buffer buffer, Buffer(buffer_index));
    HONE_ASSIGN_OR_RETURN(const int64_t region_index, Ref(node, "region"));
    HONE_ASSIGN_OR_RETURN(const std::vector<int64_t> elements, Elements(region_index));
    std::vector<ir::Range> ranges;
    for (const int64_t element : elements) {
      HONE_ASSIGN_OR_RETURN(const ir::Range range, Range(element));
      ranges.push_back(range);
    }
    if (ranges.size() != buffer->shape.size()) return Error(node, "the number of ranges is not the buffer's rank");
    return ir::MakeBufferRegion(buffer, ir::MakeArray(ranges));
  });
}

absl::StatusOr<const ir::MatchBufferRegionNode*> GraphReader::MatchRegion(int64_t node) {
  HONE_RETURN_IF_ERROR(Need(node, "tir.MatchBufferRegion"));
  return Memo<const ir::MatchBufferRegionNode*>(node, [&]() -> Or<const ir::MatchBufferRegionNode*> {
    HONE_ASSIGN_OR_RETURN(const int64_t buffer_index, Ref(node, "buffer"));
    HONE_ASSIGN_OR_RETURN(const ir::Buffer buffer, Buffer(buffer_index));
    HONE_ASSIGN_OR_RETURN(const int64_t source_index, Ref(node, "source"));
    HONE_ASSIGN_OR_RETURN(const ir::BufferRegion source, Region(source_index));
    return ir::MakeMatchBufferRegion(buffer, source);
  });
}

absl::StatusOr<const ir::IndexMapNode*> GraphReader::IndexMap(int64_t node) {
  HONE_RETURN_IF_ERROR(Need(node, "tir.IndexMap"));
  return Memo<const ir::IndexMapNode*>(node, [&]() -> Or<const ir::IndexMapNode*> {
    HONE_ASSIGN_OR_RETURN(const ir::Array<ir::Var> initial, VarsField(node, "initial_indices"));
    HONE_ASSIGN_OR_RETURN(const ir::Array<Expr> final_indices, ExprsField(node, "final_indices"));
    HONE_ASSIGN_OR_RETURN(const int64_t inverse_index, Ref(node, "inverse_index_map"));
    const ir::IndexMapNode* inverse = nullptr;
    if (inverse_index != 0) {
      HONE_ASSIGN_OR_RETURN(inverse, IndexMap(inverse_index));
    }
    return ir::MakeIndexMap(initial, final_indices, inverse);
  });
}

absl::StatusOr<const ir::CommReducerNode*> GraphReader::Reducer(int64_t node) {
  HONE_RETURN_IF_ERROR(Need(node, "tir.CommReducer"));
  return Memo<const ir::CommReducerNode*>(node, [&]() -> Or<const ir::CommReducerNode*> {
    auto* out = ir::New<ir::CommReducerNode>();
    out->object_kind = ir::ObjectKind::kCommReducer;
    HONE_ASSIGN_OR_RETURN(out->lhs, VarsField(node, "lhs"));
    HONE_ASSIGN_OR_RETURN(out->rhs, VarsField(node, "rhs"));
    HONE_ASSIGN_OR_RETURN(out->result, ExprsField(node, "result"));
    HONE_ASSIGN_OR_RETURN(out->identity, ExprsField(node, "identity_element"));
    return out;
  });
}

absl::StatusOr<const ir::GlobalVarNode*> GraphReader::GlobalVar(int64_t node) {
  HONE_RETURN_IF_ERROR(Need(node, "GlobalVar"));
  return Memo<const ir::GlobalVarNode*>(node, [&]() -> Or<const ir::GlobalVarNode*> {
    HONE_ASSIGN_OR_RETURN(const std::string_view name, TextField(node, "name_hint"));
    if (name.empty()) return Error(node, "the function has no name");
    return ir::MakeGlobalVar(name);
  });
}

// ------------------------------------------------------------------------------------------------------ statements

absl::StatusOr<Stmt> GraphReader::ReadStmt(int64_t node) {
  if (Key(node) == "tir.Block") {
    HONE_ASSIGN_OR_RETURN(const ir::BlockNode* block, Block(node));
    return Stmt(block);
  }
  HONE_ASSIGN_OR_RETURN(const ir::StmtNode* made, Memo<const ir::StmtNode*>(node, [&]() -> Or<const ir::StmtNode*> {
                          HONE_ASSIGN_OR_RETURN(const Stmt s, MakeStmt(node));
                          return s.get();
                        }));
  return Stmt(made);
}

absl::StatusOr<Stmt> GraphReader::StmtField(int64_t node, const char* field, bool may_be_null) {
  HONE_ASSIGN_OR_RETURN(const int64_t index, Ref(node, field));
  if (index == 0) {
    if (may_be_null) return Stmt();
    return Error(node, StrCat("field \"", field, "\" is null"));
  }
  return ReadStmt(index);
}

absl::StatusOr<const ir::BlockNode*> GraphReader::Block(int64_t node) {
  HONE_RETURN_IF_ERROR(Need(node, "tir.Block"));
  HONE_ASSIGN_OR_RETURN(const ir::StmtNode* block, Memo<const ir::StmtNode*>(node, [&]() -> Or<const ir::StmtNode*> {
                          HONE_ASSIGN_OR_RETURN(const ir::BlockNode* made, MakeBlock(node));
                          return made;
                        }));
  return static_cast<const ir::BlockNode*>(block);
}

absl::StatusOr<const ir::BlockNode*> GraphReader::MakeBlock(int64_t node) {
  auto list = [&](const char* field, auto read, auto* out) -> absl::Status {
    HONE_ASSIGN_OR_RETURN(const int64_t index, Ref(node, field));
    HONE_ASSIGN_OR_RETURN(const std::vector<int64_t> elements, Elements(index));
    for (const int64_t element : elements) {
      HONE_ASSIGN_OR_RETURN(const auto item, read(element));
      out->push_back(item);
    }
    return absl::OkStatus();
  };
  std::vector<ir::IterVar> iters;
  std::vector<ir::BufferRegion> reads, writes;
  std::vector<ir::Buffer> allocs;
  std::vector<ir::MatchBufferRegion> matches;
  auto region = [&](int64_t i) { return Region(i); };
  HONE_RETURN_IF_ERROR(list(
      "iter_vars", [&](int64_t i) { return IterVar(i); }, &iters));
  HONE_RETURN_IF_ERROR(list("reads", region, &reads));
  HONE_RETURN_IF_ERROR(list("writes", region, &writes));
  HONE_ASSIGN_OR_RETURN(const std::string_view name, TextField(node, "name_hint"));
  HONE_ASSIGN_OR_RETURN(const Stmt body, StmtField(node, "body"));
  HONE_ASSIGN_OR_RETURN(const Stmt init, StmtField(node, "init", true));
  HONE_RETURN_IF_ERROR(list(
      "alloc_buffers", [&](int64_t i) { return Buffer(i); }, &allocs));
  HONE_RETURN_IF_ERROR(list(
      "match_buffers", [&](int64_t i) { return MatchRegion(i); }, &matches));
  HONE_ASSIGN_OR_RETURN(const int64_t annotations_index, Ref(node, "annotations"));
  HONE_ASSIGN_OR_RETURN(const ir::Attrs annotations, Attrs(annotations_index));
  for (const ir::IterVar iter : iters) {
    if (!iter->dom) return Error(node, "an iterator of a block has no domain");
  }
  return ir::MakeBlock(ir::MakeArray(iters), ir::MakeArray(reads), ir::MakeArray(writes), name, body, init,
                       ir::MakeArray(allocs), ir::MakeArray(matches), annotations);
}

absl::StatusOr<Stmt> GraphReader::MakeFor(int64_t node) {
  HONE_ASSIGN_OR_RETURN(const int64_t var_index, Ref(node, "loop_var"));
  HONE_ASSIGN_OR_RETURN(const ir::Var var, Var(var_index));
  HONE_ASSIGN_OR_RETURN(const Expr min, ExprField(node, "min"));
  HONE_ASSIGN_OR_RETURN(const Expr extent, ExprField(node, "extent"));
  HONE_ASSIGN_OR_RETURN(const int64_t kind, Int(node, "kind"));
  HONE_ASSIGN_OR_RETURN(const Stmt body, StmtField(node, "body"));
  HONE_ASSIGN_OR_RETURN(const int64_t binding_index, Ref(node, "thread_binding"));
  ir::IterVar binding = nullptr;
  if (binding_index != 0) {
    HONE_ASSIGN_OR_RETURN(binding, IterVar(binding_index));
  }
  HONE_ASSIGN_OR_RETURN(const int64_t annotations_index, Ref(node, "annotations"));
  HONE_ASSIGN_OR_RETURN(const ir::Attrs annotations, Attrs(annotations_index));
  for (const Expr e : {Expr(var), min, extent}) {
    if (!IsIntLike(e.dtype()) || !e.dtype().is_scalar()) return Error(node, "variable and bounds are scalar integers");
  }
  if (kind < 0 || kind > 4 || (kind == 4) != (binding != nullptr)) {
    return Error(node, "kind and thread_binding do not go together");
  }
  return ir::MakeFor(var, min, extent, static_cast<ir::ForKind>(kind), body, binding, annotations);
}

absl::StatusOr<Stmt> GraphReader::MakeStore(int64_t node) {
  HONE_ASSIGN_OR_RETURN(const int64_t buffer_index, Ref(node, "buffer"));
  HONE_ASSIGN_OR_RETURN(const ir::Buffer buffer, Buffer(buffer_index));
  HONE_ASSIGN_OR_RETURN(const Expr value, ExprField(node, "value"));
  HONE_ASSIGN_OR_RETURN(const ir::Array<Expr> indices, ExprsField(node, "indices"));
  HONE_RETURN_IF_ERROR(CheckIndices(node, buffer, indices));
  HONE_ASSIGN_OR_RETURN(const Expr predicate, ExprField(node, "predicate", true));
  if (!(ir::MakeBufferLoad(buffer, indices).dtype() == value.dtype())) {
    return Error(node, "the value's type is not the buffer's");
  }
  return ir::MakeBufferStore(buffer, value, indices, predicate);
}

absl::StatusOr<Stmt> GraphReader::MakeStmt(int64_t node) {
  const std::string_view key = Key(node);
  if (key == "tir.For") return MakeFor(node);
  if (key == "tir.BufferStore") return MakeStore(node);
  if (key == "tir.BlockRealize") {
    HONE_ASSIGN_OR_RETURN(const ir::Array<Expr> values, ExprsField(node, "iter_values"));
    HONE_ASSIGN_OR_RETURN(const Expr predicate, ExprField(node, "predicate"));
    HONE_ASSIGN_OR_RETURN(const int64_t block_index, Ref(node, "block"));
    HONE_ASSIGN_OR_RETURN(const ir::BlockNode* block, Block(block_index));
    if (values.size() != block->iter_vars.size())
      return Error(node, "the number of values is not that of the iterators");
    if (!predicate.dtype().is_bool()) return Error(node, "the predicate is not bool");
    return ir::MakeBlockRealize(values, predicate, block);
  }
  if (key == "tir.SeqStmt") {
    HONE_ASSIGN_OR_RETURN(const int64_t seq, Ref(node, "seq"));
    HONE_ASSIGN_OR_RETURN(const std::vector<int64_t> elements, Elements(seq));
    std::vector<Stmt> stmts;
    for (const int64_t element : elements) {
      if (element == 0) return Error(node, "a statement is null");
      HONE_ASSIGN_OR_RETURN(const Stmt s, ReadStmt(element));
      stmts.push_back(s);
    }
    return ir::MakeSeq(stmts);
  }
  if (key == "tir.IfThenElse") {
    HONE_ASSIGN_OR_RETURN(const Expr condition, ExprField(node, "condition"));
    HONE_ASSIGN_OR_RETURN(const Stmt then_case, StmtField(node, "then_case"));
    HONE_ASSIGN_OR_RETURN(const Stmt else_case, StmtField(node, "else_case", true));
    return ir::MakeIfThenElse(condition, then_case, else_case);
  }
  if (key == "tir.Evaluate") {
    HONE_ASSIGN_OR_RETURN(const Expr value, ExprField(node, "value"));
    return ir::MakeEvaluate(value);
  }
  if (key == "tir.LetStmt") {
    HONE_ASSIGN_OR_RETURN(const int64_t var_index, Ref(node, "var"));
    HONE_ASSIGN_OR_RETURN(const ir::Var var, Var(var_index));
    HONE_ASSIGN_OR_RETURN(const Expr value, ExprField(node, "value"));
    HONE_ASSIGN_OR_RETURN(const Stmt body, StmtField(node, "body"));
    if (!(var.dtype() == value.dtype())) return Error(node, "the value has another type than its variable");
    return ir::MakeLetStmt(var, value, body);
  }
  if (key == "tir.AttrStmt") {
    HONE_ASSIGN_OR_RETURN(const int64_t object_index, Ref(node, "node"));
    HONE_ASSIGN_OR_RETURN(const ir::Object* object, Object(object_index));
    HONE_ASSIGN_OR_RETURN(const std::string_view attr_key, TextField(node, "attr_key"));
    HONE_ASSIGN_OR_RETURN(const Expr value, ExprField(node, "value"));
    HONE_ASSIGN_OR_RETURN(const Stmt body, StmtField(node, "body"));
    return ir::MakeAttrStmt(object, attr_key, value, body);
  }
  if (key == "tir.AssertStmt") {
    HONE_ASSIGN_OR_RETURN(const Expr condition, ExprField(node, "condition"));
    HONE_ASSIGN_OR_RETURN(const Expr message, ExprField(node, "message"));
    HONE_ASSIGN_OR_RETURN(const Stmt body, StmtField(node, "body"));
    return ir::MakeAssertStmt(condition, message, body);
  }
  if (key == "tir.While") {
    HONE_ASSIGN_OR_RETURN(const Expr condition, ExprField(node, "condition"));
    HONE_ASSIGN_OR_RETURN(const Stmt body, StmtField(node, "body"));
    return ir::MakeWhile(condition, body);
  }
  if (key == "tir.DeclBuffer") {
    HONE_ASSIGN_OR_RETURN(const int64_t buffer_index, Ref(node, "buffer"));
    HONE_ASSIGN_OR_RETURN(const ir::Buffer buffer, Buffer(buffer_index));
    HONE_ASSIGN_OR_RETURN(const Stmt body, StmtField(node, "body"));
    return ir::MakeDeclBuffer(buffer, body);
  }
  if (key == "tir.BufferRealize") {
    HONE_ASSIGN_OR_RETURN(const int64_t buffer_index, Ref(node, "buffer"));
    HONE_ASSIGN_OR_RETURN(const ir::Buffer buffer, Buffer(buffer_index));
    HONE_ASSIGN_OR_RETURN(const int64_t bounds_index, Ref(node, "bounds"));
    HONE_ASSIGN_OR_RETURN(const std::vector<int64_t> elements, Elements(bounds_index));
    std::vector<ir::Range> bounds;
    for (const int64_t element : elements) {
      HONE_ASSIGN_OR_RETURN(const ir::Range range, Range(element));
      bounds.push_back(range);
    }
    if (bounds.size() != buffer->shape.size()) return Error(node, "the number of bounds is not the buffer's rank");
    HONE_ASSIGN_OR_RETURN(const Expr condition, ExprField(node, "condition"));
    HONE_ASSIGN_OR_RETURN(const Stmt body, StmtField(node, "body"));
    return ir::MakeBufferRealize(buffer, ir::MakeArray(bounds), condition, body);
  }
  if (key == "tir.Allocate" || key == "tir.AllocateConst") {
    HONE_ASSIGN_OR_RETURN(const int64_t var_index, Ref(node, "buffer_var"));
    HONE_ASSIGN_OR_RETURN(const ir::Var var, Var(var_index));
    HONE_ASSIGN_OR_RETURN(const DataType dtype, Type(node));
    HONE_ASSIGN_OR_RETURN(const ir::Array<Expr> extents, ExprsField(node, "extents"));
    if (!var.dtype().is_handle()) return Error(node, "the variable is no pointer");
    HONE_ASSIGN_OR_RETURN(const int64_t annotations_index, Ref(node, "annotations"));
    HONE_ASSIGN_OR_RETURN(const ir::Attrs annotations, Attrs(annotations_index));
    HONE_ASSIGN_OR_RETURN(const Stmt body, StmtField(node, "body"));
    if (key == "tir.AllocateConst") {
      HONE_ASSIGN_OR_RETURN(const int64_t data_index, Ref(node, "data"));
      const ir::NDArrayNode* data = nullptr;
      if (data_index != 0) {
        HONE_ASSIGN_OR_RETURN(data, NDArray(data_index));
      }
      return ir::MakeAllocateConst(var, dtype, extents, data, body, annotations);
    }
    HONE_ASSIGN_OR_RETURN(const Expr condition, ExprField(node, "condition"));
    return ir::MakeAllocate(var, dtype, extents, condition, body, annotations);
  }
  return Error(node, "expected a statement");
}

// -------------------------------------------------------------------------------------------- attributes and objects

absl::StatusOr<ir::Attrs> GraphReader::Attrs(int64_t node) {
  ir::Attrs out;
  if (node == 0) return out;
  if (Key(node) == "DictAttrs") return DictAttrs(node);
  HONE_RETURN_IF_ERROR(Need(node, "Map"));
  HONE_ASSIGN_OR_RETURN(const std::vector<int64_t> data, Elements(node));
  if (data.empty()) return out;
  auto keys = At(node).find("keys");
  if (keys == At(node).end() || !keys->is_array() || keys->size() != data.size()) {
    return Error(node, "expected a map with string keys");
  }
  for (size_t i = 0; i < data.size(); ++i) {
    if (!(*keys)[i].is_string()) return Error(node, "a key is no string");
    HONE_ASSIGN_OR_RETURN(const ir::Object* value, Object(data[i]));
    out = out.With((*keys)[i].get_ref<const std::string&>(), value);
  }
  return out;
}

absl::StatusOr<ir::Attrs> GraphReader::DictAttrs(int64_t node) {
  if (node == 0) return ir::Attrs();
  HONE_RETURN_IF_ERROR(Need(node, "DictAttrs"));
  HONE_ASSIGN_OR_RETURN(const int64_t map, Ref(node, "__dict__"));
  if (map != 0) HONE_RETURN_IF_ERROR(Need(map, "Map"));
  return Attrs(map);
}

absl::StatusOr<const ir::NDArrayNode*> GraphReader::NDArray(int64_t node) {
  HONE_RETURN_IF_ERROR(Need(node, "runtime.NDArray"));
  return Memo<const ir::NDArrayNode*>(node, [&]() -> Or<const ir::NDArrayNode*> {
    auto repr = At(node).find("repr_str");
    std::string bytes;
    if (repr == At(node).end() || !repr->is_string() ||
        !absl::Base64Unescape(repr->get_ref<const std::string&>(), &bytes)) {
      return Error(node, "the tensor is not base64");
    }
    std::string_view rest = bytes;
    uint64_t magic = 0, reserved = 0;
    int32_t device = 0, device_id = 0, rank = 0;
    uint8_t code = 0, bits = 0;
    uint16_t lanes = 0;
    if (!TakeRaw(&rest, &magic) || magic != kNDArrayMagic || !TakeRaw(&rest, &reserved) || !TakeRaw(&rest, &device) ||
        !TakeRaw(&rest, &device_id) || !TakeRaw(&rest, &rank) || !TakeRaw(&rest, &code) || !TakeRaw(&rest, &bits) ||
        !TakeRaw(&rest, &lanes) || rank < 0 || rank > 64 || code > 7 || bits == 0 || lanes == 0 || lanes > 1024) {
      return Error(node, "the tensor's header is wrong");
    }
    const DataType dtype = DataType::Of(static_cast<ir::TypeCode>(code), bits, lanes);
    if (!DataType::Parse(dtype.ToString()).has_value()) return Error(node, "the tensor has an unknown data type");
    std::vector<int64_t> shape;
    int64_t count = dtype.bytes();
    for (int32_t i = 0; i < rank; ++i) {
      int64_t dim = 0;
      if (!TakeRaw(&rest, &dim) || dim < 0 || __builtin_mul_overflow(count, dim, &count)) {
        return Error(node, "the tensor's shape is wrong");
      }
      shape.push_back(dim);
    }
    int64_t size = 0;
    if (!TakeRaw(&rest, &size) || size != count || static_cast<int64_t>(rest.size()) != size) {
      return Error(node, "the tensor's data has the wrong size");
    }
    return ir::NDArray(dtype, ir::MakeArray(shape), rest);
  });
}

absl::StatusOr<json> GraphReader::Plain(int64_t node, int depth) {
  if (depth > 16) return Error(node, "the target is nested too deeply");
  const std::string_view key = Key(node);
  auto repr = At(node).find("repr_str");
  const std::string text = repr != At(node).end() && repr->is_string() ? repr->get<std::string>() : "";
  if (key == "runtime.String" || key == "TargetKind") return json(text);
  if (key == "runtime.BoxBool") return json(text == "true");
  if (key == "runtime.BoxInt" || key == "runtime.BoxFloat") {
    json number = json::parse(text, nullptr, false);
    return number.is_number() ? number : json();
  }
  if (key == "IntImm") {
    HONE_ASSIGN_OR_RETURN(const int64_t value, Int(node, "value"));
    return json(value);
  }
  if (key == "Array") {
    HONE_ASSIGN_OR_RETURN(const std::vector<int64_t> data, Elements(node));
    json out = json::array();
    for (const int64_t element : data) {
      HONE_ASSIGN_OR_RETURN(json item, Plain(element, depth + 1));
      out.push_back(std::move(item));
    }
    return out;
  }
  if (key == "Map") {
    HONE_ASSIGN_OR_RETURN(const std::vector<int64_t> data, Elements(node));
    json out = json::object();
    auto keys = At(node).find("keys");
    for (size_t i = 0; i < data.size(); ++i) {
      if (keys == At(node).end() || !keys->is_array() || keys->size() != data.size() || !(*keys)[i].is_string()) {
        return Error(node, "expected a map with string keys");
      }
      HONE_ASSIGN_OR_RETURN(out[(*keys)[i].get<std::string>()], Plain(data[i], depth + 1));
    }
    return out;
  }
  if (key == "Target") {
    HONE_ASSIGN_OR_RETURN(const int64_t attrs, Ref(node, "attrs"));
    HONE_ASSIGN_OR_RETURN(json out, Plain(attrs, depth + 1));
    if (!out.is_object()) return Error(node, "the target's attrs are no map");
    for (const char* field : {"kind", "tag", "keys", "host"}) {
      HONE_ASSIGN_OR_RETURN(const int64_t index, Ref(node, field));
      if (index == 0) continue;
      HONE_ASSIGN_OR_RETURN(out[field], Plain(index, depth + 1));
    }
    return out;
  }
  return json();
}

absl::StatusOr<const ir::Object*> GraphReader::Object(int64_t node) {
  if (node == 0) return static_cast<const ir::Object*>(nullptr);
  const std::string_view key = Key(node);
  auto as_object = [](auto status_or) -> Or<const ir::Object*> {
    if (!status_or.ok()) return status_or.status();
    return static_cast<const ir::Object*>(*status_or);
  };
  if (key == "runtime.String") {
    HONE_ASSIGN_OR_RETURN(const std::string_view text, Text(node));
    return static_cast<const ir::Object*>(ir::String(text));
  }
  if (key == "Array") {
    return as_object(Memo<const ir::ArrayNode*>(node, [&]() -> Or<const ir::ArrayNode*> {
      HONE_ASSIGN_OR_RETURN(const std::vector<int64_t> elements, Elements(node));
      std::vector<const ir::Object*> items;
      for (const int64_t element : elements) {
        HONE_ASSIGN_OR_RETURN(const ir::Object* item, Object(element));
        items.push_back(item);
      }
      return ir::ObjectArray(ir::MakeArray(items));
    }));
  }
  if (key == "Map" || key == "DictAttrs") {
    return as_object(Memo<const ir::MapNode*>(node, [&]() -> Or<const ir::MapNode*> {
      HONE_ASSIGN_OR_RETURN(const ir::Attrs attrs, Attrs(node));
      return ir::Map(attrs);
    }));
  }
  if (key == "runtime.BoxInt" || key == "runtime.BoxFloat" || key == "runtime.BoxBool") {
    HONE_ASSIGN_OR_RETURN(const json value, Plain(node, 0));
    if (value.is_boolean()) return ir::AnnotationBool(value.get<bool>());
    if (value.is_number_integer()) {
      const int64_t number = value.get<int64_t>();
      const bool narrow = number >= INT32_MIN && number <= INT32_MAX;
      return static_cast<const ir::Object*>(ir::IntImm(narrow ? ir::kInt32 : ir::kInt64, number).get());
    }
    if (value.is_number()) return ir::AnnotationFloat(value.get<double>());
    return Error(node, "the number is malformed");
  }
  if (key == "tir.IndexMap") return as_object(IndexMap(node));
  if (key == "tir.Buffer") {
    HONE_ASSIGN_OR_RETURN(const ir::Buffer buffer, Buffer(node));
    return static_cast<const ir::Object*>(buffer.get());
  }
  if (key == "tir.IterVar") return as_object(IterVar(node));
  if (key == "tir.BufferRegion") return as_object(Region(node));
  if (key == "tir.CommReducer") return as_object(Reducer(node));
  if (key == "GlobalVar") return as_object(GlobalVar(node));
  if (key == "runtime.NDArray") return as_object(NDArray(node));
  if (key == "PrimType" || key == "PointerType" || key == "TupleType") return as_object(TypeNode(node));
  if (key == "Range") {
    HONE_ASSIGN_OR_RETURN(const ir::Range range, Range(node));
    return static_cast<const ir::Object*>(ir::RangeObject(range));
  }
  if (key == "Target") {
    HONE_ASSIGN_OR_RETURN(const json target, Plain(node, 0));
    auto* out = ir::New<ir::TargetNode>();
    out->object_kind = ir::ObjectKind::kTarget;
    out->json = ir::CopyString(target.dump(-1, ' ', false, json::error_handler_t::replace));
    return static_cast<const ir::Object*>(out);
  }
  if (key == "IntImm" || key == "FloatImm" || key.substr(0, 4) == "tir.") {
    HONE_ASSIGN_OR_RETURN(const Expr e, ReadExpr(node));
    return static_cast<const ir::Object*>(e.get());
  }
  return Error(node, "this kind of node is not supported here");
}

// -------------------------------------------------------------------------------------------- functions and modules

absl::StatusOr<ir::PrimFunc> GraphReader::Func(int64_t node) {
  HONE_RETURN_IF_ERROR(Need(node, "tir.PrimFunc"));
  HONE_ASSIGN_OR_RETURN(const ir::Array<ir::Var> params, VarsField(node, "params"));
  HONE_ASSIGN_OR_RETURN(const int64_t map, Ref(node, "buffer_map"));
  HONE_ASSIGN_OR_RETURN(const std::vector<int64_t> data, Elements(map));
  if (data.size() % 2 != 0) return Error(map, "the buffer map has a key without value");
  std::vector<ir::BufferBinding> bindings;
  for (const ir::Var param : params) {  // In the order of the parameters.
    for (size_t i = 0; i + 1 < data.size(); i += 2) {
      HONE_ASSIGN_OR_RETURN(const ir::Var key, Var(data[i]));
      if (!(key == param)) continue;
      HONE_ASSIGN_OR_RETURN(const ir::Buffer buffer, Buffer(data[i + 1]));
      bindings.push_back({param, buffer});
      break;
    }
  }
  if (bindings.size() * 2 != data.size())
    return Error(map, "the buffer map has a key that is no parameter, or one twice");
  HONE_ASSIGN_OR_RETURN(const Stmt body, StmtField(node, "body"));
  HONE_ASSIGN_OR_RETURN(const int64_t attrs_index, Ref(node, "attrs"));
  HONE_ASSIGN_OR_RETURN(const ir::Attrs attrs, DictAttrs(attrs_index));
  HONE_ASSIGN_OR_RETURN(const int64_t ret_index, Ref(node, "ret_type"));
  const ir::TypeNode* ret_type = ir::VoidType();
  if (ret_index != 0) {
    HONE_ASSIGN_OR_RETURN(ret_type, TypeNode(ret_index));
  }
  return ir::MakePrimFunc(params, ir::MakeArray(bindings), body, attrs, ret_type);
}

absl::StatusOr<const ir::IRModuleNode*> GraphReader::Module() {
  if (Key(root_) == "tir.PrimFunc") {
    HONE_ASSIGN_OR_RETURN(const ir::PrimFunc func, Func(root_));
    return ir::MakeModuleNode({{ir::MakeGlobalVar("main"), func}});
  }
  HONE_RETURN_IF_ERROR(Need(root_, "IRModule"));
  HONE_ASSIGN_OR_RETURN(const int64_t map, Ref(root_, "functions"));
  HONE_ASSIGN_OR_RETURN(const std::vector<int64_t> data, Elements(map));
  if (data.size() % 2 != 0) return Error(map, "the map of functions has a key without value");
  std::vector<ir::ModuleEntry> entries;
  for (size_t i = 0; i + 1 < data.size(); i += 2) {
    HONE_ASSIGN_OR_RETURN(const ir::GlobalVarNode* var, GlobalVar(data[i]));
    for (const ir::ModuleEntry& entry : entries) {
      if (entry.var->name == var->name) return Error(data[i], StrCat("a second function called \"", var->name, "\""));
    }
    if (Key(data[i + 1]) == "relax.expr.ExternFunc") {
      HONE_ASSIGN_OR_RETURN(const std::string_view symbol, TextField(data[i + 1], "global_symbol"));
      auto* node = ir::New<ir::ExternFuncNode>();
      node->object_kind = ir::ObjectKind::kExternFunc;
      node->global_symbol = symbol;
      entries.push_back({var, node});
      continue;
    }
    HONE_ASSIGN_OR_RETURN(const ir::PrimFunc func, Func(data[i + 1]));
    entries.push_back({var, func});
  }
  HONE_ASSIGN_OR_RETURN(const int64_t attrs_index, Ref(root_, "attrs"));
  HONE_ASSIGN_OR_RETURN(const ir::Attrs attrs, DictAttrs(attrs_index));
  ir::Attrs infos;
  if (const auto infos_index = Ref(root_, "global_infos"); infos_index.ok() && *infos_index != 0) {
    // Objects of other dialects may stand here; nothing of ours needs them.
    if (auto read = Attrs(*infos_index); read.ok()) infos = *read;
  }
  return ir::MakeModuleNode(std::move(entries), attrs, infos);
}

absl::StatusOr<const ir::IndexMapNode*> GraphReader::RootIndexMap() { return IndexMap(root_); }

absl::StatusOr<const ir::IndexMapNode*> ReadIndexMap(std::string_view text, const RenameVar* rename) {
  const GraphLimits limits;
  GraphReader reader(limits, rename);
  HONE_RETURN_IF_ERROR(reader.Parse(text));
  return reader.RootIndexMap();
}

}  // namespace

absl::StatusOr<ir::IRModule> LoadGraphJson(std::string_view text, const GraphLimits& limits) {
  GraphReader reader(limits, nullptr);
  HONE_RETURN_IF_ERROR(reader.Parse(text));
  auto arena = std::make_shared<ir::Arena>();
  const ir::ArenaScope scope(arena);
  HONE_ASSIGN_OR_RETURN(const ir::IRModuleNode* module, reader.Module());
  return ir::IRModule(std::move(arena), module);
}

absl::StatusOr<const ir::Object*> LoadObjectJson(std::string_view text, const GraphLimits& limits) {
  GraphReader reader(limits, nullptr);
  HONE_RETURN_IF_ERROR(reader.Parse(text));
  return reader.RootObject();
}

absl::StatusOr<const ir::IndexMapNode*> LoadIndexMapJson(std::string_view text) { return ReadIndexMap(text, nullptr); }

absl::StatusOr<const ir::IndexMapNode*> LoadIndexMapJson(std::string_view text, RenameVar rename) {
  return ReadIndexMap(text, &rename);
}

}  // namespace hone::script
