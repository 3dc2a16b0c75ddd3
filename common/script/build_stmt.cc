// Execution of statements.
#include <utility>

#include "common/ir/ops.h"
#include "common/script/builder.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

using ir::Expr;

}  // namespace

absl::Status Builder::Execute(Suite suite) {
  const size_t depth = frames_.size();
  const size_t mark = Mark();
  const size_t outer_mark = std::exchange(suite_mark_, mark);
  for (const Statement* s : suite) HONE_RETURN_IF_ERROR(ExecuteOne(s));
  HONE_RETURN_IF_ERROR(ExitTo(depth));
  suite_mark_ = outer_mark;
  Release(mark);
  return absl::OkStatus();
}

absl::Status Builder::ExecuteOne(const Statement* s) {
  HONE_RETURN_IF_ERROR(Step(s->at));
  switch (s->kind) {
    case SuiteKind::kExpr:
      return ExecuteExpr(s);
    case SuiteKind::kAssign:
      return ExecuteAssign(s);
    case SuiteKind::kAnnAssign:
      return ExecuteAnnAssign(s);
    case SuiteKind::kAugAssign:
      return ExecuteAugAssign(s);
    case SuiteKind::kFor:
      return ExecuteFor(s);
    case SuiteKind::kWhile:
      return ExecuteWhile(s);
    case SuiteKind::kIf:
      return ExecuteIf(s);
    case SuiteKind::kWith:
      return ExecuteWith(s);
    case SuiteKind::kReturn:
      return ExecuteReturn(s);
    case SuiteKind::kAssert:
      return ExecuteAssert(s);
    case SuiteKind::kPass:
      return absl::OkStatus();
    case SuiteKind::kFunction: {
      bool is_private = false;
      bool check = true;
      HONE_ASSIGN_OR_RETURN(const std::string_view kind, Decorator(s, &is_private, &check));
      if (kind != "macro") return Error(s->at, "a function within a function is not supported");
      Value macro;
      macro.kind = ValueKind::kMacro;
      macro.pointer = s;
      Define(s->text, macro);
      return absl::OkStatus();
    }
    case SuiteKind::kClass:
      return Error(s->at, "a class within a function is not supported");
    case SuiteKind::kImport:
      return Error(s->at, "imports within a function are not supported");
    case SuiteKind::kOther:
      return Error(s->at, StrCat("'", s->text, "' statements are not supported"));
  }
  return absl::OkStatus();
}

absl::Status Builder::ExecuteExpr(const Statement* s) {
  HONE_ASSIGN_OR_RETURN(const Value value, Eval(s->value));
  switch (value.kind) {
    case ValueKind::kNone:
    case ValueKind::kString:  // A docstring.
      return absl::OkStatus();
    case ValueKind::kFrame:
      return Enter(value.frame(), s->at).status();
    case ValueKind::kExpr:
    case ValueKind::kSubscript:
    case ValueKind::kBool:
    case ValueKind::kInt: {
      HONE_ASSIGN_OR_RETURN(const Expr e, ToExpr(value, s->at));
      Emit(ir::MakeEvaluate(e));
      return absl::OkStatus();
    }
    case ValueKind::kObject:
    case ValueKind::kBuffer:
      return absl::OkStatus();  // Such as an ignored T.env_thread.
    default:
      return Error(s->at, StrCat(Describe(value), " is no statement"));
  }
}

Builder::Or<Value> Builder::BindAssigned(std::string_view name, const Value& value, Position at) {
  switch (value.kind) {
    case ValueKind::kMeta:
      return *static_cast<const Value*>(value.pointer);
    case ValueKind::kSequence: {
      int i = 0;
      std::vector<Value> items;
      for (const Value& item : value.items()) {
        const std::string_view item_name = scratch_.CopyString(StrCat(name, "_", i++));
        HONE_ASSIGN_OR_RETURN(const Value bound, BindAssigned(item_name, item, at));
        items.push_back(bound);
      }
      return Sequence(items);
    }
    case ValueKind::kFrame: {
      HONE_ASSIGN_OR_RETURN(const Value bound, Enter(value.frame(), at));
      // A let of a known variable keeps its name.
      if (bound.kind != ValueKind::kExpr || !IsNamed(bound.expr().as<ir::VarNode>())) Rename(bound, name);
      return bound;
    }
    case ValueKind::kBuffer:
      Rename(value, name);
      return value;
    case ValueKind::kObject:
      if (ir::As<ir::IterVarNode>(value.object()) != nullptr) Rename(value, name);
      return value;
    case ValueKind::kExpr:
      if (const auto* var = value.expr().as<ir::VarNode>(); var != nullptr && !IsNamed(var)) {
        Rename(value, name);
        return value;
      }
      break;
    case ValueKind::kNone:
    case ValueKind::kString:
    case ValueKind::kDict:
    case ValueKind::kSlice:
    case ValueKind::kNamespace:
    case ValueKind::kFunction:
    case ValueKind::kDtype:
    case ValueKind::kMethod:
    case ValueKind::kLambda:
    case ValueKind::kMacro:
    case ValueKind::kGlobal:
      return value;
    case ValueKind::kBool:
    case ValueKind::kInt:
    case ValueKind::kWide:
    case ValueKind::kFloat:
    case ValueKind::kSubscript:
      break;
  }
  HONE_ASSIGN_OR_RETURN(const Expr e, ToExpr(value, at));
  if (e.dtype().is_void()) return Error(at, "a call without result cannot be assigned");
  Frame* let = NewFrame(FrameKind::kLet, at);
  let->vars = {ir::MakeVar(name, e.dtype())};
  let->value = e;
  return Enter(let, at);
}

absl::Status Builder::BindNames(const Node* target, const Value& value, std::string_view how) {
  if (target->kind == NodeKind::kName) {
    if (value.is_sequence()) {
      int i = 0;
      for (const Value& item : value.items()) Rename(item, scratch_.CopyString(StrCat(target->text, "_", i++)));
    } else {
      Rename(value, target->text);
    }
    Define(target->text, value);
    return absl::OkStatus();
  }
  if (target->kind != NodeKind::kTuple && target->kind != NodeKind::kList) {
    return Error(target->at, StrCat(how, " needs a name, or a tuple of names"));
  }
  const ir::Array<Value> items = value.is_sequence() ? value.items() : ir::Array<Value>(&value, 1);
  if (items.size() != target->items.size()) {
    return Error(target->at, StrCat(target->items.size(), " names for ", items.size(), " values"));
  }
  for (size_t i = 0; i < items.size(); ++i) HONE_RETURN_IF_ERROR(BindNames(target->items[i], items[i], how));
  return absl::OkStatus();
}

absl::Status Builder::Assign(const Node* target, const Value& value) {
  switch (target->kind) {
    case NodeKind::kName: {
      if (value.kind == ValueKind::kExpr && value.expr().as<ir::VarNode>() != nullptr) {
        const ir::Var fresh(value.expr().as<ir::VarNode>());
        const ir::Var bare = BareVar(target->text, fresh.dtype());
        for (const ir::IterVar iter : frames_.back()->iter_vars) {
          if (!bare || !(iter->var == fresh)) continue;
          const_cast<ir::IterVarNode*>(iter)->var = bare;
          Define(target->text, Value::Of(Expr(bare)));
          return absl::OkStatus();
        }
      }
      HONE_ASSIGN_OR_RETURN(const Value bound, BindAssigned(target->text, value, target->at));
      return DefineAssigned(target->text, bound, target->at);
    }
    case NodeKind::kSubscript:
      return Store(target, value);
    case NodeKind::kTuple:
    case NodeKind::kList: {
      if (!value.is_sequence()) {
        // One name in a tuple takes the whole of a scope's single value.
        if (target->items.size() == 1) return Assign(target->items[0], value);
        return Error(target->at, StrCat("expected ", target->items.size(), " values, found ", Describe(value)));
      }
      const ir::Array<Value> items = value.items();
      if (items.size() != target->items.size()) {
        return Error(target->at, StrCat(target->items.size(), " targets for ", items.size(), " values"));
      }
      for (size_t i = 0; i < items.size(); ++i) {
        if (target->items[i]->kind == NodeKind::kSubscript) {
          return Error(target->items[i]->at, "a tuple target holds names only");
        }
        HONE_RETURN_IF_ERROR(Assign(target->items[i], items[i]));
      }
      return absl::OkStatus();
    }
    default:
      return Error(target->at, "expected a name or a buffer element to assign to");
  }
}

absl::Status Builder::ExecuteAssign(const Statement* s) {
  if (s->targets.size() != 1) return Error(s->at, "chained assignments are not supported");
  HONE_ASSIGN_OR_RETURN(const Value value, Eval(s->value));
  return Assign(s->targets[0], value);
}

absl::Status Builder::ExecuteAnnAssign(const Statement* s) {
  const Node* target = s->targets[0];
  if (target->kind != NodeKind::kName) return Error(target->at, "an annotation is only allowed on a name");
  HONE_ASSIGN_OR_RETURN(const ir::TypeNode* type, TypeOf(s->annotation));
  if (s->value == nullptr) return Error(s->at, StrCat("'", target->text, "' needs a value"));
  HONE_ASSIGN_OR_RETURN(const Value value, Eval(s->value));
  const ir::Var var = ir::MakeVar(target->text, type);
  Expr e;
  if (value.is_number() && var.dtype().is_scalar() && !var.dtype().is_handle()) {
    HONE_ASSIGN_OR_RETURN(e, LiteralOf(var.dtype(), value, s->at));
  } else {
    HONE_ASSIGN_OR_RETURN(e, ToExpr(value, s->at));
  }
  if (!(e.dtype() == var.dtype())) {
    return Error(s->at, StrCat("'", target->text, "' has type ", var.dtype().ToString(true),
                               ", but its value has type ", e.dtype().ToString(true)));
  }
  Frame* let = NewFrame(FrameKind::kLet, s->at);
  let->vars = {var};
  let->value = e;
  HONE_ASSIGN_OR_RETURN(const Value bound, Enter(let, s->at));
  return DefineAssigned(target->text, bound, target->at);
}

absl::Status Builder::ExecuteAugAssign(const Statement* s) {
  const Node* target = s->targets[0];
  HONE_ASSIGN_OR_RETURN(const Value current, Eval(target));
  HONE_ASSIGN_OR_RETURN(const Value operand, Eval(s->value));
  HONE_ASSIGN_OR_RETURN(const Value result, Arithmetic(s->text, current, operand, s->at));
  return Assign(target, result);
}

absl::Status Builder::Store(const Node* target, Value value) {
  HONE_ASSIGN_OR_RETURN(const Value place, Eval(target));
  if (place.kind != ValueKind::kSubscript) {
    return Error(target->at, "only the elements of a buffer can be assigned to");
  }
  const auto& subscript = *static_cast<const SubscriptValue*>(place.pointer);
  return StoreTo(subscript.buffer, subscript.indices, value, {}, target->at);
}

absl::Status Builder::StoreTo(ir::Buffer buffer, ir::Array<Value> indices, const Value& value, Expr predicate,
                              Position at) {
  HONE_ASSIGN_OR_RETURN(const Expr place, ToLoad(SubscriptValue{buffer, indices}, {}, at));
  const auto* load = place.as<ir::BufferLoadNode>();
  const ir::DataType dtype = place.dtype();
  Expr stored;
  if (value.is_number() && dtype.is_scalar() && (dtype.is_any_float() || value.kind != ValueKind::kFloat)) {
    HONE_ASSIGN_OR_RETURN(stored, LiteralOf(dtype, value, at));
  } else {
    HONE_ASSIGN_OR_RETURN(stored, ToExpr(value, at));
    if (stored.dtype().is_void()) return Error(at, "a call without result cannot be stored");
    if (!(stored.dtype() == dtype)) {
      if (stored.dtype().lanes != dtype.lanes && !(value.is_number() && dtype.is_vector())) {
        return Error(at, StrCat("a value of type ", stored.dtype().ToString(true), " does not go into ",
                                dtype.ToString(true), " of buffer \"", buffer->name, "\""));
      }
      if (stored.dtype().is_handle() != dtype.is_handle()) {
        return Error(at, StrCat("a value of type ", stored.dtype().ToString(true), " does not go into buffer \"",
                                buffer->name, "\" of type ", dtype.ToString(true)));
      }
      HONE_ASSIGN_OR_RETURN(stored, Stored(dtype, stored, at));
    }
  }
  Emit(ir::MakeBufferStore(buffer, stored, load->indices, predicate));
  return absl::OkStatus();
}

absl::Status Builder::ExecuteFor(const Statement* s) {
  HONE_ASSIGN_OR_RETURN(const Value iterable, Eval(s->value));
  if (iterable.kind != ValueKind::kFrame || iterable.frame()->kind != FrameKind::kFor) {
    return Error(s->value->at,
                 "expected range, T.grid, T.serial, T.parallel, T.vectorized, T.unroll or "
                 "T.thread_binding after 'in'");
  }
  const size_t depth = frames_.size();
  const size_t mark = Mark();
  DefineLoopVars(s->targets[0], iterable.frame());
  HONE_ASSIGN_OR_RETURN(const Value vars, Enter(iterable.frame(), s->at));
  HONE_RETURN_IF_ERROR(BindNames(s->targets[0], vars, "a loop"));
  HONE_RETURN_IF_ERROR(Execute(s->body));
  HONE_RETURN_IF_ERROR(ExitTo(depth));
  Release(mark);
  return absl::OkStatus();
}

absl::Status Builder::ExecuteWhile(const Statement* s) {
  HONE_ASSIGN_OR_RETURN(const Value condition, Eval(s->value));
  Frame* frame = NewFrame(FrameKind::kWhile, s->at);
  HONE_ASSIGN_OR_RETURN(frame->condition, ToExpr(condition, s->at));
  const size_t depth = frames_.size();
  HONE_RETURN_IF_ERROR(Enter(frame, s->at).status());
  HONE_RETURN_IF_ERROR(Execute(s->body));
  return ExitTo(depth);
}

absl::Status Builder::ExecuteIf(const Statement* s) {
  HONE_ASSIGN_OR_RETURN(const Value condition, Eval(s->value));
  if (condition.kind == ValueKind::kBool) {  // Known to Python: one branch is taken.
    return Execute(condition.integer != 0 ? s->body : s->otherwise);
  }
  HONE_ASSIGN_OR_RETURN(const Expr e, ToExpr(condition, s->value->at));
  if (!e.dtype().is_bool()) {
    return Error(s->value->at, StrCat("the condition of 'if' has type ", e.dtype().ToString(true), ", not bool"));
  }
  Frame* frame = NewFrame(FrameKind::kIf, s->at);
  frame->condition = e;
  const size_t depth = frames_.size();
  HONE_RETURN_IF_ERROR(Enter(frame, s->at).status());
  HONE_RETURN_IF_ERROR(Enter(NewFrame(FrameKind::kThen, s->at), s->at).status());
  HONE_RETURN_IF_ERROR(Execute(s->body));
  HONE_RETURN_IF_ERROR(ExitTo(depth + 1));
  if (!s->otherwise.empty()) {
    HONE_RETURN_IF_ERROR(Enter(NewFrame(FrameKind::kElse, s->at), s->at).status());
    HONE_RETURN_IF_ERROR(Execute(s->otherwise));
  }
  return ExitTo(depth);
}

absl::Status Builder::ExecuteWith(const Statement* s) {
  const size_t depth = frames_.size();
  const size_t mark = Mark();
  for (const WithItem& item : s->with) {
    HONE_ASSIGN_OR_RETURN(const Value value, Eval(item.value));
    if (value.kind != ValueKind::kFrame) {
      return Error(item.value->at, StrCat("'with' needs a scope, found ", Describe(value)));
    }
    if (value.frame()->kind == FrameKind::kFor)
      return Error(item.value->at, "a loop is opened by 'for', not by 'with'");
    HONE_ASSIGN_OR_RETURN(const Value bound, Enter(value.frame(), item.value->at));
    if (item.target != nullptr) HONE_RETURN_IF_ERROR(BindNames(item.target, bound, "'as'"));
  }
  HONE_RETURN_IF_ERROR(Execute(s->body));
  HONE_RETURN_IF_ERROR(ExitTo(depth));
  Release(mark);
  return absl::OkStatus();
}

absl::Status Builder::ExecuteReturn(const Statement* s) {
  if (s->value == nullptr) return absl::OkStatus();
  HONE_ASSIGN_OR_RETURN(const Value value, Eval(s->value));
  HONE_ASSIGN_OR_RETURN(const Expr e, ToExpr(value, s->at));
  Emit(ir::MakeEvaluate(ir::MakeCall(e.dtype(), ir::Builtin::ret, {e})));
  return absl::OkStatus();
}

absl::Status Builder::ExecuteAssert(const Statement* s) {
  if (s->annotation == nullptr) return Error(s->at, "an assertion needs a message: assert condition, \"message\"");
  HONE_ASSIGN_OR_RETURN(const Value condition, Eval(s->value));
  HONE_ASSIGN_OR_RETURN(const Value message, Eval(s->annotation));
  Frame* frame = NewFrame(FrameKind::kAssert, s->at);
  HONE_ASSIGN_OR_RETURN(frame->condition, ToExpr(condition, s->at));
  HONE_ASSIGN_OR_RETURN(frame->value, ToExpr(message, s->at));
  return Enter(frame, s->at).status();
}

}  // namespace hone::script
