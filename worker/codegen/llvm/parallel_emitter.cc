// Parallel loops on the libgomp ABI: the body becomes a function of its own that runs on every thread of the team and
// takes a contiguous chunk, [t * step, (t + 1) * step) with step = ceil(extent / threads).
#include "common/ir/visitor.h"
#include "common/support/strings.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IntrinsicsX86.h"
#include "worker/codegen/llvm/function_emitter.h"

namespace hone::codegen {

namespace {

// Variables that the loop uses and does not define itself, in order of appearance.
std::vector<ir::Var> FreeVars(const ir::ForNode* loop) {
  class Collector final : public ir::StmtExprVisitor {
   public:
    std::vector<ir::Var> used;
    absl::flat_hash_map<const ir::VarNode*, int> defined;
    absl::flat_hash_map<const ir::VarNode*, int> seen;

   private:
    using ir::StmtExprVisitor::Visit;
    void See(const ir::VarNode* var) {
      if (!defined.contains(var) && seen.try_emplace(var, 0).second) used.push_back(var);
    }
    void Visit(const ir::VarNode* node) override { See(node); }
    void Visit(const ir::BufferLoadNode* node) override {
      See(node->buffer->data.get());
      ir::StmtExprVisitor::Visit(node);
    }
    void Visit(const ir::BufferStoreNode* node) override {
      See(node->buffer->data.get());
      ir::StmtExprVisitor::Visit(node);
    }
    void Visit(const ir::LetNode* node) override {
      VisitExpr(node->value);
      ++defined[node->var.get()];
      VisitExpr(node->body);
    }
    void Visit(const ir::ForNode* node) override {
      VisitExpr(node->min);
      VisitExpr(node->extent);
      ++defined[node->loop_var.get()];
      VisitStmt(node->body);
    }
    void Visit(const ir::LetStmtNode* node) override {
      VisitExpr(node->value);
      ++defined[node->var.get()];
      VisitStmt(node->body);
    }
    void Visit(const ir::AllocateNode* node) override {
      ++defined[node->buffer_var.get()];
      ir::StmtExprVisitor::Visit(node);
    }
    void Visit(const ir::AllocateConstNode* node) override {
      ++defined[node->buffer_var.get()];
      ir::StmtExprVisitor::Visit(node);
    }
  };
  Collector collector;
  collector.VisitStmt(ir::Stmt(loop));
  return collector.used;
}

}  // namespace

void FunctionEmitter::EmitParallel(const ir::ForNode* node) {
  std::vector<ir::Var> captured;
  std::vector<Value*> values = {error_};
  for (ir::Var var : FreeVars(node)) {
    if (auto it = memory_.find(var.get()); it != memory_.end()) {
      if (it->second.pointer == nullptr) {
        return state_.Fail(StrCat("registers of \"", var.name(), "\" cannot be shared between threads"));
      }
      values.push_back(it->second.pointer);
    } else if (auto bound = vars_.find(var.get()); bound != vars_.end()) {
      values.push_back(bound->second.value);
    } else {
      return state_.Fail(StrCat("variable \"", var.name(), "\" is used where it is not defined"));
    }
    captured.push_back(var);
  }
  std::vector<llvm::Type*> types;
  for (Value* value : values) types.push_back(value->getType());
  llvm::StructType* frame_type = llvm::StructType::get(state_.context, types);
  llvm::AllocaInst* frame = EntryAlloca(frame_type, "frame");
  for (size_t i = 0; i < values.size(); ++i) {
    builder_.CreateStore(values[i], builder_.CreateStructGEP(frame_type, frame, i));
  }
  llvm::Type* pointer = builder_.getPtrTy();
  auto* task = llvm::Function::Create(llvm::FunctionType::get(builder_.getVoidTy(), {pointer}, false),
                                      llvm::GlobalValue::InternalLinkage,
                                      StrCat(state_.entry, "_parallel_", state_.outlined++), state_.module);
  task->copyAttributesFrom(function_);
  task->setLinkage(llvm::GlobalValue::InternalLinkage);
  FunctionEmitter emitter(state_, task);
  emitter.in_parallel_ = true;
  emitter.non_temporal_ = non_temporal_;
  for (ir::Var var : captured) {
    if (auto it = memory_.find(var.get()); it != memory_.end()) {
      Memory memory = it->second;
      memory.id = static_cast<int64_t>(emitter.memory_.size());
      emitter.memory_[var.get()] = memory;
    }
    if (var.dtype().is_index()) emitter.context_.Bind(var, context_.BoundsOfVar(var));
  }
  emitter.EmitTask(node, captured, frame_type);

  llvm::FunctionCallee launch = state_.module.getOrInsertFunction(
      "GOMP_parallel",
      llvm::FunctionType::get(builder_.getVoidTy(), {pointer, pointer, builder_.getInt32Ty(), builder_.getInt32Ty()},
                              false));
  builder_.CreateCall(launch, {task, frame, builder_.getInt32(0), builder_.getInt32(0)});
  for (auto& [data, memory] : memory_) ++memory.version;
  llvm::BasicBlock* ok = llvm::BasicBlock::Create(state_.context, "joined", function_);
  Value* error = builder_.CreateLoad(builder_.getInt32Ty(), error_);
  builder_.CreateCondBr(builder_.CreateIsNull(error), ok, exit_);
  builder_.SetInsertPoint(ok);
}

void FunctionEmitter::EmitTask(const ir::ForNode* node, const std::vector<ir::Var>& captured,
                               llvm::StructType* frame_type) {
  llvm::BasicBlock* body = builder_.GetInsertBlock();
  builder_.SetInsertPoint(entry_end_);
  const auto field = [&](unsigned i) {
    Value* slot = builder_.CreateStructGEP(frame_type, function_->getArg(0), i);
    llvm::LoadInst* load = builder_.CreateLoad(frame_type->getElementType(i), slot);
    load->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(state_.context, {}));
    return load;
  };
  error_flag_ = field(0);
  for (size_t i = 0; i < captured.size(); ++i) {
    Value* value = field(static_cast<unsigned>(i + 1));
    if (auto it = memory_.find(captured[i].get()); it != memory_.end()) {
      it->second.pointer = value;
    } else {
      vars_[captured[i].get()] = {value, 0};
    }
  }
  builder_.SetInsertPoint(body);
  llvm::FunctionType* query = llvm::FunctionType::get(builder_.getInt32Ty(), {}, false);
  const auto ask = [&](const char* name) {
    return builder_.CreateSExt(builder_.CreateCall(state_.module.getOrInsertFunction(name, query)),
                               builder_.getInt64Ty());
  };
  Value* threads = ask("omp_get_num_threads");
  Value* thread = ask("omp_get_thread_num");
  context_.BindLoop(node->loop_var, node->min, node->extent);
  Value* min = EmitIndex(node->min);
  Value* extent = EmitIndex(node->extent);
  Value* step = builder_.CreateUDiv(builder_.CreateSub(builder_.CreateAdd(extent, threads), builder_.getInt64(1)),
                                    threads, "step");
  const auto bounded = [&](Value* at) {
    return builder_.CreateAdd(min, builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, at, extent));
  };
  Value* begin = bounded(builder_.CreateMul(thread, step));
  Value* end = bounded(builder_.CreateMul(builder_.CreateAdd(thread, builder_.getInt64(1)), step));
  EmitLoop(node, begin, end, /*surely_runs=*/false);
  if (non_temporal_) builder_.CreateIntrinsic(llvm::Intrinsic::x86_sse_sfence, {});
  Finish();
}

}  // namespace hone::codegen
