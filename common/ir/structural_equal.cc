#include "common/ir/structural_equal.h"

#include <cmath>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"

namespace hone::ir {
namespace {

bool SameDouble(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::fabs(a - b) < 1e-9;
}

class Comparer {
 public:
  explicit Comparer(const EqualOptions& options) : options_(options), mapping_(options.map_free_vars) {}

  bool Equal(Expr a, Expr b);
  bool Equal(Stmt a, Stmt b);
  bool EqualObject(const Object* a, const Object* b);

 private:
  // Inside of a defining field unknown variables are matched.
  template <typename F>
  bool Defining(F&& f) {
    const bool before = mapping_;
    mapping_ = true;
    const bool same = f();
    mapping_ = before;
    return same;
  }
  bool Define(Var a, Var b) {
    return Defining([&] { return EqualVar(a, b); });
  }

  bool EqualVar(Var a, Var b);
  bool EqualType(const TypeNode* a, const TypeNode* b);
  bool EqualBuffer(Buffer a, Buffer b);
  bool EqualRange(const Range& a, const Range& b);
  bool EqualIterVar(IterVar a, IterVar b);
  bool EqualRegion(BufferRegion a, BufferRegion b);
  bool EqualMatch(MatchBufferRegion a, MatchBufferRegion b);
  bool EqualReducer(const CommReducerNode* a, const CommReducerNode* b);
  bool EqualIndexMap(const IndexMapNode* a, const IndexMapNode* b);
  bool EqualGlobalVar(const GlobalVarNode* a, const GlobalVarNode* b);
  bool EqualNDArray(const NDArrayNode* a, const NDArrayNode* b);
  bool EqualAttrs(const Attrs& a, const Attrs& b);
  bool EqualFunc(PrimFunc a, PrimFunc b);
  bool EqualModule(const IRModuleNode* a, const IRModuleNode* b);
  bool EqualBlock(const BlockNode* a, const BlockNode* b);
  bool EqualFor(const ForNode* a, const ForNode* b);

  template <typename T, typename F>
  bool All(Array<T> a, Array<T> b, F&& f) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i) {
      if (!f(a[i], b[i])) return false;
    }
    return true;
  }
  bool EqualExprs(Array<Expr> a, Array<Expr> b) {
    return All(a, b, [&](Expr x, Expr y) { return Equal(x, y); });
  }
  bool DefineVars(Array<Var> a, Array<Var> b) {
    return All(a, b, [&](Var x, Var y) { return Define(x, y); });
  }

  const EqualOptions options_;
  bool mapping_;
  absl::flat_hash_map<const VarNode*, const VarNode*> left_to_right_;
  absl::flat_hash_map<const VarNode*, const VarNode*> right_to_left_;
  // Pairs found equal already: their variables are mapped, so they stay equal.
  absl::flat_hash_set<std::pair<const BufferNode*, const BufferNode*>> equal_buffers_;
};

bool Comparer::EqualType(const TypeNode* a, const TypeNode* b) {
  if (a == b) return true;
  if (a == nullptr || b == nullptr || a->kind != b->kind || !(a->dtype == b->dtype)) return false;
  auto scope = [](const TypeNode* t) { return t->scope.empty() ? std::string_view("global") : t->scope; };
  if (a->kind == TypeKind::kPointer && scope(a) != scope(b)) return false;
  return All(a->fields, b->fields, [&](const TypeNode* x, const TypeNode* y) { return EqualType(x, y); });
}

bool Comparer::EqualVar(Var a, Var b) {
  auto it = left_to_right_.find(a.get());
  if (it != left_to_right_.end()) return it->second == b.get();
  if (right_to_left_.contains(b.get())) return false;
  if (!(a.dtype() == b.dtype()) || a->is_size_var != b->is_size_var || !EqualType(a->type, b->type)) return false;
  if (!mapping_ && !(a == b)) return false;
  left_to_right_[a.get()] = b.get();
  right_to_left_[b.get()] = a.get();
  return true;
}

bool Comparer::EqualRange(const Range& a, const Range& b) { return Equal(a.min, b.min) && Equal(a.extent, b.extent); }

bool Comparer::EqualIterVar(IterVar a, IterVar b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->iter_type == b->iter_type && a->thread_tag == b->thread_tag && EqualRange(a->dom, b->dom) &&
         Define(a->var, b->var);
}

bool Comparer::EqualBuffer(Buffer a, Buffer b) {
  if (!a || !b) return a == b;
  const auto key = std::make_pair(a.get(), b.get());
  if (equal_buffers_.contains(key)) return true;
  if (!(a->dtype == b->dtype) || a->data_alignment != b->data_alignment || a->buffer_type != b->buffer_type) {
    return false;
  }
  const bool same = Defining([&] {
    return EqualVar(a->data, b->data) && EqualExprs(a->shape, b->shape) && EqualExprs(a->strides, b->strides) &&
           EqualExprs(a->axis_separators, b->axis_separators) && Equal(a->elem_offset, b->elem_offset);
  });
  if (same) equal_buffers_.insert(key);
  return same;
}

bool Comparer::EqualRegion(BufferRegion a, BufferRegion b) {
  return EqualBuffer(a->buffer, b->buffer) &&
         All(a->region, b->region, [&](const Range& x, const Range& y) { return EqualRange(x, y); });
}

bool Comparer::EqualMatch(MatchBufferRegion a, MatchBufferRegion b) {
  return EqualBuffer(a->buffer, b->buffer) && EqualRegion(a->source, b->source);
}

bool Comparer::EqualReducer(const CommReducerNode* a, const CommReducerNode* b) {
  return DefineVars(a->lhs, b->lhs) && DefineVars(a->rhs, b->rhs) && EqualExprs(a->result, b->result) &&
         EqualExprs(a->identity, b->identity);
}

bool Comparer::EqualIndexMap(const IndexMapNode* a, const IndexMapNode* b) {
  // The inverse is derived and does not count.
  return DefineVars(a->initial_indices, b->initial_indices) && EqualExprs(a->final_indices, b->final_indices);
}

bool Comparer::EqualGlobalVar(const GlobalVarNode* a, const GlobalVarNode* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->name == b->name;
}

bool Comparer::EqualNDArray(const NDArrayNode* a, const NDArrayNode* b) {
  if (a == nullptr || b == nullptr) return a == b;
  if (!(a->dtype == b->dtype) || !All(a->shape, b->shape, [](int64_t x, int64_t y) { return x == y; })) return false;
  return options_.ignore_ndarray_data || a->bytes == b->bytes;
}

bool Comparer::EqualAttrs(const Attrs& a, const Attrs& b) {
  if (a.size() != b.size()) return false;
  for (const Attr *x = a.begin(), *y = b.begin(); x != a.end(); ++x, ++y) {
    if (x->key != y->key || !EqualObject(x->value, y->value)) return false;
  }
  return true;
}

bool Comparer::Equal(Expr a, Expr b) {
  if (!a || !b) return a == b;
  if (a.kind() != b.kind() || !(a.dtype() == b.dtype())) return false;
  switch (a.kind()) {
    case ExprKind::kVar:
      return EqualVar(a.as<VarNode>(), b.as<VarNode>());
    case ExprKind::kIntImm:
      return a.as<IntImmNode>()->value == b.as<IntImmNode>()->value;
    case ExprKind::kFloatImm:
      return SameDouble(a.as<FloatImmNode>()->value, b.as<FloatImmNode>()->value);
    case ExprKind::kStringImm:
      return a.as<StringImmNode>()->value == b.as<StringImmNode>()->value;
    case ExprKind::kCast:
      return Equal(a.as<CastNode>()->value, b.as<CastNode>()->value);
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
    case ExprKind::kOr: {
      const auto* x = a.as<BinaryNode>();
      const auto* y = b.as<BinaryNode>();
      return Equal(x->a, y->a) && Equal(x->b, y->b);
    }
    case ExprKind::kNot:
      return Equal(a.as<NotNode>()->a, b.as<NotNode>()->a);
    case ExprKind::kSelect: {
      const auto* x = a.as<SelectNode>();
      const auto* y = b.as<SelectNode>();
      return Equal(x->condition, y->condition) && Equal(x->true_value, y->true_value) &&
             Equal(x->false_value, y->false_value);
    }
    case ExprKind::kBufferLoad: {
      const auto* x = a.as<BufferLoadNode>();
      const auto* y = b.as<BufferLoadNode>();
      return EqualBuffer(x->buffer, y->buffer) && EqualExprs(x->indices, y->indices);
    }
    case ExprKind::kRamp: {
      const auto* x = a.as<RampNode>();
      const auto* y = b.as<RampNode>();
      return Equal(x->base, y->base) && Equal(x->stride, y->stride) && Equal(x->lanes, y->lanes);
    }
    case ExprKind::kBroadcast: {
      const auto* x = a.as<BroadcastNode>();
      const auto* y = b.as<BroadcastNode>();
      return Equal(x->value, y->value) && Equal(x->lanes, y->lanes);
    }
    case ExprKind::kLet: {
      const auto* x = a.as<LetNode>();
      const auto* y = b.as<LetNode>();
      return Define(x->var, y->var) && Equal(x->value, y->value) && Equal(x->body, y->body);
    }
    case ExprKind::kCall: {
      const auto* x = a.as<CallNode>();
      const auto* y = b.as<CallNode>();
      if (x->function != nullptr || y->function != nullptr) {
        if (!EqualGlobalVar(x->function, y->function)) return false;
      } else if (x->op != y->op) {
        return false;
      }
      return EqualExprs(x->args, y->args);
    }
    case ExprKind::kShuffle: {
      const auto* x = a.as<ShuffleNode>();
      const auto* y = b.as<ShuffleNode>();
      return EqualExprs(x->vectors, y->vectors) && EqualExprs(x->indices, y->indices);
    }
    case ExprKind::kReduce: {
      const auto* x = a.as<ReduceNode>();
      const auto* y = b.as<ReduceNode>();
      return EqualReducer(x->combiner, y->combiner) &&
             All(x->axis, y->axis, [&](IterVar i, IterVar j) { return EqualIterVar(i, j); }) &&
             EqualExprs(x->source, y->source) && EqualExprs(x->init, y->init) && Equal(x->condition, y->condition) &&
             x->value_index == y->value_index;
    }
    case ExprKind::kAny:
      return true;
  }
  return false;
}

bool Comparer::EqualFor(const ForNode* a, const ForNode* b) {
  return a->for_kind == b->for_kind && Define(a->loop_var, b->loop_var) && Equal(a->min, b->min) &&
         Equal(a->extent, b->extent) && Equal(a->body, b->body) && EqualIterVar(a->thread_binding, b->thread_binding) &&
         EqualAttrs(a->annotations, b->annotations);
}

bool Comparer::EqualBlock(const BlockNode* a, const BlockNode* b) {
  auto regions = [&](BufferRegion x, BufferRegion y) { return EqualRegion(x, y); };
  return All(a->iter_vars, b->iter_vars, [&](IterVar x, IterVar y) { return EqualIterVar(x, y); }) &&
         All(a->alloc_buffers, b->alloc_buffers, [&](Buffer x, Buffer y) { return EqualBuffer(x, y); }) &&
         All(a->match_buffers, b->match_buffers,
             [&](MatchBufferRegion x, MatchBufferRegion y) { return EqualMatch(x, y); }) &&
         All(a->reads, b->reads, regions) && All(a->writes, b->writes, regions) && Equal(a->body, b->body) &&
         Equal(a->init, b->init) && EqualAttrs(a->annotations, b->annotations);
}

bool Comparer::Equal(Stmt a, Stmt b) {
  if (!a || !b) return a == b;
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case StmtKind::kLetStmt: {
      const auto* x = a.as<LetStmtNode>();
      const auto* y = b.as<LetStmtNode>();
      return Define(x->var, y->var) && Equal(x->value, y->value) && Equal(x->body, y->body);
    }
    case StmtKind::kAttrStmt: {
      const auto* x = a.as<AttrStmtNode>();
      const auto* y = b.as<AttrStmtNode>();
      return x->attr_key == y->attr_key && EqualObject(x->node, y->node) && Equal(x->value, y->value) &&
             Equal(x->body, y->body);
    }
    case StmtKind::kAssertStmt: {
      const auto* x = a.as<AssertStmtNode>();
      const auto* y = b.as<AssertStmtNode>();
      return Equal(x->condition, y->condition) && Equal(x->message, y->message) && Equal(x->body, y->body);
    }
    case StmtKind::kBufferStore: {
      const auto* x = a.as<BufferStoreNode>();
      const auto* y = b.as<BufferStoreNode>();
      return EqualBuffer(x->buffer, y->buffer) && Equal(x->value, y->value) && EqualExprs(x->indices, y->indices);
    }
    case StmtKind::kBufferRealize: {
      const auto* x = a.as<BufferRealizeNode>();
      const auto* y = b.as<BufferRealizeNode>();
      return EqualBuffer(x->buffer, y->buffer) &&
             All(x->bounds, y->bounds, [&](const Range& r, const Range& s) { return EqualRange(r, s); }) &&
             Equal(x->condition, y->condition) && Equal(x->body, y->body);
    }
    case StmtKind::kAllocate: {
      const auto* x = a.as<AllocateNode>();
      const auto* y = b.as<AllocateNode>();
      return x->dtype == y->dtype && Define(x->buffer_var, y->buffer_var) && EqualExprs(x->extents, y->extents) &&
             Equal(x->condition, y->condition) && Equal(x->body, y->body) && EqualAttrs(x->annotations, y->annotations);
    }
    case StmtKind::kAllocateConst: {
      const auto* x = a.as<AllocateConstNode>();
      const auto* y = b.as<AllocateConstNode>();
      return x->dtype == y->dtype && Define(x->buffer_var, y->buffer_var) && EqualExprs(x->extents, y->extents) &&
             EqualNDArray(x->data, y->data) && Equal(x->body, y->body) && EqualAttrs(x->annotations, y->annotations);
    }
    case StmtKind::kDeclBuffer: {
      const auto* x = a.as<DeclBufferNode>();
      const auto* y = b.as<DeclBufferNode>();
      return EqualBuffer(x->buffer, y->buffer) && Equal(x->body, y->body);
    }
    case StmtKind::kSeq:
      return All(a.as<SeqNode>()->seq, b.as<SeqNode>()->seq, [&](Stmt x, Stmt y) { return Equal(x, y); });
    case StmtKind::kIfThenElse: {
      const auto* x = a.as<IfThenElseNode>();
      const auto* y = b.as<IfThenElseNode>();
      return Equal(x->condition, y->condition) && Equal(x->then_case, y->then_case) &&
             Equal(x->else_case, y->else_case);
    }
    case StmtKind::kEvaluate:
      return Equal(a.as<EvaluateNode>()->value, b.as<EvaluateNode>()->value);
    case StmtKind::kFor:
      return EqualFor(a.as<ForNode>(), b.as<ForNode>());
    case StmtKind::kWhile: {
      const auto* x = a.as<WhileNode>();
      const auto* y = b.as<WhileNode>();
      return Equal(x->condition, y->condition) && Equal(x->body, y->body);
    }
    case StmtKind::kBlock:
      return EqualBlock(a.as<BlockNode>(), b.as<BlockNode>());
    case StmtKind::kBlockRealize: {
      const auto* x = a.as<BlockRealizeNode>();
      const auto* y = b.as<BlockRealizeNode>();
      return EqualExprs(x->iter_values, y->iter_values) && Equal(x->predicate, y->predicate) &&
             EqualBlock(x->block, y->block);
    }
  }
  return false;
}

bool Comparer::EqualFunc(PrimFunc a, PrimFunc b) {
  if (!DefineVars(a->params, b->params) || a->buffer_map.size() != b->buffer_map.size()) return false;
  for (const BufferBinding& binding : a->buffer_map) {
    auto it = left_to_right_.find(binding.param.get());
    if (it == left_to_right_.end()) return false;
    const Buffer other = b->BufferOf(it->second);
    if (!other || !EqualBuffer(binding.buffer, other)) return false;
  }
  return EqualType(a->ret_type, b->ret_type) && Equal(a->body, b->body) && EqualAttrs(a->attrs, b->attrs);
}

bool Comparer::EqualModule(const IRModuleNode* a, const IRModuleNode* b) {
  return EqualAttrs(a->attrs, b->attrs) && EqualAttrs(a->global_infos, b->global_infos) &&
         All(a->functions, b->functions, [&](const ModuleEntry& x, const ModuleEntry& y) {
           return x.var->name == y.var->name && EqualObject(x.function, y.function);
         });
}

bool Comparer::EqualObject(const Object* a, const Object* b) {
  if (a == nullptr || b == nullptr) return a == b;
  if (a->object_kind != b->object_kind) return false;
  switch (a->object_kind) {
    case ObjectKind::kExpr:
      return Equal(Expr(static_cast<const ExprNode*>(a)), Expr(static_cast<const ExprNode*>(b)));
    case ObjectKind::kStmt:
      return Equal(Stmt(static_cast<const StmtNode*>(a)), Stmt(static_cast<const StmtNode*>(b)));
    case ObjectKind::kType:
      return EqualType(As<TypeNode>(a), As<TypeNode>(b));
    case ObjectKind::kRange: {
      const auto* x = As<RangeNode>(a);
      const auto* y = As<RangeNode>(b);
      return Equal(x->min, y->min) && Equal(x->extent, y->extent);
    }
    case ObjectKind::kIterVar:
      return EqualIterVar(As<IterVarNode>(a), As<IterVarNode>(b));
    case ObjectKind::kBuffer:
      return EqualBuffer(As<BufferNode>(a), As<BufferNode>(b));
    case ObjectKind::kBufferRegion:
      return EqualRegion(As<BufferRegionNode>(a), As<BufferRegionNode>(b));
    case ObjectKind::kMatchBufferRegion:
      return EqualMatch(As<MatchBufferRegionNode>(a), As<MatchBufferRegionNode>(b));
    case ObjectKind::kCommReducer:
      return EqualReducer(As<CommReducerNode>(a), As<CommReducerNode>(b));
    case ObjectKind::kIndexMap:
      return EqualIndexMap(As<IndexMapNode>(a), As<IndexMapNode>(b));
    case ObjectKind::kGlobalVar:
      return EqualGlobalVar(As<GlobalVarNode>(a), As<GlobalVarNode>(b));
    case ObjectKind::kPrimFunc:
      return EqualFunc(As<PrimFuncNode>(a), As<PrimFuncNode>(b));
    case ObjectKind::kExternFunc:
      return As<ExternFuncNode>(a)->global_symbol == As<ExternFuncNode>(b)->global_symbol;
    case ObjectKind::kModule:
      return EqualModule(As<IRModuleNode>(a), As<IRModuleNode>(b));
    case ObjectKind::kString:
      return As<StringNode>(a)->value == As<StringNode>(b)->value;
    case ObjectKind::kArray:
      return All(As<ArrayNode>(a)->items, As<ArrayNode>(b)->items,
                 [&](const Object* x, const Object* y) { return EqualObject(x, y); });
    case ObjectKind::kMap:
      return EqualAttrs(As<MapNode>(a)->entries, As<MapNode>(b)->entries);
    case ObjectKind::kNDArray:
      return EqualNDArray(As<NDArrayNode>(a), As<NDArrayNode>(b));
    case ObjectKind::kTarget:
      return As<TargetNode>(a)->json == As<TargetNode>(b)->json;
  }
  return false;
}

bool DeepEqualAll(Array<Expr> a, Array<Expr> b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!DeepEqual(a[i], b[i])) return false;
  }
  return true;
}

}  // namespace

bool StructuralEqual(Expr a, Expr b, bool map_free_vars) {
  return Comparer({.map_free_vars = map_free_vars}).Equal(a, b);
}
bool StructuralEqual(Stmt a, Stmt b, bool map_free_vars) {
  return Comparer({.map_free_vars = map_free_vars}).Equal(a, b);
}
bool StructuralEqual(const Object* a, const Object* b, const EqualOptions& options) {
  return Comparer(options).EqualObject(a, b);
}
bool StructuralEqual(const IRModule& a, const IRModule& b, bool map_free_vars) {
  return Comparer({.map_free_vars = map_free_vars}).EqualObject(a.get(), b.get());
}

bool DeepEqual(Expr a, Expr b) {
  if (a == b) return true;
  if (!a || !b || a.kind() != b.kind() || !(a.dtype() == b.dtype())) return false;
  if (const auto* x = a.as<BinaryNode>()) {
    const auto* y = b.as<BinaryNode>();
    return DeepEqual(x->a, y->a) && DeepEqual(x->b, y->b);
  }
  switch (a.kind()) {
    case ExprKind::kIntImm:
      return a.as<IntImmNode>()->value == b.as<IntImmNode>()->value;
    case ExprKind::kFloatImm:
      return SameDouble(a.as<FloatImmNode>()->value, b.as<FloatImmNode>()->value);
    case ExprKind::kStringImm:
      return a.as<StringImmNode>()->value == b.as<StringImmNode>()->value;
    case ExprKind::kCast:
      return DeepEqual(a.as<CastNode>()->value, b.as<CastNode>()->value);
    case ExprKind::kNot:
      return DeepEqual(a.as<NotNode>()->a, b.as<NotNode>()->a);
    case ExprKind::kSelect: {
      const auto* x = a.as<SelectNode>();
      const auto* y = b.as<SelectNode>();
      return DeepEqual(x->condition, y->condition) && DeepEqual(x->true_value, y->true_value) &&
             DeepEqual(x->false_value, y->false_value);
    }
    case ExprKind::kBufferLoad: {
      const auto* x = a.as<BufferLoadNode>();
      const auto* y = b.as<BufferLoadNode>();
      return x->buffer == y->buffer && DeepEqualAll(x->indices, y->indices) && DeepEqual(x->predicate, y->predicate);
    }
    case ExprKind::kRamp: {
      const auto* x = a.as<RampNode>();
      const auto* y = b.as<RampNode>();
      return DeepEqual(x->base, y->base) && DeepEqual(x->stride, y->stride) && DeepEqual(x->lanes, y->lanes);
    }
    case ExprKind::kBroadcast: {
      const auto* x = a.as<BroadcastNode>();
      const auto* y = b.as<BroadcastNode>();
      return DeepEqual(x->value, y->value) && DeepEqual(x->lanes, y->lanes);
    }
    case ExprKind::kCall: {
      const auto* x = a.as<CallNode>();
      const auto* y = b.as<CallNode>();
      if (x->function != y->function || (x->function == nullptr && x->op != y->op)) return false;
      return DeepEqualAll(x->args, y->args);
    }
    case ExprKind::kShuffle: {
      const auto* x = a.as<ShuffleNode>();
      const auto* y = b.as<ShuffleNode>();
      return DeepEqualAll(x->vectors, y->vectors) && DeepEqualAll(x->indices, y->indices);
    }
    case ExprKind::kLet: {
      const auto* x = a.as<LetNode>();
      const auto* y = b.as<LetNode>();
      return x->var == y->var && DeepEqual(x->value, y->value) && DeepEqual(x->body, y->body);
    }
    case ExprKind::kAny:
      return true;
    default:
      return false;  // Variables and reductions: identity only.
  }
}

}  // namespace hone::ir
