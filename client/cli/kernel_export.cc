#include "client/cli/kernel_export.h"

#include <algorithm>

#include "client/cli/inspect/case.h"
#include "client/cli/inspect/program.h"
#include "client/cli/kernel_header.h"
#include "common/ir/visitor.h"
#include "common/lower/lower.h"
#include "common/script/printer.h"
#include "common/support/status_macros.h"
#include "common/support/strings.h"
#include "worker/codegen/cuda/cuda_codegen.h"
#include "worker/codegen/llvm/llvm_codegen.h"
#include "worker/codegen/llvm/shared_library.h"

namespace hone::cli {
namespace {

// The entry function; InvalidArgument when there is none.
absl::StatusOr<const ir::PrimFuncNode*> EntryOf(const ir::IRModule& module) {
  const ir::ModuleEntry* entry = module.Entry();
  const auto* function = entry != nullptr ? ir::As<ir::PrimFuncNode>(entry->function) : nullptr;
  if (function == nullptr) return absl::InvalidArgumentError("the module has no entry function");
  return function;
}

std::string ShapeText(ir::Array<ir::Expr> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) StrAppend(&text, i > 0 ? ", " : "", script::PrintExpr(shape[i]));
  return text + "]";
}

std::vector<KernelParameter> ParametersOf(const ir::PrimFuncNode* function) {
  std::vector<KernelParameter> out;
  for (ir::Var param : function->params) {
    const ir::Buffer buffer = function->BufferOf(param);
    KernelParameter parameter;
    parameter.name = std::string(buffer ? buffer->name : param.name());
    parameter.dtype = buffer ? buffer->dtype.ToString() : param.dtype().ToString();
    parameter.shape = buffer ? ShapeText(buffer->shape) : "";
    if (buffer) {
      ir::PreOrderVisitStmts(function->body, [&](ir::Stmt stmt) {
        const auto* store = stmt.as<ir::BufferStoreNode>();
        parameter.written |= store != nullptr && store->buffer->data == buffer->data;
        return true;
      });
      // A pointer that a call is given may be written through.
      ir::PostOrderVisitExprs(function->body, [&](ir::Expr e) {
        const auto* call = e.as<ir::CallNode>();
        if (call == nullptr || !(call->Is(ir::Builtin::address_of) || call->Is(ir::Builtin::tvm_access_ptr))) return;
        parameter.written |= ir::UsesVar(e, [&](ir::Var v) { return v == buffer->data; });
      });
    }
    out.push_back(std::move(parameter));
  }
  for (ir::Var var : codegen::ShapeVarsOf(function)) out.push_back({std::string(var.name()), "int64", "", false});
  return out;
}

// What a program has to do to run the kernels, in order.
std::string LaunchText(const codegen::LaunchPlan& plan, const std::vector<KernelParameter>& parameters) {
  const auto dim = [](const std::array<uint32_t, 3>& d) { return StrCat("{", d[0], ", ", d[1], ", ", d[2], "}"); };
  std::string text;
  for (size_t i = 0; i < plan.temporary_bytes.size(); ++i) {
    StrAppend(&text, "// temporary ", i, ": ", plan.temporary_bytes[i], " bytes of device memory\n");
  }
  for (const codegen::KernelLaunch& kernel : plan.kernels) {
    std::string args;
    for (int arg : kernel.args) {
      const std::string name = arg < 0 ? StrCat("temporary ", -1 - arg) : parameters[static_cast<size_t>(arg)].name;
      StrAppend(&args, args.empty() ? "" : ", ", name);
    }
    StrAppend(&text, "// launch ", kernel.name, "(", args, ") with grid ", dim(kernel.grid), ", block ",
              dim(kernel.block), ", ", kernel.dynamic_shared_bytes, " bytes of dynamic shared memory\n");
  }
  return text;
}

absl::StatusOr<std::string> CudaText(const KernelExport& wanted, const ir::IRModule& module,
                                     const ir::PrimFuncNode* function, const Target& target) {
  HONE_ASSIGN_OR_RETURN(const ir::IRModule lowered, lower::Lower(module, target));
  HONE_ASSIGN_OR_RETURN(const codegen::CudaSource source, codegen::EmitCuda(lowered, target));
  std::string text = StrCat("// ", wanted.name, ", for ", source.plan.arch, "\n");
  for (const std::string& note : wanted.notes) StrAppend(&text, "// ", note, "\n");
  return StrCat(text, LaunchText(source.plan, ParametersOf(function)), "\n", source.text);
}

// The ELF image that the driver loads; its launches are those that "cuda" shows.
absl::StatusOr<std::string> CubinOf(const ir::IRModule& module, const Target& target) {
  HONE_ASSIGN_OR_RETURN(const ir::IRModule lowered, lower::Lower(module, target));
  HONE_ASSIGN_OR_RETURN(const codegen::CudaKernels kernels, codegen::CompileCuda(lowered, target));
  HONE_ASSIGN_OR_RETURN(const codegen::DecodedCubin cubin, codegen::DecodeCubin(kernels.artifact));
  return std::string(cubin.image);
}

// What a kernel of this target cannot be exported as. A kernel of a GPU is no C function: it has launches.
absl::Status NoSuchForm(const Target& target, std::string_view format) {
  std::string text = StrCat("a kernel for ", target.kind(), " has no form \"", format, "\"");
  if (target.kind() == "cuda") {
    StrAppend(&text, ": it is no C function but launches through the CUDA driver; \"object\" is the cubin, ",
              "\"cuda\" the source with the launches");
  }
  return absl::UnimplementedError(text);
}

}  // namespace

const std::vector<std::string>& KernelFormats() {
  static const std::vector<std::string>& formats =
      *new std::vector<std::string>{"object", "shared", "header", "llvm-ir", "asm", "cuda", "tvmscript"};
  return formats;
}

std::string SymbolOf(std::string_view global_symbol, std::string_view name) {
  const bool usual = global_symbol.empty() || global_symbol == "main";
  return StrCat("hone_", CIdentifier(usual ? name : global_symbol));
}

absl::StatusOr<std::string> ExportKernel(const KernelExport& wanted) {
  const auto& formats = KernelFormats();
  if (std::find(formats.begin(), formats.end(), wanted.format) == formats.end()) {
    return absl::InvalidArgumentError(
        StrCat("format \"", wanted.format, "\" is none of object, shared, header, llvm-ir, asm, cuda, tvmscript"));
  }
  InspectCase question;
  question.module = wanted.module;
  question.trace_json = wanted.trace_json;
  question.target = wanted.target;
  HONE_ASSIGN_OR_RETURN(const schedule::Schedule schedule, ScheduleProgram(question));
  const ir::IRModule module = schedule.module();
  if (wanted.format == "tvmscript") return script::PrintModule(module) + "\n";
  HONE_ASSIGN_OR_RETURN(const Target target, TargetOf(question));
  HONE_ASSIGN_OR_RETURN(const ir::PrimFuncNode* function, EntryOf(module));
  if (target.kind() == "cuda" && wanted.format == "cuda") return CudaText(wanted, module, function, target);
  if (target.kind() == "cuda" && wanted.format == "object") return CubinOf(module, target);
  if (target.kind() != "llvm" || wanted.format == "cuda") return NoSuchForm(target, wanted.format);
  const std::string symbol =
      !wanted.symbol.empty() ? wanted.symbol : SymbolOf(function->attrs.GetString("global_symbol", ""), wanted.name);
  if (wanted.format == "header") {
    return KernelHeader({wanted.name, symbol, ParametersOf(function), wanted.notes});
  }
  HONE_ASSIGN_OR_RETURN(const ir::IRModule lowered, lower::Lower(module, target));
  codegen::CompileOptions options;
  options.entry = symbol;
  options.llvm_ir = wanted.format == "llvm-ir";
  options.assembly = wanted.format == "asm";
  options.object = !options.llvm_ir && !options.assembly;
  HONE_ASSIGN_OR_RETURN(codegen::CompiledKernel kernel, codegen::CompileCpu(lowered, target, options));
  if (options.llvm_ir) return kernel.llvm_ir;
  if (options.assembly) return kernel.assembly;
  return wanted.format == "shared" ? codegen::LinkSharedLibrary(kernel.object) : std::move(kernel.object);
}

}  // namespace hone::cli
