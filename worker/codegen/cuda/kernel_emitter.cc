#include "worker/codegen/cuda/kernel_emitter.h"

#include <algorithm>

#include "common/ir/visitor.h"
#include "common/support/strings.h"

namespace hone::codegen {

using ir::Builtin;
using ir::DataType;
using ir::Expr;
using ir::Stmt;
using ir::StmtKind;

namespace {

// Loops over registers are unrolled up to this many copies of their body, nested ones together, ...
constexpr int64_t kMaxRegisterUnroll = 1024;
// ... and up to this many statements: 256 sums over a tile of 16 steps. More takes the compiler longer than a build
// may.
constexpr int64_t kMaxUnrolledStatements = 4096;
// Arrays beyond this many bytes do not fit the 255 registers of a thread even when half of them is spilled. They are
// memory whether their loops are unrolled or not, and unrolling only costs time in the compiler.
constexpr int64_t kMaxRegisterBytes = 2048;

int64_t ElementsOf(const ir::AllocateNode* allocate) {
  int64_t elements = allocate->dtype.lanes;
  for (Expr extent : allocate->extents) {
    const int64_t* value = ir::ConstInt(extent);
    if (value == nullptr || *value < 0) return -1;
    elements *= *value;
  }
  return elements;
}

std::string_view ScopeOfVar(ir::Var var) {
  return var->type->scope.empty() ? std::string_view("global") : var->type->scope;
}

// Whether `buffer` is an array that the compiler can keep in registers.
bool FitsRegisters(ir::Buffer buffer) {
  if (buffer->scope() != "local") return false;
  int64_t bytes = buffer->dtype.bytes();
  for (Expr extent : buffer->shape) {
    const int64_t* value = ir::ConstInt(extent);
    if (value == nullptr) return true;
    bytes *= *value;
    if (bytes > kMaxRegisterBytes) return false;
  }
  return true;
}

// Whether argument `i` of a matrix intrinsic says which fragments or registers it works on. Its other arguments may be
// addresses: a loop over tiles of shared memory need not be unrolled.
bool NumbersRegisters(Builtin op, size_t i) {
  switch (op) {
    case Builtin::tvm_load_matrix_sync:
    case Builtin::tvm_store_matrix_sync:
    case Builtin::tvm_fill_fragment:
      return i == 4;
    case Builtin::tvm_mma_sync:
      return i % 2 == 1;
    case Builtin::ptx_mma:
      return true;
    case Builtin::ptx_ldmatrix:
      return i == 3 || i == 4;
    case Builtin::mma_store:
      return i == 3 || i == 4;
    case Builtin::mma_fill:
      return i == 2;
    default:
      return false;
  }
}

// Whether a loop over `var` walks through registers, which have no addresses: such a loop has to be unrolled.
bool IndexesRegisters(Stmt body, ir::Var var) {
  bool found = false;
  const auto look = [&](ir::Buffer buffer, const ir::Array<Expr>& indices) {
    if (!FitsRegisters(buffer)) return;
    for (Expr index : indices) found |= ir::UsesVar(index, var);
  };
  ir::PreOrderVisitStmts(body, [&](Stmt stmt) {
    if (const auto* store = stmt.as<ir::BufferStoreNode>()) look(store->buffer, store->indices);
    return !found;
  });
  if (found) return true;
  ir::PostOrderVisitExprs(body, [&](Expr e) {
    if (const auto* load = e.as<ir::BufferLoadNode>()) look(ir::Buffer(load->buffer), load->indices);
    if (const auto* call = e.as<ir::CallNode>(); call != nullptr && call->function == nullptr) {
      for (size_t i = 0; i < call->args.size(); ++i) {
        found |= NumbersRegisters(call->op, i) && ir::UsesVar(call->args[i], var);
      }
    }
  });
  return found;
}

// What unrolling all loops of a body makes of it.
struct UnrolledSize {
  int64_t copies = 1;      // Of the statement that is repeated most.
  int64_t statements = 0;  // Stores and calls, all copies together.
};

UnrolledSize SizeWhenUnrolled(Stmt body) {
  constexpr int64_t kMany = int64_t{1} << 30;  // Large enough for any limit, and safe to multiply.
  UnrolledSize size;
  ir::PreOrderVisitStmts(body, [&](Stmt stmt) {
    if (stmt.kind() == StmtKind::kBufferStore || stmt.kind() == StmtKind::kEvaluate) ++size.statements;
    const auto* loop = stmt.as<ir::ForNode>();
    if (loop == nullptr) return true;
    const int64_t* extent = ir::ConstInt(loop->extent);
    const int64_t times = extent != nullptr ? std::clamp<int64_t>(*extent, 0, kMany) : 1;
    const UnrolledSize inner = SizeWhenUnrolled(loop->body);
    size.copies = std::max(size.copies, std::min(times * inner.copies, kMany));
    size.statements = std::min(size.statements + times * inner.statements, kMany);
    return false;
  });
  return size;
}

// Whether a register loop with this extent and body is small enough to be unrolled.
bool WorthUnrolling(int64_t extent, Stmt body) {
  const UnrolledSize inner = SizeWhenUnrolled(body);
  return extent <= kMaxRegisterUnroll / std::max<int64_t>(inner.copies, 1) &&
         extent <= kMaxUnrolledStatements / std::max<int64_t>(inner.statements, 1);
}

}  // namespace

KernelEmitter::KernelEmitter(CudaPrelude& prelude, const std::vector<GlobalBuffer>& buffers, std::string name, int sm)
    : prelude_(prelude), buffers_(buffers), sm_(sm) {
  launch_.name = std::move(name);
  taken_[launch_.name] = 1;
  for (const GlobalBuffer& buffer : buffers_) {
    pointers_[buffer.data.get()] = {NewName(buffer.data.name()), buffer.dtype, "global"};
  }
}

void KernelEmitter::Fail(absl::Status status) {
  if (status_.ok()) status_ = std::move(status);
}

void KernelEmitter::FailUnimplemented(std::string message) { Fail(absl::UnimplementedError(message)); }

void KernelEmitter::Line(std::string_view text) {
  body_.append(static_cast<size_t>(2 * indent_), ' ');
  body_.append(text);
  body_.push_back('\n');
}

std::string KernelEmitter::NewName(std::string_view wanted) {
  std::string name = CudaIdentifier(wanted);
  if (IsCudaKeyword(name)) name += "_";
  const int count = taken_[name]++;
  if (count == 0) return name;
  for (int i = count;; ++i) {
    std::string numbered = StrCat(name, "_", i);
    if (taken_.emplace(numbered, 1).second) return numbered;
  }
}

std::string KernelEmitter::TypeName(DataType dtype) {
  std::optional<std::string> name = CudaType(dtype);
  if (!name.has_value()) {
    FailUnimplemented(StrCat("CUDA kernels have no type ", dtype.ToString()));
    return "int";
  }
  prelude_.Use(dtype);
  return *name;
}

absl::Status KernelEmitter::Emit(Stmt body, const std::vector<const ir::AllocateNode*>& outer,
                                 const std::vector<std::pair<ir::Var, Expr>>& lets) {
  for (const auto& [var, value] : lets) names_[var.get()] = StrCat("(", Scalar(value), ")");
  Survey(body, outer);
  for (const ir::AllocateNode* allocate : outer) EmitAllocate(allocate);
  EmitStmt(body);
  if (!status_.ok()) return status_;
  text_ = StrCat(Signature(), " {\n", body_, "}\n");
  return status_;
}

void KernelEmitter::Survey(Stmt body, const std::vector<const ir::AllocateNode*>& outer) {
  std::vector<const ir::AllocateNode*> shared;
  const auto note = [&](const ir::AllocateNode* allocate) {
    if (lower::IsSharedScope(ScopeOfVar(allocate->buffer_var))) shared.push_back(allocate);
  };
  for (const ir::AllocateNode* allocate : outer) note(allocate);
  ir::PreOrderVisitStmts(body, [&](Stmt stmt) {
    if (const auto* allocate = stmt.as<ir::AllocateNode>()) note(allocate);
    if (const auto* store = stmt.as<ir::BufferStoreNode>()) written_[store->buffer->data.get()] = true;
    return true;
  });
  const lower::SharedPlaces dynamic = lower::DynamicShared(shared);
  for (const auto& [allocate, offset] : dynamic.offsets) dynamic_offset_[allocate->buffer_var.get()] = offset;
  launch_.dynamic_shared_bytes = static_cast<uint32_t>(dynamic.bytes);
  if (dynamic.bytes > 0) Line("extern __shared__ __align__(128) unsigned char dynamic_shared[];");
  absl::flat_hash_map<const ir::VarNode*, bool> used;
  ir::PostOrderVisitExprs(body, [&](Expr e) {
    if (const auto* load = e.as<ir::BufferLoadNode>()) used[load->buffer->data.get()] = true;
    if (const auto* var = e.as<ir::VarNode>(); var != nullptr && var->dtype.is_handle()) used[var] = true;
    const auto* call = e.as<ir::CallNode>();
    if (call == nullptr || call->function != nullptr) return;
    SurveyFragment(call);
    // Whatever has its address taken is taken to be written, except where the access says otherwise.
    if (call->Is(Builtin::tvm_access_ptr)) {
      const int64_t* mask = call->args.size() > 4 ? ir::ConstInt(call->args[4]) : nullptr;
      const auto* data = call->args[1].as<ir::VarNode>();
      if (data != nullptr && (mask == nullptr || (*mask & 2) != 0)) written_[data] = true;
    }
    if (call->Is(Builtin::address_of)) {
      if (const auto* load = call->args[0].as<ir::BufferLoadNode>()) written_[load->buffer->data.get()] = true;
    }
    if (call->Is(Builtin::mma_store)) {
      if (const auto* data = call->args[2].as<ir::VarNode>()) written_[data] = true;
    }
  });
  ChooseFragmentRegisters(body);
  for (const auto& [var, yes] : written_) used[var] = true;
  for (const GlobalBuffer& buffer : buffers_) {
    if (used.contains(buffer.data.get())) used_globals_.push_back(buffer.data.get());
  }
}

std::string KernelEmitter::Signature() {
  std::string params;
  for (const GlobalBuffer& buffer : buffers_) {
    if (std::find(used_globals_.begin(), used_globals_.end(), buffer.data.get()) == used_globals_.end()) continue;
    const Pointer& pointer = pointers_[buffer.data.get()];
    StrAppend(&params, params.empty() ? "" : ", ", written_.contains(buffer.data.get()) ? "" : "const ",
              TypeName(pointer.dtype), "* __restrict__ ", pointer.name);
    launch_.args.push_back(buffer.arg);
  }
  uint64_t threads = 1;
  for (uint32_t extent : launch_.block) threads *= extent;
  return StrCat("extern \"C\" __global__ void __launch_bounds__(", threads, ") ", launch_.name, "(", params, ")");
}

void KernelEmitter::BindThread(const ir::AttrStmtNode* attr) {
  const auto* iter = ir::As<ir::IterVarNode>(attr->node);
  const int64_t* extent = ir::ConstInt(attr->value);
  if (iter == nullptr || extent == nullptr) {
    FailUnimplemented("a launch whose extents are no constants");
    return;
  }
  const std::string tag(iter->thread_tag);
  const bool is_block = tag.rfind("blockIdx.", 0) == 0;
  const bool is_thread = tag.rfind("threadIdx.", 0) == 0;
  if ((!is_block && !is_thread) || tag.back() < 'x' || tag.back() > 'z') {
    FailUnimplemented(StrCat("thread tag \"", tag, "\" on a GPU"));
    return;
  }
  analyzer_.Bind(iter->var, ir::Range{ir::IntImm(iter->var->dtype, 0), ir::IntImm(iter->var->dtype, *extent)});
  if (auto known = thread_names_.find(tag); known != thread_names_.end()) {
    if (thread_extents_[tag] != *extent) {
      Fail(absl::FailedPreconditionError(
          StrCat("thread axis ", tag, " has extents ", thread_extents_[tag], " and ", *extent, " in one kernel")));
    }
    names_[iter->var.get()] = known->second;
    return;
  }
  const std::string name = NewName(tag);
  Line(StrCat("const int ", name, " = (int)", tag, ";"));
  thread_names_[tag] = name;
  thread_extents_[tag] = *extent;
  names_[iter->var.get()] = name;
  (is_block ? launch_.grid : launch_.block)[static_cast<size_t>(tag.back() - 'x')] = static_cast<uint32_t>(*extent);
}

void KernelEmitter::EmitBlock(Stmt stmt) {
  ++indent_;
  EmitStmt(stmt);
  --indent_;
}

void KernelEmitter::EmitStmt(Stmt stmt) {
  if (!status_.ok()) return;
  switch (stmt.kind()) {
    case StmtKind::kSeq:
      for (Stmt child : stmt.as<ir::SeqNode>()->seq) EmitStmt(child);
      return;
    case StmtKind::kAttrStmt:
      return EmitAttr(stmt.as<ir::AttrStmtNode>());
    case StmtKind::kAllocate:
      EmitAllocate(stmt.as<ir::AllocateNode>());
      return EmitStmt(stmt.as<ir::AllocateNode>()->body);
    case StmtKind::kDeclBuffer:
      return EmitStmt(stmt.as<ir::DeclBufferNode>()->body);
    case StmtKind::kLetStmt: {
      const auto* let = stmt.as<ir::LetStmtNode>();
      if (let->var->dtype.is_handle()) {
        const std::string pointer = PointerExpr(let->value);
        const auto* type = let->var->type;
        DataType element = type->kind == ir::TypeKind::kPointer ? type->dtype : DataType::UInt(8);
        const std::string name = NewName(let->var.name());
        Line(StrCat(TypeName(element), "* ", name, " = (", TypeName(element), "*)(", pointer, ");"));
        pointers_[let->var.get()] = {name, element, ScopeOf(let->value)};
        return EmitStmt(let->body);
      }
      const std::string value = let->var->dtype.is_vector() ? Vector(let->value) : Scalar(let->value);
      const std::string name = NewName(let->var.name());
      Line(StrCat("const ", TypeName(let->var->dtype), " ", name, " = ", value, ";"));
      names_[let->var.get()] = name;
      if (let->var->dtype.is_index()) analyzer_.Bind(let->var, analyzer_.const_int_bound(let->value));
      return EmitStmt(let->body);
    }
    case StmtKind::kBufferStore:
      return EmitStore(stmt.as<ir::BufferStoreNode>());
    case StmtKind::kIfThenElse: {
      const auto* branch = stmt.as<ir::IfThenElseNode>();
      Line(StrCat("if (", Scalar(branch->condition), ") {"));
      {
        const arith::ConstraintScope scope = analyzer_.EnterConstraint(branch->condition);
        EmitBlock(branch->then_case);
      }
      if (branch->else_case) {
        Line("} else {");
        EmitBlock(branch->else_case);
      }
      return Line("}");
    }
    case StmtKind::kFor:
      return EmitFor(stmt.as<ir::ForNode>());
    case StmtKind::kWhile:
      Line(StrCat("while (", Scalar(stmt.as<ir::WhileNode>()->condition), ") {"));
      EmitBlock(stmt.as<ir::WhileNode>()->body);
      return Line("}");
    case StmtKind::kAssertStmt:
      return EmitStmt(stmt.as<ir::AssertStmtNode>()->body);
    case StmtKind::kEvaluate:
      return EmitEvaluate(stmt.as<ir::EvaluateNode>()->value);
    case StmtKind::kAllocateConst:
    case StmtKind::kBufferRealize:
    case StmtKind::kBlock:
    case StmtKind::kBlockRealize:
      return FailUnimplemented("a block or a constant tensor inside of a kernel: it has to be lowered before");
  }
}

void KernelEmitter::EmitFor(const ir::ForNode* loop) {
  if (loop->for_kind == ir::ForKind::kVectorized) {
    return FailUnimplemented(StrCat("vectorized loop \"", loop->loop_var.name(), "\": it has to be lowered before"));
  }
  const int64_t* extent = ir::ConstInt(loop->extent);
  const bool registers =
      extent != nullptr && WorthUnrolling(*extent, loop->body) && IndexesRegisters(loop->body, loop->loop_var);
  if (loop->for_kind == ir::ForKind::kUnrolled || registers) Line("#pragma unroll");
  const std::string min = Scalar(loop->min);
  const std::string end = ir::IsZero(loop->min) ? Scalar(loop->extent) : StrCat(min, " + ", Scalar(loop->extent, 12));
  const std::string name = NewName(loop->loop_var.name());
  names_[loop->loop_var.get()] = name;
  analyzer_.Bind(loop->loop_var, ir::Range{loop->min, loop->extent});
  Line(StrCat("for (", TypeName(loop->loop_var->dtype), " ", name, " = ", min, "; ", name, " < ", end, "; ++", name,
              ") {"));
  EmitBlock(loop->body);
  Line("}");
}

void KernelEmitter::EmitAllocate(const ir::AllocateNode* allocate) {
  const ir::Var var = allocate->buffer_var;
  const std::string scope(ScopeOfVar(var));
  const int64_t elements = ElementsOf(allocate);
  if (elements < 0) return FailUnimplemented(StrCat("allocation \"", var.name(), "\" without a constant size"));
  const std::string name = NewName(var.name());
  const DataType element = allocate->dtype.element();
  if (auto it = fragments_.find(var.get()); it != fragments_.end()) {
    const Fragment& fragment = it->second;
    const int64_t count = std::max<int64_t>(1, (elements + fragment.elements() - 1) / fragment.elements());
    Line(StrCat(fragment.register_type(), " ", name, "[", count, "][", fragment.registers(), "];"));
    pointers_[var.get()] = {name, element, scope};
    return;
  }
  const std::string type = TypeName(element);
  if (auto it = dynamic_offset_.find(var.get()); it != dynamic_offset_.end()) {
    Line(StrCat(type, "* const ", name, " = (", type, "*)(dynamic_shared",
                it->second == 0 ? std::string() : StrCat(" + ", it->second), ");"));
  } else if (scope == "shared") {
    Line(StrCat("__shared__ __align__(128) ", type, " ", name, "[", elements, "];"));
  } else if (scope == "local" || scope == "warp" || scope.rfind("m16n8k8.", 0) == 0) {
    Line(StrCat("alignas(16) ", type, " ", name, "[", elements, "];"));
  } else if (scope == "global") {
    return FailUnimplemented(StrCat("global memory (\"", var.name(), "\") cannot be allocated inside of a kernel"));
  } else {
    return FailUnimplemented(StrCat("storage scope \"", scope, "\" of \"", var.name(), "\" on a GPU"));
  }
  pointers_[var.get()] = {name, element, scope};
}

void KernelEmitter::EmitWait(Expr count) {
  prelude_.Use("cp_async_wait");
  if (const int64_t* n = ir::ConstInt(count)) return Line(StrCat("cp_async_wait<", *n, ">();"));
  const auto* call = count.as<ir::CallNode>();
  if (call != nullptr && call->Is(Builtin::if_then_else) && ir::ConstInt(call->args[1]) != nullptr) {
    Line(StrCat("if (", Scalar(call->args[0]), ") {"));
    ++indent_;
    EmitWait(call->args[1]);
    --indent_;
    Line("} else {");
    ++indent_;
    EmitWait(call->args[2]);
    --indent_;
    return Line("}");
  }
  Line("cp_async_wait<0>();");
}

void KernelEmitter::EmitAttr(const ir::AttrStmtNode* attr) {
  const std::string_view key = attr->attr_key;
  if (key == "thread_extent") {
    BindThread(attr);
  } else if (key == "virtual_thread") {
    return FailUnimplemented("a virtual thread: it has to be lowered before");
  } else if (key == "async_scope") {
    ++async_;
    EmitStmt(attr->body);
    --async_;
    return;
  } else if (key == "async_commit_queue_scope") {
    EmitStmt(attr->body);
    prelude_.Use("cp_async_commit");
    return Line("cp_async_commit();");
  } else if (key == "async_wait_queue_scope") {
    const auto* count = attr->body.as<ir::AttrStmtNode>();
    if (count == nullptr || count->attr_key != "async_wait_inflight_count") {
      return FailUnimplemented("a wait for asynchronous copies without a count");
    }
    EmitWait(count->value);
    return EmitStmt(count->body);
  } else if (key == "pragma_import_c" || key == "pragma_import_llvm") {
    return FailUnimplemented(StrCat(key, " on a GPU"));
  }
  EmitStmt(attr->body);
}

void KernelEmitter::EmitEvaluate(Expr value) {
  const auto* call = value.as<ir::CallNode>();
  if (call == nullptr) return;  // A constant: nothing to do.
  if (call->function != nullptr) return FailUnimplemented(StrCat("call of \"", call->function->name, "\" in a kernel"));
  switch (call->op) {
    case Builtin::tvm_storage_sync: {
      const auto* scope = call->args.empty() ? nullptr : call->args[0].as<ir::StringImmNode>();
      if (scope != nullptr && scope->value == "warp") return Line("__syncwarp();");
      if (scope != nullptr && scope->value == "global") return FailUnimplemented("a barrier of the whole grid");
      return Line("__syncthreads();");
    }
    case Builtin::tvm_load_matrix_sync:
      return LoadMatrix(call);
    case Builtin::tvm_store_matrix_sync:
      return StoreMatrix(call);
    case Builtin::tvm_fill_fragment:
      return FillMatrix(call);
    case Builtin::tvm_mma_sync:
      return MultiplyMatrices(call);
    case Builtin::ptx_mma:
      return PtxMma(call);
    case Builtin::ptx_ldmatrix:
      return PtxLdmatrix(call);
    case Builtin::ptx_cp_async:
      return PtxCpAsync(call);
    case Builtin::ptx_commit_group:
      prelude_.Use("cp_async_commit");
      return Line("cp_async_commit();");
    case Builtin::ptx_wait_group:
      return EmitWait(call->args[0]);
    case Builtin::mma_store:
      return MmaStore(call);
    case Builtin::mma_fill:
      return MmaFill(call);
    case Builtin::assume:
    case Builtin::ret:
    case Builtin::prefetch:
      return;
    default:
      break;
  }
  const std::string text = Scalar(value);
  if (ir::SideEffect(value) > ir::CallEffect::kReadState) Line(StrCat(text, ";"));
}

}  // namespace hone::codegen
