// Calls: arguments, loops, scopes and the statements of a block.
#include <algorithm>

#include "common/ir/ops.h"
#include "common/script/builder.h"
#include "common/script/difference.h"
#include "common/script/graph_json.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"

namespace hone::script {
namespace {

using ir::DataType;
using ir::Expr;

}  // namespace

Builder::Or<Arguments> Builder::EvalArguments(const Node* call, std::string_view callee) {
  Arguments out{call->at, callee, {}, {}};
  out.positional.reserve(call->items.size());
  for (size_t i = 1; i < call->items.size(); ++i) {
    const Node* item = call->items[i];
    if (item->kind == NodeKind::kStar) {
      HONE_ASSIGN_OR_RETURN(const Value spread, Eval(item->items[0]));
      if (!spread.is_sequence()) return Error(item->at, StrCat("'*' needs a list or tuple, not ", Describe(spread)));
      out.positional.insert(out.positional.end(), spread.items().begin(), spread.items().end());
      continue;
    }
    HONE_ASSIGN_OR_RETURN(const Value value, Eval(item));
    out.positional.push_back(value);
  }
  for (const Keyword& keyword : call->keywords) {
    HONE_ASSIGN_OR_RETURN(const Value value, Eval(keyword.value));
    out.named.emplace_back(keyword.name, value);
  }
  return out;
}

Builder::Or<std::vector<Value>> Builder::Bind(const Arguments& args, std::initializer_list<std::string_view> names,
                                              size_t required) {
  std::vector<Value> out(names.size());
  std::vector<bool> given(names.size(), false);
  if (args.positional.size() > names.size()) {
    return Error(args.at, StrCat(args.callee, " takes at most ", names.size(), " arguments, but ",
                                 args.positional.size(), " are given"));
  }
  for (size_t i = 0; i < args.positional.size(); ++i) {
    out[i] = args.positional[i];
    given[i] = true;
  }
  for (const auto& [name, value] : args.named) {
    const size_t i = static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    if (i == names.size()) return Error(args.at, StrCat(args.callee, " has no argument '", name, "'"));
    if (given[i]) return Error(args.at, StrCat(args.callee, " has two values for '", name, "'"));
    out[i] = value;
    given[i] = true;
  }
  for (size_t i = 0; i < required; ++i) {
    if (!given[i]) return Error(args.at, StrCat(args.callee, " needs the argument '", names.begin()[i], "'"));
  }
  return out;
}

Builder::Or<Value> Builder::EvalCall(const Node* node) {
  HONE_ASSIGN_OR_RETURN(const Value callee, Eval(node->items[0]));
  const std::string_view name = callee.text;
  HONE_ASSIGN_OR_RETURN(const Arguments args, EvalArguments(node, name));
  switch (callee.kind) {
    case ValueKind::kFunction:
      switch (callee.name_space()) {
        case Namespace::kTir:
          return CallTir(name, args);
        case Namespace::kAxis:
          return CallAxis(name, args);
        case Namespace::kIr:
          return CallIr(name, args);
        case Namespace::kPackage:
          if (name == "range") return Loop(ir::ForKind::kSerial, args);
          if (name == "min" || name == "max") return CallTir(name, args);
          if (name == "len" && args.positional.size() == 1 && args.positional[0].is_sequence()) {
            return Value::Int(static_cast<int64_t>(args.positional[0].items().size()));
          }
          if ((name == "list" || name == "tuple") && args.positional.size() == 1 && args.positional[0].is_sequence()) {
            return args.positional[0];
          }
          if ((name == "int" || name == "float" || name == "bool") && args.positional.size() == 1 &&
              args.positional[0].is_number()) {
            const Value& v = args.positional[0];
            const double number = v.kind == ValueKind::kFloat ? v.number : static_cast<double>(v.integer);
            if (name == "float") return Value::Float(number);
            if (name == "bool") return Value::Bool(number != 0);
            if (v.kind != ValueKind::kFloat) return Value::Int(v.integer);
            if (!(number > -9e18 && number < 9e18)) return Error(node->at, "the float does not fit an integer");
            return Value::Int(static_cast<int64_t>(number));
          }
          return Error(node->at, StrCat("'", name, "' is not supported with these arguments"));
        case Namespace::kModule:
          break;
      }
      break;
    case ValueKind::kDtype: {
      HONE_ASSIGN_OR_RETURN(const DataType dtype, ToDtype(callee, node->at));
      return CallDtype(dtype, args);
    }
    case ValueKind::kMethod:
      return CallMethod(callee, args);
    case ValueKind::kGlobal:
      return CallGlobal(static_cast<const ir::GlobalVarNode*>(callee.pointer), args);
    case ValueKind::kLambda:
      return CallLambda(static_cast<const Node*>(callee.pointer), args.positional, node->at);
    case ValueKind::kMacro:
      return CallMacro(static_cast<const Statement*>(callee.pointer), args);
    case ValueKind::kExpr:
      // T.int32()() and the like: a variable is no function.
      return Error(node->at, "an expression cannot be called");
    default:
      break;
  }
  return Error(node->at, StrCat(Describe(callee), " cannot be called"));
}

Builder::Or<Value> Builder::CallTir(std::string_view name, const Arguments& args) {
  bool found = false;
  for (auto call : {&Builder::CallBlockStatement, &Builder::CallNode, &Builder::CallLoop, &Builder::CallBufferFunction,
                    &Builder::CallScope, &Builder::CallIntrinsic, &Builder::CallMisc}) {
    Or<Value> value = (this->*call)(name, args, &found);
    if (found || !value.ok()) return value;
  }
  return Error(args.at, StrCat("there is no T.", name));
}

// ------------------------------------------------------------------------------------------------------------ loops

Builder::Or<Value> Builder::Loop(ir::ForKind kind, const Arguments& args) {
  std::vector<Value> bound;
  if (kind == ir::ForKind::kThreadBinding) {
    // thread_binding(n, "threadIdx.x") is (start, thread) by position.
    Arguments shifted = args;
    if (args.positional.size() == 2 && args.positional[1].kind == ValueKind::kString) {
      shifted.positional = {args.positional[0]};
      shifted.named.emplace_back("thread", args.positional[1]);
    }
    HONE_ASSIGN_OR_RETURN(bound, Bind(shifted, {"start", "stop", "thread", "annotations"}, 1));
  } else {
    HONE_ASSIGN_OR_RETURN(bound, Bind(args, {"start", "stop", "annotations", "thread"}, 1));
    std::swap(bound[2], bound[3]);
    if (args.callee == "range" && args.positional.size() + args.named.size() > 2) {
      return Error(args.at, "range takes one or two arguments: loops have no step");
    }
  }
  Frame* frame = NewFrame(FrameKind::kFor, args.at);
  Expr start, stop;
  if (bound[1].is_none()) {
    HONE_ASSIGN_OR_RETURN(stop, ToIndex(bound[0], args.at));
    start = ir::IntImm(stop.dtype(), 0);
  } else {
    HONE_ASSIGN_OR_RETURN(start, ToIndex(bound[0], args.at));
    HONE_ASSIGN_OR_RETURN(stop, ToIndex(bound[1], args.at));
  }
  if (!start.dtype().is_scalar() || !stop.dtype().is_scalar())
    return Error(args.at, "the bounds of a loop are scalars");
  ir::MatchTypes(start, stop);
  frame->for_kind = kind;
  frame->doms = {ir::Range{start, Difference(stop, start)}};
  frame->vars = {ir::MakeVar("v", start.dtype())};
  HONE_ASSIGN_OR_RETURN(frame->annotations, ToAttrs(bound[3], args.at));
  if (kind == ir::ForKind::kThreadBinding) {
    HONE_ASSIGN_OR_RETURN(frame->thread, ToString(bound[2], args.at, "the thread of thread_binding"));
  } else if (!bound[2].is_none()) {
    return Error(args.at, StrCat(args.callee, " has no argument 'thread'"));
  }
  return Value::Of(frame);
}

Builder::Or<Value> Builder::Grid(const Arguments& args) {
  if (!args.named.empty()) return Error(args.at, "T.grid has no keyword arguments");
  if (args.positional.empty()) return Error(args.at, "T.grid needs at least one extent");
  Frame* frame = NewFrame(FrameKind::kFor, args.at);
  for (const Value& value : args.positional) {
    HONE_ASSIGN_OR_RETURN(const Expr extent, ToIndex(value, args.at));
    if (!extent.dtype().is_scalar()) return Error(args.at, "the bounds of a loop are scalars");
    frame->vars.push_back(ir::MakeVar("v", extent.dtype()));
    frame->doms.push_back(ir::RangeFromExtent(extent));
  }
  return Value::Of(frame);
}

Builder::Or<Value> Builder::CallLoop(std::string_view name, const Arguments& args, bool* found) {
  *found = true;
  if (name == "grid") return Grid(args);
  if (name == "serial" || name == "range") return Loop(ir::ForKind::kSerial, args);
  if (name == "parallel") return Loop(ir::ForKind::kParallel, args);
  if (name == "vectorized") return Loop(ir::ForKind::kVectorized, args);
  if (name == "unroll") return Loop(ir::ForKind::kUnrolled, args);
  if (name == "thread_binding") return Loop(ir::ForKind::kThreadBinding, args);
  *found = false;
  return Value::None();
}

// ----------------------------------------------------------------------------------------------------------- blocks

Builder::Or<Value> Builder::CallAxis(std::string_view name, const Arguments& args) {
  HONE_ASSIGN_OR_RETURN(Frame * block, NeedBlock(args.at, StrCat("axis.", name)));
  if (name == "remap") {
    HONE_ASSIGN_OR_RETURN(const auto bound, Bind(args, {"kinds", "bindings", "dtype"}, 2));
    HONE_ASSIGN_OR_RETURN(const std::string_view kinds, ToString(bound[0], args.at, "the kinds of T.axis.remap"));
    const Value bindings = bound[1].is_sequence() ? bound[1] : Sequence({bound[1]});
    if (kinds.size() != bindings.items().size()) {
      return Error(args.at,
                   StrCat("T.axis.remap has ", kinds.size(), " kinds for ", bindings.items().size(), " bindings"));
    }
    std::vector<Value> vars;
    for (size_t i = 0; i < kinds.size(); ++i) {
      HONE_ASSIGN_OR_RETURN(const ir::Var loop_var, ToVar(bindings.items()[i], args.at, "a binding of T.axis.remap"));
      ir::Range dom;
      for (const Frame* frame : frames_) {
        for (size_t j = 0; j < frame->doms.size(); ++j) {
          if (frame->vars[j] == loop_var) dom = frame->doms[j];
        }
      }
      if (!dom) return Error(args.at, StrCat("\"", loop_var.name(), "\" is not the variable of an enclosing loop"));
      if (kinds[i] != 'S' && kinds[i] != 'R') {
        return Error(args.at, StrCat("the kinds of T.axis.remap are S and R, not \"", kinds, "\""));
      }
      const ir::Var var = ir::MakeVar("v", loop_var.dtype());
      block->iter_vars.push_back(
          ir::MakeIterVar(dom, var, kinds[i] == 'S' ? ir::IterType::kSpatial : ir::IterType::kReduce));
      block->iter_values.push_back(loop_var);
      vars.push_back(Value::Of(Expr(var)));
    }
    return vars.size() == 1 ? vars[0] : Sequence(vars);
  }
  ir::IterType type;
  if (name == "spatial" || name == "S") {
    type = ir::IterType::kSpatial;
  } else if (name == "reduce" || name == "R") {
    type = ir::IterType::kReduce;
  } else if (name == "scan") {
    type = ir::IterType::kScan;
  } else if (name == "opaque") {
    type = ir::IterType::kOpaque;
  } else {
    return Error(args.at, StrCat("there is no T.axis.", name));
  }
  HONE_ASSIGN_OR_RETURN(const auto bound, Bind(args, {"dom", "binding", "dtype"}, 1));
  HONE_ASSIGN_OR_RETURN(const ir::Range dom, ToRange(bound[0], args.at));
  DataType dtype = ir::kInt32;
  if (!bound[2].is_none()) {
    HONE_ASSIGN_OR_RETURN(dtype, ToDtype(bound[2], args.at));
  }
  int bits = std::max<int>({dtype.bits, dom.min.dtype().bits, dom.extent.dtype().bits});
  if (!bound[1].is_none()) {
    HONE_ASSIGN_OR_RETURN(Expr binding, ToIndex(bound[1], args.at));
    if (!binding.dtype().is_scalar()) return Error(args.at, "a block iterator is bound to a scalar");
    bits = std::max<int>(bits, binding.dtype().bits);
    block->iter_values.push_back(binding);
  } else if (!block->no_realize) {
    return Error(args.at, StrCat("T.axis.", name, " needs a binding"));
  }
  const ir::Var var = ir::MakeVar("v", dtype.with_bits(bits));
  block->iter_vars.push_back(ir::MakeIterVar(dom, var, type));
  return Value::Of(Expr(var));
}

Builder::Or<Value> Builder::CallBlockStatement(std::string_view name, const Arguments& args, bool* found) {
  *found = true;
  if (name == "block") {
    HONE_ASSIGN_OR_RETURN(const auto bound, Bind(args, {"name", "no_realize"}, 0));
    Frame* frame = NewFrame(FrameKind::kBlock, args.at);
    if (!bound[0].is_none()) {
      HONE_ASSIGN_OR_RETURN(frame->name, ToString(bound[0], args.at, "the name of a block"));
    }
    if (!bound[1].is_none()) {
      HONE_ASSIGN_OR_RETURN(frame->no_realize, ToBool(bound[1], args.at, "no_realize"));
    }
    return Value::Of(frame);
  }
  if (name == "init") {
    HONE_RETURN_IF_ERROR(Bind(args, {}, 0).status());
    return Value::Of(NewFrame(FrameKind::kInit, args.at));
  }
  if (name == "where") {
    HONE_ASSIGN_OR_RETURN(Frame * block, NeedBlock(args.at, name));
    HONE_ASSIGN_OR_RETURN(const auto bound, Bind(args, {"predicate"}, 1));
    if (block->condition) return Error(args.at, "the block has two T.where");
    HONE_ASSIGN_OR_RETURN(block->condition, bound[0].is_number() ? Or<Expr>(ir::BoolImm(bound[0].integer != 0))
                                                                 : ToExpr(bound[0], args.at));
    if (!block->condition.dtype().is_bool()) return Error(args.at, "the predicate of T.where must be a bool");
    return Value::None();
  }
  if (name == "reads" || name == "writes") {
    HONE_ASSIGN_OR_RETURN(Frame * block, NeedBlock(args.at, name));
    auto& regions = name == "reads" ? block->reads : block->writes;
    if (regions.has_value()) return Error(args.at, StrCat("the block has two T.", name));
    std::vector<ir::BufferRegion> list;
    for (const Value& value : args.positional) {
      const ir::Array<Value> items = value.is_sequence() ? value.items() : ir::Array<Value>(&value, 1);
      for (const Value& item : items) {
        HONE_ASSIGN_OR_RETURN(const ir::BufferRegion region, ToRegion(item, args.at));
        list.push_back(region);
      }
    }
    regions = std::move(list);
    return Value::None();
  }
  if (name == "block_attr") {
    HONE_ASSIGN_OR_RETURN(Frame * block, NeedBlock(args.at, name));
    HONE_ASSIGN_OR_RETURN(const auto bound, Bind(args, {"attrs"}, 1));
    HONE_ASSIGN_OR_RETURN(const ir::Attrs attrs, ToAttrs(bound[0], args.at));
    for (const ir::Attr& attr : attrs) block->annotations = block->annotations.With(attr.key, attr.value);
    return Value::None();
  }
  if (name == "func_attr") {
    HONE_ASSIGN_OR_RETURN(const auto bound, Bind(args, {"attrs"}, 1));
    Frame* frame = frames_.empty() ? nullptr : frames_.back();
    if (frame == nullptr || frame->kind != FrameKind::kFunction) {
      return Error(args.at, "T.func_attr must stand directly in a function");
    }
    if (frame->has_annotations) return Error(args.at, "the function has two T.func_attr");
    frame->has_annotations = true;
    HONE_ASSIGN_OR_RETURN(frame->annotations, ToAttrs(bound[0], args.at));
    return Value::None();
  }
  if (name == "func_ret" || name == "func_name") return Error(args.at, StrCat("T.", name, " is not supported"));
  *found = false;
  return Value::None();
}

// ----------------------------------------------------------------------------------------------------------- scopes

Builder::Or<Value> Builder::LaunchThread(const Arguments& args) {
  HONE_ASSIGN_OR_RETURN(const auto bound, Bind(args, {"thread", "extent"}, 2));
  HONE_ASSIGN_OR_RETURN(const Expr extent, ToIndex(bound[1], args.at));
  Frame* frame = NewFrame(FrameKind::kAttr, args.at);
  ir::IterVarNode* iter = nullptr;
  if (bound[0].kind == ValueKind::kString) {
    const ir::Var var = ir::MakeVar(bound[0].text, extent.dtype());
    iter = const_cast<ir::IterVarNode*>(ir::MakeIterVar({}, var, ir::IterType::kThreadIndex, bound[0].text));
  } else {
    HONE_ASSIGN_OR_RETURN(const ir::Var var, ToVar(bound[0], args.at, "the thread of T.launch_thread"));
    for (const ir::IterVar known : frames_.front()->env_threads) {
      if (known->var == var) iter = const_cast<ir::IterVarNode*>(known);
    }
    if (iter == nullptr) return Error(args.at, StrCat("\"", var.name(), "\" does not come from T.env_thread"));
  }
  if (!iter->dom) iter->dom = ir::RangeFromExtent(extent);
  frame->node = iter;
  frame->name = iter->thread_tag.substr(0, 7) == "vthread" ? "virtual_thread" : "thread_extent";
  frame->value = extent;
  frame->vars = {iter->var};
  return Value::Of(frame);
}

Builder::Or<Value> Builder::CallScope(std::string_view name, const Arguments& args, bool* found) {
  *found = true;
  if (name == "launch_thread") return LaunchThread(args);
  if (name == "env_thread") {
    HONE_ASSIGN_OR_RETURN(const auto bound, Bind(args, {"thread_tag", "dtype"}, 1));
    HONE_ASSIGN_OR_RETURN(const std::string_view tag, ToString(bound[0], args.at, "the tag of T.env_thread"));
    DataType dtype = ir::kInt32;
    if (!bound[1].is_none()) {
      HONE_ASSIGN_OR_RETURN(dtype, ToDtype(bound[1], args.at));
    }
    if (frames_.empty()) return Error(args.at, "T.env_thread must stand in a function");
    const ir::Var var = ir::MakeVar("", dtype);
    frames_.front()->env_threads.push_back(ir::MakeIterVar({}, var, ir::IterType::kThreadIndex, tag));
    return Value::Of(Expr(var));
  }
  if (name == "attr") {
    HONE_ASSIGN_OR_RETURN(const auto bound, Bind(args, {"node", "attr_key", "value"}, 3));
    Frame* frame = NewFrame(FrameKind::kAttr, args.at);
    HONE_ASSIGN_OR_RETURN(frame->node, ToObject(bound[0], args.at));
    HONE_ASSIGN_OR_RETURN(frame->name, ToString(bound[1], args.at, "the key of T.attr"));
    HONE_ASSIGN_OR_RETURN(frame->value, ToExpr(bound[2], args.at));
    return Value::Of(frame);
  }
  if (name == "LetStmt" || name == "let") {
    if (name == "let" && args.positional.size() == 3) return LetExpr(args);
    HONE_ASSIGN_OR_RETURN(auto bound, Bind(args, {"value", "type_annotation", "var"}, 1));
    if (name == "let" && bound[2].is_none() && !bound[1].is_none()) {  // The old T.let(var, value).
      bound[2] = bound[0];
      bound[0] = bound[1];
      bound[1] = Value::None();
    }
    Frame* frame = NewFrame(FrameKind::kLet, args.at);
    HONE_ASSIGN_OR_RETURN(frame->value, ToExpr(bound[0], args.at));
    if (!bound[2].is_none()) {
      HONE_ASSIGN_OR_RETURN(const ir::Var var, ToVar(bound[2], args.at, "var of T.LetStmt"));
      frame->vars = {var};
    } else if (bound[1].kind == ValueKind::kExpr && bound[1].expr().as<ir::VarNode>() != nullptr) {
      frame->vars = {ir::MakeVar("v", bound[1].expr().as<ir::VarNode>()->type)};
    } else if (bound[1].kind == ValueKind::kDtype) {
      HONE_ASSIGN_OR_RETURN(const DataType dtype, ToDtype(bound[1], args.at));
      frame->vars = {ir::MakeVar("v", dtype)};
    } else {
      frame->vars = {ir::MakeVar("v", frame->value.dtype())};
    }
    if (!(frame->vars[0].dtype() == frame->value.dtype())) {
      return Error(args.at, StrCat("the variable has type ", frame->vars[0].dtype().ToString(true),
                                   ", but its value has type ", frame->value.dtype().ToString(true)));
    }
    return Value::Of(frame);
  }
  if (name == "Assert") {
    HONE_ASSIGN_OR_RETURN(const auto bound, Bind(args, {"condition", "message"}, 2));
    Frame* frame = NewFrame(FrameKind::kAssert, args.at);
    HONE_ASSIGN_OR_RETURN(frame->condition, bound[0].kind == ValueKind::kBool ? Or<Expr>(ir::BoolImm(bound[0].integer))
                                                                              : ToExpr(bound[0], args.at));
    HONE_ASSIGN_OR_RETURN(frame->value, ToExpr(bound[1], args.at));
    return Value::Of(frame);
  }
  if (name == "If" || name == "While") {
    HONE_ASSIGN_OR_RETURN(const auto bound, Bind(args, {"condition"}, 1));
    Frame* frame = NewFrame(name == "If" ? FrameKind::kIf : FrameKind::kWhile, args.at);
    HONE_ASSIGN_OR_RETURN(frame->condition, ToExpr(bound[0], args.at));
    return Value::Of(frame);
  }
  if (name == "Then" || name == "Else") {
    HONE_RETURN_IF_ERROR(Bind(args, {}, 0).status());
    return Value::Of(NewFrame(name == "Then" ? FrameKind::kThen : FrameKind::kElse, args.at));
  }
  if (name == "allocate") {
    HONE_ASSIGN_OR_RETURN(const auto bound, Bind(args, {"extents", "dtype", "scope", "condition", "annotations"}, 2));
    Frame* frame = NewFrame(FrameKind::kAllocate, args.at);
    HONE_ASSIGN_OR_RETURN(frame->extents, ToShape(bound[0], args.at));
    HONE_ASSIGN_OR_RETURN(frame->dtype, ToDtype(bound[1], args.at));
    std::string_view scope = "global";
    if (!bound[2].is_none()) {
      HONE_ASSIGN_OR_RETURN(scope, ToString(bound[2], args.at, "the scope of T.allocate"));
    }
    frame->condition = ir::BoolImm(true);
    if (bound[3].kind == ValueKind::kBool) {
      frame->condition = ir::BoolImm(bound[3].integer != 0);
    } else if (!bound[3].is_none()) {
      HONE_ASSIGN_OR_RETURN(frame->condition, ToExpr(bound[3], args.at));
    }
    HONE_ASSIGN_OR_RETURN(frame->annotations, ToAttrs(bound[4], args.at));
    frame->vars = {ir::MakeVar("v", ir::PointerType(frame->dtype, scope))};
    return Value::Of(frame);
  }
  if (name == "realize") {
    HONE_ASSIGN_OR_RETURN(const auto bound, Bind(args, {"buffer_slice", "storage_scope", "condition"}, 2));
    Frame* frame = NewFrame(FrameKind::kRealize, args.at);
    HONE_ASSIGN_OR_RETURN(const ir::BufferRegion region, ToRegion(bound[0], args.at));
    frame->buffer = region->buffer;
    frame->bounds = region->region.ToVector();
    HONE_ASSIGN_OR_RETURN(const std::string_view scope, ToString(bound[1], args.at, "the scope of T.realize"));
    frame->value = ir::StringImm(scope);
    frame->condition = ir::BoolImm(true);
    if (!bound[2].is_none() && bound[2].kind != ValueKind::kBool) {
      HONE_ASSIGN_OR_RETURN(frame->condition, ToExpr(bound[2], args.at));
    }
    return Value::Of(frame);
  }
  if (name == "allocate_const") return AllocateConst(args);
  *found = false;
  return Value::None();
}

Builder::Or<Value> Builder::CallGlobal(const ir::GlobalVarNode* function, const Arguments& args) {
  if (!args.named.empty()) return Error(args.at, "a function of the module has no keyword arguments");
  HONE_ASSIGN_OR_RETURN(const std::vector<Expr> values, CallArgs(args, 0));
  DataType dtype = DataType::Void();
  if (auto it = declared_.find(function->name); it != declared_.end()) dtype = it->second.ret_dtype;
  return Value::Of(ir::MakeCall(dtype, function, ir::MakeArray(values)));
}

Builder::Or<Value> Builder::CallIr(std::string_view name, const Arguments& args) {
  if (name == "module_attrs" || name == "module_global_infos") {
    HONE_ASSIGN_OR_RETURN(const auto bound, Bind(args, {"attrs", "allow_overwrite"}, 1));
    HONE_ASSIGN_OR_RETURN(const ir::Attrs attrs, ToAttrs(bound[0], args.at));
    (name == "module_attrs" ? module_attrs_ : global_infos_) = attrs;
    return Value::None();
  }
  if (name == "ExternFunc") {
    HONE_ASSIGN_OR_RETURN(const auto bound, Bind(args, {"global_symbol"}, 1));
    HONE_ASSIGN_OR_RETURN(const std::string_view symbol, ToString(bound[0], args.at, "the symbol of a function"));
    auto* node = ir::New<ir::ExternFuncNode>();
    node->object_kind = ir::ObjectKind::kExternFunc;
    node->global_symbol = ir::CopyString(symbol);
    return Value::Object(node);
  }
  if (name == "load_json") {
    HONE_ASSIGN_OR_RETURN(const auto bound, Bind(args, {"json_str"}, 1));
    HONE_ASSIGN_OR_RETURN(const std::string_view json, ToString(bound[0], args.at, "json_str"));
    const auto object = LoadObjectJson(json);
    if (!object.ok()) return Error(args.at, ToStd(object.status().message()));
    if (*object == nullptr) return Value::None();
    return Value::Object(*object);
  }
  if (name == "Range") return CallTir("Range", args);
  return Error(args.at, StrCat("there is no I.", name));
}

}  // namespace hone::script
