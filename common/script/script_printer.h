// The printer's state: names in use, open frames, text made so far. Internal to the printer.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "common/ir/module.h"
#include "common/script/doc.h"
#include "common/script/printer.h"
#include "common/script/var_scope.h"

namespace hone::script {

// How tightly an expression binds, by Python's rules.
enum Precedence : int {
  kLambda = 1,
  kIfThenElse = 2,
  kOr = 3,
  kAnd = 4,
  kNot = 5,
  kComparison = 6,
  kAdditive = 11,
  kMultiplicative = 12,
  kUnary = 13,
  kAtom = 15,
};

class ScriptPrinter {
 public:
  explicit ScriptPrinter(const PrintOptions& options);

  std::string Module(const ir::IRModule& module);
  std::string Func(const ir::PrimFuncNode* func);
  std::string Statement(ir::Stmt stmt);
  std::string Expression(ir::Expr expr);
  std::string Value(const ir::Object* object);

 private:
  // A scope of names and the lines collected in it.
  struct Frame {
    ScriptPrinter* printer;
    const void* node;
    bool is_tir;
    bool is_loop = false;  // `node` is a ForNode.
    bool allow_concise = false;
    std::vector<LineDoc> lines;
    std::vector<const void*> defined;

    Frame(ScriptPrinter* printer, const void* node, bool is_tir = true);
    ~Frame();
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;
  };
  enum class DefinedBy { kNothing, kDataPointer, kMatch };

  // ---- names (print_names.cc)
  std::string UniqueName(std::string_view hint);
  // Gives `object` a fresh name in `frame` unless it has one.
  std::string Define(const void* object, std::string_view hint, Frame* frame);
  // `object` prints as `text` while `frame` lives; takes no name.
  void DefineAs(const void* object, std::string text, Frame* frame);
  std::string DefineVar(ir::Var var, Frame* frame) {
    return Define(var.get(), var.name().empty() ? std::string_view("v") : var.name(), frame);
  }
  std::string DefineBuffer(ir::Buffer buffer, Frame* frame) {
    return Define(buffer.get(), buffer->name.empty() ? std::string_view("buffer") : buffer->name, frame);
  }
  bool IsDefined(const void* object) const { return texts_.contains(object); }
  void Forget(const void* object);
  // The innermost open frame that encloses every mention of `object`; null when none is known.
  Frame* FrameFor(const void* object);
  bool EnclosesAllUses(const void* node, const void* object);
  std::string VarName(ir::Var var);
  std::string BufferName(ir::Buffer buffer);

  // ---- expressions (print_expr.cc): append to `out`, return how tightly the text binds.
  int Emit(ir::Expr e, std::string* out);
  int EmitBinary(const ir::BinaryNode* node, std::string* out);
  int EmitCall(const ir::CallNode* node, std::string* out);
  int EmitLoad(const ir::BufferLoadNode* node, std::string* out);
  void EmitInt(const ir::IntImmNode* node, std::string* out);
  void EmitFloat(const ir::FloatImmNode* node, std::string* out);
  void EmitOperation(int precedence, std::string_view op, ir::Expr a, ir::Expr b, std::string* out);
  void EmitIndices(ir::Array<ir::Expr> indices, std::string* out);
  void EmitRegion(const ir::BufferRegionNode* region, std::string* out);
  void EmitList(ir::Array<ir::Expr> items, std::string* out);
  void EmitTuple(ir::Array<ir::Expr> items, std::string* out);
  void EmitString(std::string_view text, std::string* out);
  void EmitIndexMap(const ir::IndexMapNode* map, std::string* out);
  void EmitReducer(const ir::CommReducerNode* reducer, std::string* out);
  void EmitIterVar(ir::IterVar iter, std::string* out);
  void EmitObject(const ir::Object* object, std::string* out);
  void EmitAttrs(const ir::Attrs& attrs, std::string* out);
  void EmitTarget(std::string_view json, std::string* out);
  void EmitType(const ir::TypeNode* type, std::string* out);
  std::string ToText(ir::Expr e) {
    std::string out;
    Emit(e, &out);
    return out;
  }
  std::string Tir(std::string_view name) const { return options_.tir_prefix + "." + std::string(name); }
  std::string Ir(std::string_view name) const { return options_.ir_prefix + "." + std::string(name); }
  // min + extent, folded for literals.
  ir::Expr Sum(ir::Expr min, ir::Expr extent);
  // A reference to `object`, which has no textual form of its own.
  std::string Metadata(std::string_view type_key, const ir::Object* object);
  std::string MetadataText();

  // ---- buffers (print_buffer.cc)
  std::string VarCreation(ir::Var var);
  // `name(first, shape, ...)`; definitions that it needs go into `frame` before.
  std::string BufferDecl(ir::Buffer buffer, std::string_view name, std::string first, Frame* frame, DefinedBy by);
  std::string BufferAnnotation(ir::Buffer buffer);

  // ---- statements (print_stmt.cc, print_block.cc): append lines to `frame`.
  void Body(ir::Stmt stmt, Frame* frame);
  void One(ir::Stmt stmt, Frame* frame);
  void Store(const ir::BufferStoreNode* node, Frame* frame);
  void Loop(const ir::ForNode* node, Frame* frame);
  void If(const ir::IfThenElseNode* node, Frame* frame);
  void Let(const ir::LetStmtNode* node, Frame* frame);
  void Attribute(const ir::AttrStmtNode* node, Frame* frame);
  void Assert(const ir::AssertStmtNode* node, Frame* frame);
  void Allocate(const ir::AllocateNode* node, Frame* frame);
  void AllocateConst(const ir::AllocateConstNode* node, Frame* frame);
  void DeclBuffer(const ir::DeclBufferNode* node, Frame* frame, DefinedBy by);
  void Realize(const ir::BufferRealizeNode* node, const std::string& scope, bool concise, Frame* frame);
  void Evaluate(const ir::EvaluateNode* node, Frame* frame);
  void Block(const ir::BlockNode* block, const ir::BlockRealizeNode* realize, Frame* frame);
  void BlockIters(const ir::BlockNode* block, const ir::BlockRealizeNode* realize, Frame* frame);
  // A scope printed as `head` with `inner` behind it at the same level, or as `with head [as lhs]:`.
  void Scope(const std::string& lhs, const std::string& head, bool concise, Frame* inner, Frame* frame);
  const ir::BlockNode* ImplicitRoot(const ir::PrimFuncNode* func) const;
  void FuncLines(const ir::PrimFuncNode* func, std::string_view name, std::vector<LineDoc>* out);
  std::string Finish(bool has_ir, bool has_tir, const std::vector<LineDoc>& lines);
  // The comment of an annotated node, with two blanks before it, or nothing.
  std::string Note(const void* node) const;

  const PrintOptions& options_;
  ir::Arena scratch_;
  absl::flat_hash_map<const void*, std::string> texts_;
  absl::flat_hash_map<const void*, std::string> names_of_;  // Those whose text is a name in names_.
  absl::flat_hash_set<std::string> names_;
  std::vector<Frame*> frames_;
  const ir::PrimFuncNode* func_ = nullptr;
  std::unique_ptr<VarScopes> scopes_;  // Of func_, made when first needed.
  absl::flat_hash_map<const void*, std::string_view> notes_;
  std::string class_name_;  // Empty outside of a module.
  std::vector<std::pair<std::string, std::vector<const ir::Object*>>> metadata_;
};

}  // namespace hone::script
