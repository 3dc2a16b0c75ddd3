#include "worker/builder/build_one.h"

#include <string>
#include <utility>
#include <vector>

#include "common/intrin/intrin.h"
#include "common/ir/module.h"
#include "common/ir/stmt.h"
#include "common/lower/lower.h"
#include "common/measure/failure_status.h"
#include "common/schedule/schedule.h"
#include "common/schedule/trace_json.h"
#include "common/script/parser.h"
#include "common/script/printer.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "common/target/host.h"
#include "common/target/target.h"
#include "nlohmann/json.hpp"
#include "worker/builder/bind_naively.h"
#include "worker/codegen/cuda/cuda_codegen.h"
#include "worker/codegen/cuda/nvrtc.h"
#include "worker/codegen/llvm/llvm_codegen.h"

namespace hone::builder {
namespace {

// A program for a GPU that nobody scheduled is spread over threads, one an element.
absl::StatusOr<ir::IRModule> Scheduled(const BuildRequest& request, const Target& target) {
  absl::StatusOr<ir::IRModule> module = script::ParseModule(request.workload_script);
  if (!module.ok()) return WithFailureKind(module.status(), FailureKind::kParse);
  if (module->Entry() == nullptr) {
    return WithFailureKind(absl::InvalidArgumentError("the module has no entry function"), FailureKind::kParse);
  }
  if (request.trace_json.empty()) {
    if (target.kind() != "cuda" || HasThreadBinding(*module)) return module;
    absl::StatusOr<ir::IRModule> bound = BindNaively(*module);
    if (!bound.ok()) return WithFailureKind(bound.status(), FailureKind::kSchedule);
    return bound;
  }
  schedule::ScheduleOptions options;
  options.intrinsics = FindTensorIntrin;
  absl::StatusOr<schedule::Schedule> schedule = schedule::Schedule::Create(*module, options);
  if (!schedule.ok()) return WithFailureKind(schedule.status(), FailureKind::kSchedule);
  const absl::Status applied = schedule::ApplyTraceJson(*schedule, request.trace_json);
  if (!applied.ok()) return WithFailureKind(applied, FailureKind::kSchedule);
  return schedule->module();
}

absl::StatusOr<std::vector<TensorInfo>> ArgsOf(const ir::IRModule& module) {
  const ir::ModuleEntry* entry = module.Entry();
  const ir::PrimFunc function = module.FindPrimFunc(entry->var->name);
  std::vector<TensorInfo> args;
  for (ir::Var param : function->params) {
    const ir::Buffer buffer = function->BufferOf(param);
    if (!buffer) return absl::UnimplementedError(StrCat("scalar parameter \"", param->name, "\" cannot be measured"));
    TensorInfo arg;
    arg.dtype = buffer->dtype.ToString();
    for (ir::Expr extent : buffer->shape) {
      const auto* value = extent.as<ir::IntImmNode>();
      if (value == nullptr) {
        return absl::UnimplementedError(StrCat("parameter \"", buffer->name, "\" has no constant shape"));
      }
      arg.shape.push_back(value->value);
    }
    args.push_back(std::move(arg));
  }
  return args;
}

std::string RevisionFor(const Target& target) {
  return target.kind() == "cuda" ? codegen::CudaCodegenRevision() : codegen::CodegenRevision();
}

// What decides the object: the lowered program as text with its constants, the target, the code generator. Different
// traces often lower to the same.
Digest KeyOf(const ir::IRModule& lowered, const Target& target) {
  script::PrintOptions options;
  options.header = false;
  options.show_meta = true;
  return Sha256(StrCat("hone-artifact-v1\n", RevisionFor(target), "\n", target.ContentId().Hex(), "\n",
                       script::PrintModule(lowered, options)));
}

absl::Status CompileWithLlvm(const ir::IRModule& lowered, const Target& target, Artifact* artifact) {
  HONE_ASSIGN_OR_RETURN(codegen::CompiledKernel kernel, codegen::CompileCpu(lowered, target));
  const nlohmann::json metadata = {
      {"codegen", RevisionFor(target)}, {"target", target.ToString()}, {"object_bytes", kernel.object.size()}};
  artifact->format = "elf-object";
  artifact->metadata_json = metadata.dump();
  artifact->entry = std::move(kernel.entry);
  artifact->bytes = std::move(kernel.object);
  return absl::OkStatus();
}

absl::Status CompileWithNvrtc(const ir::IRModule& lowered, const Target& target, Artifact* artifact) {
  HONE_ASSIGN_OR_RETURN(codegen::CudaKernels kernels, codegen::CompileCuda(lowered, target));
  nlohmann::json launches = nlohmann::json::array();
  for (const codegen::KernelLaunch& kernel : kernels.plan.kernels) {
    launches.push_back(
        {{"name", kernel.name},
         {"grid", kernel.grid},
         {"block", kernel.block},
         {"registers", kernel.registers},
         {"spill_bytes", kernel.spill_bytes},
         {"stack_bytes", kernel.stack_bytes},
         {"shared_bytes", static_cast<uint64_t>(kernel.static_shared_bytes) + kernel.dynamic_shared_bytes}});
  }
  const nlohmann::json metadata = {{"codegen", RevisionFor(target)},
                                   {"target", target.ToString()},
                                   {"kernels", launches},
                                   {"temporary_bytes", kernels.plan.temporary_bytes}};
  artifact->format = "cubin";
  artifact->metadata_json = metadata.dump();
  artifact->entry = kernels.plan.kernels.empty() ? "" : kernels.plan.kernels[0].name;
  artifact->bytes = std::move(kernels.artifact);
  return absl::OkStatus();
}

absl::StatusOr<Artifact> Build(const BuildRequest& request, const ArtifactProbe& probe) {
  HONE_ASSIGN_OR_RETURN(const Target target, Target::Parse(request.target_json));
  if (target.kind() != "llvm" && target.kind() != "cuda") {
    return absl::UnimplementedError(StrCat("the local builder compiles for llvm and cuda, not for ", target.kind()));
  }
  HONE_ASSIGN_OR_RETURN(const ir::IRModule scheduled, Scheduled(request, target));
  HONE_ASSIGN_OR_RETURN(const ir::IRModule lowered, lower::Lower(scheduled, target));
  Artifact artifact;
  artifact.key = KeyOf(lowered, target);
  if (probe != nullptr && probe(artifact.key)) return artifact;
  HONE_ASSIGN_OR_RETURN(artifact.args, ArgsOf(scheduled));
  HONE_RETURN_IF_ERROR(target.kind() == "cuda" ? CompileWithNvrtc(lowered, target, &artifact)
                                               : CompileWithLlvm(lowered, target, &artifact));
  return artifact;
}

}  // namespace

absl::StatusOr<Artifact> BuildOne(const BuildRequest& request, const ArtifactProbe& probe) {
  absl::StatusOr<Artifact> artifact = Build(request, probe);
  if (!artifact.ok()) return WithFailureKind(artifact.status(), FailureKind::kBuild);
  return artifact;
}

void WarmUpCompiler() {
  BuildRequest request;
  request.workload_script =
      "@T.prim_func\n"
      "def main(a: T.Buffer((16,), \"float32\"), b: T.Buffer((16,), \"float32\")):\n"
      "    for i in range(16):\n"
      "        with T.block(\"b\"):\n"
      "            vi = T.axis.spatial(16, i)\n"
      "            b[vi] = a[vi] + T.float32(1)\n";
  request.target_json = DetectHost().ToJson();
  BuildOne(request, nullptr).IgnoreError();
}

std::vector<std::string> BuildableKinds() {
  std::vector<std::string> kinds;
  if (codegen::NvrtcVersion().ok()) kinds.push_back("cuda");
  if (codegen::HasLlvm()) kinds.push_back("llvm");
  return kinds;
}

void WarmUpCudaCompiler() { codegen::CudaCodegenRevision(); }

}  // namespace hone::builder
