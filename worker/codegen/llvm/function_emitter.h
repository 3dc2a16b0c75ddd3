// Translates the body of one lowered function (or of one outlined parallel loop) to LLVM IR. Internal to the code
// generator. Split over several files: statements, expressions, memory accesses, casts, math and parallel loops.
//
// Conventions: signed scalars of 32 and 64 bits that are loop variables are kept as i64; addresses are computed in i64,
// piece by piece, each piece in front of the outermost loop in which it does not change, so no later pass has to move
// them. Loads are remembered until the next store to their buffer, so that LLVM need not search for repeated ones.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/ir/module.h"
#include "common/lower/linear.h"
#include "worker/codegen/llvm/module_state.h"

namespace hone::codegen {

class FunctionEmitter {
 public:
  // Starts at the entry block of `function`, which it creates.
  FunctionEmitter(ModuleState& state, llvm::Function* function);

  // The kernel: int32_t entry(void** buffers).
  void EmitKernel(ir::PrimFunc func);

 private:
  using Value = llvm::Value;

  // What is behind a data pointer.
  struct Memory {
    Value* pointer = nullptr;
    int64_t alignment = 1;                                     // Bytes, of the pointer.
    std::vector<std::pair<int64_t, llvm::AllocaInst*>> cells;  // By element; then pointer is null.
    bool in_cells = false;
    int64_t version = 0;  // Counts stores.
    int64_t id = 0;
  };

  // ---- statements (stmt_emitter.cc)
  void EmitStmt(ir::Stmt stmt);
  void EmitFor(const ir::ForNode* node);
  void EmitLoop(const ir::ForNode* node, Value* begin, Value* end, bool surely_runs);
  void EmitIf(const ir::IfThenElseNode* node);
  void EmitWhile(const ir::WhileNode* node);
  void EmitNonTemporal(const ir::AttrStmtNode* node);
  void EmitPastCaches(ir::Stmt stmt);
  void EmitAssert(const ir::AssertStmtNode* node);
  void EmitAllocate(const ir::AllocateNode* node);
  void EmitDynamicAllocate(const ir::AllocateNode* node, Memory memory);
  void EmitAllocateConst(const ir::AllocateConstNode* node);
  void EmitEvaluate(ir::Expr value);
  void EmitShapeVars(ir::PrimFunc func, Value* buffers);
  void ReturnError();
  void Finish();
  llvm::AllocaInst* EntryAlloca(llvm::Type* type, std::string_view name);
  Value* AlignedAlloc(Value* bytes, std::string_view name);
  Value* HeapForWholeFunction(int64_t bytes, std::string_view name);
  void Free(Value* pointer);

  // ---- parallel loops (parallel_emitter.cc)
  void EmitParallel(const ir::ForNode* node);
  void EmitTask(const ir::ForNode* node, const std::vector<ir::Var>& captured, llvm::StructType* frame_type);

  // ---- expressions (expr_emitter.cc)
  Value* EmitExpr(ir::Expr e);
  Value* EmitBinary(const ir::BinaryNode* node);
  Value* EmitArithmetic(ir::ExprKind kind, ir::DataType dtype, Value* a, Value* b, bool non_negative);
  Value* EmitCompare(ir::ExprKind kind, ir::DataType dtype, Value* a, Value* b);
  Value* EmitIfThenElse(const ir::CallNode* node);
  bool IsCheapAndSafe(ir::Expr e);
  bool SurelyInside(const ir::BufferLoadNode* load);
  Value* EmitCall(const ir::CallNode* node);
  Value* EmitExternCall(const ir::CallNode* node);
  Value* EmitLlvmIntrinsic(const ir::CallNode* node);
  Value* EmitShuffle(const ir::ShuffleNode* node);
  Value* EmitPointer(const ir::CallNode* node);
  Value* Poison(ir::DataType dtype);
  llvm::Type* TypeOf(ir::DataType dtype) { return LlvmType(state_.context, dtype); }
  Value* Splat(Value* scalar, int lanes) { return builder_.CreateVectorSplat(lanes, scalar); }

  // ---- casts (cast_emitter.cc)
  Value* EmitCast(Value* value, ir::DataType from, ir::DataType to);
  Value* Bfloat16ToFloat(Value* bits);
  Value* FloatToBfloat16(Value* value);
  Value* Float8ToFloat(Value* bits, ir::DataType from);
  Value* FloatToFloat8(Value* value, ir::DataType to);
  llvm::Type* FloatTypeLike(Value* like);  // float with the lanes of `like`.

  // ---- math (math_emitter.cc)
  // nullptr when there is no such elementwise function.
  Value* EmitMath(const ir::CallNode* node);
  Value* CallLibm(const std::string& name, ir::DataType dtype, llvm::ArrayRef<Value*> args);

  // ---- vector math (vector_math.cc)
  Value* EmitVectorMath(ir::Builtin op, ir::DataType dtype, Value* x);
  Value* EmitScaledExp(Value* r, Value* rounded);
  Value* EmitExp(Value* x);
  Value* EmitExp2(Value* x);
  Value* EmitLog(Value* x);
  Value* EmitTanh(Value* x);
  Value* EmitErf(Value* x);
  Value* EmitSigmoid(Value* x);
  Value* Clamp(Value* x, double low, double high);
  Value* FloatConst(Value* like, double value);
  Value* Polynomial(Value* x, llvm::ArrayRef<double> coefficients);
  Value* MulAdd(Value* a, Value* b, Value* c);

  // ---- indices and memory (memory_emitter.cc)
  Value* EmitIndex(ir::Expr e);  // As i64.
  Value* EmitLinear(const lower::Linear& linear);
  Value* EmitAtom(int id);
  int LevelOf(const lower::Linear& linear);
  int LevelOfAtom(int id);
  // base (a pointer, or null for a number) plus the terms times `scale`, hoisted level by level; without the constant.
  Value* EmitTerms(Value* base, const lower::Linear& linear, int64_t scale);
  Value* EmitAddress(ir::Buffer buffer, const lower::Linear& index);
  Value* EmitLoad(const ir::BufferLoadNode* node);
  void EmitStore(const ir::BufferStoreNode* node);
  Value* EmitVectorLoad(const ir::BufferLoadNode* node, Value* mask);
  void EmitVectorStore(const ir::BufferStoreNode* node, Value* value, Value* mask);
  Value* EmitGather(const ir::BufferLoadNode* node, Value* mask);
  Value* LanePointers(ir::Buffer buffer, ir::Expr index);
  static llvm::AllocaInst* CellOf(const Memory& memory, ir::Array<ir::Expr> indices);
  bool HasOpaque(const lower::Linear& linear) const;
  static bool IsIndexArithmetic(ir::Expr e);
  llvm::Align AlignOf(ir::Buffer buffer, const lower::Linear& index);
  llvm::Instruction* Tag(llvm::Instruction* access, ir::Buffer buffer);
  Value* PointerOf(ir::Var data);

  // A straight piece of code with one way in: the function, a loop body, a branch.
  struct Scope {
    llvm::Instruction* before;  // The branch that enters it; null for the function.
    absl::flat_hash_map<std::vector<int64_t>, Value*> values;
    struct Loaded {
      Value* value;
      int64_t version;
    };
    absl::flat_hash_map<std::vector<int64_t>, Loaded> loads;
  };
  void PushScope(llvm::Instruction* before) { scopes_.push_back({before, {}, {}}); }
  void PopScope() { scopes_.pop_back(); }
  int Level() const { return static_cast<int>(scopes_.size()) - 1; }
  // The cache for values of `level`, and where such a value is to be computed.
  Scope& HomeOf(int level) { return scopes_[level < Level() ? level + 1 : Level()]; }
  template <typename F>
  Value* AtLevel(int level, F&& emit) {
    if (level >= Level()) return emit();
    llvm::IRBuilder<>::InsertPointGuard guard(builder_);
    builder_.SetInsertPoint(scopes_[level + 1].before);
    return emit();
  }

  Memory* MemoryOf(ir::Var data);

  ModuleState& state_;
  llvm::Function* function_;
  llvm::IRBuilder<> builder_;
  llvm::BasicBlock* entry_;                 // Holds allocas and hoisted allocations; falls into the body.
  llvm::Instruction* entry_end_;            // Its terminator.
  llvm::BasicBlock* exit_;                  // Frees and returns.
  llvm::AllocaInst* error_;                 // i32, set before jumping to exit_.
  Value* error_flag_ = nullptr;             // In a task: where the kernel looks for errors.
  std::vector<llvm::AllocaInst*> to_free_;  // Slots of heap memory.
  int64_t stack_bytes_ = 0;
  int64_t shape_vars_ = 0;  // Read so far.
  lower::LinearContext context_;
  std::vector<Scope> scopes_;
  struct Bound {
    Value* value;
    int level;
  };
  absl::flat_hash_map<const ir::VarNode*, Bound> vars_;
  absl::flat_hash_map<const ir::VarNode*, Memory> memory_;
  bool in_parallel_ = false;
  bool non_temporal_ = false;
};

}  // namespace hone::codegen
