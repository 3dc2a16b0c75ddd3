// IR to node graphs. Nodes get their index before their children, children in the order in which TVM declares its
// fields.
#include <cmath>
#include <cstring>
#include <map>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "common/script/graph_json.h"
#include "common/script/graph_layout.h"
#include "common/support/strings.h"
#include "nlohmann/json.hpp"

namespace hone::script {
namespace {

using ir::Expr;
using ir::ExprKind;
using ir::Stmt;

constexpr uint64_t kNDArrayMagic = 0xDD5E40F096B4A13F;

std::string_view BinaryKey(ExprKind kind) {
  constexpr std::string_view kNames[] = {"tir.Add",      "tir.Sub", "tir.Mul", "tir.Div", "tir.Mod", "tir.FloorDiv",
                                         "tir.FloorMod", "tir.Min", "tir.Max", "tir.EQ",  "tir.NE",  "tir.LT",
                                         "tir.LE",       "tir.GT",  "tir.GE",  "tir.And", "tir.Or"};
  return kNames[static_cast<size_t>(kind) - static_cast<size_t>(ExprKind::kAdd)];
}

std::string FloatText(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return absl::StrFormat("%.17g", value);
}

template <typename T>
void AppendRaw(T value, std::string* out) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  out->append(raw, sizeof(T));
}

std::string TensorStream(const ir::NDArrayNode* array) {
  std::string raw;
  AppendRaw<uint64_t>(kNDArrayMagic, &raw);
  AppendRaw<uint64_t>(0, &raw);
  AppendRaw<int32_t>(1, &raw);  // CPU
  AppendRaw<int32_t>(0, &raw);
  AppendRaw<int32_t>(static_cast<int32_t>(array->shape.size()), &raw);
  AppendRaw<uint8_t>(static_cast<uint8_t>(array->dtype.code), &raw);
  AppendRaw<uint8_t>(array->dtype.bits, &raw);
  AppendRaw<uint16_t>(static_cast<uint16_t>(array->dtype.lanes), &raw);
  for (const int64_t dim : array->shape) AppendRaw<int64_t>(dim, &raw);
  AppendRaw<int64_t>(static_cast<int64_t>(array->bytes.size()), &raw);
  raw += array->bytes;
  return raw;
}

class GraphWriter {
 public:
  explicit GraphWriter(const RenameVar* rename) : rename_(rename) { nodes_.emplace_back(); }

  std::string Module(const ir::IRModuleNode* module);
  std::string Root(const ir::Object* object) {
    const int64_t root = Object(object);
    return Finish(root);
  }
  std::string Map(const ir::IndexMapNode* map) {
    const int64_t root = IndexMap(map);
    return Finish(root);
  }

 private:
  using Attr = std::pair<std::string_view, std::string>;

  std::string Finish(int64_t root) { return LayOutGraph(nodes_, root); }

  // A new node; its place is kept although `nodes_` grows.
  int64_t New(std::string_view type_key) {
    nodes_.emplace_back();
    nodes_.back().type_key = std::string(type_key);
    return static_cast<int64_t>(nodes_.size()) - 1;
  }
  void Set(int64_t node, std::string_view name, std::string value) {
    nodes_[static_cast<size_t>(node)].attrs.emplace_back(name, std::move(value));
  }
  void Ref(int64_t node, std::string_view name, int64_t child) { Set(node, name, StrCat(child)); }
  void Span(int64_t node) { Set(node, "span", "0"); }
  void Type(int64_t node, ir::DataType dtype) { Set(node, "dtype", dtype.ToString()); }

  // The index of `key` when it was written before; otherwise `write` makes it, and gets the new index first.
  template <typename F>
  int64_t Shared(const void* key, std::string_view type_key, F&& write) {
    if (key == nullptr) return 0;
    auto [it, added] = indices_.try_emplace(key, static_cast<int64_t>(nodes_.size()));
    if (!added) return it->second;
    const int64_t index = New(type_key);
    write(index);
    return index;
  }
  template <typename T, typename F>
  int64_t Array(const T& items, F&& index_of) {
    const int64_t index = New("Array");
    std::vector<int64_t> data;
    for (const auto& item : items) data.push_back(index_of(item));
    nodes_[static_cast<size_t>(index)].data = std::move(data);
    return index;
  }
  // An array of the same memory is the same node.
  int64_t Exprs(ir::Array<Expr> items) {
    if (!items.empty()) {
      auto it = arrays_.find(items.data());
      if (it != arrays_.end() && it->second.first == items.size()) return it->second.second;
    }
    const int64_t index = Array(items, [&](Expr e) { return Put(e); });
    if (!items.empty()) arrays_[items.data()] = {items.size(), index};
    return index;
  }

  int64_t Text(std::string_view text);
  int64_t Repr(std::string_view type_key, std::string repr) {
    const int64_t index = New(type_key);
    nodes_.back().has_repr = true;
    nodes_.back().repr = std::move(repr);
    return index;
  }
  int64_t Op(ir::Builtin op);
  int64_t Prim(ir::DataType dtype) {
    const int64_t index = New("PrimType");
    Type(index, dtype);
    return index;
  }
  int64_t TypeOf(const ir::TypeNode* type);
  int64_t Variable(ir::Var var);
  int64_t Put(Expr e);
  void PutFields(Expr e, int64_t index);
  int64_t Put(Stmt s);
  void PutFields(Stmt s, int64_t index);
  int64_t Block(const ir::BlockNode* block);
  int64_t Buffer(ir::Buffer buffer);
  int64_t Range(const ir::Range& range);
  int64_t IterVar(ir::IterVar iter);
  int64_t Region(ir::BufferRegion region);
  int64_t IndexMap(const ir::IndexMapNode* map);
  int64_t Reducer(const ir::CommReducerNode* reducer);
  int64_t GlobalVar(const ir::GlobalVarNode* var);
  int64_t Attrs(const ir::Attrs& attrs);
  int64_t DictAttrs(const ir::Attrs& attrs);
  int64_t Object(const ir::Object* object);
  int64_t Func(ir::PrimFunc func);
  int64_t Target(const nlohmann::json& json);
  int64_t Boxed(const nlohmann::json& json);

  std::vector<GraphNode> nodes_;
  absl::flat_hash_map<const void*, int64_t> indices_;
  absl::flat_hash_map<const void*, int64_t> texts_;  // By where the bytes lie: shared strings stay shared.
  absl::flat_hash_map<const void*, std::pair<size_t, int64_t>> arrays_;
  std::map<ir::Builtin, int64_t> ops_;
  const RenameVar* rename_;
};

int64_t GraphWriter::Text(std::string_view text) {
  if (text.empty()) return New("runtime.String");
  auto [it, added] = texts_.try_emplace(text.data(), 0);
  if (!added && nodes_[static_cast<size_t>(it->second)].repr == text) return it->second;
  const int64_t index = Repr("runtime.String", std::string(text));
  texts_[text.data()] = index;
  return index;
}

int64_t GraphWriter::Op(ir::Builtin op) {
  auto [it, added] = ops_.try_emplace(op, 0);
  if (added) it->second = Repr("Op", StrCat("tir.", ir::InfoOf(op).name));
  return it->second;
}

int64_t GraphWriter::TypeOf(const ir::TypeNode* type) {
  const std::string_view key = type->kind == ir::TypeKind::kPrim      ? "PrimType"
                               : type->kind == ir::TypeKind::kPointer ? "PointerType"
                                                                      : "TupleType";
  return Shared(type, key, [&](int64_t index) {
    switch (type->kind) {
      case ir::TypeKind::kPrim:
        return Type(index, type->dtype);
      case ir::TypeKind::kPointer:
        Ref(index, "element_type", Prim(type->dtype));
        return Ref(index, "storage_scope", Text(type->scope));
      case ir::TypeKind::kTuple:
        Ref(index, "fields", Array(type->fields, [&](const ir::TypeNode* field) { return TypeOf(field); }));
        return Span(index);
    }
  });
}

int64_t GraphWriter::Variable(ir::Var var) {
  return Shared(var.get(), var->is_size_var ? "tir.SizeVar" : "tir.Var", [&](int64_t index) {
    Type(index, var.dtype());
    const std::string renamed = rename_ != nullptr ? (*rename_)(var.name()) : std::string();
    Ref(index, "name", renamed.empty() ? Text(var.name()) : Repr("runtime.String", renamed));
    Ref(index, "type_annotation", TypeOf(var->type));
    Span(index);
  });
}

int64_t GraphWriter::Range(const ir::Range& range) {
  if (!range) return 0;
  const int64_t index = New("Range");
  Ref(index, "min", Put(range.min));
  Ref(index, "extent", Put(range.extent));
  Span(index);
  return index;
}

int64_t GraphWriter::IterVar(ir::IterVar iter) {
  return Shared(iter, "tir.IterVar", [&](int64_t index) {
    Ref(index, "dom", Range(iter->dom));
    Ref(index, "var", Variable(iter->var));
    Set(index, "iter_type", StrCat(static_cast<int>(iter->iter_type)));
    Ref(index, "thread_tag", Text(iter->thread_tag));
    Span(index);
  });
}

int64_t GraphWriter::Buffer(ir::Buffer buffer) {
  return Shared(buffer.get(), "tir.Buffer", [&](int64_t index) {
    Ref(index, "data", Variable(buffer->data));
    Type(index, buffer->dtype);
    Ref(index, "shape", Exprs(buffer->shape));
    Ref(index, "strides", Exprs(buffer->strides));
    Ref(index, "axis_separators", Exprs(buffer->axis_separators));
    Ref(index, "elem_offset", Put(buffer->elem_offset));
    Ref(index, "name", Text(buffer->name));
    Set(index, "data_alignment", StrCat(buffer->data_alignment));
    Set(index, "offset_factor", StrCat(buffer->offset_factor));
    Set(index, "buffer_type", StrCat(static_cast<int>(buffer->buffer_type)));
    Span(index);
  });
}

int64_t GraphWriter::Region(ir::BufferRegion region) {
  return Shared(region, "tir.BufferRegion", [&](int64_t index) {
    Ref(index, "buffer", Buffer(region->buffer));
    Ref(index, "region", Array(region->region, [&](const ir::Range& range) { return Range(range); }));
  });
}

int64_t GraphWriter::IndexMap(const ir::IndexMapNode* map) {
  return Shared(map, "tir.IndexMap", [&](int64_t index) {
    Ref(index, "initial_indices", Array(map->initial_indices, [&](ir::Var var) { return Variable(var); }));
    Ref(index, "final_indices", Exprs(map->final_indices));
    Ref(index, "inverse_index_map", IndexMap(map->inverse));
  });
}

int64_t GraphWriter::Reducer(const ir::CommReducerNode* reducer) {
  return Shared(reducer, "tir.CommReducer", [&](int64_t index) {
    Ref(index, "lhs", Array(reducer->lhs, [&](ir::Var var) { return Variable(var); }));
    Ref(index, "rhs", Array(reducer->rhs, [&](ir::Var var) { return Variable(var); }));
    Ref(index, "result", Exprs(reducer->result));
    Ref(index, "identity_element", Exprs(reducer->identity));
    Span(index);
  });
}

int64_t GraphWriter::GlobalVar(const ir::GlobalVarNode* var) {
  return Shared(var, "GlobalVar", [&](int64_t index) {
    Ref(index, "name_hint", Text(var->name));
    for (const std::string_view field : {"virtual_device_", "span", "_checked_type_", "struct_info_"}) {
      Set(index, field, "0");
    }
  });
}

std::string_view KeyOf(Expr e) {
  switch (e.kind()) {
    case ExprKind::kVar:
      return "tir.Var";
    case ExprKind::kIntImm:
      return "IntImm";
    case ExprKind::kFloatImm:
      return "FloatImm";
    case ExprKind::kStringImm:
      return "tir.StringImm";
    case ExprKind::kCast:
      return "tir.Cast";
    case ExprKind::kAdd:
    case ExprKind::kSub:
    case ExprKind::kMul:
    case ExprKind::kDiv:
    case ExprKind::kMod:
    case ExprKind::kFloorDiv:
    case ExprKind::kFloorMod:
    case ExprKind::kMin:
    case ExprKind::kMax:
    case ExprKind::kEQ:
    case ExprKind::kNE:
    case ExprKind::kLT:
    case ExprKind::kLE:
    case ExprKind::kGT:
    case ExprKind::kGE:
    case ExprKind::kAnd:
    case ExprKind::kOr:
      return BinaryKey(e.kind());
    case ExprKind::kNot:
      return "tir.Not";
    case ExprKind::kSelect:
      return "tir.Select";
    case ExprKind::kBufferLoad:
      return "tir.BufferLoad";
    case ExprKind::kRamp:
      return "tir.Ramp";
    case ExprKind::kBroadcast:
      return "tir.Broadcast";
    case ExprKind::kLet:
      return "tir.Let";
    case ExprKind::kCall:
      return "tir.Call";
    case ExprKind::kShuffle:
      return "tir.Shuffle";
    case ExprKind::kReduce:
      return "tir.Reduce";
    case ExprKind::kAny:
      return "tir.Any";
  }
  return "";
}

int64_t GraphWriter::Put(Expr e) {
  if (!e) return 0;
  if (const auto* var = e.as<ir::VarNode>()) return Variable(var);
  return Shared(e.get(), KeyOf(e), [&](int64_t index) {
    Type(index, e.dtype());
    PutFields(e, index);
    Span(index);
  });
}

void GraphWriter::PutFields(Expr e, int64_t index) {
  if (const auto* node = e.as<ir::IntImmNode>()) return Set(index, "value", StrCat(node->value));
  if (const auto* node = e.as<ir::FloatImmNode>()) return Set(index, "value", FloatText(node->value));
  if (const auto* node = e.as<ir::StringImmNode>()) return Ref(index, "value", Text(node->value));
  if (const auto* node = e.as<ir::CastNode>()) return Ref(index, "value", Put(node->value));
  if (const auto* node = e.as<ir::BinaryNode>()) {
    Ref(index, "a", Put(node->a));
    return Ref(index, "b", Put(node->b));
  }
  if (const auto* node = e.as<ir::NotNode>()) return Ref(index, "a", Put(node->a));
  if (const auto* node = e.as<ir::SelectNode>()) {
    Ref(index, "condition", Put(node->condition));
    Ref(index, "true_value", Put(node->true_value));
    return Ref(index, "false_value", Put(node->false_value));
  }
  if (const auto* node = e.as<ir::BufferLoadNode>()) {
    Ref(index, "buffer", Buffer(node->buffer));
    Ref(index, "indices", Exprs(node->indices));
    return Ref(index, "predicate", Put(node->predicate));
  }
  if (const auto* node = e.as<ir::RampNode>()) {
    Ref(index, "base", Put(node->base));
    Ref(index, "stride", Put(node->stride));
    return Ref(index, "lanes", Put(node->lanes));
  }
  if (const auto* node = e.as<ir::BroadcastNode>()) {
    Ref(index, "value", Put(node->value));
    return Ref(index, "lanes", Put(node->lanes));
  }
  if (const auto* node = e.as<ir::LetNode>()) {
    Ref(index, "var", Variable(node->var));
    Ref(index, "value", Put(node->value));
    return Ref(index, "body", Put(node->body));
  }
  if (const auto* node = e.as<ir::CallNode>()) {
    Ref(index, "op", node->function != nullptr ? GlobalVar(node->function) : Op(node->op));
    return Ref(index, "args", Exprs(node->args));
  }
  if (const auto* node = e.as<ir::ShuffleNode>()) {
    Ref(index, "vectors", Exprs(node->vectors));
    return Ref(index, "indices", Exprs(node->indices));
  }
  if (const auto* node = e.as<ir::ReduceNode>()) {
    Ref(index, "combiner", Reducer(node->combiner));
    Ref(index, "source", Exprs(node->source));
    Ref(index, "init", Exprs(node->init));
    Ref(index, "axis", Array(node->axis, [&](ir::IterVar iter) { return IterVar(iter); }));
    Ref(index, "condition", Put(node->condition));
    Set(index, "value_index", StrCat(node->value_index));
  }
}

std::string_view KeyOf(Stmt s) {
  switch (s.kind()) {
    case ir::StmtKind::kLetStmt:
      return "tir.LetStmt";
    case ir::StmtKind::kAttrStmt:
      return "tir.AttrStmt";
    case ir::StmtKind::kAssertStmt:
      return "tir.AssertStmt";
    case ir::StmtKind::kBufferStore:
      return "tir.BufferStore";
    case ir::StmtKind::kBufferRealize:
      return "tir.BufferRealize";
    case ir::StmtKind::kAllocate:
      return "tir.Allocate";
    case ir::StmtKind::kAllocateConst:
      return "tir.AllocateConst";
    case ir::StmtKind::kDeclBuffer:
      return "tir.DeclBuffer";
    case ir::StmtKind::kSeq:
      return "tir.SeqStmt";
    case ir::StmtKind::kIfThenElse:
      return "tir.IfThenElse";
    case ir::StmtKind::kEvaluate:
      return "tir.Evaluate";
    case ir::StmtKind::kFor:
      return "tir.For";
    case ir::StmtKind::kWhile:
      return "tir.While";
    case ir::StmtKind::kBlock:
      return "tir.Block";
    case ir::StmtKind::kBlockRealize:
      return "tir.BlockRealize";
  }
  return "";
}

int64_t GraphWriter::Put(Stmt s) {
  if (!s) return 0;
  if (const auto* block = s.as<ir::BlockNode>()) return Block(block);
  return Shared(s.get(), KeyOf(s), [&](int64_t index) {
    PutFields(s, index);
    if (s.kind() != ir::StmtKind::kBlockRealize) Span(index);
  });
}

int64_t GraphWriter::Block(const ir::BlockNode* block) {
  return Shared(block, "tir.Block", [&](int64_t index) {
    Ref(index, "iter_vars", Array(block->iter_vars, [&](ir::IterVar iter) { return IterVar(iter); }));
    Ref(index, "reads", Array(block->reads, [&](ir::BufferRegion region) { return Region(region); }));
    Ref(index, "writes", Array(block->writes, [&](ir::BufferRegion region) { return Region(region); }));
    Ref(index, "name_hint", Text(block->name));
    Ref(index, "body", Put(block->body));
    Ref(index, "init", Put(block->init));
    Ref(index, "alloc_buffers", Array(block->alloc_buffers, [&](ir::Buffer buffer) { return Buffer(buffer); }));
    Ref(index, "match_buffers", Array(block->match_buffers, [&](ir::MatchBufferRegion match) {
          return Shared(match, "tir.MatchBufferRegion", [&](int64_t inner) {
            Ref(inner, "buffer", Buffer(match->buffer));
            Ref(inner, "source", Region(match->source));
          });
        }));
    Ref(index, "annotations", Attrs(block->annotations));
  });
}

void GraphWriter::PutFields(Stmt s, int64_t index) {
  switch (s.kind()) {
    case ir::StmtKind::kLetStmt: {
      const auto* node = s.as<ir::LetStmtNode>();
      Ref(index, "var", Variable(node->var));
      Ref(index, "value", Put(node->value));
      return Ref(index, "body", Put(node->body));
    }
    case ir::StmtKind::kAttrStmt: {
      const auto* node = s.as<ir::AttrStmtNode>();
      Ref(index, "node", Object(node->node));
      Ref(index, "attr_key", Text(node->attr_key));
      Ref(index, "value", Put(node->value));
      return Ref(index, "body", Put(node->body));
    }
    case ir::StmtKind::kAssertStmt: {
      const auto* node = s.as<ir::AssertStmtNode>();
      Ref(index, "condition", Put(node->condition));
      Ref(index, "message", Put(node->message));
      return Ref(index, "body", Put(node->body));
    }
    case ir::StmtKind::kBufferStore: {
      const auto* node = s.as<ir::BufferStoreNode>();
      Ref(index, "buffer", Buffer(node->buffer));
      Ref(index, "value", Put(node->value));
      Ref(index, "indices", Exprs(node->indices));
      return Ref(index, "predicate", Put(node->predicate));
    }
    case ir::StmtKind::kBufferRealize: {
      const auto* node = s.as<ir::BufferRealizeNode>();
      Ref(index, "buffer", Buffer(node->buffer));
      Ref(index, "bounds", Array(node->bounds, [&](const ir::Range& range) { return Range(range); }));
      Ref(index, "condition", Put(node->condition));
      return Ref(index, "body", Put(node->body));
    }
    case ir::StmtKind::kAllocate: {
      const auto* node = s.as<ir::AllocateNode>();
      Ref(index, "buffer_var", Variable(node->buffer_var));
      Type(index, node->dtype);
      Ref(index, "extents", Exprs(node->extents));
      Ref(index, "condition", Put(node->condition));
      Ref(index, "body", Put(node->body));
      return Ref(index, "annotations", Attrs(node->annotations));
    }
    case ir::StmtKind::kAllocateConst: {
      const auto* node = s.as<ir::AllocateConstNode>();
      Ref(index, "buffer_var", Variable(node->buffer_var));
      Ref(index, "data", Object(node->data));
      Set(index, "irmod_storage_idx", "0");
      Type(index, node->dtype);
      Ref(index, "extents", Exprs(node->extents));
      Ref(index, "body", Put(node->body));
      return Ref(index, "annotations", Attrs(node->annotations));
    }
    case ir::StmtKind::kDeclBuffer: {
      const auto* node = s.as<ir::DeclBufferNode>();
      Ref(index, "buffer", Buffer(node->buffer));
      return Ref(index, "body", Put(node->body));
    }
    case ir::StmtKind::kSeq:
      return Ref(index, "seq", Array(s.as<ir::SeqNode>()->seq, [&](Stmt inner) { return Put(inner); }));
    case ir::StmtKind::kIfThenElse: {
      const auto* node = s.as<ir::IfThenElseNode>();
      Ref(index, "condition", Put(node->condition));
      Ref(index, "then_case", Put(node->then_case));
      return Ref(index, "else_case", Put(node->else_case));
    }
    case ir::StmtKind::kEvaluate:
      return Ref(index, "value", Put(s.as<ir::EvaluateNode>()->value));
    case ir::StmtKind::kFor: {
      const auto* node = s.as<ir::ForNode>();
      Ref(index, "loop_var", Variable(node->loop_var));
      Ref(index, "min", Put(node->min));
      Ref(index, "extent", Put(node->extent));
      Set(index, "kind", StrCat(static_cast<int>(node->for_kind)));
      Ref(index, "body", Put(node->body));
      Ref(index, "thread_binding", IterVar(node->thread_binding));
      return Ref(index, "annotations", Attrs(node->annotations));
    }
    case ir::StmtKind::kWhile: {
      const auto* node = s.as<ir::WhileNode>();
      Ref(index, "condition", Put(node->condition));
      return Ref(index, "body", Put(node->body));
    }
    case ir::StmtKind::kBlock:
      return;  // Block() writes it.
    case ir::StmtKind::kBlockRealize: {
      const auto* node = s.as<ir::BlockRealizeNode>();
      Ref(index, "iter_values", Exprs(node->iter_values));
      Ref(index, "predicate", Put(node->predicate));
      return Ref(index, "block", Block(node->block));
    }
  }
}

int64_t GraphWriter::Attrs(const ir::Attrs& attrs) {
  const int64_t index = New("Map");
  std::vector<std::string> keys;
  std::vector<int64_t> data;
  for (const ir::Attr& attr : attrs) {
    keys.emplace_back(attr.key);
    data.push_back(Object(attr.value));
  }
  nodes_[static_cast<size_t>(index)].keys = std::move(keys);
  nodes_[static_cast<size_t>(index)].data = std::move(data);
  return index;
}

int64_t GraphWriter::DictAttrs(const ir::Attrs& attrs) {
  const int64_t index = New("DictAttrs");
  Ref(index, "__dict__", Attrs(attrs));
  return index;
}

int64_t GraphWriter::Boxed(const nlohmann::json& json) {
  if (json.is_boolean()) return Repr("runtime.BoxBool", json.get<bool>() ? "true" : "false");
  if (json.is_number_integer()) return Repr("runtime.BoxInt", StrCat(json.get<int64_t>()));
  if (json.is_number()) return Repr("runtime.BoxFloat", absl::StrFormat("%g", json.get<double>()));
  if (json.is_string()) {
    const std::string text = json.get<std::string>();
    return text.empty() ? New("runtime.String") : Repr("runtime.String", text);
  }
  if (json.is_array()) {
    return Array(json, [&](const nlohmann::json& item) { return Boxed(item); });
  }
  if (json.is_object()) {
    const int64_t index = New("Map");
    std::vector<std::string> keys;
    std::vector<int64_t> data;
    for (const auto& [key, value] : json.items()) {
      keys.push_back(key);
      data.push_back(Boxed(value));
    }
    nodes_[static_cast<size_t>(index)].keys = std::move(keys);
    nodes_[static_cast<size_t>(index)].data = std::move(data);
    return index;
  }
  return 0;
}

int64_t GraphWriter::Target(const nlohmann::json& json) {
  if (!json.is_object()) return 0;
  const int64_t index = New("Target");
  nlohmann::json rest = json;
  auto take = [&](const char* key) {
    const nlohmann::json value = rest.value(key, nlohmann::json());
    rest.erase(key);
    return value;
  };
  const nlohmann::json kind = take("kind");
  const nlohmann::json tag = take("tag");
  const nlohmann::json keys = take("keys");
  const nlohmann::json host = take("host");
  Ref(index, "kind", Repr("TargetKind", kind.is_string() ? kind.get<std::string>() : ""));
  Ref(index, "tag", Boxed(tag.is_string() ? tag : nlohmann::json("")));
  Ref(index, "keys", Boxed(keys.is_array() ? keys : nlohmann::json::array()));
  Ref(index, "attrs", Boxed(rest));
  Ref(index, "features", Boxed(nlohmann::json::object()));
  Ref(index, "host", Target(host));
  return index;
}

int64_t GraphWriter::Object(const ir::Object* object) {
  if (object == nullptr) return 0;
  switch (object->object_kind) {
    case ir::ObjectKind::kExpr:
      return Put(Expr(static_cast<const ir::ExprNode*>(object)));
    case ir::ObjectKind::kStmt:
      return Put(Stmt(static_cast<const ir::StmtNode*>(object)));
    case ir::ObjectKind::kType:
      return TypeOf(ir::As<ir::TypeNode>(object));
    case ir::ObjectKind::kRange:
      return Range({ir::As<ir::RangeNode>(object)->min, ir::As<ir::RangeNode>(object)->extent});
    case ir::ObjectKind::kIterVar:
      return IterVar(ir::As<ir::IterVarNode>(object));
    case ir::ObjectKind::kBuffer:
      return Buffer(ir::As<ir::BufferNode>(object));
    case ir::ObjectKind::kBufferRegion:
      return Region(ir::As<ir::BufferRegionNode>(object));
    case ir::ObjectKind::kMatchBufferRegion:
      return Region(ir::As<ir::MatchBufferRegionNode>(object)->source);
    case ir::ObjectKind::kCommReducer:
      return Reducer(ir::As<ir::CommReducerNode>(object));
    case ir::ObjectKind::kIndexMap:
      return IndexMap(ir::As<ir::IndexMapNode>(object));
    case ir::ObjectKind::kGlobalVar:
      return GlobalVar(ir::As<ir::GlobalVarNode>(object));
    case ir::ObjectKind::kPrimFunc:
      return Func(ir::As<ir::PrimFuncNode>(object));
    case ir::ObjectKind::kExternFunc:
      return Shared(object, "relax.expr.ExternFunc", [&](int64_t index) {
        Ref(index, "global_symbol", Text(ir::As<ir::ExternFuncNode>(object)->global_symbol));
        Ref(index, "attrs", DictAttrs({}));
        for (const std::string_view field : {"span", "_checked_type_", "struct_info_"}) Set(index, field, "0");
      });
    case ir::ObjectKind::kModule:
      return 0;
    case ir::ObjectKind::kString:
      return Text(ir::As<ir::StringNode>(object)->value);
    case ir::ObjectKind::kArray:
      return Array(ir::As<ir::ArrayNode>(object)->items, [&](const ir::Object* item) { return Object(item); });
    case ir::ObjectKind::kMap:
      return Attrs(ir::As<ir::MapNode>(object)->entries);
    case ir::ObjectKind::kNDArray:
      return Repr("runtime.NDArray", absl::Base64Escape(ToAbsl(TensorStream(ir::As<ir::NDArrayNode>(object)))));
    case ir::ObjectKind::kTarget:
      return Target(nlohmann::json::parse(ir::As<ir::TargetNode>(object)->json, nullptr, false));
  }
  return 0;
}

int64_t GraphWriter::Func(ir::PrimFunc func) {
  return Shared(func, "tir.PrimFunc", [&](int64_t index) {
    Ref(index, "params", Array(func->params, [&](ir::Var var) { return Variable(var); }));
    Ref(index, "body", Put(func->body));
    const int64_t ret_type = TypeOf(func->ret_type);
    Ref(index, "ret_type", ret_type);
    const int64_t map = New("Map");
    std::vector<int64_t> data;
    for (const ir::BufferBinding& binding : func->buffer_map) {
      data.push_back(Variable(binding.param));
      data.push_back(Buffer(binding.buffer));
    }
    nodes_[static_cast<size_t>(map)].data = std::move(data);
    Ref(index, "buffer_map", map);
    Ref(index, "attrs", DictAttrs(func->attrs));
    Span(index);
    const int64_t type = New("FuncType");
    Ref(type, "arg_types", Array(func->params, [&](ir::Var var) { return TypeOf(var->type); }));
    Ref(type, "ret_type", ret_type);
    Ref(type, "type_params", Array(ir::Array<Expr>(), [](Expr) { return int64_t{0}; }));
    Ref(type, "type_constraints", Array(ir::Array<Expr>(), [](Expr) { return int64_t{0}; }));
    Span(type);
    Ref(index, "_checked_type_", type);
  });
}

std::string GraphWriter::Module(const ir::IRModuleNode* module) {
  const int64_t index = New("IRModule");
  const int64_t functions = New("Map");
  std::vector<int64_t> data;
  for (const ir::ModuleEntry& entry : module->functions) {
    data.push_back(GlobalVar(entry.var));
    data.push_back(Object(entry.function));
  }
  nodes_[static_cast<size_t>(functions)].data = std::move(data);
  Ref(index, "functions", functions);
  Ref(index, "type_definitions", New("Map"));
  const int64_t names = New("Map");
  for (const ir::ModuleEntry& entry : module->functions) {
    const int64_t var = GlobalVar(entry.var);
    nodes_[static_cast<size_t>(names)].keys.emplace_back(entry.var->name);
    nodes_[static_cast<size_t>(names)].data.push_back(var);
  }
  Ref(index, "global_var_map_", names);
  Ref(index, "global_type_var_map_", New("Map"));
  const int64_t sources = New("SourceMap");
  Ref(sources, "source_map", New("Map"));
  Ref(index, "source_map", sources);
  Ref(index, "attrs", DictAttrs(module->attrs));
  Ref(index, "global_infos", Attrs(module->global_infos));
  return Finish(index);
}

}  // namespace

std::string SaveGraphJson(const ir::IRModule& module) { return GraphWriter(nullptr).Module(module.get()); }

std::string SaveObjectJson(const ir::Object* object) { return GraphWriter(nullptr).Root(object); }

std::string SaveIndexMapJson(const ir::IndexMapNode* map) { return GraphWriter(nullptr).Map(map); }

std::string SaveIndexMapJson(const ir::IndexMapNode* map, RenameVar rename) { return GraphWriter(&rename).Map(map); }

std::string EncodePayload(std::string_view json) {
  std::string raw;
  AppendRaw<uint64_t>(json.size(), &raw);
  raw += json;
  return absl::Base64Escape(ToAbsl(raw));
}

absl::StatusOr<std::string> DecodePayload(std::string_view base64) {
  std::string raw;
  if (!absl::Base64Unescape(ToAbsl(base64), &raw)) return absl::InvalidArgumentError("the payload is not base64");
  uint64_t length = 0;
  if (raw.size() >= 8) std::memcpy(&length, raw.data(), 8);
  if (raw.size() < 8 || length != raw.size() - 8) {
    return absl::InvalidArgumentError("the payload does not begin with its length");
  }
  return raw.substr(8);
}

}  // namespace hone::script
