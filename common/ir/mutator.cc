#include "common/ir/mutator.h"

namespace hone::ir {

Expr ExprMutator::MutateExpr(Expr e) {
  if (!e) return e;
  const ExprNode* node = e.get();
  switch (node->kind) {
    case ExprKind::kVar:
      return Mutate(static_cast<const VarNode*>(node));
    case ExprKind::kIntImm:
      return Mutate(static_cast<const IntImmNode*>(node));
    case ExprKind::kFloatImm:
      return Mutate(static_cast<const FloatImmNode*>(node));
    case ExprKind::kStringImm:
      return Mutate(static_cast<const StringImmNode*>(node));
    case ExprKind::kCast:
      return Mutate(static_cast<const CastNode*>(node));
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
      return Mutate(static_cast<const BinaryNode*>(node));
    case ExprKind::kNot:
      return Mutate(static_cast<const NotNode*>(node));
    case ExprKind::kSelect:
      return Mutate(static_cast<const SelectNode*>(node));
    case ExprKind::kBufferLoad:
      return Mutate(static_cast<const BufferLoadNode*>(node));
    case ExprKind::kRamp:
      return Mutate(static_cast<const RampNode*>(node));
    case ExprKind::kBroadcast:
      return Mutate(static_cast<const BroadcastNode*>(node));
    case ExprKind::kLet:
      return Mutate(static_cast<const LetNode*>(node));
    case ExprKind::kCall:
      return Mutate(static_cast<const CallNode*>(node));
    case ExprKind::kShuffle:
      return Mutate(static_cast<const ShuffleNode*>(node));
    case ExprKind::kReduce:
      return Mutate(static_cast<const ReduceNode*>(node));
    case ExprKind::kAny:
      return Mutate(static_cast<const AnyNode*>(node));
  }
  return e;
}

Array<Expr> ExprMutator::MutateExprs(Array<Expr> exprs) {
  return MapArray(exprs, [this](Expr e) { return MutateExpr(e); });
}

Range ExprMutator::MutateRange(const Range& range) { return Range{MutateExpr(range.min), MutateExpr(range.extent)}; }
Array<Range> ExprMutator::MutateRanges(Array<Range> ranges) {
  return MapArray(ranges, [this](const Range& range) { return MutateRange(range); });
}

Expr ExprMutator::Mutate(const CastNode* node) {
  const Expr value = MutateExpr(node->value);
  return value == node->value ? Expr(node) : MakeCast(node->dtype, value);
}
Expr ExprMutator::Mutate(const BinaryNode* node) {
  const Expr a = MutateExpr(node->a);
  const Expr b = MutateExpr(node->b);
  return a == node->a && b == node->b ? Expr(node) : MakeBinary(node->kind, a, b);
}
Expr ExprMutator::Mutate(const NotNode* node) {
  const Expr a = MutateExpr(node->a);
  return a == node->a ? Expr(node) : MakeNot(a);
}
Expr ExprMutator::Mutate(const SelectNode* node) {
  const Expr c = MutateExpr(node->condition);
  const Expr t = MutateExpr(node->true_value);
  const Expr f = MutateExpr(node->false_value);
  if (c == node->condition && t == node->true_value && f == node->false_value) return node;
  return MakeSelect(c, t, f);
}
Expr ExprMutator::Mutate(const BufferLoadNode* node) {
  const Buffer buffer = MutateBuffer(Buffer(node->buffer));
  const Array<Expr> indices = MutateExprs(node->indices);
  const Expr predicate = MutateExpr(node->predicate);
  if (buffer.get() == node->buffer && indices.same_as(node->indices) && predicate == node->predicate) return node;
  return MakeBufferLoad(buffer, indices, predicate);
}
Expr ExprMutator::Mutate(const RampNode* node) {
  const Expr base = MutateExpr(node->base);
  const Expr stride = MutateExpr(node->stride);
  const Expr lanes = MutateExpr(node->lanes);
  if (base == node->base && stride == node->stride && lanes == node->lanes) return node;
  return MakeRamp(base, stride, lanes);
}
Expr ExprMutator::Mutate(const BroadcastNode* node) {
  const Expr value = MutateExpr(node->value);
  const Expr lanes = MutateExpr(node->lanes);
  return value == node->value && lanes == node->lanes ? Expr(node) : MakeBroadcast(value, lanes);
}
Expr ExprMutator::Mutate(const LetNode* node) {
  const Expr value = MutateExpr(node->value);
  const Expr body = MutateExpr(node->body);
  return value == node->value && body == node->body ? Expr(node) : MakeLet(node->var, value, body);
}
Expr ExprMutator::Mutate(const CallNode* node) {
  const Array<Expr> args = MutateExprs(node->args);
  if (args.same_as(node->args)) return node;
  auto* copy = CopyNode(node);
  copy->args = args;
  return copy;
}
Expr ExprMutator::Mutate(const ShuffleNode* node) {
  const Array<Expr> vectors = MutateExprs(node->vectors);
  const Array<Expr> indices = MutateExprs(node->indices);
  if (vectors.same_as(node->vectors) && indices.same_as(node->indices)) return node;
  auto* copy = CopyNode(node);
  copy->vectors = vectors;
  copy->indices = indices;
  return copy;
}
Expr ExprMutator::Mutate(const ReduceNode* node) {
  auto* copy = CopyNode(node);
  copy->source = MutateExprs(node->source);
  copy->init = MutateExprs(node->init);
  copy->condition = MutateExpr(node->condition);
  const bool same =
      copy->source.same_as(node->source) && copy->init.same_as(node->init) && copy->condition == node->condition;
  return same ? Expr(node) : Expr(copy);
}

Stmt StmtExprMutator::MutateStmt(Stmt s) {
  if (!s) return s;
  const StmtNode* node = s.get();
  switch (node->kind) {
    case StmtKind::kLetStmt:
      return Mutate(static_cast<const LetStmtNode*>(node));
    case StmtKind::kAttrStmt:
      return Mutate(static_cast<const AttrStmtNode*>(node));
    case StmtKind::kAssertStmt:
      return Mutate(static_cast<const AssertStmtNode*>(node));
    case StmtKind::kBufferStore:
      return Mutate(static_cast<const BufferStoreNode*>(node));
    case StmtKind::kBufferRealize:
      return Mutate(static_cast<const BufferRealizeNode*>(node));
    case StmtKind::kAllocate:
      return Mutate(static_cast<const AllocateNode*>(node));
    case StmtKind::kAllocateConst:
      return Mutate(static_cast<const AllocateConstNode*>(node));
    case StmtKind::kDeclBuffer:
      return Mutate(static_cast<const DeclBufferNode*>(node));
    case StmtKind::kSeq:
      return Mutate(static_cast<const SeqNode*>(node));
    case StmtKind::kIfThenElse:
      return Mutate(static_cast<const IfThenElseNode*>(node));
    case StmtKind::kEvaluate:
      return Mutate(static_cast<const EvaluateNode*>(node));
    case StmtKind::kFor:
      return Mutate(static_cast<const ForNode*>(node));
    case StmtKind::kWhile:
      return Mutate(static_cast<const WhileNode*>(node));
    case StmtKind::kBlock:
      return Mutate(static_cast<const BlockNode*>(node));
    case StmtKind::kBlockRealize:
      return Mutate(static_cast<const BlockRealizeNode*>(node));
  }
  return s;
}

IterVar StmtExprMutator::MutateIterVar(IterVar iter) {
  if (!iter->dom) return iter;
  const Range dom = MutateRange(iter->dom);
  if (dom.min == iter->dom.min && dom.extent == iter->dom.extent) return iter;
  auto* copy = CopyNode(iter);
  copy->dom = dom;
  return copy;
}

BufferRegion StmtExprMutator::MutateRegion(BufferRegion region) {
  const Buffer buffer = MutateBuffer(region->buffer);
  const Array<Range> ranges = MutateRanges(region->region);
  if (buffer == region->buffer && ranges.same_as(region->region)) return region;
  return MakeBufferRegion(buffer, ranges);
}

Array<BufferRegion> StmtExprMutator::MutateRegions(Array<BufferRegion> regions) {
  return MapArray(regions, [this](BufferRegion r) { return MutateRegion(r); });
}

Stmt StmtExprMutator::Mutate(const LetStmtNode* node) {
  const Expr value = MutateExpr(node->value);
  const Stmt body = MutateStmt(node->body);
  return value == node->value && body == node->body ? Stmt(node) : MakeLetStmt(node->var, value, body);
}
Stmt StmtExprMutator::Mutate(const AttrStmtNode* node) {
  const Expr value = MutateExpr(node->value);
  const Stmt body = MutateStmt(node->body);
  if (value == node->value && body == node->body) return node;
  auto* copy = CopyNode(node);
  copy->value = value;
  copy->body = body;
  return copy;
}
Stmt StmtExprMutator::Mutate(const AssertStmtNode* node) {
  const Expr condition = MutateExpr(node->condition);
  const Expr message = MutateExpr(node->message);
  const Stmt body = MutateStmt(node->body);
  if (condition == node->condition && message == node->message && body == node->body) return node;
  return MakeAssertStmt(condition, message, body);
}
Stmt StmtExprMutator::Mutate(const BufferStoreNode* node) {
  const Buffer buffer = MutateBuffer(node->buffer);
  const Expr value = MutateExpr(node->value);
  const Array<Expr> indices = MutateExprs(node->indices);
  const Expr predicate = MutateExpr(node->predicate);
  if (buffer == node->buffer && value == node->value && indices.same_as(node->indices) &&
      predicate == node->predicate) {
    return node;
  }
  return MakeBufferStore(buffer, value, indices, predicate);
}
Stmt StmtExprMutator::Mutate(const BufferRealizeNode* node) {
  auto* copy = CopyNode(node);
  copy->buffer = MutateBuffer(node->buffer);
  copy->bounds = MutateRanges(node->bounds);
  const bool same = copy->buffer == node->buffer && copy->bounds.same_as(node->bounds);
  copy->condition = MutateExpr(node->condition);
  copy->body = MutateStmt(node->body);
  return same && copy->condition == node->condition && copy->body == node->body ? Stmt(node) : Stmt(copy);
}
Stmt StmtExprMutator::Mutate(const AllocateNode* node) {
  const Array<Expr> extents = MutateExprs(node->extents);
  const Expr condition = MutateExpr(node->condition);
  const Stmt body = MutateStmt(node->body);
  if (extents.same_as(node->extents) && condition == node->condition && body == node->body) return node;
  auto* copy = CopyNode(node);
  copy->extents = extents;
  copy->condition = condition;
  copy->body = body;
  return copy;
}
Stmt StmtExprMutator::Mutate(const AllocateConstNode* node) {
  const Array<Expr> extents = MutateExprs(node->extents);
  const Stmt body = MutateStmt(node->body);
  if (extents.same_as(node->extents) && body == node->body) return node;
  auto* copy = CopyNode(node);
  copy->extents = extents;
  copy->body = body;
  return copy;
}
Stmt StmtExprMutator::Mutate(const DeclBufferNode* node) {
  const Buffer buffer = MutateBuffer(node->buffer);
  const Stmt body = MutateStmt(node->body);
  return buffer == node->buffer && body == node->body ? Stmt(node) : MakeDeclBuffer(buffer, body);
}
Stmt StmtExprMutator::Mutate(const SeqNode* node) {
  const Array<Stmt> seq = MapArray(node->seq, [this](Stmt s) { return MutateStmt(s); });
  return seq.same_as(node->seq) ? Stmt(node) : MakeSeq(seq.ToVector());
}
Stmt StmtExprMutator::Mutate(const IfThenElseNode* node) {
  const Expr condition = MutateExpr(node->condition);
  const Stmt then_case = MutateStmt(node->then_case);
  const Stmt else_case = MutateStmt(node->else_case);
  if (condition == node->condition && then_case == node->then_case && else_case == node->else_case) return node;
  return MakeIfThenElse(condition, then_case, else_case);
}
Stmt StmtExprMutator::Mutate(const EvaluateNode* node) {
  const Expr value = MutateExpr(node->value);
  return value == node->value ? Stmt(node) : MakeEvaluate(value);
}
Stmt StmtExprMutator::Mutate(const ForNode* node) {
  const Expr min = MutateExpr(node->min);
  const Expr extent = MutateExpr(node->extent);
  const Stmt body = MutateStmt(node->body);
  if (min == node->min && extent == node->extent && body == node->body) return node;
  auto* copy = CopyNode(node);
  copy->min = min;
  copy->extent = extent;
  copy->body = body;
  return copy;
}
Stmt StmtExprMutator::Mutate(const WhileNode* node) {
  const Expr condition = MutateExpr(node->condition);
  const Stmt body = MutateStmt(node->body);
  return condition == node->condition && body == node->body ? Stmt(node) : MakeWhile(condition, body);
}
Stmt StmtExprMutator::Mutate(const BlockNode* node) {
  const auto iter_vars = MapArray(node->iter_vars, [this](IterVar v) { return MutateIterVar(v); });
  const auto reads = MutateRegions(node->reads);
  const auto writes = MutateRegions(node->writes);
  const auto allocs = MapArray(node->alloc_buffers, [this](Buffer b) { return MutateBuffer(b); });
  const auto matches = MapArray(node->match_buffers, [this](MatchBufferRegion m) -> MatchBufferRegion {
    const Buffer buffer = MutateBuffer(m->buffer);
    const BufferRegion source = MutateRegion(m->source);
    return buffer == m->buffer && source == m->source ? m : MakeMatchBufferRegion(buffer, source);
  });
  const Stmt init = MutateStmt(node->init);
  const Stmt body = MutateStmt(node->body);
  if (iter_vars.same_as(node->iter_vars) && reads.same_as(node->reads) && writes.same_as(node->writes) &&
      allocs.same_as(node->alloc_buffers) && matches.same_as(node->match_buffers) && init == node->init &&
      body == node->body) {
    return node;
  }
  auto* copy = CopyNode(node);
  copy->iter_vars = iter_vars;
  copy->reads = reads;
  copy->writes = writes;
  copy->alloc_buffers = allocs;
  copy->match_buffers = matches;
  copy->init = init;
  copy->body = body;
  return copy;
}
Stmt StmtExprMutator::Mutate(const BlockRealizeNode* node) {
  const Array<Expr> values = MutateExprs(node->iter_values);
  const Expr predicate = MutateExpr(node->predicate);
  const Stmt block = MutateStmt(node->block);
  if (values.same_as(node->iter_values) && predicate == node->predicate && block == Stmt(node->block)) return node;
  HONE_CHECK(block.as<BlockNode>() != nullptr) << "a realize needs a block";
  return MakeBlockRealize(values, predicate, block.as<BlockNode>());
}

namespace {

class Substituter final : public StmtExprMutator {
 public:
  explicit Substituter(const VarMap& map) : map_(map) {}
  using StmtExprMutator::MutateRange;
  using StmtExprMutator::MutateRegion;

 private:
  using StmtExprMutator::Mutate;

  Expr Mutate(const VarNode* node) override {
    auto it = map_.find(node);
    return it != map_.end() ? it->second : Expr(node);
  }

  Stmt Mutate(const AttrStmtNode* node) override {
    const Object* object = node->node;
    if (object != nullptr && object->object_kind == ObjectKind::kExpr) {
      object = MutateExpr(Expr(static_cast<const ExprNode*>(object))).get();
    } else if (const auto* buffer = As<BufferNode>(object)) {
      object = MutateBuffer(Buffer(buffer)).get();
    }
    const Expr value = MutateExpr(node->value);
    const Stmt body = MutateStmt(node->body);
    if (object == node->node && value == node->value && body == node->body) return node;
    auto* copy = CopyNode(node);
    copy->node = object;
    copy->value = value;
    copy->body = body;
    return copy;
  }

  Buffer MutateBuffer(Buffer buffer) override {
    auto it = buffers_.find(buffer.get());
    if (it != buffers_.end()) return it->second;
    const Expr data = Mutate(buffer->data.get());
    const Array<Expr> shape = MutateExprs(buffer->shape);
    const Array<Expr> strides = MutateExprs(buffer->strides);
    const Expr offset = MutateExpr(buffer->elem_offset);
    Buffer out = buffer;
    if (!(data == buffer->data) || !shape.same_as(buffer->shape) || !strides.same_as(buffer->strides) ||
        !(offset == buffer->elem_offset)) {
      auto* copy = CopyNode(buffer.get());
      if (const auto* var = data.as<VarNode>()) copy->data = Var(var);
      copy->shape = shape;
      copy->strides = strides;
      copy->elem_offset = offset;
      out = Buffer(copy);
    }
    buffers_.emplace(buffer.get(), out);
    return out;
  }

  const VarMap& map_;
  absl::flat_hash_map<const BufferNode*, Buffer> buffers_;
};

class BufferSubstituter final : public StmtExprMutator {
 public:
  explicit BufferSubstituter(const BufferMap& map) : map_(map) {}

 private:
  Buffer MutateBuffer(Buffer buffer) override {
    auto it = map_.find(buffer.get());
    return it != map_.end() ? it->second : buffer;
  }
  const BufferMap& map_;
};

}  // namespace

Expr Substitute(Expr e, const VarMap& map) { return map.empty() ? e : Substituter(map).MutateExpr(e); }
Stmt Substitute(Stmt s, const VarMap& map) { return map.empty() ? s : Substituter(map).MutateStmt(s); }
Range Substitute(const Range& range, const VarMap& map) { return Substituter(map).MutateRange(range); }
BufferRegion Substitute(BufferRegion region, const VarMap& map) { return Substituter(map).MutateRegion(region); }
Stmt SubstituteBuffers(Stmt s, const BufferMap& map) { return map.empty() ? s : BufferSubstituter(map).MutateStmt(s); }

}  // namespace hone::ir
