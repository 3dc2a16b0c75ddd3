// Makes a function a tree of evaluators and actions. Internal to the interpreter.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/interp/control.h"
#include "common/interp/device.h"
#include "common/interp/matrix_ops.h"
#include "common/interp/memory_access.h"
#include "common/interp/program.h"
#include "common/ir/module.h"

namespace hone::interp {

// Compiles one function, and with the same `done` those that it calls. Throws Stop for what has no meaning here.
class Compiler {
 public:
  Compiler(const ir::IRModule& module,
           absl::flat_hash_map<const ir::PrimFuncNode*, std::shared_ptr<std::unique_ptr<Program>>>& done)
      : module_(module), done_(done) {}

  std::unique_ptr<Program> Compile(ir::PrimFunc func);

 private:
  struct AccessHolder final : Evaluator {
    BufferAccess access;
  };

  template <typename T>
  T* NewEval(ir::DataType dtype) {
    auto owned = std::make_unique<T>();
    T* raw = owned.get();
    raw->dtype = dtype;
    raw->is_float = dtype.is_any_float();
    program_->evaluators.push_back(std::move(owned));
    return raw;
  }
  template <typename T>
  T* NewAction() {
    auto owned = std::make_unique<T>();
    T* raw = owned.get();
    program_->actions.push_back(std::move(owned));
    return raw;
  }

  int ScalarSlot(ir::Var var);
  int PointerSlot(ir::Var var);

  const BufferAccess* Access(ir::Buffer buffer);

  const Evaluator* Constant(int64_t value);

  const Evaluator* Expression(ir::Expr e);

  template <typename T>
  const Evaluator* Fill(T* out, const ir::BinaryNode* node) {
    out->kind = node->kind;
    out->a = Expression(node->a);
    out->b = Expression(node->b);
    return out;
  }

  const Evaluator* Choice(ir::DataType t, ir::Expr condition, ir::Expr yes, ir::Expr no);

  const LoadEval* Load(const ir::BufferLoadNode* node);

  using Args = std::vector<const Evaluator*>;
  const Evaluator* IntFunction(const ir::CallNode* call, std::function<int64_t(Frame&, int, const Args&)> function);
  const Evaluator* FloatFunction(const ir::CallNode* call, std::function<double(Frame&, int, const Args&)> function);

  const Evaluator* CallOf(const ir::CallNode* call);

  static ir::Expr Arg(const ir::CallNode* call, size_t i);

  // The element that a pointer expression points at, and its scope.
  static ir::DataType Pointee(ir::Expr pointer);
  static int PointeeBytes(ir::Expr pointer) { return Pointee(pointer).bytes(); }
  static std::string_view ScopeOf(ir::Expr pointer);
  static MatrixRole RoleOf(ir::Expr pointer);

  const Evaluator* WmmaCall(const ir::CallNode* call);

  const Evaluator* MmaCall(const ir::CallNode* call);

  // A launch of a kernel of this module, or a function of a run time.
  const Evaluator* PackedCall(const ir::CallNode* call);

  const Evaluator* AllReduce(const ir::CallNode* call);

  // An LLVM intrinsic or a C function known by name.
  const Evaluator* NamedCall(const ir::CallNode* call);

  // Four byte products of two words, signed or not.
  static int64_t ByteDot(int64_t x, bool x_signed, int64_t y, bool y_signed);

  // Dot product instructions of GPUs, x86 and Hexagon; null for others.
  const Evaluator* DotPart(const ir::CallNode* call, const std::string& name, size_t first);

  // The instructions that Arm's dot products are made of; null for others.
  const Evaluator* ArmDotPart(const ir::CallNode* call, const std::string& name, size_t first);

  const Evaluator* CallFunction(const ir::CallNode* call);

  std::shared_ptr<std::unique_ptr<Program>> CalleeOf(const ir::PrimFuncNode* callee);

  const Action* Statement(ir::Stmt s);

  const Action* Block(const ir::BlockNode* block, ir::Array<ir::Expr> values, const Evaluator* predicate);

  MatchAction Match(ir::MatchBufferRegion match);

  // A view that names no strides has those of its source: index i of it is index min + i there.
  void DefineStrides(ir::Buffer view, MatchAction& match);

  const Action* BoundLoop(const ir::ForNode* node);

  // True when threads below wait for each other, so that they cannot run one after the other.
  static bool ThreadsMeet(ir::Stmt s);

  const Action* Attribute(const ir::AttrStmtNode* node);

  void CollectAxes(ir::Stmt outer, LaunchAction* out);

  const ir::IRModule& module_;
  absl::flat_hash_map<const ir::PrimFuncNode*, std::shared_ptr<std::unique_ptr<Program>>>& done_;
  std::unique_ptr<Program> program_;
  absl::flat_hash_map<const ir::VarNode*, int> scalars_;
  absl::flat_hash_map<const ir::VarNode*, int> pointers_;
  absl::flat_hash_map<const ir::BufferNode*, BufferAccess*> access_of_;
  absl::flat_hash_map<const ir::VarNode*, int> launch_axis_;
  const Evaluator* lane_ = nullptr;  // threadIdx.x of the innermost loop bound to it.
  std::vector<std::unique_ptr<AccessHolder>> accesses_;
  std::vector<const ir::CommReducerNode*> reducers_;
  int num_scalars_ = 0;
  int num_pointers_ = 0;
};

}  // namespace hone::interp
