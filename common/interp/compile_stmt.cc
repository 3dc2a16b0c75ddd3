#include "common/interp/compiler.h"
#include "common/interp/control.h"
#include "common/interp/device.h"
#include "common/interp/values.h"
#include "common/ir/ops.h"
#include "common/ir/visitor.h"

namespace hone::interp {

using namespace ir;  // NOLINT: an internal file that is about these nodes.

const Action* Compiler::Statement(Stmt s) {
  if (!s) return NewAction<SeqAction>();
  switch (s.kind()) {
    case StmtKind::kLetStmt: {
      const auto* node = s.as<LetStmtNode>();
      auto* out = NewAction<LetAction>();
      out->is_pointer = node->var.dtype().is_handle();
      out->slot = out->is_pointer ? PointerSlot(node->var) : ScalarSlot(node->var);
      out->value = Expression(node->value);
      out->body = Statement(node->body);
      return out;
    }
    case StmtKind::kAttrStmt:
      return Attribute(s.as<AttrStmtNode>());
    case StmtKind::kAssertStmt: {
      const auto* node = s.as<AssertStmtNode>();
      auto* out = NewAction<AssertAction>();
      out->condition = Expression(node->condition);
      if (const auto* text = node->message.as<StringImmNode>()) out->message = std::string(text->value);
      out->body = Statement(node->body);
      return out;
    }
    case StmtKind::kBufferStore: {
      const auto* node = s.as<BufferStoreNode>();
      auto* out = NewAction<StoreAction>();
      out->buffer = Access(node->buffer);
      out->value = Expression(node->value);
      for (Expr index : node->indices) out->indices.push_back(Expression(index));
      if (node->predicate) out->predicate = Expression(node->predicate);
      out->lanes = node->value.dtype().lanes;
      return out;
    }
    case StmtKind::kBufferRealize: {
      const auto* node = s.as<BufferRealizeNode>();
      auto* out = NewAction<AllocateAction>();
      Access(node->buffer);
      out->slot = PointerSlot(node->buffer->data);
      out->element_bytes = node->buffer->dtype.bytes();
      for (const Range& bound : node->bounds) out->extents.push_back(Expression(bound.extent));
      out->owner = OwnerOf(node->buffer->scope());
      out->body = Statement(node->body);
      return out;
    }
    case StmtKind::kAllocate: {
      const auto* node = s.as<AllocateNode>();
      auto* out = NewAction<AllocateAction>();
      out->slot = PointerSlot(node->buffer_var);
      out->element_bytes = node->dtype.bytes();
      for (Expr extent : node->extents) out->extents.push_back(Expression(extent));
      out->owner = OwnerOf(node->buffer_var->type->scope);
      out->body = Statement(node->body);
      return out;
    }
    case StmtKind::kAllocateConst: {
      const auto* node = s.as<AllocateConstNode>();
      auto* out = NewAction<AllocateAction>();
      out->slot = PointerSlot(node->buffer_var);
      out->element_bytes = node->dtype.bytes();
      for (Expr extent : node->extents) out->extents.push_back(Expression(extent));
      out->owner = Owner::kAll;
      if (node->data != nullptr) out->constant = node->data->bytes;
      out->body = Statement(node->body);
      return out;
    }
    case StmtKind::kDeclBuffer:
      Access(s.as<DeclBufferNode>()->buffer);
      return Statement(s.as<DeclBufferNode>()->body);
    case StmtKind::kSeq: {
      auto* out = NewAction<SeqAction>();
      for (Stmt each : s.as<SeqNode>()->seq) out->actions.push_back(Statement(each));
      return out;
    }
    case StmtKind::kIfThenElse: {
      const auto* node = s.as<IfThenElseNode>();
      auto* out = NewAction<IfAction>();
      out->condition = Expression(node->condition);
      out->yes = Statement(node->then_case);
      if (node->else_case) out->no = Statement(node->else_case);
      return out;
    }
    case StmtKind::kEvaluate: {
      const Expr value = s.as<EvaluateNode>()->value;
      if (value.kind() == ExprKind::kIntImm) return NewAction<SeqAction>();
      if (const auto* call = value.as<CallNode>(); call != nullptr && call->Is(Builtin::ret)) {
        return NewAction<SeqAction>();  // Lowered functions end with their status.
      }
      auto* out = NewAction<EvaluateAction>();
      out->value = Expression(value);
      return out;
    }
    case StmtKind::kFor: {
      const auto* node = s.as<ForNode>();
      if (node->thread_binding != nullptr && LaunchAxis(node->thread_binding->thread_tag) >= 0) {
        return BoundLoop(node);
      }
      auto* out = NewAction<ForAction>();
      out->slot = ScalarSlot(node->loop_var);
      out->min = Expression(node->min);
      out->extent = Expression(node->extent);
      out->body = Statement(node->body);
      return out;
    }
    case StmtKind::kWhile: {
      auto* out = NewAction<WhileAction>();
      out->condition = Expression(s.as<WhileNode>()->condition);
      out->body = Statement(s.as<WhileNode>()->body);
      return out;
    }
    case StmtKind::kBlock: {
      // A block without a realize runs once with its iters at their minimum: only meaningful without iters.
      const auto* node = s.as<BlockNode>();
      if (!node->iter_vars.empty()) Unimplemented("a block with iters but without a realize");
      return Block(node, {}, Constant(1));
    }
    case StmtKind::kBlockRealize: {
      const auto* node = s.as<BlockRealizeNode>();
      return Block(node->block, node->iter_values, Expression(node->predicate));
    }
  }
  Unimplemented("an unknown statement");
}

const Action* Compiler::Block(const BlockNode* block, Array<Expr> values, const Evaluator* predicate) {
  auto* out = NewAction<BlockAction>();
  out->predicate = predicate;
  for (size_t i = 0; i < block->iter_vars.size(); ++i) {
    const IterVar iter = block->iter_vars[i];
    BlockAction::Iter compiled;
    compiled.value = Expression(values[i]);
    compiled.slot = ScalarSlot(iter->var);
    if (iter->iter_type == IterType::kReduce) compiled.reduce_min = Expression(iter->dom.min);
    out->iters.push_back(compiled);
  }
  for (Buffer buffer : block->alloc_buffers) {
    out->allocs.push_back({PointerSlot(buffer->data), Access(buffer), OwnerOf(buffer->scope())});
  }
  for (MatchBufferRegion match : block->match_buffers) out->matches.push_back(Match(match));
  if (block->init) out->init = Statement(block->init);
  out->body = Statement(block->body);
  return out;
}

MatchAction Compiler::Match(MatchBufferRegion match) {
  MatchAction out;
  out.source = Access(match->source->buffer);
  out.view_slot = PointerSlot(match->buffer->data);
  out.view_rank = static_cast<int>(match->buffer->shape.size());
  for (const Range& range : match->source->region) {
    out.mins.push_back(Expression(range.min));
    out.extents.push_back(Expression(range.extent));
  }
  for (size_t d = 0; d < match->buffer->shape.size(); ++d) {
    if (const auto* var = match->buffer->shape[d].as<VarNode>()) {
      out.shape_slots.emplace_back(static_cast<int>(d), ScalarSlot(Var(var)));
    }
  }
  for (size_t d = 0; d < match->buffer->strides.size(); ++d) {
    if (const auto* var = match->buffer->strides[d].as<VarNode>()) {
      out.stride_slots.emplace_back(static_cast<int>(d), ScalarSlot(Var(var)));
    }
  }
  if (match->buffer->strides.empty()) DefineStrides(match->buffer, out);
  if (const auto* var = match->buffer->elem_offset.as<VarNode>()) out.offset_slot = ScalarSlot(Var(var));
  return out;
}

void Compiler::DefineStrides(Buffer view, MatchAction& match) {
  Access(view);
  BufferAccess* access = access_of_[view.get()];
  for (size_t d = 0; d < view->shape.size(); ++d) {
    auto* stride = NewEval<ScalarVar>(kInt64);
    stride->slot = num_scalars_++;
    access->strides.push_back(stride);
    match.stride_slots.emplace_back(static_cast<int>(d), stride->slot);
  }
}

const Action* Compiler::BoundLoop(const ForNode* node) {
  auto* out = NewAction<LaunchAction>();
  out->axis = LaunchAxis(node->thread_binding->thread_tag);
  out->slot = ScalarSlot(node->loop_var);
  out->min = Expression(node->min);
  out->extent = Expression(node->extent);
  out->concurrent = ThreadsMeet(Stmt(node));
  launch_axis_[node->loop_var.get()] = out->axis;
  if (out->axis < 3) CollectAxes(Stmt(node), out);
  const Evaluator* outer = lane_;
  if (out->axis == 0) lane_ = Expression(node->loop_var);
  out->body = Statement(node->body);
  lane_ = outer;
  return out;
}

bool Compiler::ThreadsMeet(Stmt s) {
  bool meet = false;
  PostOrderVisitExprs(s, [&](Expr e) {
    const auto* call = e.as<CallNode>();
    if (call == nullptr || call->function != nullptr) return;
    switch (call->op) {
      case Builtin::tvm_storage_sync:
      case Builtin::tvm_thread_allreduce:
      case Builtin::tvm_warp_shuffle:
      case Builtin::tvm_warp_shuffle_up:
      case Builtin::tvm_warp_shuffle_down:
      case Builtin::mma_store:
        meet = true;
        return;
      case Builtin::ptx_ldmatrix:
        meet = meet || (call->args.size() > 3 && !ScopeOf(call->args[3]).starts_with("m16n8k8."));
        return;
      case Builtin::ptx_mma:
        meet = meet || (call->args.size() > 10 && !ScopeOf(call->args[10]).starts_with("m16n8k8."));
        return;
      default:
        return;
    }
  });
  return meet;
}

const Action* Compiler::Attribute(const AttrStmtNode* node) {
  if (node->attr_key == "async_commit_queue_scope" || node->attr_key == "async_wait_queue_scope") {
    auto* out = NewAction<AsyncAction>();
    out->in_flight = nullptr;
    Stmt body = node->body;
    if (node->attr_key == "async_wait_queue_scope") {
      const auto* count = body.as<AttrStmtNode>();
      const bool given = count != nullptr && count->attr_key == "async_wait_inflight_count";
      out->in_flight = given ? Expression(count->value) : Constant(0);
      if (given) body = count->body;
    }
    out->body = Statement(body);
    return out;
  }
  const auto* iter = As<IterVarNode>(node->node);
  if ((node->attr_key == "thread_extent" || node->attr_key == "virtual_thread") && iter != nullptr) {
    auto* out = NewAction<LaunchAction>();
    out->axis = LaunchAxis(iter->thread_tag);
    out->slot = ScalarSlot(iter->var);
    out->min = nullptr;
    out->extent = Expression(node->value);
    out->concurrent = true;
    if (out->axis >= 0) launch_axis_[iter->var.get()] = out->axis;
    if (out->axis >= 0 && out->axis < 3) CollectAxes(Stmt(node), out);
    out->body = Statement(node->body);
    return out;
  }
  if (node->attr_key == "reduce_scope") {
    if (const auto* reducer = As<CommReducerNode>(node->node)) {
      reducers_.push_back(reducer);
      const Action* body = Statement(node->body);
      reducers_.pop_back();
      return body;
    }
  }
  return Statement(node->body);
}

void Compiler::CollectAxes(Stmt outer, LaunchAction* out) {
  PreOrderVisitStmts(outer, [&](Stmt s) {
    std::string_view tag;
    Expr extent;
    if (const auto* attr = s.as<AttrStmtNode>(); attr != nullptr && attr->attr_key == "thread_extent") {
      if (const auto* iter = As<IterVarNode>(attr->node)) tag = iter->thread_tag;
      extent = attr->value;
    } else if (const auto* loop = s.as<ForNode>(); loop != nullptr && loop->thread_binding != nullptr) {
      tag = loop->thread_binding->thread_tag;
      extent = loop->extent;
    }
    const int axis = LaunchAxis(tag);
    if (axis >= 0 && axis < 3) out->thread_axes.emplace_back(axis, Expression(extent));
    return true;
  });
}

}  // namespace hone::interp
