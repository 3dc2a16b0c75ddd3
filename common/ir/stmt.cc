#include "common/ir/stmt.h"

namespace hone::ir {
namespace {

template <typename T>
T* NewStmt() {
  T* node = ::new (Arena::Current().Allocate(sizeof(T))) T();
  node->object_kind = ObjectKind::kStmt;
  node->kind = T::kKind;
  return node;
}

void AppendFlat(Stmt stmt, std::vector<Stmt>& out) {
  if (const auto* seq = stmt.as<SeqNode>()) {
    for (Stmt s : seq->seq) AppendFlat(s, out);
  } else {
    out.push_back(stmt);
  }
}

Expr WidenLiteral(Expr e, DataType dtype) {
  const auto* imm = e.as<IntImmNode>();
  if (imm == nullptr || imm->dtype.bits >= dtype.bits) return e;
  return IntImm(dtype, imm->value);
}

}  // namespace

Stmt MakeLetStmt(Var var, Expr value, Stmt body) {
  auto* node = NewStmt<LetStmtNode>();
  node->var = var;
  node->value = value;
  node->body = body;
  return node;
}

Stmt MakeAttrStmt(const Object* object, std::string_view key, Expr value, Stmt body) {
  auto* node = NewStmt<AttrStmtNode>();
  node->node = object;
  node->attr_key = CopyString(key);
  node->value = value;
  node->body = body;
  return node;
}

Stmt MakeAssertStmt(Expr condition, Expr message, Stmt body) {
  auto* node = NewStmt<AssertStmtNode>();
  node->condition = condition;
  node->message = message;
  node->body = body;
  return node;
}

Stmt MakeBufferStore(Buffer buffer, Expr value, Array<Expr> indices, Expr predicate) {
  auto* node = NewStmt<BufferStoreNode>();
  node->buffer = buffer;
  node->value = value;
  node->indices = indices;
  node->predicate = predicate;
  return node;
}

Stmt MakeBufferRealize(Buffer buffer, Array<Range> bounds, Expr condition, Stmt body) {
  auto* node = NewStmt<BufferRealizeNode>();
  node->buffer = buffer;
  node->bounds = bounds;
  node->condition = condition;
  node->body = body;
  return node;
}

Stmt MakeAllocate(Var buffer_var, DataType dtype, Array<Expr> extents, Expr condition, Stmt body, Attrs annotations) {
  auto* node = NewStmt<AllocateNode>();
  node->buffer_var = buffer_var;
  node->dtype = dtype;
  node->extents = extents;
  node->condition = condition;
  node->body = body;
  node->annotations = annotations;
  return node;
}

Stmt MakeAllocateConst(Var buffer_var, DataType dtype, Array<Expr> extents, const NDArrayNode* data, Stmt body,
                       Attrs annotations) {
  auto* node = NewStmt<AllocateConstNode>();
  node->buffer_var = buffer_var;
  node->dtype = dtype;
  node->extents = extents;
  node->data = data;
  node->body = body;
  node->annotations = annotations;
  return node;
}

Stmt MakeDeclBuffer(Buffer buffer, Stmt body) {
  auto* node = NewStmt<DeclBufferNode>();
  node->buffer = buffer;
  node->body = body;
  return node;
}

Stmt MakeSeq(const std::vector<Stmt>& stmts) {
  std::vector<Stmt> flat;
  flat.reserve(stmts.size());
  for (Stmt s : stmts) AppendFlat(s, flat);
  if (flat.empty()) return MakeNop();
  if (flat.size() == 1) return flat[0];
  auto* node = NewStmt<SeqNode>();
  node->seq = MakeArray(flat);
  return node;
}

Stmt MakeIfThenElse(Expr condition, Stmt then_case, Stmt else_case) {
  auto* node = NewStmt<IfThenElseNode>();
  node->condition = condition;
  node->then_case = then_case;
  node->else_case = else_case;
  return node;
}

Stmt MakeEvaluate(Expr value) {
  auto* node = NewStmt<EvaluateNode>();
  node->value = value;
  return node;
}

Stmt MakeNop() { return MakeEvaluate(Int32(0)); }

Stmt MakeFor(Var loop_var, Expr min, Expr extent, ForKind kind, Stmt body, IterVar thread_binding, Attrs annotations) {
  auto* node = NewStmt<ForNode>();
  node->loop_var = loop_var;
  node->min = WidenLiteral(min, loop_var.dtype());
  node->extent = WidenLiteral(extent, loop_var.dtype());
  node->for_kind = kind;
  node->body = body;
  node->thread_binding = thread_binding;
  node->annotations = annotations;
  return node;
}

Stmt MakeWhile(Expr condition, Stmt body) {
  auto* node = NewStmt<WhileNode>();
  node->condition = condition;
  node->body = body;
  return node;
}

const BlockNode* MakeBlock(Array<IterVar> iter_vars, Array<BufferRegion> reads, Array<BufferRegion> writes,
                           std::string_view name, Stmt body, Stmt init, Array<Buffer> alloc_buffers,
                           Array<MatchBufferRegion> match_buffers, Attrs annotations) {
  auto* node = NewStmt<BlockNode>();
  node->iter_vars = iter_vars;
  node->reads = reads;
  node->writes = writes;
  node->name = CopyString(name);
  node->body = body;
  node->init = init;
  node->alloc_buffers = alloc_buffers;
  node->match_buffers = match_buffers;
  node->annotations = annotations;
  return node;
}

Stmt MakeBlockRealize(Array<Expr> iter_values, Expr predicate, const BlockNode* block) {
  HONE_CHECK(iter_values.size() == block->iter_vars.size()) << "block " << std::string(block->name);
  auto* node = NewStmt<BlockRealizeNode>();
  node->iter_values = iter_values;
  node->predicate = predicate;
  node->block = block;
  return node;
}

const Object* AnnotationInt(int64_t value) { return Int32(value).get(); }
const Object* AnnotationBool(bool value) { return BoolImm(value).get(); }
const Object* AnnotationFloat(double value) { return FloatImm(kFloat32, value).get(); }

}  // namespace hone::ir
