// Opening and closing the scopes of a script.
#include "absl/strings/numbers.h"
#include "common/ir/ops.h"
#include "common/script/builder.h"
#include "common/script/infer_regions.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

using ir::Expr;
using ir::Stmt;

bool IsNop(Stmt stmt) {
  const auto* evaluate = stmt.as<ir::EvaluateNode>();
  return evaluate != nullptr && ir::IsZero(evaluate->value) && evaluate->value.dtype().is_int();
}

// Statements that the scope nests within each other.
int Levels(const Frame* frame) { return frame->kind == FrameKind::kFor ? static_cast<int>(frame->vars.size()) : 2; }

}  // namespace

void Builder::Release(size_t mark) {
  while (names_.size() > mark) {
    const Binding& binding = names_.back();
    innermost_[binding.name] = binding.previous;
    names_.pop_back();
  }
}

void Builder::Define(std::string_view name, const Value& value) {
  auto [it, added] = innermost_.try_emplace(name, -1);
  names_.push_back({name, value, it->second});
  it->second = static_cast<int>(names_.size()) - 1;
  if (value.kind == ValueKind::kExpr) {
    if (const auto* var = value.expr().as<ir::VarNode>()) named_vars_.insert(var);
  }
}

absl::Status Builder::DefineAssigned(std::string_view name, const Value& value, Position at) {
  const auto known = innermost_.find(name);
  if (known != innermost_.end() && known->second >= static_cast<int>(suite_mark_) &&
      names_[static_cast<size_t>(known->second)].is_let) {
    return Error(at,
                 StrCat("'", name, "' has a value in this scope already: a let is not assigned to, use another name"));
  }
  Define(name, value);
  const Frame* innermost = frames_.empty() ? nullptr : frames_.back();
  names_.back().is_let = innermost != nullptr && innermost->kind == FrameKind::kLet && value.kind == ValueKind::kExpr &&
                         value.expr() == Expr(innermost->vars[0]);
  return absl::OkStatus();
}

const Value* Builder::Find(std::string_view name) const {
  auto it = innermost_.find(name);
  return it == innermost_.end() || it->second < 0 ? nullptr : &names_[static_cast<size_t>(it->second)].value;
}

ir::Var Builder::BareVar(std::string_view name, ir::DataType dtype) const {
  const Value* known = Find(name);
  if (known == nullptr || known->kind != ValueKind::kExpr) return {};
  const auto* var = known->expr().as<ir::VarNode>();
  return var != nullptr && bare_vars_.contains(var) && var->dtype == dtype ? ir::Var(var) : ir::Var();
}

void Builder::DefineLoopVars(const Node* target, Frame* loop) const {
  for (size_t i = 0; i < loop->vars.size(); ++i) {
    const Node* name = target;
    if (target->kind == NodeKind::kTuple && i < target->items.size()) name = target->items[i];
    if (name->kind != NodeKind::kName) continue;
    if (const ir::Var bare = BareVar(name->text, loop->vars[i].dtype())) loop->vars[i] = bare;
  }
}

// The printer tells buffers of one name apart by numbers: the second x prints as x_1. So x_1 was x when there is an x,
// and what is derived from it (x_shared, say) is called as it would have been before printing.
std::string_view Builder::UnnumberedName(std::string_view name) {
  const size_t bar = name.rfind('_');
  int number = 0;
  if (bar != std::string_view::npos && bar > 0 && bar + 1 < name.size() && name[bar + 1] != '0' &&
      absl::SimpleAtoi(ToAbsl(name.substr(bar + 1)), &number)) {
    const auto base = numbered_.find(name.substr(0, bar));
    if (base != numbered_.end() && base->second + 1 == number) {
      base->second = number;
      return base->first;
    }
  }
  return numbered_.try_emplace(ir::CopyString(name), 0).first->first;
}

void Builder::Rename(const Value& value, std::string_view name) {
  auto rename_var = [&](const ir::VarNode* var) { const_cast<ir::VarNode*>(var)->name = ir::CopyString(name); };
  if (value.kind == ValueKind::kBuffer) {
    auto* buffer = const_cast<ir::BufferNode*>(value.buffer().get());
    name = UnnumberedName(name);
    buffer->name = ir::CopyString(name);
    if (own_data_.contains(buffer->data.get())) rename_var(buffer->data.get());
  } else if (value.kind == ValueKind::kExpr) {
    if (const auto* var = value.expr().as<ir::VarNode>()) rename_var(var);
  } else if (value.kind == ValueKind::kObject) {
    if (const auto* iter = ir::As<ir::IterVarNode>(value.object())) rename_var(iter->var.get());
  }
}

Frame* Builder::NewFrame(FrameKind kind, Position at) {
  all_frames_.push_back(std::make_unique<Frame>());
  Frame* frame = all_frames_.back().get();
  frame->kind = kind;
  frame->at = at;
  return frame;
}

Builder::Or<Frame*> Builder::NeedBlock(Position at, std::string_view what) {
  Frame* frame = frames_.empty() ? nullptr : BlockFrame();
  if (frame != nullptr) return frame;
  return Error(at, StrCat("T.", what, " must stand directly in a block"));
}

Builder::Or<Value> Builder::Enter(Frame* frame, Position at) {
  if (frames_.empty()) return Error(at, "a scope can only be opened in a function");
  if (frame->opened) return Error(at, "the scope was opened before");
  frame->opened = true;
  const Frame* parent = frames_.back();
  if (frame->kind == FrameKind::kInit) {
    if (parent->kind != FrameKind::kBlock) return Error(at, "T.init must stand directly in a block");
    if (parent->init) return Error(at, "the block has two T.init");
  }
  if ((frame->kind == FrameKind::kThen || frame->kind == FrameKind::kElse) && parent->kind != FrameKind::kIf) {
    return Error(at, "T.Then and T.Else must stand directly in T.If");
  }
  nesting_ += Levels(frame);
  if (nesting_ > options_.max_nesting) {
    return Error(at, StrCat("statements are nested more than ", options_.max_nesting, " deep, the limit"));
  }
  frames_.push_back(frame);
  switch (frame->kind) {
    case FrameKind::kFor: {
      std::vector<Value> vars;
      for (const ir::Var var : frame->vars) vars.push_back(Value::Of(Expr(var)));
      return vars.size() == 1 ? vars[0] : Sequence(vars);
    }
    case FrameKind::kLet:
    case FrameKind::kAllocate:
    case FrameKind::kAllocateConst:
      return Value::Of(Expr(frame->vars[0]));
    case FrameKind::kAttr:
      return frame->vars.empty() ? Value::None() : Value::Of(Expr(frame->vars[0]));
    case FrameKind::kDeclBuffer:
      return Value::Of(frame->buffer);
    default:
      return Value::None();
  }
}

Stmt Builder::Body(const Frame* frame) {
  if (frame->stmts.size() <= 1) return frame->stmts.empty() ? ir::MakeNop() : frame->stmts[0];
  std::vector<Stmt> kept;
  kept.reserve(frame->stmts.size());
  for (const Stmt stmt : frame->stmts) {
    if (!IsNop(stmt)) kept.push_back(stmt);
  }
  return ir::MakeSeq(kept);
}

Stmt Builder::CloseFor(const Frame* frame) {
  Stmt body = Body(frame);
  for (size_t i = frame->vars.size(); i-- > 0;) {
    ir::IterVar binding = nullptr;
    if (frame->for_kind == ir::ForKind::kThreadBinding) {
      binding =
          ir::MakeIterVar({}, ir::MakeVar("iter", frame->vars[i].dtype()), ir::IterType::kThreadIndex, frame->thread);
    }
    body = ir::MakeFor(frame->vars[i], frame->doms[i].min, frame->doms[i].extent, frame->for_kind, body, binding,
                       i == 0 ? frame->annotations : ir::Attrs());
  }
  return body;
}

Builder::Or<Stmt> Builder::CloseBlock(Frame* frame) {
  const ir::BlockNode* block = ir::MakeBlock(
      ir::MakeArray(frame->iter_vars), frame->reads ? ir::MakeArray(*frame->reads) : ir::Array<ir::BufferRegion>(),
      frame->writes ? ir::MakeArray(*frame->writes) : ir::Array<ir::BufferRegion>(), frame->name, Body(frame),
      frame->init, ir::MakeArray(frame->alloc_buffers), ir::MakeArray(frame->match_buffers), frame->annotations);
  if (!frame->reads || !frame->writes) {
    missing_.push_back({block, !frame->reads, !frame->writes, frame->at});
  }
  if (frame->no_realize) {
    if (!frame->iter_values.empty() || frame->condition) {
      return Error(frame->at, "a block with no_realize=True has neither bindings nor T.where");
    }
    return Stmt(block);
  }
  if (frame->iter_values.size() != frame->iter_vars.size()) {
    return Error(frame->at, "every block iterator needs a value that it is bound to");
  }
  return ir::MakeBlockRealize(ir::MakeArray(frame->iter_values),
                              frame->condition ? frame->condition : ir::BoolImm(true), block);
}

absl::Status Builder::Exit() {
  Frame* frame = frames_.back();
  HONE_CHECK(frames_.size() > 1) << "the function's own scope is closed elsewhere";
  frames_.pop_back();
  nesting_ -= Levels(frame);
  switch (frame->kind) {
    case FrameKind::kFunction:
      HONE_CHECK(false) << "a function within a function";
      break;
    case FrameKind::kBlock: {
      HONE_ASSIGN_OR_RETURN(const Stmt stmt, CloseBlock(frame));
      Emit(stmt);
      break;
    }
    case FrameKind::kInit:
      frames_.back()->init = Body(frame);
      break;
    case FrameKind::kFor:
      Emit(CloseFor(frame));
      break;
    case FrameKind::kAttr:
      Emit(ir::MakeAttrStmt(frame->node, frame->name, frame->value, Body(frame)));
      break;
    case FrameKind::kLet:
      Emit(ir::MakeLetStmt(frame->vars[0], frame->value, Body(frame)));
      break;
    case FrameKind::kAssert:
      Emit(ir::MakeAssertStmt(frame->condition, frame->value, Body(frame)));
      break;
    case FrameKind::kAllocate:
      Emit(ir::MakeAllocate(frame->vars[0], frame->dtype, ir::MakeArray(frame->extents), frame->condition, Body(frame),
                            frame->annotations));
      break;
    case FrameKind::kAllocateConst:
      Emit(ir::MakeAllocateConst(frame->vars[0], frame->dtype, ir::MakeArray(frame->extents), frame->data, Body(frame),
                                 frame->annotations));
      break;
    case FrameKind::kDeclBuffer: {
      Stmt stmt = ir::MakeDeclBuffer(frame->buffer, Body(frame));
      if (frame->allocates) {
        stmt =
            ir::MakeAllocate(frame->buffer->data, frame->buffer->dtype, frame->buffer->shape, ir::BoolImm(true), stmt);
      }
      Emit(stmt);
      break;
    }
    case FrameKind::kRealize:
      Emit(ir::MakeAttrStmt(
          frame->buffer.get(), "realize_scope", frame->value,
          ir::MakeBufferRealize(frame->buffer, ir::MakeArray(frame->bounds), frame->condition, Body(frame))));
      break;
    case FrameKind::kIf:
      return CloseIf(frame);
    case FrameKind::kThen:
      if (frames_.back()->then_case) return Error(frame->at, "T.If has two T.Then");
      frames_.back()->then_case = Body(frame);
      break;
    case FrameKind::kElse:
      if (frames_.back()->else_case) return Error(frame->at, "T.If has two T.Else");
      frames_.back()->else_case = Body(frame);
      break;
    case FrameKind::kWhile:
      Emit(ir::MakeWhile(frame->condition, Body(frame)));
      break;
  }
  return absl::OkStatus();
}

absl::Status Builder::CloseIf(Frame* frame) {
  if (!frame->stmts.empty()) return Error(frame->at, "T.If holds nothing but T.Then and T.Else");
  if (!frame->then_case) return Error(frame->at, "T.If has no T.Then");
  Emit(ir::MakeIfThenElse(frame->condition, frame->then_case, frame->else_case));
  return absl::OkStatus();
}

absl::Status Builder::ExitTo(size_t depth) {
  while (frames_.size() > depth) HONE_RETURN_IF_ERROR(Exit());
  return absl::OkStatus();
}

}  // namespace hone::script
