// Walks IR in the field order of structural equality and writes it to a sink as words and strings, with variables
// numbered by first appearance: equal programs give equal streams, whatever their variables and buffers are called.
// Shared by structural hashes and content ids.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>

#include "absl/container/flat_hash_map.h"
#include "common/ir/module.h"

namespace hone::ir {

struct EncodeOptions {
  // A free variable is numbered by first use; otherwise by address, which means something in this process only.
  bool map_free_vars = false;
  // Constant tensors count by dtype and shape only.
  bool ignore_ndarray_data = false;
  // Names of functions of the module count (they are matched by name); names of blocks and buffers never do.
};

// Sink has Word(uint64_t) and Text(std::string_view).
template <typename Sink>
class Encoder {
 public:
  Encoder(Sink& sink, const EncodeOptions& options) : sink_(sink), options_(options), mapping_(options.map_free_vars) {}

  void Put(Expr e);
  void Put(Stmt s);
  void PutObject(const Object* object);

 private:
  // Tags keep streams of different nodes apart.
  enum Tag : uint64_t {
    kNull = 1,
    kExprTag = 16,
    kStmtTag = 64,
    kObjectTag = 96,
    kVarRef = 2,
    kVarFree = 3,
    kMore = 4
  };

  void Word(uint64_t w) { sink_.Word(w); }
  void Type(DataType t) {
    Word(static_cast<uint64_t>(t.code) | uint64_t{t.bits} << 8 | uint64_t{static_cast<uint16_t>(t.lanes)} << 16);
  }
  void Double(double v) {
    if (std::isnan(v)) v = std::numeric_limits<double>::quiet_NaN();
    if (v == 0) v = 0;  // 0.0 and -0.0 are equal.
    uint64_t bits;
    std::memcpy(&bits, &v, sizeof bits);
    Word(bits);
  }
  template <typename F>
  void Defining(F&& f) {
    const bool before = mapping_;
    mapping_ = true;
    f();
    mapping_ = before;
  }
  void Define(Var v) {
    Defining([&] { PutVar(v); });
  }
  void PutVar(Var v);
  void PutType(const TypeNode* type);
  void PutBuffer(Buffer b);
  void PutRange(const Range& r) {
    Put(r.min);
    Put(r.extent);
  }
  void PutIterVar(IterVar iter);
  void PutRegion(BufferRegion region);
  void PutReducer(const CommReducerNode* reducer);
  void PutNDArray(const NDArrayNode* array);
  void PutAttrs(const Attrs& attrs);
  void PutBlock(const BlockNode* block);
  void PutFunc(PrimFunc func);
  template <typename T, typename F>
  void All(Array<T> items, F&& f) {
    Word(items.size());
    for (const T& item : items) f(item);
  }
  void PutExprs(Array<Expr> items) {
    All(items, [&](Expr e) { Put(e); });
  }
  void PutVars(Array<Var> vars) {
    All(vars, [&](Var v) { Define(v); });
  }

  Sink& sink_;
  const EncodeOptions options_;
  bool mapping_;
  absl::flat_hash_map<const VarNode*, uint64_t> numbers_;
};

template <typename Sink>
void Encoder<Sink>::PutVar(Var v) {
  auto it = numbers_.find(v.get());
  if (it != numbers_.end()) {
    Word(kVarRef);
    Word(it->second);
    return;
  }
  if (!mapping_) {
    Word(kVarFree);
    Word(reinterpret_cast<uintptr_t>(v.get()));
    return;
  }
  const uint64_t number = numbers_.size();
  numbers_.emplace(v.get(), number);
  Word(kVarRef);
  Word(number);
  // Its type, once.
  Word(v->is_size_var);
  PutType(v->type);
}

template <typename Sink>
void Encoder<Sink>::PutType(const TypeNode* type) {
  Word(static_cast<uint64_t>(type->kind));
  Type(type->dtype);
  if (type->kind == TypeKind::kPointer) sink_.Text(type->scope.empty() ? std::string_view("global") : type->scope);
  All(type->fields, [&](const TypeNode* field) { PutType(field); });
}

template <typename Sink>
void Encoder<Sink>::PutBuffer(Buffer b) {
  Type(b->dtype);
  Word(static_cast<uint64_t>(b->data_alignment));
  Word(static_cast<uint64_t>(b->buffer_type));
  Defining([&] {
    PutVar(b->data);
    PutExprs(b->shape);
    PutExprs(b->strides);
    PutExprs(b->axis_separators);
    Put(b->elem_offset);
  });
}

template <typename Sink>
void Encoder<Sink>::PutIterVar(IterVar iter) {
  if (iter == nullptr) return Word(kNull);
  Word(static_cast<uint64_t>(iter->iter_type) + kMore);
  sink_.Text(iter->thread_tag);
  PutRange(iter->dom);
  Define(iter->var);
}

template <typename Sink>
void Encoder<Sink>::PutRegion(BufferRegion region) {
  PutBuffer(region->buffer);
  All(region->region, [&](const Range& r) { PutRange(r); });
}

template <typename Sink>
void Encoder<Sink>::PutReducer(const CommReducerNode* reducer) {
  PutVars(reducer->lhs);
  PutVars(reducer->rhs);
  PutExprs(reducer->result);
  PutExprs(reducer->identity);
}

template <typename Sink>
void Encoder<Sink>::PutNDArray(const NDArrayNode* array) {
  if (array == nullptr) return Word(kNull);
  Type(array->dtype);
  All(array->shape, [&](int64_t dim) { Word(static_cast<uint64_t>(dim)); });
  if (!options_.ignore_ndarray_data) sink_.Text(array->bytes);
}

template <typename Sink>
void Encoder<Sink>::PutAttrs(const Attrs& attrs) {
  Word(attrs.size());
  for (const Attr& attr : attrs) {
    sink_.Text(attr.key);
    PutObject(attr.value);
  }
}

template <typename Sink>
void Encoder<Sink>::Put(Expr e) {
  if (!e) return Word(kNull);
  if (const auto* var = e.as<VarNode>()) return PutVar(var);
  Word(kExprTag + static_cast<uint64_t>(e.kind()));
  Type(e.dtype());
  if (const auto* node = e.as<BinaryNode>()) {
    Put(node->a);
    Put(node->b);
    return;
  }
  if (const auto* node = e.as<IntImmNode>()) return Word(static_cast<uint64_t>(node->value));
  if (const auto* node = e.as<FloatImmNode>()) return Double(node->value);
  if (const auto* node = e.as<StringImmNode>()) return sink_.Text(node->value);
  if (const auto* node = e.as<CastNode>()) return Put(node->value);
  if (const auto* node = e.as<NotNode>()) return Put(node->a);
  if (const auto* node = e.as<BufferLoadNode>()) {
    PutBuffer(node->buffer);
    PutExprs(node->indices);
    return Put(node->predicate);
  }
  if (const auto* node = e.as<CallNode>()) {
    if (node->function != nullptr) {
      Word(kMore);
      sink_.Text(node->function->name);
    } else {
      // By name: numbers of builtins are no part of any format.
      sink_.Text(InfoOf(node->op).name);
    }
    return PutExprs(node->args);
  }
  if (const auto* node = e.as<SelectNode>()) {
    Put(node->condition);
    Put(node->true_value);
    return Put(node->false_value);
  }
  if (const auto* node = e.as<RampNode>()) {
    Put(node->base);
    Put(node->stride);
    return Put(node->lanes);
  }
  if (const auto* node = e.as<BroadcastNode>()) {
    Put(node->value);
    return Put(node->lanes);
  }
  if (const auto* node = e.as<LetNode>()) {
    Define(node->var);
    Put(node->value);
    return Put(node->body);
  }
  if (const auto* node = e.as<ShuffleNode>()) {
    PutExprs(node->vectors);
    return PutExprs(node->indices);
  }
  if (const auto* node = e.as<ReduceNode>()) {
    PutReducer(node->combiner);
    All(node->axis, [&](IterVar iter) { PutIterVar(iter); });
    PutExprs(node->source);
    PutExprs(node->init);
    Put(node->condition);
    Word(static_cast<uint64_t>(node->value_index));
  }
}

template <typename Sink>
void Encoder<Sink>::PutBlock(const BlockNode* block) {
  All(block->iter_vars, [&](IterVar iter) { PutIterVar(iter); });
  All(block->alloc_buffers, [&](Buffer b) { PutBuffer(b); });
  All(block->match_buffers, [&](MatchBufferRegion match) {
    PutBuffer(match->buffer);
    PutRegion(match->source);
  });
  All(block->reads, [&](BufferRegion region) { PutRegion(region); });
  All(block->writes, [&](BufferRegion region) { PutRegion(region); });
  Put(block->body);
  Put(block->init);
  PutAttrs(block->annotations);
}

template <typename Sink>
void Encoder<Sink>::Put(Stmt s) {
  if (!s) return Word(kNull);
  Word(kStmtTag + static_cast<uint64_t>(s.kind()));
  switch (s.kind()) {
    case StmtKind::kLetStmt: {
      const auto* node = s.as<LetStmtNode>();
      Define(node->var);
      Put(node->value);
      return Put(node->body);
    }
    case StmtKind::kAttrStmt: {
      const auto* node = s.as<AttrStmtNode>();
      PutObject(node->node);
      sink_.Text(node->attr_key);
      Put(node->value);
      return Put(node->body);
    }
    case StmtKind::kAssertStmt: {
      const auto* node = s.as<AssertStmtNode>();
      Put(node->condition);
      Put(node->message);
      return Put(node->body);
    }
    case StmtKind::kBufferStore: {
      const auto* node = s.as<BufferStoreNode>();
      PutBuffer(node->buffer);
      Put(node->value);
      PutExprs(node->indices);
      return Put(node->predicate);
    }
    case StmtKind::kBufferRealize: {
      const auto* node = s.as<BufferRealizeNode>();
      PutBuffer(node->buffer);
      All(node->bounds, [&](const Range& r) { PutRange(r); });
      Put(node->condition);
      return Put(node->body);
    }
    case StmtKind::kAllocate: {
      const auto* node = s.as<AllocateNode>();
      Define(node->buffer_var);
      Type(node->dtype);
      PutExprs(node->extents);
      Put(node->condition);
      Put(node->body);
      return PutAttrs(node->annotations);
    }
    case StmtKind::kAllocateConst: {
      const auto* node = s.as<AllocateConstNode>();
      Define(node->buffer_var);
      Type(node->dtype);
      PutExprs(node->extents);
      PutNDArray(node->data);
      Put(node->body);
      return PutAttrs(node->annotations);
    }
    case StmtKind::kDeclBuffer: {
      const auto* node = s.as<DeclBufferNode>();
      PutBuffer(node->buffer);
      return Put(node->body);
    }
    case StmtKind::kSeq:
      return All(s.as<SeqNode>()->seq, [&](Stmt inner) { Put(inner); });
    case StmtKind::kIfThenElse: {
      const auto* node = s.as<IfThenElseNode>();
      Put(node->condition);
      Put(node->then_case);
      return Put(node->else_case);
    }
    case StmtKind::kEvaluate:
      return Put(s.as<EvaluateNode>()->value);
    case StmtKind::kFor: {
      const auto* node = s.as<ForNode>();
      Define(node->loop_var);
      Put(node->min);
      Put(node->extent);
      Word(static_cast<uint64_t>(node->for_kind));
      Put(node->body);
      PutIterVar(node->thread_binding);
      return PutAttrs(node->annotations);
    }
    case StmtKind::kWhile: {
      const auto* node = s.as<WhileNode>();
      Put(node->condition);
      return Put(node->body);
    }
    case StmtKind::kBlock:
      return PutBlock(s.as<BlockNode>());
    case StmtKind::kBlockRealize: {
      const auto* node = s.as<BlockRealizeNode>();
      PutExprs(node->iter_values);
      Put(node->predicate);
      return PutBlock(node->block);
    }
  }
}

template <typename Sink>
void Encoder<Sink>::PutFunc(PrimFunc func) {
  PutVars(func->params);
  // In the order of the parameters, so that the order of the map itself does not count.
  for (const Var param : func->params) {
    const Buffer buffer = func->BufferOf(param);
    Word(buffer ? kMore : kNull);
    if (buffer) PutBuffer(buffer);
  }
  PutType(func->ret_type);
  Put(func->body);
  PutAttrs(func->attrs);
}

template <typename Sink>
void Encoder<Sink>::PutObject(const Object* object) {
  if (object == nullptr) return Word(kNull);
  if (object->object_kind == ObjectKind::kExpr) return Put(Expr(static_cast<const ExprNode*>(object)));
  if (object->object_kind == ObjectKind::kStmt) return Put(Stmt(static_cast<const StmtNode*>(object)));
  Word(kObjectTag + static_cast<uint64_t>(object->object_kind));
  switch (object->object_kind) {
    case ObjectKind::kExpr:
    case ObjectKind::kStmt:
      return;  // Done above.
    case ObjectKind::kType:
      return PutType(As<TypeNode>(object));
    case ObjectKind::kRange:
      Put(As<RangeNode>(object)->min);
      return Put(As<RangeNode>(object)->extent);
    case ObjectKind::kIterVar:
      return PutIterVar(As<IterVarNode>(object));
    case ObjectKind::kBuffer:
      return PutBuffer(As<BufferNode>(object));
    case ObjectKind::kBufferRegion:
      return PutRegion(As<BufferRegionNode>(object));
    case ObjectKind::kMatchBufferRegion:
      PutBuffer(As<MatchBufferRegionNode>(object)->buffer);
      return PutRegion(As<MatchBufferRegionNode>(object)->source);
    case ObjectKind::kCommReducer:
      return PutReducer(As<CommReducerNode>(object));
    case ObjectKind::kIndexMap:
      PutVars(As<IndexMapNode>(object)->initial_indices);
      return PutExprs(As<IndexMapNode>(object)->final_indices);
    case ObjectKind::kGlobalVar:
      return sink_.Text(As<GlobalVarNode>(object)->name);
    case ObjectKind::kPrimFunc:
      return PutFunc(As<PrimFuncNode>(object));
    case ObjectKind::kExternFunc:
      return sink_.Text(As<ExternFuncNode>(object)->global_symbol);
    case ObjectKind::kModule: {
      const auto* module = As<IRModuleNode>(object);
      PutAttrs(module->attrs);
      PutAttrs(module->global_infos);
      return All(module->functions, [&](const ModuleEntry& entry) {
        sink_.Text(entry.var->name);
        PutObject(entry.function);
      });
    }
    case ObjectKind::kString:
      return sink_.Text(As<StringNode>(object)->value);
    case ObjectKind::kArray:
      return All(As<ArrayNode>(object)->items, [&](const Object* item) { PutObject(item); });
    case ObjectKind::kMap:
      return PutAttrs(As<MapNode>(object)->entries);
    case ObjectKind::kNDArray:
      return PutNDArray(As<NDArrayNode>(object));
    case ObjectKind::kTarget:
      return sink_.Text(As<TargetNode>(object)->json);
  }
}

}  // namespace hone::ir
