#include "worker/codegen/cuda/cuda_codegen.h"

#include <algorithm>
#include <utility>

#include "common/ir/visitor.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/cuda_limits.h"
#include "common/target/rule_kind.h"
#include "worker/codegen/cuda/kernel_emitter.h"
#include "worker/codegen/cuda/nvrtc.h"
#include "worker/codegen/cuda/ptxas_report.h"

namespace hone::codegen {
namespace {

// A launch that no device of the architecture can do fails here and not on the device.
absl::Status CheckLaunch(const KernelLaunch& launch, int sm) {
  if (const int64_t limit = CudaSharedMemoryPerBlock(sm); launch.dynamic_shared_bytes > limit) {
    return absl::FailedPreconditionError(
        StrCat("a block wants ", launch.dynamic_shared_bytes, " bytes of shared memory, and sm_", sm, " has ", limit));
  }
  const uint64_t threads = uint64_t{launch.block[0]} * launch.block[1] * launch.block[2];
  if (threads > 1024 || launch.grid[1] > 65535 || launch.grid[2] > 65535) {
    return absl::FailedPreconditionError(StrCat("a launch of ", threads, " threads a block on a grid of ",
                                                launch.grid[0], " x ", launch.grid[1], " x ", launch.grid[2],
                                                ", expected at most 1024 threads and 65535 in y and z"));
  }
  return absl::OkStatus();
}

// Walks over the part of the program that runs on the host and finds what it launches.
class ProgramEmitter {
 public:
  ProgramEmitter(ir::PrimFunc func, std::string_view name, int sm) : name_(CudaIdentifier(name)), sm_(sm) {
    for (size_t i = 0; i < func->params.size(); ++i) {
      const ir::Buffer buffer = func->BufferOf(func->params[i]);
      if (!buffer) continue;
      globals_.push_back({buffer->data, StorageOf(buffer->dtype), static_cast<int>(i)});
      // A parameter that the body uses by its handle.
      globals_.push_back({func->params[i], StorageOf(buffer->dtype), static_cast<int>(i)});
    }
  }

  absl::Status Emit(ir::Stmt stmt) {
    switch (stmt.kind()) {
      case ir::StmtKind::kSeq:
        for (ir::Stmt child : stmt.as<ir::SeqNode>()->seq) HONE_RETURN_IF_ERROR(Emit(child));
        return absl::OkStatus();
      case ir::StmtKind::kDeclBuffer:
        return Emit(stmt.as<ir::DeclBufferNode>()->body);
      case ir::StmtKind::kAssertStmt:
        return Emit(stmt.as<ir::AssertStmtNode>()->body);
      case ir::StmtKind::kLetStmt:
        lets_.emplace_back(stmt.as<ir::LetStmtNode>()->var, stmt.as<ir::LetStmtNode>()->value);
        return Emit(stmt.as<ir::LetStmtNode>()->body);
      case ir::StmtKind::kAllocate:
        HONE_RETURN_IF_ERROR(NoteAllocation(stmt.as<ir::AllocateNode>()));
        return Emit(stmt.as<ir::AllocateNode>()->body);
      case ir::StmtKind::kAttrStmt: {
        const auto* attr = stmt.as<ir::AttrStmtNode>();
        if (attr->attr_key == "thread_extent") return EmitKernel(stmt);
        return Emit(attr->body);
      }
      case ir::StmtKind::kEvaluate:
        if (stmt.as<ir::EvaluateNode>()->value.kind() == ir::ExprKind::kIntImm) return absl::OkStatus();
        break;
      default:
        break;
    }
    return absl::FailedPreconditionError(
        "a statement is left outside of the kernels: a loop around it is not bound to threads");
  }

  CudaSource Finish() {
    CudaSource out;
    out.text = prelude_.Text() + kernels_;
    out.plan = std::move(plan_);
    return out;
  }

 private:
  static ir::DataType StorageOf(ir::DataType dtype) { return dtype.is_bool() ? ir::DataType::Int(8) : dtype; }

  absl::Status NoteAllocation(const ir::AllocateNode* allocate) {
    const std::string_view scope = allocate->buffer_var->type->scope;
    if (!scope.empty() && scope != "global") {
      outer_.push_back(allocate);
      return absl::OkStatus();
    }
    uint64_t bytes = static_cast<uint64_t>(allocate->dtype.bytes());
    for (ir::Expr extent : allocate->extents) {
      const int64_t* value = ir::ConstInt(extent);
      if (value == nullptr || *value <= 0) {
        return absl::UnimplementedError(
            StrCat("temporary \"", allocate->buffer_var.name(), "\" without a constant size"));
      }
      bytes *= static_cast<uint64_t>(*value);
    }
    globals_.push_back(
        {allocate->buffer_var, allocate->dtype.element(), -1 - static_cast<int>(plan_.temporary_bytes.size())});
    plan_.temporary_bytes.push_back(bytes);
    return absl::OkStatus();
  }

  absl::Status EmitKernel(ir::Stmt stmt) {
    const size_t number = plan_.kernels.size();
    const std::string name = StrCat(name_, "_kernel", number == 0 ? std::string() : StrCat("_", number));
    KernelEmitter emitter(prelude_, globals_, name, sm_);
    HONE_RETURN_IF_ERROR(emitter.Emit(stmt, outer_, lets_));
    HONE_RETURN_IF_ERROR(CheckLaunch(emitter.launch(), sm_));
    StrAppend(&kernels_, number == 0 ? "" : "\n", emitter.text());
    plan_.kernels.push_back(emitter.launch());
    return absl::OkStatus();
  }

  const std::string name_;
  const int sm_;
  std::vector<GlobalBuffer> globals_;
  std::vector<const ir::AllocateNode*> outer_;
  std::vector<std::pair<ir::Var, ir::Expr>> lets_;
  CudaPrelude prelude_;
  std::string kernels_;
  LaunchPlan plan_;
};

}  // namespace

absl::StatusOr<std::string> CudaArchOf(const Target& target) {
  if (target.kind() != "cuda") {
    return absl::InvalidArgumentError(StrCat("target kind \"", target.kind(), "\", expected cuda"));
  }
  const std::optional<std::string> arch = target.GetString("arch");
  if (!arch.has_value() || arch->rfind("sm_", 0) != 0 || SmVersion(target) < 50) {
    return absl::InvalidArgumentError(
        StrCat("target attribute arch is \"", arch.value_or(""), "\", expected a name such as sm_80"));
  }
  return *arch;
}

absl::StatusOr<CudaSource> EmitCuda(const ir::IRModule& lowered, const Target& target) {
  const ir::ModuleEntry* entry = lowered.Entry();
  const auto* func = entry != nullptr ? ir::As<ir::PrimFuncNode>(entry->function) : nullptr;
  if (func == nullptr) return absl::InvalidArgumentError("the module has no entry function");
  HONE_ASSIGN_OR_RETURN(const std::string arch, CudaArchOf(target));
  // Bounds of indices are built here while the program is written.
  ir::Arena scratch;
  const ir::ArenaScope scope(scratch);
  ProgramEmitter emitter(func, func->attrs.GetString("global_symbol", entry->var->name), SmVersion(target));
  HONE_RETURN_IF_ERROR(emitter.Emit(func->body));
  CudaSource source = emitter.Finish();
  source.plan.arch = arch;
  return source;
}

absl::StatusOr<CudaKernels> CompileCuda(const ir::IRModule& lowered, const Target& target) {
  HONE_ASSIGN_OR_RETURN(CudaSource source, EmitCuda(lowered, target));
  return CompileCuda(std::move(source));
}

absl::StatusOr<CudaKernels> CompileCuda(CudaSource source) {
  HONE_ASSIGN_OR_RETURN(NvrtcResult compiled, NvrtcCompile(source.text, source.plan.arch));
  CudaKernels kernels;
  kernels.source = std::move(source.text);
  kernels.plan = std::move(source.plan);
  kernels.log = std::move(compiled.log);
  AddPtxasReport(kernels.log, &kernels.plan);
  kernels.artifact = EncodeCubin(kernels.plan, compiled.cubin);
  return kernels;
}

std::string CudaCodegenRevision() {
  static const std::string* const revision = [] {
    const absl::StatusOr<std::string> nvrtc = NvrtcVersion();
    return new std::string(StrCat("cuda-4/nvrtc-", nvrtc.ok() ? *nvrtc : "none"));
  }();
  return *revision;
}

}  // namespace hone::codegen
