// Evaluates the syntax tree of a script and builds its IR. Internal to the parser.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/ir/module.h"
#include "common/script/ast.h"
#include "common/script/frame.h"
#include "common/script/infer_regions.h"
#include "common/script/parser.h"
#include "common/script/value.h"

namespace hone::script {

// Arguments of a call, bound to parameter names by Bind.
struct Arguments {
  Position at;
  std::string_view callee;
  std::vector<Value> positional;
  std::vector<std::pair<std::string_view, Value>> named;
};

// IR goes into the current arena, values and frames live in `scratch` and in this.
class Builder {
 public:
  Builder(const Source& source, ir::Arena& scratch, const ParseOptions& options)
      : source_(source), scratch_(scratch), options_(options) {}

  // `prefixes`: names that stand for the dialects beside the predefined I, T, ir and tir.
  absl::StatusOr<const ir::IRModuleNode*> Build(Suite file);
  // Functions whose decorator does not switch the check off, with where they stand.
  const std::vector<std::pair<ir::PrimFunc, Position>>& checked() const { return checked_; }
  void AddPrefix(std::string_view alias, std::string_view dialect);

 private:
  template <typename T>
  using Or = absl::StatusOr<T>;

  // ---- module level (build_module.cc)
  absl::Status TopLevel(const Statement* s);
  absl::Status Module(const Statement* s);
  absl::Status ModuleStatement(const Statement* s);
  absl::Status Import(const Statement* s);
  absl::Status DeclareFunction(const Statement* s);
  absl::Status Function(const Statement* s);
  absl::Status Parameter(const Keyword& parameter, Frame* frame);
  Or<const ir::TypeNode*> TypeOf(const Node* annotation);
  Or<std::string_view> Decorator(const Statement* s, bool* is_private, bool* check);
  Or<ir::PrimFunc> FinishFunction(Frame* frame, std::string_view name);
  void NameHandles(Frame* frame, ir::Stmt body);

  // ---- statements (build_stmt.cc)
  absl::Status Execute(Suite suite);
  absl::Status ExecuteOne(const Statement* s);
  absl::Status ExecuteExpr(const Statement* s);
  absl::Status ExecuteAssign(const Statement* s);
  absl::Status ExecuteAnnAssign(const Statement* s);
  absl::Status ExecuteAugAssign(const Statement* s);
  absl::Status ExecuteFor(const Statement* s);
  absl::Status ExecuteWhile(const Statement* s);
  absl::Status ExecuteIf(const Statement* s);
  absl::Status ExecuteWith(const Statement* s);
  absl::Status ExecuteReturn(const Statement* s);
  absl::Status ExecuteAssert(const Statement* s);
  absl::Status Assign(const Node* target, const Value& value);
  absl::Status BindNames(const Node* target, const Value& value, std::string_view how);
  Or<Value> BindAssigned(std::string_view name, const Value& value, Position at);
  absl::Status Store(const Node* target, Value value);
  absl::Status StoreTo(ir::Buffer buffer, ir::Array<Value> indices, const Value& value, ir::Expr predicate,
                       Position at);
  void Emit(ir::Stmt stmt) { frames_.back()->stmts.push_back(stmt); }

  // ---- scopes (build_frame.cc)
  Frame* NewFrame(FrameKind kind, Position at);
  // Opens `frame`; what it binds (a variable, a buffer, a sequence, or None).
  Or<Value> Enter(Frame* frame, Position at);
  absl::Status Exit();
  absl::Status ExitTo(size_t depth);
  ir::Stmt Body(const Frame* frame);
  ir::Stmt CloseFor(const Frame* frame);
  Or<ir::Stmt> CloseBlock(Frame* frame);
  absl::Status CloseIf(Frame* frame);
  Frame* BlockFrame() { return frames_.back()->kind == FrameKind::kBlock ? frames_.back() : nullptr; }
  Or<Frame*> NeedBlock(Position at, std::string_view what);

  // ---- expressions (build_expr.cc)
  Or<Value> Eval(const Node* node);
  Or<Value> EvalKind(const Node* node);
  Or<Value> EvalName(const Node* node);
  Or<Value> EvalAttribute(const Node* node);
  Or<Value> EvalSubscript(const Node* node);
  Or<Value> EvalUnary(const Node* node);
  Or<Value> EvalBinary(const Node* node);
  Or<Value> EvalCompare(const Node* node);
  Or<Value> EvalCondition(const Node* node);
  Or<Value> EvalCall(const Node* node);
  Or<Value> EvalItems(const Node* node, size_t from, ValueKind kind);
  Or<Value> Arithmetic(std::string_view op, const Value& a, const Value& b, Position at);
  Or<Value> PythonArithmetic(std::string_view op, const Value& a, const Value& b, Position at);
  Or<Value> Compare(std::string_view op, const Value& a, const Value& b, Position at);
  Or<Value> Logic(bool is_and, const Value& a, const Value& b, Position at);
  Or<Value> CallLambda(const Node* lambda, const std::vector<Value>& args, Position at);
  Or<Value> CallMacro(const Statement* macro, const Arguments& args);
  Or<Value> Unwrap(Value value, const Node* node);

  // ---- conversions (build_convert.cc)
  Or<ir::Expr> ToExpr(const Value& value, Position at);
  // A Python number takes the type of `like` as far as it fits.
  Or<ir::Expr> ToExprLike(const Value& value, ir::DataType like, Position at);
  Or<ir::Expr> ToIndex(const Value& value, Position at, ir::DataType like = ir::kInt32);
  Or<std::vector<ir::Expr>> ToExprs(const Value& sequence, Position at);
  Or<std::vector<ir::Expr>> ToShape(const Value& shape, Position at);
  Or<ir::Expr> NumberToExpr(const Value& value, Position at);
  Or<ir::Expr> LiteralOf(ir::DataType dtype, const Value& value, Position at);
  // `value` as an element of another type; a literal must fit it.
  Or<ir::Expr> Stored(ir::DataType dtype, ir::Expr value, Position at);
  Or<ir::Expr> ToLoad(const SubscriptValue& subscript, ir::Expr predicate, Position at);
  Or<ir::Expr> ToLoadIndex(const Value& index, ir::Buffer buffer, size_t axis, Position at);
  Or<ir::BufferRegion> ToRegion(const Value& value, Position at);
  Or<ir::Var> ToVar(const Value& value, Position at, std::string_view what);
  Or<ir::DataType> ToDtype(const Value& value, Position at);
  Or<std::string_view> ToString(const Value& value, Position at, std::string_view what);
  Or<int64_t> ToInt(const Value& value, Position at, std::string_view what);
  Or<bool> ToBool(const Value& value, Position at, std::string_view what);
  Or<const ir::Object*> ToObject(const Value& value, Position at, int depth = 0);
  Or<ir::Attrs> ToAttrs(const Value& value, Position at, int depth = 0);
  Or<ir::Range> ToRange(const Value& dom, Position at);
  std::string_view Describe(const Value& value) const;

  // ---- calls (build_call.cc, build_intrinsic.cc, build_buffer.cc)
  Or<Arguments> EvalArguments(const Node* call, std::string_view callee);
  // One value a name, None where absent. Errors: too many, unknown or repeated arguments; a missing one of the first
  // `required`.
  Or<std::vector<Value>> Bind(const Arguments& args, std::initializer_list<std::string_view> names, size_t required);
  Or<Value> CallTir(std::string_view name, const Arguments& args);
  Or<Value> CallAxis(std::string_view name, const Arguments& args);
  Or<Value> CallIr(std::string_view name, const Arguments& args);
  Or<Value> CallMethod(const Value& method, const Arguments& args);
  Or<Value> CallDtype(ir::DataType dtype, const Arguments& args);
  Or<Value> CallGlobal(const ir::GlobalVarNode* function, const Arguments& args);
  // Each sets `found` to whether it knows `name`.
  Or<Value> CallIntrinsic(std::string_view name, const Arguments& args, bool* found);
  Or<Value> CallNode(std::string_view name, const Arguments& args, bool* found);
  Or<Value> CallLoop(std::string_view name, const Arguments& args, bool* found);
  Or<Value> CallScope(std::string_view name, const Arguments& args, bool* found);
  Or<Value> CallBlockStatement(std::string_view name, const Arguments& args, bool* found);
  Or<Value> CallBufferFunction(std::string_view name, const Arguments& args, bool* found);
  Or<Value> CallMisc(std::string_view name, const Arguments& args, bool* found);
  Or<Value> Loop(ir::ForKind kind, const Arguments& args);
  Or<Value> Grid(const Arguments& args);
  Or<Value> AccessPtr(ir::Buffer buffer, const Arguments& args);
  Or<std::vector<ir::Expr>> CallArgs(const Arguments& args, size_t from);
  Or<ir::Expr> PackBuffer(ir::Buffer buffer);

  struct BufferArguments {
    Value shape, dtype, data, strides, elem_offset, scope, align, offset_factor, buffer_type, axis_separators;
  };
  Or<ir::Buffer> DeclareBuffer(const BufferArguments& b, Position at);
  Or<Value> MatchBuffer(const Arguments& args);
  Or<Value> IndexMapFrom(const Arguments& args);
  Or<Value> CommReducerFrom(const Arguments& args);
  Or<Value> AllocateConst(const Arguments& args);
  Or<Value> LetExpr(const Arguments& args);
  Or<Value> ReduceFrom(const Arguments& args);
  Or<Value> LaunchThread(const Arguments& args);
  Or<Value> TargetFrom(const Value& config, Position at);
  absl::Status AppendJson(const Value& value, Position at, int depth, std::string* out);

  // ---- names
  // Names defined after Mark() are forgotten by Release(mark).
  size_t Mark() const { return names_.size(); }
  void Release(size_t mark);
  void Define(std::string_view name, const Value& value);
  // The same for the target of an assignment. An error when it is the name of a let of the same scope.
  absl::Status DefineAssigned(std::string_view name, const Value& value, Position at);
  const Value* Find(std::string_view name) const;
  void Rename(const Value& value, std::string_view name);
  std::string_view UnnumberedName(std::string_view name);
  // The undefined variable called `name` that a definition of type `dtype` gives its meaning to; null for none.
  ir::Var BareVar(std::string_view name, ir::DataType dtype) const;
  void DefineLoopVars(const Node* target, Frame* loop) const;
  bool IsNamed(ir::Var var) const { return named_vars_.contains(var.get()); }

  absl::Status Error(Position at, std::string_view message) const { return source_.Error(at, message); }
  absl::Status Step(Position at);
  // An expression that is used again counts with its whole tree, so that doubling what is there cannot go on for long.
  absl::Status Reuse(const Value& value, Position at);
  // HONE_CHECK-free checks before building a node.
  absl::Status SameType(ir::Expr a, ir::Expr b, Position at) const;
  Or<ir::Expr> BuildBinary(ir::ExprKind kind, ir::Expr a, ir::Expr b, bool fold, Position at);

  template <typename T>
  T* NewScratch(const T& value) {
    return ::new (scratch_.Allocate(sizeof(T))) T(value);
  }
  Value Sequence(const std::vector<Value>& items);

  struct Binding {
    std::string_view name;
    Value value;
    int previous;  // Index of the binding that this one hides, -1 for none.
    bool is_let = false;
  };

  const Source& source_;
  ir::Arena& scratch_;
  const ParseOptions& options_;
  std::vector<Binding> names_;
  size_t suite_mark_ = 0;  // Of the innermost list of statements.
  absl::flat_hash_map<std::string_view, int> innermost_;
  absl::flat_hash_set<const ir::VarNode*> named_vars_;
  // Names of the function's buffers, and the last number that was added to each.
  absl::flat_hash_map<std::string_view, int> numbered_;
  // Variables made by T.int32() and not given a meaning since. A loop or block iterator of that name defines this very
  // variable: that is how the printer writes one that is also used outside of its scope.
  absl::flat_hash_set<const ir::VarNode*> bare_vars_;
  // Data variables made together with their buffer, which take its name.
  absl::flat_hash_set<const ir::VarNode*> own_data_;
  std::vector<std::unique_ptr<Frame>> all_frames_;
  std::vector<Frame*> frames_;
  int64_t steps_ = 0;
  int eval_depth_ = 0;
  int nesting_ = 0;
  int call_depth_ = 0;

  struct DeclaredFunction {
    const ir::GlobalVarNode* var;
    ir::DataType ret_dtype;
  };
  absl::flat_hash_map<std::string_view, DeclaredFunction> declared_;
  std::vector<ir::ModuleEntry> functions_;
  std::vector<MissingRegions> missing_;  // Of the function being built.
  std::vector<std::pair<ir::PrimFunc, Position>> checked_;
  std::string_view class_name_;
  bool has_module_ = false;
  ir::Attrs module_attrs_;
  ir::Attrs global_infos_;
};

}  // namespace hone::script
