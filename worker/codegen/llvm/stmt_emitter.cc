#include <algorithm>

#include "common/ir/ops.h"
#include "common/ir/visitor.h"
#include "common/support/strings.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Intrinsics.h"
#include "llvm/IR/IntrinsicsX86.h"
#include "worker/codegen/llvm/function_emitter.h"
#include "worker/codegen/llvm/llvm_codegen.h"

namespace hone::codegen {

namespace {

// Allocations up to this many bytes, and this many together, live on the stack.
constexpr int64_t kMostStackBytes = 32 << 10;
constexpr int64_t kMostStackBytesTogether = 128 << 10;
constexpr int64_t kHeapAlignment = 64;
// Buffers at literal places up to this size become variables of their own.
constexpr int64_t kMostCellBytes = 16 << 10;

llvm::StringRef Ref(std::string_view text) { return {text.data(), text.size()}; }

// Whether the buffer behind `data` is only used by accesses at literal places; they go to `places` (element, lanes).
bool OnlyLiteralPlaces(ir::Stmt body, ir::Var data, std::vector<std::pair<int64_t, int>>& places) {
  class Finder final : public ir::StmtExprVisitor {
   public:
    Finder(ir::Var data, std::vector<std::pair<int64_t, int>>& places) : data_(data), places_(places) {}
    bool ok = true;

   private:
    using ir::StmtExprVisitor::Visit;
    void Access(ir::Buffer buffer, ir::Array<ir::Expr> indices, ir::Expr predicate) {
      if (!(buffer->data == data_)) return;
      if (predicate || indices.size() != 1 || buffer->dtype.lanes != 1) {
        ok = false;
        return;
      }
      const auto* ramp = indices[0].as<ir::RampNode>();
      const int64_t* at = ir::ConstInt(ramp != nullptr ? ramp->base : indices[0]);
      if (at == nullptr || (ramp != nullptr && !ir::IsOne(ramp->stride))) {
        ok = false;
        return;
      }
      places_.emplace_back(*at, indices[0].dtype().lanes);
    }
    void Visit(const ir::VarNode* node) override { ok &= node != data_.get(); }
    void Visit(const ir::BufferLoadNode* node) override {
      Access(node->buffer, node->indices, node->predicate);
      ir::StmtExprVisitor::Visit(node);
    }
    void Visit(const ir::BufferStoreNode* node) override {
      Access(node->buffer, node->indices, node->predicate);
      ir::StmtExprVisitor::Visit(node);
    }
    void Visit(const ir::ForNode* node) override {
      // A parallel body runs in another function.
      if (node->for_kind == ir::ForKind::kParallel)
        ok &= !ir::UsesVar(node->body, [&](ir::Var v) { return v == data_; });
      ir::StmtExprVisitor::Visit(node);
    }
    const ir::Var data_;
    std::vector<std::pair<int64_t, int>>& places_;
  };
  Finder finder(data, places);
  finder.VisitStmt(body);
  if (!finder.ok) return false;
  // Places must be equal or disjoint.
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  for (size_t i = 0; i + 1 < places.size(); ++i) {
    if (places[i].first + places[i].second > places[i + 1].first) return false;
  }
  return true;
}

}  // namespace

FunctionEmitter::FunctionEmitter(ModuleState& state, llvm::Function* function)
    : state_(state), function_(function), builder_(state.context) {
  llvm::FastMathFlags flags;
  flags.setAllowContract();
  builder_.setFastMathFlags(flags);
  entry_ = llvm::BasicBlock::Create(state.context, "entry", function);
  llvm::BasicBlock* body = llvm::BasicBlock::Create(state.context, "body", function);
  exit_ = llvm::BasicBlock::Create(state.context, "exit", function);
  builder_.SetInsertPoint(entry_);
  error_ = builder_.CreateAlloca(builder_.getInt32Ty(), nullptr, "error");
  builder_.CreateStore(builder_.getInt32(0), error_);
  entry_end_ = builder_.CreateBr(body);
  builder_.SetInsertPoint(body);
  PushScope(nullptr);
}

void FunctionEmitter::EmitKernel(ir::PrimFunc func) {
  Value* buffers = function_->getArg(0);
  builder_.SetInsertPoint(entry_end_);
  llvm::Type* pointer_type = llvm::PointerType::get(state_.context, 0);
  for (size_t i = 0; i < func->params.size(); ++i) {
    const ir::Var param = func->params[i];
    Value* slot = builder_.CreateConstInBoundsGEP1_64(pointer_type, buffers, i);
    llvm::LoadInst* pointer = builder_.CreateLoad(pointer_type, slot, Ref(param.name()));
    pointer->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(state_.context, {}));
    const ir::Buffer buffer = func->BufferOf(param);
    if (buffer) {
      // Unaligned vector accesses cost nothing on these machines, so no more is taken for granted of what the caller
      // passes than the alignment of an element.
      memory_[buffer->data.get()] = {pointer, std::max<int64_t>(1, buffer->dtype.bytes()), {}, false,
                                     0,       static_cast<int64_t>(memory_.size())};
      continue;
    }
    Value* value = builder_.CreateLoad(TypeOf(param.dtype()), pointer);
    if (param.dtype().is_index()) value = builder_.CreateSExt(value, builder_.getInt64Ty());
    vars_[param.get()] = {value, 0};
  }
  EmitShapeVars(func, buffers);
  builder_.SetInsertPoint(entry_end_->getSuccessor(0));
  EmitStmt(func->body);
  Finish();
}

// Shapes of parameters that are not constant: each variable in them that is no parameter itself is read from one more
// pointer behind the parameters', to an int64, in the order of appearance.
void FunctionEmitter::EmitShapeVars(ir::PrimFunc func, Value* buffers) {
  for (ir::Var var : ShapeVarsOf(func)) {
    const size_t place = func->params.size() + static_cast<size_t>(shape_vars_++);
    Value* slot = builder_.CreateConstInBoundsGEP1_64(builder_.getPtrTy(), buffers, place);
    llvm::LoadInst* pointer = builder_.CreateLoad(builder_.getPtrTy(), slot, Ref(var.name()));
    pointer->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(state_.context, {}));
    vars_[var.get()] = {builder_.CreateLoad(builder_.getInt64Ty(), pointer), 0};
    context_.Bind(var, {0, var.dtype().bits == 32 ? (int64_t{1} << 31) - 1 : lower::Bounds::kUnbounded});
  }
}

void FunctionEmitter::Finish() {
  builder_.CreateBr(exit_);
  builder_.SetInsertPoint(exit_);
  for (llvm::AllocaInst* slot : to_free_) Free(builder_.CreateLoad(builder_.getPtrTy(), slot));
  Value* error = builder_.CreateLoad(builder_.getInt32Ty(), error_);
  if (function_->getReturnType()->isVoidTy()) {
    // A task leaves its error for the kernel.
    llvm::BasicBlock* failed = llvm::BasicBlock::Create(state_.context, "failed", function_);
    llvm::BasicBlock* done = llvm::BasicBlock::Create(state_.context, "done", function_);
    builder_.CreateCondBr(builder_.CreateIsNotNull(error), failed, done);
    builder_.SetInsertPoint(failed);
    llvm::StoreInst* store = builder_.CreateStore(error, error_flag_);
    store->setAtomic(llvm::AtomicOrdering::Monotonic);
    store->setAlignment(llvm::Align(4));
    builder_.CreateBr(done);
    builder_.SetInsertPoint(done);
    builder_.CreateRetVoid();
  } else {
    builder_.CreateRet(error);
  }
}

void FunctionEmitter::ReturnError() {
  builder_.CreateStore(builder_.getInt32(-1), error_);
  builder_.CreateBr(exit_);
}

void FunctionEmitter::EmitStmt(ir::Stmt stmt) {
  if (!state_.status.ok()) return;
  switch (stmt.kind()) {
    case ir::StmtKind::kSeq:
      for (ir::Stmt s : stmt.as<ir::SeqNode>()->seq) EmitStmt(s);
      return;
    case ir::StmtKind::kBufferStore:
      return EmitStore(stmt.as<ir::BufferStoreNode>());
    case ir::StmtKind::kFor:
      return EmitFor(stmt.as<ir::ForNode>());
    case ir::StmtKind::kIfThenElse:
      return EmitIf(stmt.as<ir::IfThenElseNode>());
    case ir::StmtKind::kAllocate:
      return EmitAllocate(stmt.as<ir::AllocateNode>());
    case ir::StmtKind::kAllocateConst:
      return EmitAllocateConst(stmt.as<ir::AllocateConstNode>());
    case ir::StmtKind::kEvaluate:
      return EmitEvaluate(stmt.as<ir::EvaluateNode>()->value);
    case ir::StmtKind::kLetStmt: {
      const auto* let = stmt.as<ir::LetStmtNode>();
      Value* value = let->var.dtype().is_index() ? EmitIndex(let->value) : EmitExpr(let->value);
      vars_[let->var.get()] = {value, Level()};
      if (let->var.dtype().is_index()) context_.Bind(let->var, context_.BoundsOf(let->value));
      if (let->var.dtype().is_handle()) {
        memory_[let->var.get()] = {value, 1, {}, false, 0, static_cast<int64_t>(memory_.size())};
      }
      return EmitStmt(let->body);
    }
    case ir::StmtKind::kAttrStmt: {
      const auto* attr = stmt.as<ir::AttrStmtNode>();
      if (attr->attr_key == "thread_extent" || attr->attr_key == "virtual_thread") {
        return state_.Fail(StrCat("attribute \"", attr->attr_key, "\" has no meaning on a CPU"));
      }
      if (attr->attr_key == "pragma_non_temporal") return EmitNonTemporal(attr);
      return EmitStmt(attr->body);
    }
    case ir::StmtKind::kAssertStmt:
      return EmitAssert(stmt.as<ir::AssertStmtNode>());
    case ir::StmtKind::kDeclBuffer:
      return EmitStmt(stmt.as<ir::DeclBufferNode>()->body);
    case ir::StmtKind::kWhile:
      return EmitWhile(stmt.as<ir::WhileNode>());
    case ir::StmtKind::kBlock:
    case ir::StmtKind::kBlockRealize:
    case ir::StmtKind::kBufferRealize:
      return state_.Fail("a block reached code generation: the function is not lowered");
  }
}

// Vector stores below go past the caches, for results that are larger than these and not read again soon. They are not
// ordered with other stores: a fence follows. There are such stores to aligned places only, and callers promise no
// alignment: where buffers of theirs are written, the code stands there twice, and the pointers decide.
void FunctionEmitter::EmitNonTemporal(const ir::AttrStmtNode* node) {
  if (non_temporal_) return EmitStmt(node->body);
  std::vector<std::pair<const ir::VarNode*, int64_t>> unaligned;  // And its alignment.
  Value* bits = builder_.getInt64(0);
  ir::PreOrderVisitStmts(node->body, [&](ir::Stmt stmt) {
    const auto* store = stmt.as<ir::BufferStoreNode>();
    const auto it = store != nullptr ? memory_.find(store->buffer->data.get()) : memory_.end();
    if (it == memory_.end() || it->second.alignment >= kHeapAlignment || it->second.pointer == nullptr) return true;
    unaligned.emplace_back(it->first, it->second.alignment);
    it->second.alignment = kHeapAlignment;
    bits = builder_.CreateOr(bits, builder_.CreatePtrToInt(it->second.pointer, builder_.getInt64Ty()));
    return true;
  });
  if (unaligned.empty()) return EmitPastCaches(node->body);
  Value* rest = builder_.CreateAnd(bits, builder_.getInt64(kHeapAlignment - 1));
  llvm::BasicBlock* aligned = llvm::BasicBlock::Create(state_.context, "aligned", function_);
  llvm::BasicBlock* plain = llvm::BasicBlock::Create(state_.context, "plain", function_);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(state_.context, "stored", function_);
  llvm::Instruction* branch = builder_.CreateCondBr(builder_.CreateIsNull(rest), aligned, plain);
  builder_.SetInsertPoint(aligned);
  PushScope(branch);
  EmitPastCaches(node->body);
  PopScope();
  builder_.CreateBr(after);
  for (const auto& [data, alignment] : unaligned) memory_[data].alignment = alignment;
  builder_.SetInsertPoint(plain);
  PushScope(branch);
  EmitStmt(node->body);
  PopScope();
  builder_.CreateBr(after);
  builder_.SetInsertPoint(after);
}

void FunctionEmitter::EmitPastCaches(ir::Stmt stmt) {
  non_temporal_ = true;
  EmitStmt(stmt);
  non_temporal_ = false;
  builder_.CreateIntrinsic(llvm::Intrinsic::x86_sse_sfence, {});
}

void FunctionEmitter::EmitFor(const ir::ForNode* node) {
  if (node->for_kind == ir::ForKind::kThreadBinding) {
    return state_.Fail(StrCat("loop \"", node->loop_var.name(), "\" is bound to a thread on a CPU target"));
  }
  context_.BindLoop(node->loop_var, node->min, node->extent);
  if (node->for_kind == ir::ForKind::kParallel && !in_parallel_) return EmitParallel(node);
  const int64_t* extent = ir::ConstInt(node->extent);
  if (extent != nullptr && *extent <= 0) return;
  Value* begin = EmitIndex(node->min);
  Value* end = builder_.CreateAdd(begin, EmitIndex(node->extent), "end", false, true);
  EmitLoop(node, begin, end, context_.BoundsOf(node->extent).lo >= 1);
}

void FunctionEmitter::EmitLoop(const ir::ForNode* node, Value* begin, Value* end, bool surely_runs) {
  const auto name = Ref(node->loop_var.name());
  llvm::BasicBlock* after = llvm::BasicBlock::Create(state_.context, name + "_end", function_);
  if (!surely_runs) {
    llvm::BasicBlock* enter = llvm::BasicBlock::Create(state_.context, name + "_enter", function_);
    builder_.CreateCondBr(builder_.CreateICmpSLT(begin, end), enter, after);
    builder_.SetInsertPoint(enter);
  }
  llvm::BasicBlock* preheader = builder_.GetInsertBlock();
  llvm::BasicBlock* body = llvm::BasicBlock::Create(state_.context, name, function_);
  llvm::Instruction* enter = builder_.CreateBr(body);
  builder_.SetInsertPoint(body);
  llvm::PHINode* variable = builder_.CreatePHI(builder_.getInt64Ty(), 2, name);
  variable->addIncoming(begin, preheader);
  PushScope(enter);
  vars_[node->loop_var.get()] = {variable, Level()};
  EmitStmt(node->body);
  PopScope();
  Value* next = builder_.CreateAdd(variable, builder_.getInt64(1), "", true, true);
  variable->addIncoming(next, builder_.GetInsertBlock());
  builder_.CreateCondBr(builder_.CreateICmpSLT(next, end), body, after);
  builder_.SetInsertPoint(after);
}

void FunctionEmitter::EmitIf(const ir::IfThenElseNode* node) {
  Value* condition = EmitExpr(node->condition);
  llvm::BasicBlock* then_block = llvm::BasicBlock::Create(state_.context, "then", function_);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(state_.context, "endif", function_);
  llvm::BasicBlock* else_block = node->else_case ? llvm::BasicBlock::Create(state_.context, "else", function_) : after;
  llvm::Instruction* branch = builder_.CreateCondBr(condition, then_block, else_block);
  const auto emit = [&](llvm::BasicBlock* block, ir::Stmt stmt, ir::Expr assumed) {
    builder_.SetInsertPoint(block);
    PushScope(branch);
    context_.EnterCondition(assumed);
    EmitStmt(stmt);
    context_.LeaveCondition();
    PopScope();
    builder_.CreateBr(after);
  };
  emit(then_block, node->then_case, node->condition);
  if (node->else_case) emit(else_block, node->else_case, ir::Not(node->condition));
  builder_.SetInsertPoint(after);
}

void FunctionEmitter::EmitWhile(const ir::WhileNode* node) {
  llvm::BasicBlock* test = llvm::BasicBlock::Create(state_.context, "while", function_);
  llvm::BasicBlock* body = llvm::BasicBlock::Create(state_.context, "while_body", function_);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(state_.context, "while_end", function_);
  llvm::Instruction* enter = builder_.CreateBr(test);
  builder_.SetInsertPoint(test);
  PushScope(enter);
  Value* condition = EmitExpr(node->condition);
  llvm::Instruction* branch = builder_.CreateCondBr(condition, body, after);
  builder_.SetInsertPoint(body);
  PushScope(branch);
  EmitStmt(node->body);
  PopScope();
  PopScope();
  builder_.CreateBr(test);
  builder_.SetInsertPoint(after);
}

void FunctionEmitter::EmitAssert(const ir::AssertStmtNode* node) {
  Value* condition = EmitExpr(node->condition);
  llvm::BasicBlock* ok = llvm::BasicBlock::Create(state_.context, "holds", function_);
  llvm::BasicBlock* failed = llvm::BasicBlock::Create(state_.context, "fails", function_);
  builder_.CreateCondBr(condition, ok, failed);
  builder_.SetInsertPoint(failed);
  ReturnError();
  builder_.SetInsertPoint(ok);
  EmitStmt(node->body);
}

llvm::AllocaInst* FunctionEmitter::EntryAlloca(llvm::Type* type, std::string_view name) {
  llvm::IRBuilder<> first(entry_, entry_->begin());
  return first.CreateAlloca(type, nullptr, Ref(name));
}

void FunctionEmitter::EmitAllocate(const ir::AllocateNode* node) {
  Memory memory;
  memory.id = static_cast<int64_t>(memory_.size());
  int64_t elements = 1;
  bool constant = true;
  for (ir::Expr extent : node->extents) {
    const int64_t* number = ir::ConstInt(extent);
    constant &= number != nullptr && *number < (int64_t{1} << 40) / std::max<int64_t>(1, elements);
    if (constant) elements *= *number;
  }
  const int64_t bytes = elements * node->dtype.bytes();
  std::vector<std::pair<int64_t, int>> places;
  if (!constant) return EmitDynamicAllocate(node, memory);
  if (bytes <= kMostCellBytes && OnlyLiteralPlaces(node->body, node->buffer_var, places)) {
    memory.in_cells = true;
    for (const auto& [at, lanes] : places) {
      memory.cells.emplace_back(at, EntryAlloca(TypeOf(node->dtype.with_lanes(lanes)), node->buffer_var.name()));
    }
  } else if (bytes <= kMostStackBytes && stack_bytes_ + bytes <= kMostStackBytesTogether) {
    stack_bytes_ += bytes;
    llvm::AllocaInst* array = EntryAlloca(llvm::ArrayType::get(TypeOf(node->dtype), static_cast<uint64_t>(elements)),
                                          node->buffer_var.name());
    array->setAlignment(llvm::Align(kHeapAlignment));
    memory.pointer = array;
    memory.alignment = kHeapAlignment;
  } else {
    memory.pointer = HeapForWholeFunction(bytes, node->buffer_var.name());
    memory.alignment = kHeapAlignment;
  }
  memory_[node->buffer_var.get()] = memory;
  EmitStmt(node->body);
}

llvm::Value* FunctionEmitter::AlignedAlloc(Value* bytes, std::string_view name) {
  llvm::FunctionCallee allocate = state_.module.getOrInsertFunction(
      "aligned_alloc",
      llvm::FunctionType::get(builder_.getPtrTy(), {builder_.getInt64Ty(), builder_.getInt64Ty()}, false));
  return builder_.CreateCall(allocate, {builder_.getInt64(kHeapAlignment), bytes}, Ref(name));
}

void FunctionEmitter::Free(Value* pointer) {
  llvm::FunctionCallee release = state_.module.getOrInsertFunction(
      "free", llvm::FunctionType::get(builder_.getVoidTy(), {builder_.getPtrTy()}, false));
  builder_.CreateCall(release, {pointer});
}

// Made once, when the function is entered, however often the allocation is reached; freed on every way out through a
// slot that is null until then.
llvm::Value* FunctionEmitter::HeapForWholeFunction(int64_t bytes, std::string_view name) {
  llvm::AllocaInst* slot = EntryAlloca(builder_.getPtrTy(), "to_free");
  llvm::IRBuilder<> first(slot->getNextNode());
  first.CreateStore(llvm::ConstantPointerNull::get(builder_.getPtrTy()), slot);
  llvm::IRBuilder<>::InsertPointGuard guard(builder_);
  builder_.SetInsertPoint(entry_end_);
  Value* pointer =
      AlignedAlloc(builder_.getInt64((bytes + kHeapAlignment - 1) / kHeapAlignment * kHeapAlignment), name);
  builder_.CreateStore(pointer, slot);
  Value* null = builder_.CreateIsNull(pointer);
  llvm::BasicBlock* ok = llvm::BasicBlock::Create(state_.context, "allocated", function_);
  llvm::BasicBlock* failed = llvm::BasicBlock::Create(state_.context, "no_memory", function_);
  llvm::BasicBlock* next = entry_end_->getSuccessor(0);
  llvm::BasicBlock* here = entry_end_->getParent();
  entry_end_->eraseFromParent();
  builder_.SetInsertPoint(here);
  builder_.CreateCondBr(null, failed, ok);
  builder_.SetInsertPoint(failed);
  ReturnError();
  builder_.SetInsertPoint(ok);
  entry_end_ = builder_.CreateBr(next);
  to_free_.push_back(slot);
  return pointer;
}

void FunctionEmitter::EmitDynamicAllocate(const ir::AllocateNode* node, Memory memory) {
  Value* bytes = builder_.getInt64(node->dtype.bytes());
  for (ir::Expr extent : node->extents) bytes = builder_.CreateMul(bytes, EmitIndex(extent));
  bytes = builder_.CreateAnd(builder_.CreateAdd(bytes, builder_.getInt64(kHeapAlignment - 1)),
                             builder_.getInt64(-kHeapAlignment));
  Value* pointer = AlignedAlloc(bytes, node->buffer_var.name());
  llvm::BasicBlock* ok = llvm::BasicBlock::Create(state_.context, "allocated", function_);
  llvm::BasicBlock* failed = llvm::BasicBlock::Create(state_.context, "no_memory", function_);
  llvm::Instruction* branch = builder_.CreateCondBr(builder_.CreateIsNull(pointer), failed, ok);
  builder_.SetInsertPoint(failed);
  ReturnError();
  builder_.SetInsertPoint(ok);
  PushScope(branch);
  memory.pointer = pointer;
  memory.alignment = kHeapAlignment;
  memory_[node->buffer_var.get()] = memory;
  EmitStmt(node->body);
  PopScope();
  Free(pointer);
}

void FunctionEmitter::EmitAllocateConst(const ir::AllocateConstNode* node) {
  llvm::Constant* data = llvm::ConstantDataArray::getString(state_.context, Ref(node->data->bytes), /*AddNull=*/false);
  auto* global = new llvm::GlobalVariable(state_.module, data->getType(), /*isConstant=*/true,
                                          llvm::GlobalValue::PrivateLinkage, data, Ref(node->buffer_var.name()));
  global->setAlignment(llvm::Align(kHeapAlignment));
  memory_[node->buffer_var.get()] = {global, kHeapAlignment, {}, false, 0, static_cast<int64_t>(memory_.size())};
  EmitStmt(node->body);
}

void FunctionEmitter::EmitEvaluate(ir::Expr value) {
  if (ir::SideEffect(value) <= ir::CallEffect::kReadState) return;
  if (const auto* call = value.as<ir::CallNode>(); call != nullptr && call->Is(ir::Builtin::ret)) {
    builder_.CreateBr(exit_);
    builder_.SetInsertPoint(llvm::BasicBlock::Create(state_.context, "unreached", function_));
    return;
  }
  EmitExpr(value);
  // What was called may have written anything.
  for (auto& [data, memory] : memory_) ++memory.version;
}

}  // namespace hone::codegen
